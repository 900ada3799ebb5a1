//! The settings.

use hookward_sdk::{ConfigError, config, secrets};
use serde::Deserialize;

/// The hook's `config` table.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    url: Option<String>,
    url_secret: Option<String>,
    #[serde(default)]
    pub(crate) style: Style,
    /// Lets the server make a check that it doesn't know.
    #[serde(default)]
    pub(crate) create: bool,
    #[serde(default = "Choice::fail")]
    pub(crate) warning: Choice,
    #[serde(default = "Choice::fail")]
    pub(crate) cancelled: Choice,
    #[serde(default = "Choice::log")]
    pub(crate) skipped: Choice,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// What the server is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Style {
    #[default]
    Healthchecks,
    UptimeKuma,
}

/// What is told of a run that was neither good nor bad.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Choice {
    Success,
    Fail,
    Log,
    Nothing,
}

impl Choice {
    const fn fail() -> Self {
        Self::Fail
    }

    const fn log() -> Self {
        Self::Log
    }
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        match (&config.url, &config.url_secret) {
            (None, None) => Err(ConfigError::new(
                "url-secret",
                "name the secret that holds the ping URL, or give the URL itself as `url`",
            )),
            (Some(_), Some(_)) => Err(ConfigError::new("url", "leave it out: `url-secret` is given")),
            _ if config.create && config.style == Style::UptimeKuma => {
                Err(ConfigError::new("create", "Uptime Kuma makes no monitors of itself"))
            }
            _ => Ok(config),
        }
    }

    /// The URL that pings begin with. It is as good as a password.
    pub(crate) fn ping_url(&self) -> Result<String, String> {
        let url = match (&self.url, &self.url_secret) {
            (Some(url), _) => url.clone(),
            (None, name) => {
                let secret = secrets::secret(name.as_deref().unwrap_or_default()).map_err(|error| error.to_string())?;
                secret.expose().to_owned()
            }
        };
        Ok(url.trim().to_owned())
    }
}
