//! A hook for tests of the host: makes the requests in its setting `requests`, each
//! part of them as it is given, and returns as its error what came of each.

mod wire;

use hookward_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    requests: Vec<Request>,
    /// Sent one after the other without waiting for any, and nothing is reported.
    #[serde(default)]
    careless: bool,
}

/// One request. What is not given is not set, except for the method.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Request {
    #[serde(default = "get")]
    method: String,
    scheme: Option<String>,
    authority: Option<String>,
    path: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    /// Bytes of body after `body`.
    #[serde(default)]
    fill: u64,
    /// Leaves the body without an end.
    #[serde(default)]
    unfinished: bool,
    /// Nanoseconds.
    connect_timeout: Option<u64>,
    first_byte_timeout: Option<u64>,
    between_bytes_timeout: Option<u64>,
    /// Sends the request again to where the response points.
    #[serde(default)]
    follow: bool,
}

fn get() -> String {
    "GET".to_owned()
}

/// Makes the requests.
#[hook]
pub fn run(_: Event) -> Result<(), String> {
    let Config { requests, careless } = config().map_err(|error| error.to_string())?;
    if careless {
        let sent: Vec<_> = requests.iter().map(wire::send).collect();
        drop(sent);
        return Ok(());
    }
    let outcomes: Vec<_> = requests.iter().map(wire::exchange).collect();
    Err(outcomes.join(" | "))
}
