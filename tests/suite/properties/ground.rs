//! Carries a case out, with the library as a program of its own would use it: real
//! components, a real process in restic's place.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hookward_engine::{Cache, Engine, Limits, Options, Trigger};
use hookward_runner::components::{Components, Reach};
use hookward_runner::config::Config;
use hookward_runner::interrupt::{Cause, Interrupt, Interrupts};
use hookward_runner::journal::{Journal, RunState};
use hookward_runner::lifecycle::{self, Context};
use hookward_runner::lock::Locks;
use hookward_runner::observer::{Happening, Observer};
use hookward_runner::plan::{Plan, Request, Restic};
use hookward_runner::prepare::Prepared;
use hookward_runner::recovery::Recovery;
use hookward_runner::report::RunReport;
use hookward_runner::restic::messages::Message;
use hookward_runner::state::States;
use hookward_tests::guest;
use hookward_tests::lab::stand_in;
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::case::{Case, Moment};

/// What was seen of a case.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) report: RunReport,
    /// As the observer was told.
    pub(crate) trace: Vec<String>,
    /// What hooks and restic have noted themselves.
    pub(crate) notes: Vec<String>,
    /// As the journal has it: state, status, exit code, hooks that are owed, and calls.
    pub(crate) kept: (RunState, Option<String>, Option<i32>, Vec<String>, Vec<String>),
    /// What the recovery after it has done, and what was owed after that.
    pub(crate) recovery: (Vec<String>, Vec<String>),
    /// Whether the locks of runs are gone, and nothing is lost.
    pub(crate) is_clean: bool,
}

/// Watches a run, and sends the signals of the case.
#[derive(Default)]
struct Watch {
    case: Option<Case>,
    interrupts: Interrupts,
    seen: Mutex<(Vec<String>, usize)>,
    told: AtomicBool,
}

impl Watch {
    fn interrupt(&self, times: usize) {
        for _ in 0..times {
            self.interrupts.interrupt(Interrupt { signal: Signal::SIGINT, by_terminal: false, cause: Cause::Signal });
        }
    }

    fn signals(&self, call: usize, moment: Moment) {
        let all = self.case.iter().flat_map(|case| &case.signals);
        self.interrupt(all.filter(|signal| signal.call == call && signal.moment == moment).count());
    }
}

impl Observer for Watch {
    fn notice(&self, happening: &Happening<'_>) {
        match happening {
            Happening::HookBegun { .. } => {
                let call = self.seen.lock().unwrap().1;
                self.signals(call, Moment::Begun);
            }
            Happening::HookEnded { call, .. } => {
                let number = {
                    let mut seen = self.seen.lock().unwrap();
                    let end = call.failure.as_ref().map_or("ok", |failure| failure.reason.name());
                    seen.0.push(format!("{} {} {} {end}", call.name, call.event, call.attempt));
                    seen.1 += 1;
                    seen.1 - 1
                };
                self.signals(number, Moment::Ended);
            }
            Happening::GateOpened { .. } => self.seen.lock().unwrap().0.push("restic".to_owned()),
            Happening::ResticMessage(Message::Status(_)) if !self.told.swap(true, Ordering::SeqCst) => {
                self.interrupt(self.case.as_ref().map_or(0, Case::signals_in_restic));
            }
            _ => {}
        }
    }
}

/// One engine for all cases, with what it has compiled.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<(Engine, TempDir)> = OnceLock::new();
    let (engine, _) = ENGINE.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let mut options = Options::default();
        options.cache = Some(Cache::open(dir.path()).unwrap());
        (Engine::new(options).unwrap(), dir)
    });
    engine
}

/// Compiles the component, once, before many cases want it.
pub(crate) fn warm(runtime: &Runtime) {
    let mut limits = Limits::default();
    limits.compile_time = Duration::from_secs(600);
    runtime.block_on(engine().load_file(&guest("probe"), None, &limits)).unwrap();
}

pub(crate) fn carry_out(runtime: &Runtime, case: &Case) -> Seen {
    let dir = TempDir::with_prefix("hookward-property-").unwrap();
    fs::create_dir(dir.path().join("notes")).unwrap();
    let file = dir.path().join("hookward.toml");
    fs::write(&file, case.configuration(stand_in().to_str().unwrap(), guest("probe").to_str().unwrap())).unwrap();
    let config = Config::load(&file).unwrap_or_else(|error| panic!("{}", error.render(false)));
    let request = Request {
        profile: Some("p".to_owned()),
        restic: Restic::Managed { operation: "backup".to_owned(), extra: Vec::new() },
        trigger: Trigger::Manual,
        dry_run: false,
        keep_stdout: true,
    };
    let mut plan = Plan::new(&config, &request).unwrap();
    plan.restic.set_env("STAND_IN", Some(case.script().into()));
    let notes = dir.path().join("notes/journal");
    plan.restic.set_env("STAND_IN_LOG", Some(notes.clone().into()));
    let (journal, states) = (Journal::new(&dir.path().join("state")), States::new(&dir.path().join("state")));
    let components = Components::new(&config.components, &dir.path().join("cache"), Reach::default()).unwrap();
    let locks = Locks::new(&dir.path().join("state"));
    let interrupts = Interrupts::default();
    let watch = Arc::new(Watch { case: Some(case.clone()), interrupts: interrupts.clone(), ..Watch::default() });
    let report = runtime.block_on(async {
        let prepared =
            Prepared::new(plan, engine(), &states, &components).await.unwrap_or_else(|error| panic!("{error}"));
        let observer: Arc<dyn Observer> = watch.clone();
        let (journal, locks) = (journal.clone(), locks.clone());
        lifecycle::run(&prepared, &Context { locks, journal, wait: false, interrupts, observer }).await.unwrap()
    });
    let noted = fs::read_to_string(&notes).unwrap_or_default();
    // Another case's restic has the lock's file until it is what it is to be.
    let is_running = || journal.run(&report.run_id).unwrap().is_some_and(|run| run.summary.state == RunState::Running);
    for _ in 0..500 {
        if !is_running() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let kept = match journal.run(&report.run_id).unwrap() {
        Some(run) => {
            let calls = run.hooks.iter().map(|call| {
                let end = match (&call.failure, call.ended) {
                    (_, false) => "not ended",
                    (Some(failure), _) => failure.reason.as_str(),
                    (None, _) => "ok",
                };
                format!("{} {} {} {end}", call.name, call.event, call.attempt)
            });
            let calls = calls.collect();
            let summary = run.summary;
            let status = summary.status.map(|status| status.to_string());
            (summary.state, status, summary.exit_code, summary.owed, calls)
        }
        // A run that calls no hook is not in it.
        None => (RunState::Ended, Some(report.status.to_string()), Some(report.exit_code), Vec::new(), Vec::new()),
    };
    let recovery = recover(runtime, &journal, &states, &locks);
    let runs = fs::read_dir(dir.path().join("state/runs")).map(Iterator::count).unwrap_or_default();
    let is_clean = runs == journal.open().unwrap().len() && journal.lost().unwrap().is_empty();
    let trace = std::mem::take(&mut watch.seen.lock().unwrap().0);
    Seen { report, trace, notes: noted.lines().map(str::to_owned).collect(), kept, recovery, is_clean }
}

/// Pays what is owed. Nothing at all is told of where nothing is.
fn recover(runtime: &Runtime, journal: &Journal, states: &States, locks: &Locks) -> (Vec<String>, Vec<String>) {
    if journal.open().unwrap().is_empty() {
        return (Vec::new(), Vec::new());
    }
    let (watch, interrupts) = (Arc::new(Watch::default()), Interrupts::default());
    let observer: Arc<dyn Observer> = watch.clone();
    let recovery = Recovery {
        journal,
        engine: engine(),
        states,
        locks,
        interrupts: &interrupts,
        observer: &observer,
        records: None,
    };
    let recovered = runtime.block_on(recovery.all(false)).unwrap();
    let trace = std::mem::take(&mut watch.seen.lock().unwrap().0);
    (trace, recovered.owed.into_iter().map(|owed| owed.hook).collect())
}
