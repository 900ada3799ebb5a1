//! The settings.

use std::path::PathBuf;

use hookward_sdk::{ConfigError, config};
use serde::Deserialize;

/// The hook's `config` table.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default = "metrics")]
    pub(crate) dir: PathBuf,
    #[serde(default = "hookward")]
    pub(crate) prefix: String,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        if !config.dir.has_root() {
            return Err(ConfigError::new("dir", "has to be an absolute path: the `guest` of the hook's `dirs` grant"));
        }
        if config.prefix.is_empty() || config.prefix.contains('/') || config.prefix.starts_with('.') {
            return Err(ConfigError::new("prefix", "has to be the begin of a file's name"));
        }
        Ok(config)
    }
}

fn metrics() -> PathBuf {
    PathBuf::from("/metrics")
}

fn hookward() -> String {
    "hookward".to_owned()
}
