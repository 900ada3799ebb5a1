//! Doors for fuzzers to decisions that have none of their own: with the feature
//! `fuzzing`, which no release has.

use http::{HeaderMap, Method, Uri};

use crate::command::{CommandGrant, Invocation};
use crate::{Failure, HttpGrant, Inspection};

/// Whether this host can be asked for what a component imports, as before it is
/// compiled.
///
/// # Errors
/// As [`Engine::load`](crate::Engine::load).
pub fn check(inspection: &Inspection) -> Result<(), Failure> {
    crate::requests::check(&inspection.requests).map(drop)
}

/// Where a request would go: scheme, host and port.
///
/// # Errors
/// When no grant covers it.
pub fn http_target(grants: &[HttpGrant], method: &Method, uri: &Uri) -> Result<(&'static str, String, u16), String> {
    crate::http::target(grants, method, uri, &HeaderMap::new())
}

/// The arguments of a command whose places are filled with these values.
///
/// # Errors
/// When one of them is refused.
pub fn command_args(grant: &CommandGrant, values: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let arguments = values.iter().map(|(place, value)| ((*place).to_owned(), (*value).to_owned())).collect();
    let invocation = Invocation { command: String::new(), arguments, environment: Vec::new(), stdin: None };
    crate::command::args(grant, invocation)
}
