//! The settings.

use hookward_sdk::{ConfigError, Event, Status, config};
use serde::Deserialize;

use crate::target::Target;

/// The hook's `config` table.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) targets: Vec<Target>,
    pub(crate) title: Option<String>,
    pub(crate) message: Option<String>,
    /// None is every run.
    when: Option<Vec<When>>,
    #[serde(default = "yes")]
    pub(crate) once: bool,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// How a run has gone.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    Success,
    Warning,
    Failure,
    Cancelled,
    Skipped,
    /// A hook failed, whatever became of the run.
    HookFailure,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        if config.targets.is_empty() {
            return Err(ConfigError::new("targets", "name at least one"));
        }
        for (n, target) in config.targets.iter().enumerate() {
            target.check().map_err(|message| ConfigError::new(format!("targets[{n}]"), message))?;
        }
        Ok(config)
    }

    pub(crate) fn wants(&self, event: &Event) -> bool {
        let (Some(when), Some(outcome)) = (&self.when, &event.outcome) else {
            return true;
        };
        let status = match outcome.status {
            Status::Success => When::Success,
            Status::Warning => When::Warning,
            Status::Failure => When::Failure,
            Status::Cancelled => When::Cancelled,
            Status::Skipped => When::Skipped,
        };
        when.contains(&status) || (when.contains(&When::HookFailure) && outcome.failed_hooks().next().is_some())
    }
}

const fn yes() -> bool {
    true
}
