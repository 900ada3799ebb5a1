//! The way to the targets.

use std::time::Duration;

use hookward_sdk::http::{Error, Response};

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
    // The URL may be the credential.
    let reason = |error: Error| error.reason().to_owned();
    let request = services::request(target, message, &place, &token).map_err(reason)?;
    // Along a redirect a POST would become a GET, and the message be lost.
    let response = request.timeout(TIMEOUT).redirects(0).send().map_err(reason)?;
    check(&response, &hidden(&place, &token))
}

/// Shorter ones stand for nothing: a version, the number of an account.
const SHORTEST_PART: usize = 8;

/// What some servers repeat of a request: the longest first, so that no part of it is
/// left.
fn hidden<'a>(place: &'a str, token: &'a str) -> Vec<&'a str> {
    let path = place.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let parts = path.split(['/', '?', '&', '=']).filter(|part| part.len() >= SHORTEST_PART);
    [place, path, token].into_iter().chain(parts).filter(|text| !text.is_empty()).collect()
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
    for hidden in hidden {
        told = told.replace(hidden, "***");
    }
    let told: String = told.trim().chars().take(TOLD).collect();
    if !told.is_empty() {
        reason.push_str(&format!(": {told}"));
    }
    Err(reason)
}
