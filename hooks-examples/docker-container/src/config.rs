//! The settings.

use std::time::Duration;

use hookward_sdk::{ConfigError, config};
use serde::Deserialize;

/// The hook's `config` table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) containers: Vec<String>,
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) action: Action,
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    pub(crate) timeout: Duration,
    #[serde(default = "minute", with = "humantime_serde")]
    pub(crate) wait: Duration,
    #[serde(default = "docker")]
    pub(crate) url: String,
    #[serde(default = "version")]
    pub(crate) api: String,
}

/// What is done to the containers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    #[default]
    Stop,
    Pause,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        let wrong = |key: &str, message: String| Err(ConfigError::new(key, message));
        if config.containers.is_empty() && config.label.is_none() {
            return wrong("containers", "name a container here, or a `label` that they have".to_owned());
        }
        for (n, name) in config.containers.iter().enumerate() {
            if !is_name(name) {
                return wrong("containers", format!("`{name}` can't be a container's name"));
            }
            if config.containers.iter().take(n).any(|earlier| earlier == name) {
                return wrong("containers", format!("`{name}` stands there twice"));
            }
        }
        if config.label.as_ref().is_some_and(String::is_empty) {
            return wrong("label", "is empty: write it as \"backup.stop=true\"".to_owned());
        }
        if config.timeout.subsec_nanos() != 0 {
            return wrong("timeout", "has to be whole seconds: the engine takes no others".to_owned());
        }
        Ok(config)
    }
}

/// What the engines take for one. It goes into a path.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

impl Action {
    /// What takes a container down.
    pub(crate) const fn down(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Pause => "pause",
        }
    }

    /// What brings it back.
    pub(crate) const fn up(self) -> &'static str {
        match self {
            Self::Stop => "start",
            Self::Pause => "unpause",
        }
    }
}

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

const fn minute() -> Duration {
    Duration::from_secs(60)
}

fn docker() -> String {
    "http://docker".to_owned()
}

fn version() -> String {
    "v1.41".to_owned()
}
