//! What every test of the engine needs: one engine, the scriptable guest, and a
//! call that is set up in one line.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hookward_engine::log::{Record, Source};
use hookward_engine::{
    CancellationToken, Component, DirGrant, Engine, Event, Failure, Grants, Limits, Options, Reason, Report,
};
use tokio::sync::OnceCell;

/// How long after its limit a hook may be stopped on a machine that is busy with
/// other tests.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The engine that most tests share, in the way of a process that runs many hooks.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| started(Options::default()).0)
}

/// An engine of the test's own, with the id of its ticking thread.
pub(crate) fn started(options: Options) -> (Engine, u32) {
    static STARTING: Mutex<()> = Mutex::new(());
    // One at a time: the new thread is then that of the new engine.
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let before = tickers();
    let engine = Engine::new(options).unwrap();
    // A thread takes its name a moment after it has started.
    loop {
        if let Some(ticker) = tickers().into_iter().find(|id| !before.contains(id)) {
            return (engine, ticker);
        }
        std::thread::yield_now();
    }
}

pub(crate) fn tickers() -> Vec<u32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| {
            let path = task.ok()?.path();
            let name = std::fs::read_to_string(path.join("comm")).ok()?;
            (name.trim_end() == "hookward-epoch").then(|| path.file_name()?.to_str()?.parse().ok())?
        })
        .collect()
}

/// The guest `hostile`, compiled once.
pub(crate) async fn hostile() -> &'static Component {
    static COMPONENT: OnceCell<Component> = OnceCell::const_new();
    COMPONENT
        .get_or_init(|| async {
            let path = tokio::task::spawn_blocking(|| hookward_tests::guest("hostile")).await.unwrap();
            engine().load_file(&path, None, &Limits::default()).await.unwrap()
        })
        .await
}

/// Loads bytes into the shared engine.
pub(crate) async fn load(bytes: Vec<u8>) -> Result<Component, Failure> {
    engine().load(bytes, None, &Limits::default()).await
}

/// One call that a test sets up.
pub(crate) struct Call {
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) event: Event,
    pub(crate) cancel: CancellationToken,
    pub(crate) log: Arc<Mutex<Vec<Record>>>,
}

impl Call {
    /// A call with limits that no honest guest reaches, except for the time: a
    /// guest that isn't stopped must not hold the suite up for minutes.
    pub(crate) fn new() -> Self {
        let mut limits = Limits::default();
        limits.timeout = Duration::from_secs(30);
        Self {
            limits,
            grants: Grants::default(),
            event: hookward_tests::event(),
            cancel: CancellationToken::new(),
            log: Arc::default(),
        }
    }

    /// A call of the guest `hostile` in this mode.
    pub(crate) fn mode(mode: &str) -> Self {
        Self::new().config("mode", mode)
    }

    pub(crate) fn config(mut self, key: &str, value: &str) -> Self {
        self.grants.config.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.config("text", text)
    }

    pub(crate) fn amount(self, amount: u64) -> Self {
        self.config("amount", &amount.to_string())
    }

    pub(crate) fn limits(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.limits);
        self
    }

    pub(crate) fn timeout(self, millis: u64) -> Self {
        self.limits(|limits| limits.timeout = Duration::from_millis(millis))
    }

    pub(crate) fn dir(mut self, host: &std::path::Path, guest: &str, write: bool) -> Self {
        self.grants.dirs.push(DirGrant { host: host.to_owned(), guest: guest.to_owned(), write });
        self
    }

    pub(crate) async fn run(self) -> Outcome {
        self.of(hostile().await).await
    }

    /// Calls a component other than `hostile`.
    pub(crate) async fn of(self, component: &Component) -> Outcome {
        let Self { limits, grants, event, cancel, log } = self;
        let report = component.hook(limits, grants).unwrap().call(&event, log.clone(), &cancel).await;
        let records = std::mem::take(&mut *log.lock().unwrap());
        Outcome { report, records }
    }
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    pub(crate) records: Vec<Record>,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn ok(&self) {
        assert_eq!(self.report.result, Ok(()), "{self:?}");
    }

    /// The failure, which must be of this reason.
    #[track_caller]
    pub(crate) fn failed(&self, reason: Reason) -> &Failure {
        let failure = self.report.result.as_ref().expect_err("the hook should have failed");
        assert_eq!(failure.reason, reason, "{failure:?} after {:?}", self.report.wall);
        assert_harmless(&failure.message);
        failure
    }

    /// The hook's own error.
    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        &self.failed(Reason::Error).message
    }

    pub(crate) fn messages(&self, source: Source) -> Vec<&str> {
        self.records.iter().filter(|record| record.source == source).map(|record| record.message.as_str()).collect()
    }
}

/// One line that a terminal shows as it stands.
#[track_caller]
pub(crate) fn assert_harmless(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// The shared engine runs a good hook as if nothing had been.
pub(crate) async fn still_serves() {
    Call::mode("ok").run().await.ok();
}
