//! Where a response leads, by the rules of RFC 9110.

use super::{ErrorKind, Incoming, Outgoing, Problem, response};

/// What only the server that it was meant for may see.
const PRIVATE: [&str; 2] = ["authorization", "cookie"];

/// The request that a response asks for instead: none when it is no redirect.
pub(super) fn next(outgoing: &Outgoing, incoming: &Incoming) -> Result<Option<Outgoing>, Problem> {
    if !matches!(incoming.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response::header(&incoming.headers, "location") else {
        return Ok(None);
    };
    let url = outgoing.url.join(location).map_err(|message| Problem::new(ErrorKind::Redirect, message))?;
    if outgoing.url.secure && !url.secure {
        return Err(Problem::new(ErrorKind::Redirect, "redirected from https to http"));
    }
    let mut next = Outgoing { url, ..outgoing.clone() };
    if becomes_get(incoming.status, &outgoing.method) {
        next.method = "GET".to_owned();
        next.body.clear();
        next.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    if !outgoing.url.same_origin(&next.url) {
        next.headers.retain(|(name, _)| !PRIVATE.iter().any(|private| name.eq_ignore_ascii_case(private)));
    }
    Ok(Some(next))
}

fn becomes_get(status: u16, method: &str) -> bool {
    match status {
        303 => method != "HEAD",
        301 | 302 => method == "POST",
        _ => false,
    }
}
