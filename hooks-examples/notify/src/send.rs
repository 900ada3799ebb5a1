//! The way to the targets.

use std::time::Duration;

use hookward_sdk::http::{self, ErrorKind, Response};

use crate::credential::Credential;
use crate::message::Message;
use crate::services;
use crate::target::Target;

/// A server that is down must not hold up the others for long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Characters of an answer that an error tells.
const TOLD: usize = 200;

/// Tries them all.
///
/// # Errors
/// When one of them didn't take the message. No credential is told.
pub(crate) fn to_all(targets: &[Target], message: &Message<'_>) -> Result<(), String> {
    let errors: Vec<String> = targets
        .iter()
        .enumerate()
        .filter_map(|(n, target)| {
            let error = to_one(target, message).err()?;
            Some(format!("targets[{n}], {}: {error}", target.name()))
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(format!("the message was not taken by {}", errors.join("; "))) }
}

fn to_one(target: &Target, message: &Message<'_>) -> Result<(), String> {
    let read =
        |credential: Option<Credential<'_>>| credential.map_or(Ok(String::new()), |credential| credential.read());
    let (place, token) = (read(target.place())?, read(target.token())?);
    let request = services::request(target, message, &place, &token).map_err(|error| reason(&error))?;
    // Along a redirect a POST would become a GET, and the message be lost.
    let response = request.timeout(TIMEOUT).redirects(0).send().map_err(|error| reason(&error))?;
    check(&response, &[&place, path(&place), &token])
}

/// The part of a URL that some servers repeat.
fn path(url: &str) -> &str {
    url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path)
}

/// Why there was no answer, without the URL.
fn reason(error: &http::Error) -> String {
    let text = error.to_string();
    match (error.kind(), text.split_once(": ")) {
        (ErrorKind::Denied, _) => "the host doesn't allow it: name the server in `grants.http`".to_owned(),
        (_, Some((_, message))) => message.to_owned(),
        (_, None) => "the request failed".to_owned(),
    }
}

fn check(response: &Response, hidden: &[&str]) -> Result<(), String> {
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
    let mut told = response.text();
    for hidden in hidden.iter().filter(|hidden| !hidden.is_empty()) {
        told = told.replace(hidden, "***");
    }
    let told: String = told.trim().chars().take(TOLD).collect();
    if !told.is_empty() {
        reason.push_str(&format!(": {told}"));
    }
    Err(reason)
}
