//! What every subcommand needs: the configuration, the engine, and a way to speak.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hookward_engine::{Cache, Compiler, Digest, Engine, Failure, Limits, Options, RecordError, Supervisor};
use hookward_registry::lock::LockFileError;
use hookward_runner::components::{Components, Reach, Unlocked};
use hookward_runner::config::{self, ComponentSettings, Config, ConfigError, Diagnostic, NotFound, Source};
use hookward_runner::exit;
use hookward_runner::interrupt::{Interrupts, Listener, Step};
use hookward_runner::journal::{Journal, JournalError, NoSuchRun};
use hookward_runner::lock::LockError;
use hookward_runner::observer::{Happening, Observer as _};
use hookward_runner::plan::PlanError;
use hookward_runner::prepare::{Unusable, unusable};
use hookward_runner::recovery::GiveUpError;
use hookward_runner::start::RunError;
use hookward_runner::state::States;
use nix::sys::signal::Signal;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::args::{COMPILE, Global, LogFormat, SUPERVISE};
use crate::show::{self, Show, Voice};
use crate::{environment, output};

/// After the third signal: time to end in order all the same.
const LEAVE: Duration = Duration::from_secs(2);

pub(crate) const NO_SIGNALS: &str = "cannot listen for signals";

/// A failure that has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("nothing was started, since not every hook can be used:\n{0}")]
    Unusable(Unusable),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    GiveUp(GiveUpError),
    #[error(transparent)]
    NoSuchRun(#[from] NoSuchRun),
    #[error("cancelled by {signal}; no hook was called, and restic was not started")]
    Cancelled { signal: Signal },
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    MissingTool(hookward_author::BuildError),
    #[error("the hook can't be used: {}", unusable(&Source::File(file.clone()), failure))]
    Component { file: PathBuf, failure: Failure },
    #[error("the record {} can't be used: {error}", file.display())]
    Record { file: PathBuf, error: RecordError },
    #[error("{} is not the component that {} is a record of: name that one with --component, or this one to see where \
             it goes another way", file.display(), record.display())]
    OtherComponent { file: PathBuf, record: PathBuf },
    #[error("the component that {} is a record of is not where it was{}: name it with --component", record.display(),
        digest.map(|digest| format!(" (its digest is {digest})")).unwrap_or_default())]
    NoComponent { record: PathBuf, digest: Option<Digest> },
    #[error("{0}")]
    Cases(String),
    #[error(transparent)]
    Lock(#[from] LockFileError),
    #[error("nothing was written, since not every component can be locked:\n{}", lines(.0))]
    Unlocked(Vec<Unlocked>),
    #[error("{0}")]
    NotNamed(String),
    #[error("{0}")]
    Registry(String),
}

fn lines(unlocked: &[Unlocked]) -> String {
    unlocked.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl Problem {
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Run(RunError::Lock(LockError::Held { .. })) => exit::LOCKED,
            // The command line is wrong.
            Self::NoSuchRun(_) | Self::Usage(_) | Self::NotNamed(_) => 2,
            Self::GiveUp(_) => exit::LOCKED,
            Self::Cancelled { signal } => 128 + *signal as i32,
            _ => exit::UNUSABLE,
        }
    }
}

/// One error of the configuration, for machines.
fn place(diagnostic: &Diagnostic) -> serde_json::Value {
    let at = diagnostic.location();
    json!({
        "file": diagnostic.file(),
        "line": at.as_ref().map(|at| at.line),
        "column": at.as_ref().map(|at| at.column),
        "message": diagnostic.message(),
        "help": diagnostic.help(),
    })
}

/// An error and what is behind it, each said once: some say it themselves.
pub(crate) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
    }
    text
}

/// Files that a run has open at once, at the least.
const DESCRIPTORS: usize = 16;

/// Whether there is room for them. Libraries panic where there is none, and a run that
/// has called a hook had better be able to start restic, too.
fn spare_descriptors() -> std::io::Result<()> {
    let null = std::fs::File::open("/dev/null")?;
    let spare: std::io::Result<Vec<_>> = (0..DESCRIPTORS).map(|_| null.try_clone()).collect();
    spare.map(drop)
}

pub(crate) struct Session {
    pub(crate) global: Global,
}

impl Session {
    pub(crate) fn new(global: Global) -> Self {
        show::set_up(&global);
        Self { global }
    }

    pub(crate) fn config_path(&self) -> Result<PathBuf, Problem> {
        Ok(config::find(self.global.config.as_deref())?)
    }

    pub(crate) fn config(&self) -> Result<Config, Problem> {
        Ok(Config::load(&self.config_path()?)?)
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.global.state_dir.clone().unwrap_or_else(environment::state_dir)
    }

    pub(crate) fn states(&self) -> States {
        States::new(&self.state_dir())
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::new(&self.state_dir())
    }

    pub(crate) fn cache_dir(&self) -> PathBuf {
        self.global.cache_dir.clone().unwrap_or_else(environment::cache_dir)
    }

    /// What gets the components of a configuration.
    pub(crate) fn components(&self, settings: &ComponentSettings) -> Result<Components, Problem> {
        let reach = Reach { offline: self.global.offline, locked: self.global.locked };
        Ok(Components::new(settings, &self.cache_dir(), reach)?)
    }

    /// The engine, with its cache if that can be used. Components are compiled in a
    /// child process: theirs may be a stranger's.
    pub(crate) fn engine(&self) -> anyhow::Result<Engine> {
        let mut options = Options::default();
        match Cache::open(&self.cache_dir()) {
            Ok(cache) => options.cache = Some(cache),
            Err(error) => {
                tracing::warn!("components are compiled anew on every run: {:#}", anyhow::Error::from(error));
            }
        }
        // The time limit of each compile is the engine's to keep; this is for
        // children whose parent was killed.
        let seconds = (Limits::default().compile_time * 4).as_secs().to_string();
        let program = std::env::current_exe().context("cannot find hookward's own program")?;
        options.compiler = Compiler::Child { program: program.clone(), args: vec![COMPILE.into(), seconds.into()] };
        options.supervisor = Some(Supervisor { program, args: vec![SUPERVISE.into()] });
        Ok(Engine::new(options)?)
    }

    /// This thread alone: a guest that spins lets timers have their turn at each tick, what
    /// may wait for a disk has threads of its own, and so have signals. With a second one,
    /// every timer and every file operation would wake that one, too.
    pub(crate) fn runtime(&self) -> anyhow::Result<Runtime> {
        spare_descriptors().context("this needs more open files than are allowed here (see `ulimit -n`)")?;
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")
    }

    /// Listens for signals, and shows each. After the third the process ends, whatever
    /// may still hang in it, be it because nobody reads what it says.
    pub(crate) fn listen(&self, interrupts: &Interrupts, show: &Arc<Show>) -> anyhow::Result<Listener> {
        let (first, show) = (interrupts.clone(), Arc::clone(show));
        let heard = move |interrupt, step| {
            let show = Arc::clone(&show);
            let tell = move || show.notice(&Happening::Interrupted { interrupt, step });
            // Where there is no thread to be had, there is nothing to be told.
            drop(std::thread::Builder::new().spawn(tell));
            if step == Step::Leave {
                std::thread::sleep(LEAVE);
                std::process::exit(128 + first.first().map_or(interrupt.signal, |first| first.signal) as i32);
            }
        };
        interrupts.listen(heard).context(NO_SIGNALS)
    }

    pub(crate) fn show(&self, voice: Voice) -> Arc<Show> {
        Arc::new(Show::new(&self.global, voice))
    }

    /// Says on stderr what could not be done, and in the report if there is one.
    pub(crate) fn complain(&self, error: &anyhow::Error, code: i32) {
        let config = match error.downcast_ref::<Problem>() {
            Some(Problem::Config(error)) => Some(error),
            _ => None,
        };
        let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        let plain = told(error.as_ref());
        match (self.global.log_format, config) {
            (LogFormat::Json, _) => show::json::problem(&plain, code),
            // Each of them begins with `error:` and shows the line.
            (LogFormat::Text, Some(config)) => output::say_aside(config.render(colour)),
            (LogFormat::Text, None) => output::say_aside(format_args!("{} {plain}", show::error_prefix())),
        }
        if self.global.json {
            let places = config.map(|config| config.diagnostics().iter().map(place).collect::<Vec<_>>());
            let report = json!({
                "version": 1, "exit-code": code, "error": plain, "diagnostics": places.unwrap_or_default(), "runs": [],
            });
            // What can't be told on stdout was told on stderr.
            drop(output::result(format_args!("{report:#}")));
        }
    }
}
