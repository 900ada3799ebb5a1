//! A call of a guest that takes steps, and logs what came of each.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hookward_engine::log::{Record, Source};
use hookward_engine::{CancellationToken, Component, Engine, Failure, Grants, Limits, Options, Reason, Report};

/// How long after its limit a hook may be stopped on a busy machine.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(Options::default()).unwrap())
}

/// A guest from `tests/guests`.
pub(crate) async fn load(guest: &'static str) -> Component {
    let path = tokio::task::spawn_blocking(move || hookward_tests::guest(guest)).await.unwrap();
    engine().load_file(&path, None, &Limits::default()).await.unwrap()
}

/// One call that a test sets up.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) cancel: CancellationToken,
}

impl Call {
    pub(crate) fn new<S: AsRef<str>>(steps: &[S]) -> Self {
        let mut limits = Limits::default();
        limits.timeout = Duration::from_secs(30);
        let mut grants = Grants::default();
        let steps: Vec<_> = steps.iter().map(AsRef::as_ref).collect();
        grants.config.push(("steps".to_owned(), format!("{steps:?}")));
        Self { limits, grants, cancel: CancellationToken::new() }
    }

    pub(crate) fn limits(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.limits);
        self
    }

    pub(crate) fn timeout(self, millis: u64) -> Self {
        self.limits(|limits| limits.timeout = Duration::from_millis(millis))
    }

    pub(crate) async fn of(self, component: &Component) -> Outcome {
        let Self { limits, grants, cancel } = self;
        let log = Arc::new(Mutex::new(Vec::<Record>::new()));
        let report = component.hook(limits, grants).unwrap().call(&hookward_tests::event(), log.clone(), &cancel).await;
        let log = log.lock().unwrap();
        let lines = log.iter().filter(|record| record.source == Source::Log).map(|record| record.message.clone());
        Outcome { report, lines: lines.collect() }
    }
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    pub(crate) lines: Vec<String>,
}

impl Outcome {
    /// What came of each step of a call that returned ok.
    #[track_caller]
    pub(crate) fn results(&self) -> Vec<&str> {
        assert_eq!(self.report.result, Ok(()), "{self:?}");
        // Steps may have colons of their own, but no space behind them.
        self.lines.iter().map(|line| line.split_once(": ").map_or("", |(_, result)| result)).collect()
    }

    /// The failure, which must be of this reason.
    #[track_caller]
    pub(crate) fn failed(&self, reason: Reason) -> &Failure {
        let failure = self.report.result.as_ref().expect_err("the hook should have failed");
        assert_eq!(failure.reason, reason, "{self:?}");
        failure
    }
}
