//! One ping.

use std::time::Duration;

use hookward_sdk::Event;
use hookward_sdk::http::{self, Request, Response};

use crate::config::{Config, Style};
use crate::report;
use crate::signal::Signal;

/// A server that is down must not hold up a backup for long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Characters of what Uptime Kuma shows.
const MESSAGE: usize = 250;

/// Sends what the style has for the signal; false when it has nothing.
///
/// # Errors
/// When the server didn't take it. No part of the URL is told.
pub(crate) fn send(event: &Event, signal: Signal, config: &Config) -> Result<bool, String> {
    let url = config.ping_url()?;
    let request = match config.style {
        Style::Healthchecks => Some(healthchecks(event, signal, config, &url)),
        Style::UptimeKuma => uptime_kuma(event, signal, &url),
    };
    let Some(request) = request else {
        return Ok(false);
    };
    // Along a redirect the body would be lost, and the ping with it.
    let response = request.timeout(TIMEOUT).redirects(0).send();
    response
        .map_err(|error| error.reason().to_owned())
        .and_then(|response| check(&response, &url))
        .map_err(|reason| format!("the ping `{}` was not taken: {reason}", signal.name()))?;
    Ok(true)
}

fn healthchecks(event: &Event, signal: Signal, config: &Config, url: &str) -> Request {
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let request = http::post(format!("{}{}{query}", path.trim_end_matches('/'), signal.path()));
    let request = request.query(&[("rid", &event.run_id)]).text(report::whole(event));
    if config.create { request.query(&[("create", "1")]) } else { request }
}

/// It knows up and down only.
fn uptime_kuma(event: &Event, signal: Signal, url: &str) -> Option<Request> {
    let status = match signal {
        Signal::Success => "up",
        Signal::Fail => "down",
        Signal::Start | Signal::Log => return None,
    };
    // The URL that it shows for copying has a query of its own.
    let path = url.split('?').next().unwrap_or(url);
    let message: String = report::headline(event).chars().take(MESSAGE).collect();
    let duration = event.outcome.as_ref().map(|outcome| outcome.duration_ms.to_string()).unwrap_or_default();
    Some(http::get(path).query(&[("status", status), ("msg", &message), ("ping", &duration)]))
}

fn check(response: &Response, url: &str) -> Result<(), String> {
    let body = response.text();
    // healthchecks.io says so with status 200.
    if response.is_success() && body.starts_with("OK (not found)") {
        return Err("the server doesn't know this check: look at the URL".to_owned());
    }
    if response.is_success() && body.starts_with("OK (rate limited)") {
        return Err("the server was pinged too often in the last minute".to_owned());
    }
    if response.is_success() {
        return Ok(());
    }
    let mut reason = format!("status {}", response.status());
    if let Some(wait) = response.header("retry-after") {
        reason.push_str(&format!(", Retry-After {wait}"));
    }
    if (300..400).contains(&response.status()) {
        reason.push_str(", the server has moved: give the URL that it redirects to");
    }
    let told: String = body.trim().chars().take(200).collect();
    // Some servers repeat the path.
    let repeats = url.split(['/', '?', '&', '=']).any(|part| part.len() >= 8 && told.contains(part));
    if !told.is_empty() && !repeats {
        reason.push_str(&format!(": {told}"));
    }
    Err(reason)
}
