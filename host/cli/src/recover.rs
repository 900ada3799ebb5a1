//! `hookward recover`: asks no configuration, which may be another by now.

use std::sync::Arc;

use hookward_engine::Engine;
use hookward_runner::exit;
use hookward_runner::interrupt::{Interrupts, Step};
use hookward_runner::journal::{RunState, RunSummary};
use hookward_runner::lock::{LockError, Locks};
use hookward_runner::observer::Observer;
use hookward_runner::records::Records;
use hookward_runner::recovery::{GiveUpError, Recovered, Recovery};
use hookward_runner::start::RunError;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::args::Recover;
use crate::output;
use crate::session::{Problem, Session, told};
use crate::show::{Show, Voice};

pub(crate) fn recover(session: &Session, args: &Recover) -> anyhow::Result<i32> {
    if let Some(run) = &args.give_up {
        return give_up(session, run);
    }
    // Nothing was ever written, and nothing is made for looking.
    if is_clear(session)? {
        return report(session, &Recovered::default(), &[], 0);
    }
    let interrupts = Interrupts::default();
    let (show, records) = (session.show(Voice::Full), args.recording.records());
    let recovered = carry_out(session, show, &interrupts, Pays::All { wait: args.wait }, records.as_ref())?;
    let signal = || interrupts.first().map_or(Signal::SIGTERM, |interrupt| interrupt.signal);
    let recovered = recovered.map_err(|error| match error {
        RunError::Lock(LockError::Cancelled { .. }) => Problem::Cancelled { signal: signal() },
        error => error.into(),
    })?;
    let open = open(session)?;
    let code = if interrupts.step(Step::Stop).is_cancelled() {
        128 + signal() as i32
    } else if open.is_empty() && !recovered.failed {
        0
    } else {
        exit::FAILED_AFTERWARDS
    };
    report(session, &recovered, &open, code)
}

/// What is paid.
#[derive(Debug, Clone, Copy)]
enum Pays {
    /// All that is owed.
    All { wait: bool },
    /// What is due, as before a run.
    Due,
}

fn carry_out(
    session: &Session,
    show: Arc<Show>,
    interrupts: &Interrupts,
    pays: Pays,
    records: Option<&Records>,
) -> anyhow::Result<Result<Recovered, RunError>> {
    let listener = session.listen(interrupts, &show)?;
    let engine = session.engine()?;
    let runtime = session.runtime()?;
    let recovered = runtime.block_on(pay(session, &engine, interrupts, show, pays, records));
    runtime.shutdown_background();
    drop(listener);
    Ok(recovered)
}

async fn pay(
    session: &Session,
    engine: &Engine,
    interrupts: &Interrupts,
    show: Arc<Show>,
    pays: Pays,
    records: Option<&Records>,
) -> Result<Recovered, RunError> {
    let (journal, states, locks) = (session.journal(), session.states(), Locks::new(&session.state_dir()));
    let observer: Arc<dyn Observer> = show;
    let recovery = Recovery {
        journal: &journal,
        engine,
        states: &states,
        locks: &locks,
        interrupts,
        observer: &observer,
        records,
    };
    match pays {
        Pays::All { wait } => recovery.all(wait).await,
        Pays::Due => recovery.due().await,
    }
}

/// Pays what is due where nothing new can be started: what today's configuration says
/// has no part in it. There is something else to tell, so what goes wrong is a warning.
pub(crate) fn due(session: &Session, voice: Voice, records: Option<&Records>) {
    let show = session.show(voice);
    let paid = match is_clear(session) {
        Ok(true) => return,
        Ok(false) => carry_out(session, Arc::clone(&show), &Interrupts::default(), Pays::Due, records),
        Err(problem) => Err(problem.into()),
    };
    match paid {
        Ok(recovered) => warn(&show, recovered),
        Err(error) => unpaid(&show, &format!("{error:#}")),
    }
}

/// The same within a command that has begun to run profiles.
pub(crate) async fn due_within(
    session: &Session,
    engine: &Engine,
    interrupts: &Interrupts,
    show: &Arc<Show>,
    records: Option<&Records>,
) {
    match is_clear(session) {
        Ok(true) => {}
        Ok(false) => warn(show, pay(session, engine, interrupts, Arc::clone(show), Pays::Due, records).await),
        Err(problem) => unpaid(show, &told(&problem)),
    }
}

fn warn(show: &Show, recovered: Result<Recovered, RunError>) {
    match recovered {
        Ok(recovered) => recovered.warnings.iter().for_each(|warning| show.warning(warning)),
        Err(error) => unpaid(show, &told(&error)),
    }
}

fn unpaid(show: &Show, why: &str) {
    show.warning(&format!("what earlier runs owe is not paid: {why}"));
}

/// Whether no run has left anything to be done.
fn is_clear(session: &Session) -> Result<bool, Problem> {
    Ok(open(session)?.is_empty() && session.journal().lost()?.is_empty())
}

/// The runs that are left: their processes are gone, and they owe something.
fn open(session: &Session) -> Result<Vec<RunSummary>, Problem> {
    let mut runs = session.journal().open()?;
    runs.retain(|run| run.state == RunState::Open);
    Ok(runs)
}

fn report(session: &Session, recovered: &Recovered, open: &[RunSummary], code: i32) -> anyhow::Result<i32> {
    if session.global.json {
        let paid: Vec<_> = recovered.paid.iter().map(|(run, hook)| json!({ "run-id": run, "hook": hook })).collect();
        let report = json!({
            "version": 1, "exit-code": code, "paid": paid, "owed": recovered.owed, "open": open,
            "warnings": recovered.warnings,
        });
        output::result(format_args!("{report:#}"))?;
    } else {
        for warning in &recovered.warnings {
            output::say_aside(format_args!("hookward: {warning}"));
        }
        if !session.global.quiet {
            let line = match (recovered.paid.len(), open.len()) {
                (0, 0) => "nothing is owed".to_owned(),
                (paid, 0) => format!("paid {paid}; nothing is owed any more"),
                (paid, left) => format!("paid {paid}; still open: {left} (`hookward runs list` shows them)"),
            };
            output::say(line);
        }
    }
    Ok(code)
}

fn give_up(session: &Session, run: &str) -> anyhow::Result<i32> {
    let (run, hooks) = session.journal().give_up(run).map_err(|error| match error {
        GiveUpError::NoSuchRun(error) => Problem::from(error),
        GiveUpError::Journal(error) => Problem::from(error),
        running => Problem::GiveUp(running),
    })?;
    if session.global.json {
        let report = json!({ "version": 1, "exit-code": 0, "run-id": run, "given-up": hooks });
        output::result(format_args!("{report:#}"))?;
    } else if hooks.is_empty() {
        output::result(format_args!("run {run} owes nothing"))?;
    } else {
        output::result(format_args!("run {run}: given up, without a call: {}", hooks.join(", ")))?;
    }
    Ok(0)
}
