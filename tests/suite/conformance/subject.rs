//! The hooks of one language, and a call of one of them that is set up in one line.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use hookward_engine::log::{Level, Record, Source};
use hookward_engine::{
    Cache, CancellationToken, Component, DirGrant, Engine, Event, Failure, Grants, HttpGrant, Limits, Options, Reason,
    Report,
};
use serde_json::Value;
use tokio::runtime::Runtime;

/// What the hooks are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    Python,
    Javascript,
    C,
    Go,
}

impl Language {
    pub(crate) const ALL: [Self; 5] = [Self::Rust, Self::Python, Self::Javascript, Self::C, Self::Go];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::Javascript => "JavaScript",
            Self::C => "C",
            Self::Go => "Go",
        }
    }

    /// Its folder's name; none for Rust, whose hooks are crates.
    fn folder(self) -> Option<&'static str> {
        match self {
            Self::Rust => None,
            Self::Python => Some("python"),
            Self::Javascript => Some("javascript"),
            Self::C => Some("c"),
            Self::Go => Some("go"),
        }
    }

    /// The component of an example; or why it isn't there.
    fn example(self, hook: &str) -> Result<PathBuf, String> {
        match self.folder() {
            None => Ok(hookward_tests::example(hook)),
            Some(folder) => Self::built(&format!("hooks-examples/{folder}/{hook}"), hook),
        }
    }

    /// The same of a guest of the tests.
    fn guest(self, hook: &str) -> Result<PathBuf, String> {
        match self.folder() {
            None => Ok(hookward_tests::guest(hook)),
            Some(folder) => Self::built(&format!("tests/guests/{hook}/{folder}"), hook),
        }
    }

    fn built(project: &str, hook: &str) -> Result<PathBuf, String> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let project = workspace.join(project);
        let component = project.join("dist").join(hook).with_extension("wasm");
        let built = modified(&component).ok_or_else(|| format!("{hook} is not built: cargo xtask hooks"))?;
        let newest =
            [newest(&project), newest(&workspace.join("hooks-examples/helpers/wit"))].into_iter().flatten().max();
        match newest {
            Some((time, source)) if time > built => {
                Err(format!("{hook} is older than its {}: cargo xtask hooks", source.display()))
            }
            _ => Ok(component),
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// The newest source below a folder. Links are followed.
fn newest(folder: &Path) -> Option<(SystemTime, PathBuf)> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let made = |path: &PathBuf| ["dist", "gen", "node_modules", "__pycache__"].iter().any(|name| path.ends_with(name));
    entries
        .filter(|path| !made(path))
        .filter_map(|path| if path.is_dir() { newest(&path) } else { Some((modified(&path)?, path)) })
        .max()
}

/// Compiled once for all tests, for the next run of them, and for the program.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("component-cache");
        std::fs::create_dir_all(&cache).unwrap();
        std::fs::set_permissions(&cache, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let mut options = Options::default();
        options.cache = Some(Cache::open(&cache).unwrap());
        Engine::new(options).unwrap()
    })
}

/// The default limits, for a machine that is busy: 19 MiB of Python take their time.
pub(crate) fn patient() -> Limits {
    let mut limits = Limits::default();
    limits.compile_time = Duration::from_secs(20 * 60);
    limits
}

/// The hooks of a language.
pub(crate) struct Subject {
    pub(crate) language: Language,
    pub(crate) runtime: Runtime,
    require_path: Component,
    ping: Component,
    pub(crate) files: [PathBuf; 2],
    /// What asks the host for more, in whole runs.
    pub(crate) services: PathBuf,
}

impl Subject {
    /// Loads them; or says why that language has to be left out.
    pub(crate) fn load(language: Language) -> Result<Self, String> {
        let files = [language.example("require-path")?, language.example("ping")?];
        let services = language.guest("services")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let load = |file: &Path| runtime.block_on(engine().load_file(file, None, &patient()));
        let (require_path, ping) = (load(&files[0]).unwrap(), load(&files[1]).unwrap());
        Ok(Self { language, runtime, require_path, ping, files, services })
    }

    /// A call of `require-path` with this config.
    pub(crate) fn require_path(&self, config: Value) -> Call<'_> {
        Call::new(self, &self.require_path, config)
    }

    /// A call of `ping` with this config, which may go to this server.
    pub(crate) fn ping(&self, server: &str, config: Value) -> Call<'_> {
        let mut call = Call::new(self, &self.ping, config);
        let grant = HttpGrant::new(&format!("{server}/*")).unwrap();
        call.grants.http.push(grant.methods(&["GET", "HEAD", "POST", "PUT"]).unwrap());
        call
    }

    /// A call of `ping` with nothing granted.
    pub(crate) fn ping_ungranted(&self, config: Value) -> Call<'_> {
        Call::new(self, &self.ping, config)
    }
}

/// A call that a case sets up.
pub(crate) struct Call<'a> {
    subject: &'a Subject,
    component: &'a Component,
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) event: Event,
    pub(crate) cancel: CancellationToken,
}

impl<'a> Call<'a> {
    fn new(subject: &'a Subject, component: &'a Component, config: Value) -> Self {
        let mut limits = Limits::default();
        limits.timeout = Duration::from_secs(60);
        let mut grants = Grants::default();
        let Value::Object(config) = config else { panic!("no table") };
        // As the configuration's: a string is its text, everything else JSON.
        grants.config.extend(config.into_iter().map(|(key, value)| match value {
            Value::String(text) => (key, text),
            value => (key, value.to_string()),
        }));
        Self { subject, component, limits, grants, event: hookward_tests::event(), cancel: CancellationToken::new() }
    }

    pub(crate) fn dir(mut self, host: &Path, guest: &str) -> Self {
        self.grants.dirs.push(DirGrant { host: host.to_owned(), guest: guest.to_owned(), write: false });
        self
    }

    pub(crate) fn event(mut self, event: Event) -> Self {
        self.event = event;
        self
    }

    pub(crate) fn limits(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.limits);
        self
    }

    /// Makes the call; gives the failure when there is nothing to be called.
    pub(crate) fn try_run(self) -> Result<Outcome, Failure> {
        let hook = self.component.hook(self.limits, self.grants)?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let report = self.subject.runtime.block_on(hook.call(&self.event, log.clone(), &self.cancel));
        let records = std::mem::take(&mut *log.lock().unwrap());
        Ok(Outcome { report, records })
    }

    pub(crate) fn run(self) -> Outcome {
        self.try_run().unwrap()
    }
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    pub(crate) records: Vec<Record>,
}

/// A log message: level, message, fields.
pub(crate) type Said<'a> = (Level, &'a str, Vec<(&'a str, &'a str)>);

impl Outcome {
    #[track_caller]
    pub(crate) fn ok(&self) {
        assert_eq!(self.report.result, Ok(()), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn failed(&self, reason: Reason) -> &Failure {
        let failure = self.report.result.as_ref().expect_err("the hook should have failed");
        assert_eq!(failure.reason, reason, "{failure:?} after {:?}", self.report.wall);
        failure
    }

    /// The hook's own error; none for ok.
    #[track_caller]
    pub(crate) fn told(&self) -> Option<&str> {
        match &self.report.result {
            Ok(()) => None,
            Err(failure) => {
                assert_eq!(failure.reason, Reason::Error, "{failure:?}: {:?}", self.records);
                Some(&failure.message)
            }
        }
    }

    /// What the hook has logged.
    pub(crate) fn log(&self) -> Vec<Said<'_>> {
        let own = self.records.iter().filter(|record| record.source == Source::Log);
        own.map(|record| {
            let fields = record.fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            (record.level, record.message.as_str(), fields)
        })
        .collect()
    }
}
