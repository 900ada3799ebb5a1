//! `hookward recover`: asks no configuration, which may be another by now.

use std::sync::Arc;

use anyhow::Context as _;
use hookward_runner::exit;
use hookward_runner::interrupt::{Interrupts, Step};
use hookward_runner::journal::{RunState, RunSummary};
use hookward_runner::lock::{LockError, Locks};
use hookward_runner::observer::Observer;
use hookward_runner::recovery::{GiveUpError, Recovered, Recovery};
use hookward_runner::start::RunError;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::args::Recover;
use crate::output;
use crate::run::watch;
use crate::session::{Problem, Session};
use crate::show::Voice;

pub(crate) fn recover(session: &Session, args: &Recover) -> anyhow::Result<i32> {
    if let Some(run) = &args.give_up {
        return give_up(session, run);
    }
    let journal = session.journal();
    // Nothing was ever written, and nothing is made for looking.
    if open(session)?.is_empty() {
        return report(session, &Recovered::default(), &[], 0);
    }
    let (interrupts, states, locks) = (Interrupts::default(), session.states(), Locks::new(&session.state_dir()));
    let show = session.show(Voice::Full);
    let listener = interrupts.listen().context("cannot listen for signals")?;
    let engine = session.engine()?;
    let runtime = session.runtime()?;
    let observer: Arc<dyn Observer> = show.clone();
    let recovered = runtime.block_on(async {
        let watch = tokio::spawn(watch(interrupts.clone(), show));
        let records = args.recording.records();
        let recovery = Recovery {
            records: records.as_ref(),
            journal: &journal,
            engine: &engine,
            states: &states,
            locks: &locks,
            interrupts: &interrupts,
            observer: &observer,
        };
        let recovered = recovery.all(args.wait).await;
        watch.abort();
        recovered
    });
    runtime.shutdown_background();
    drop(listener);
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
