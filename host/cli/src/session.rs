//! What every subcommand needs: the configuration, the engine, and a way to speak.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use hookward_engine::{Cache, Compiler, Engine, Failure, Limits, Options};
use hookward_runner::config::{self, Config, ConfigError, NotFound};
use hookward_runner::exit;
use hookward_runner::lock::LockError;
use hookward_runner::plan::PlanError;
use hookward_runner::prepare::Unusable;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::args::{COMPILE, Global, LogFormat};
use crate::environment;
use crate::show::{self, Show, Voice};

/// A failure that has an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("a hook can't be used, so nothing was started")]
    Unusable(#[from] Unusable),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("{0}")]
    Invalid(String),
    #[error("the hook can't be used: {failure} [{}]", failure.reason)]
    Component { failure: Failure },
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Component { failure }
    }
}

impl Problem {
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Lock(LockError::Held { .. }) => exit::LOCKED,
            // SIGINT, like any wait that a person ends.
            Self::Lock(LockError::Cancelled { .. }) => 130,
            _ => exit::UNUSABLE,
        }
    }
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

    pub(crate) fn cache_dir(&self) -> PathBuf {
        self.global.cache_dir.clone().unwrap_or_else(environment::cache_dir)
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
        options.compiler = Compiler::Child {
            program: std::env::current_exe().context("cannot find hookward's own program")?,
            args: vec![COMPILE.into(), seconds.into()],
        };
        Ok(Engine::new(options)?)
    }

    /// One thread for the guest, one for timers and signals: a guest that spins
    /// must not keep them waiting.
    pub(crate) fn runtime(&self) -> anyhow::Result<Runtime> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot start the async runtime")
    }

    pub(crate) fn show(&self, voice: Voice) -> Arc<Show> {
        Arc::new(Show::new(&self.global, voice))
    }

    /// Says on stderr what could not be done, and in the report if there is one.
    pub(crate) fn complain(&self, error: &anyhow::Error, code: i32) {
        let (plain, coloured) = match error.downcast_ref::<Problem>() {
            Some(Problem::Config(error)) => (error.render(false), error.render(true)),
            _ => {
                let text = format!("{error:#}");
                (format!("hookward: {text}"), format!("{} {text}", show::error_prefix()))
            }
        };
        if self.global.log_format == LogFormat::Json {
            let line = json!({ "level": "error", "message": plain, "exit-code": code });
            anstream::eprintln!("{line}");
        } else if anstream::AutoStream::choice(&std::io::stderr()) == anstream::ColorChoice::Never {
            anstream::eprintln!("{plain}");
        } else {
            anstream::eprintln!("{coloured}");
        }
        if self.global.json {
            let report = json!({ "version": 1, "exit-code": code, "error": plain, "runs": [] });
            anstream::println!("{report:#}");
        }
    }
}
