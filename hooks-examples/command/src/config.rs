//! The settings.

use std::num::NonZeroU8;

use hookward_sdk::{ConfigError, config};
use serde::Deserialize;

use crate::environment::NAMES;

/// The hook's `config` table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default = "script")]
    pub(crate) command: String,
    #[serde(default = "yes")]
    pub(crate) stdin: bool,
    #[serde(default)]
    pub(crate) env: Env,
    /// 0 is success, and stays so.
    pub(crate) skip_exit_code: Option<NonZeroU8>,
    #[serde(default)]
    pub(crate) dry_run: DryRun,
}

/// Which variables the program gets.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`true`, `false` or a list of names")]
pub(crate) enum Env {
    All(bool),
    Named(Vec<String>),
}

/// What becomes of the program in a dry run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DryRun {
    /// It isn't called: nobody knows what it would change.
    #[default]
    Skip,
    /// It is called, and told.
    Run,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        if let Env::Named(names) = &config.env
            && let Some((n, name)) = names.iter().enumerate().find(|(_, name)| !NAMES.contains(&name.as_str()))
        {
            let message = format!("`{name}` isn't a variable of this hook, which are: {}", NAMES.join(", "));
            return Err(ConfigError::new(format!("env[{n}]"), message));
        }
        Ok(config)
    }
}

impl Default for Env {
    fn default() -> Self {
        Self::All(true)
    }
}

impl Env {
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Named(names) => names.iter().any(|named| named == name),
        }
    }
}

fn script() -> String {
    "script".to_owned()
}

const fn yes() -> bool {
    true
}
