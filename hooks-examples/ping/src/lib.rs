//! Sends the event to a URL as JSON. See the README for its settings.

use std::collections::BTreeMap;
use std::time::Duration;

use hookward_sdk::http::{self, Request};
use hookward_sdk::prelude::*;
use serde::Deserialize;

/// The hook's `config` table.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    url: String,
    #[serde(default)]
    method: Method,
    /// What is added to the URL, by the event's name.
    #[serde(default)]
    suffix: BTreeMap<String, String>,
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    timeout: Duration,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Head,
    #[default]
    Post,
    Put,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }

    const fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Put)
    }
}

/// A server that is down must not hold up a backup for long.
const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

const EVENTS: [&str; 7] = ["before", "success", "warning", "failure", "cancelled", "skipped", "finally"];

impl Config {
    fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        match config.suffix.keys().find(|name| !EVENTS.contains(&name.as_str())) {
            Some(name) => Err(ConfigError::new("suffix", format!("`{name}` is no event"))),
            None => Ok(config),
        }
    }

    fn request(&self, event: &Event) -> Result<Request, http::Error> {
        let suffix = self.suffix.get(event.kind.as_str()).map(String::as_str).unwrap_or_default();
        let request = http::request(self.method.name(), format!("{}{suffix}", self.url)).timeout(self.timeout);
        // Along a redirect the body would be lost, and the event with it.
        let request = request.redirects(0);
        if self.method.has_body() { request.json(event) } else { Ok(request) }
    }
}

/// The hook: one request for each event.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    if event.dry_run {
        info!("nothing is pinged in a dry run");
        return Ok(());
    }
    let response = config.request(event).and_then(Request::send).and_then(http::Response::error_for_status);
    let status = response.map_err(|error| error.to_string())?.status();
    info!(event = event.kind, status = status, "pinged");
    Ok(())
}
