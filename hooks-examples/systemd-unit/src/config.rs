//! The settings.

use std::time::Duration;

use hookward_sdk::{ConfigError, config};
use serde::Deserialize;

/// The hook's `config` table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) units: Vec<String>,
    #[serde(default)]
    pub(crate) action: Action,
    #[serde(default = "minute", with = "humantime_serde")]
    pub(crate) wait: Duration,
    #[serde(default = "systemctl")]
    pub(crate) command: String,
}

/// What is done to the units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    #[default]
    Stop,
    Freeze,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        let wrong = |message: String| Err(ConfigError::new("units", message));
        if config.units.is_empty() {
            return wrong("name a unit here, such as \"app.service\"".to_owned());
        }
        for (n, unit) in config.units.iter().enumerate() {
            if !unit.contains('.') {
                return wrong(format!("`{unit}` has no type: write `{unit}.service`"));
            }
            if config.units.iter().take(n).any(|earlier| earlier == unit) {
                return wrong(format!("`{unit}` stands there twice"));
            }
        }
        Ok(config)
    }
}

impl Action {
    /// The verb that takes a unit down.
    pub(crate) const fn down(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Freeze => "freeze",
        }
    }

    /// The verb that brings it back.
    pub(crate) const fn up(self) -> &'static str {
        match self {
            Self::Stop => "start",
            Self::Freeze => "thaw",
        }
    }
}

const fn minute() -> Duration {
    Duration::from_secs(60)
}

fn systemctl() -> String {
    "systemctl".to_owned()
}
