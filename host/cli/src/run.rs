//! `run`, the named subcommands, `exec` and the stand-in.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use hookward_engine::{Engine, Status, Trigger};
use hookward_runner::components::Components;
use hookward_runner::config::{ComponentSettings, Config, Retention};
use hookward_runner::exit;
use hookward_runner::interrupt::{Interrupt, Interrupts, Step};
use hookward_runner::journal::Journal;
use hookward_runner::lifecycle::{self, Context};
use hookward_runner::lock::{LockError, Locks};
use hookward_runner::plan::{Plan, Request, Restic};
use hookward_runner::prepare::Prepared;
use hookward_runner::report::RunReport;
use hookward_runner::start::RunError;
use hookward_runner::state::States;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::args::{Exec, Recording, Running, Target};
use crate::session::{Problem, Session, told};
use crate::show::{Show, Voice};
use crate::{output, recover};

/// What is run on each profile.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Operation { name: &'static str, extra: Vec<OsString> },
    Command(Vec<OsString>),
}

impl What {
    /// A backup, unless a restic command is given.
    pub(crate) fn of(restic: Vec<OsString>) -> Self {
        if restic.is_empty() { Self::Operation { name: "backup", extra: restic } } else { Self::Command(restic) }
    }

    fn restic(&self) -> Restic {
        match self {
            Self::Operation { name, extra } => Restic::Managed { operation: (*name).to_owned(), extra: extra.clone() },
            Self::Command(args) => Restic::OnRepository(args.clone()),
        }
    }
}

/// Runs profiles one after the other. The exit code is that of the first that
/// failed.
pub(crate) fn profiles(session: &Session, what: &What, target: Target) -> anyhow::Result<i32> {
    let Target { profiles, fail_fast, running } = target;
    let request = |profile: String| Request {
        profile: Some(profile),
        restic: what.restic(),
        trigger: running.trigger(Trigger::Manual),
        dry_run: session.global.dry_run,
        keep_stdout: session.global.json,
    };
    // A name that is wrong is wrong before the first run, not after an hour of it.
    let requests: Vec<_> = profiles.into_iter().map(request).collect();
    let (config, plans) = plans(session, &requests, &running, Voice::Full)?;
    // Where restic's output is the result, stdout is restic's alone.
    let voice = if plans.iter().all(Plan::is_shown) { Voice::Full } else { Voice::Aside };
    Runner::new(session, &config, &running, voice)?.run(plans, fail_fast)
}

/// `hookward exec`.
pub(crate) fn exec(session: &Session, exec: Exec) -> anyhow::Result<i32> {
    let mut command = exec.command.into_iter();
    let program = command.next().filter(|program| program != "restic").map(PathBuf::from);
    let restic = Restic::Exact { program, args: command.collect() };
    exact(session, exec.profile, restic, &exec.running, Trigger::Manual)
}

/// `restic`, when Hookward stands in for it.
pub(crate) fn stand_in(
    session: &Session,
    profile: Option<String>,
    args: Vec<OsString>,
    trigger: Trigger,
) -> anyhow::Result<i32> {
    let running = Running { wait: false, skip_exit_code: None, trigger: None, recording: Recording::default() };
    exact(session, profile, Restic::Exact { program: None, args }, &running, trigger)
}

/// The configuration and what is to be run by it. Where there is no such thing, what
/// earlier runs owe is paid all the same.
fn plans(
    session: &Session,
    requests: &[Request],
    running: &Running,
    voice: Voice,
) -> Result<(Config, Vec<Plan>), Problem> {
    let plans = session.config().and_then(|config| {
        let plans = requests.iter().map(|request| Plan::new(&config, request)).collect::<Result<_, _>>()?;
        Ok((config, plans))
    });
    plans.inspect_err(|_| recover::due(session, voice, running.recording.records().as_ref()))
}

fn exact(
    session: &Session,
    profile: Option<String>,
    restic: Restic,
    running: &Running,
    trigger: Trigger,
) -> anyhow::Result<i32> {
    let request = Request {
        profile,
        restic,
        trigger: running.trigger(trigger),
        dry_run: session.global.dry_run,
        keep_stdout: session.global.json,
    };
    let (config, mut plans) = plans(session, &[request], running, Voice::Discreet)?;
    let Some(plan) = plans.pop() else { return Ok(0) };
    if !plan.calls_hooks() && !session.global.json {
        // Nothing of ours is to be done: become restic.
        let error = std::process::Command::new(&plan.restic.program).args(&plan.restic.args).exec();
        return Err(error).with_context(|| format!("cannot start {}", plan.restic.program.display()));
    }
    Runner::new(session, &config, running, Voice::Discreet)?.run(vec![plan], true)
}

/// Runs plans, and reports on them.
struct Runner<'a> {
    session: &'a Session,
    running: &'a Running,
    show: Arc<Show>,
    interrupts: Interrupts,
    states: States,
    journal: Journal,
    retention: Retention,
    settings: ComponentSettings,
}

impl<'a> Runner<'a> {
    fn new(session: &'a Session, config: &Config, running: &'a Running, voice: Voice) -> anyhow::Result<Self> {
        Ok(Self {
            session,
            running,
            show: session.show(voice),
            interrupts: Interrupts::default(),
            states: session.states(),
            journal: session.journal(),
            retention: config.journal,
            settings: config.components.clone(),
        })
    }

    fn run(self, plans: Vec<Plan>, fail_fast: bool) -> anyhow::Result<i32> {
        let listener = self.session.listen(&self.interrupts, &self.show)?;
        let runtime = self.session.runtime()?;
        let result = runtime.block_on(self.run_all(plans, fail_fast));
        // A file operation that hangs must not keep the process from its end.
        runtime.shutdown_background();
        drop(listener);
        result
    }

    async fn run_all(&self, plans: Vec<Plan>, fail_fast: bool) -> anyhow::Result<i32> {
        let host = if plans.iter().any(Plan::calls_hooks) { Some(self.host().await?) } else { None };
        let (mut failed, mut skipped) = (None, None);
        let mut runs: Vec<RunReport> = Vec::new();
        let mut errors = Vec::new();
        let mut first = true;
        for mut plan in plans {
            if let Some(given) = self.running.skip_exit_code {
                plan.skip_exit_code = given.into();
            }
            if let Some(records) = self.running.recording.records() {
                plan.records = Some(records);
            }
            let profile = plan.profile.clone();
            // A signal in one run is for those behind it too: none of them begins.
            let ended = match self.interrupts.first().filter(|_| !first) {
                Some(Interrupt { signal, .. }) => Err(Problem::Cancelled { signal }),
                None => self.run_one(plan, host.as_ref()).await,
            };
            first = false;
            match ended {
                Ok(report) => {
                    let code = Some(report.exit_code).filter(|&code| code != 0);
                    if report.status == Status::Skipped && code != Some(exit::FAILED_AFTERWARDS) {
                        skipped = skipped.or(code);
                    } else {
                        failed = failed.or(code);
                    }
                    runs.push(report);
                }
                Err(problem) => {
                    let code = problem.exit_code();
                    failed = failed.or(Some(code));
                    errors.push(json!({ "profile": profile, "error": told(&problem), "exit-code": code }));
                    self.show.problem(&problem);
                }
            }
            if fail_fast && failed.is_some() {
                break;
            }
        }
        // A skip is no failure, and must not hide one.
        let code = failed.or(skipped).unwrap_or(0);
        if self.session.global.json {
            let report = json!({ "version": 1, "exit-code": code, "runs": runs, "errors": errors });
            // The runs have ended as they have, told or not.
            if let Err(error) = output::result(format_args!("{report:#}")) {
                self.session.complain(&error, code);
            }
        }
        Ok(code)
    }

    /// What loads the hooks. Where the lock can't be read nothing new is started, and what
    /// earlier runs owe is paid all the same.
    async fn host(&self) -> anyhow::Result<(Engine, Components)> {
        let engine = self.session.engine()?;
        match self.session.components(&self.settings) {
            Ok(components) => Ok((engine, components)),
            Err(problem) => {
                self.pay_due(&engine).await;
                Err(problem.into())
            }
        }
    }

    /// Pays what earlier runs owe, though nothing new can start.
    async fn pay_due(&self, engine: &Engine) {
        let records = self.running.recording.records();
        recover::due_within(self.session, engine, &self.interrupts, &self.show, records.as_ref()).await;
    }

    async fn run_one(&self, plan: Plan, host: Option<&(Engine, Components)>) -> Result<RunReport, Problem> {
        let prepared = match host {
            Some((engine, components)) => {
                let stop = self.interrupts.step(Step::Stop);
                // Compiling may take minutes; a child that does so ends with its future.
                let prepared = Prepared::new(plan, engine, &self.states, components);
                let prepared = stop.run_until_cancelled(prepared).await;
                match prepared {
                    Some(Ok(prepared)) => prepared,
                    Some(Err(unusable)) => {
                        self.pay_due(engine).await;
                        return Err(Problem::Unusable(unusable));
                    }
                    None => return Err(Problem::Cancelled { signal: self.signal() }),
                }
            }
            None => Prepared::without_hooks(plan),
        };
        let context = Context {
            locks: Locks::new(&self.session.state_dir()),
            journal: self.journal.clone(),
            wait: self.running.wait,
            interrupts: self.interrupts.clone(),
            observer: self.show.clone(),
        };
        let ended = lifecycle::run(&prepared, &context).await.map_err(|error| match error {
            RunError::Lock(LockError::Cancelled { .. }) => Problem::Cancelled { signal: self.signal() },
            error => error.into(),
        });
        let called = prepared.plan.calls_hooks();
        prepared.leave_components();
        if ended.is_ok()
            && called
            && let Err(error) = self.journal.clean(self.retention)
        {
            self.show.warning(&format!("what is over stays in the journal: {error}"));
        }
        ended
    }

    /// The signal that ended the run.
    fn signal(&self) -> Signal {
        self.interrupts.first().map_or(Signal::SIGTERM, |interrupt| interrupt.signal)
    }
}
