//! HTTP to the hosts that the operator named. Needs the grant `http`.
//!
//! A response is read to its end before the hook sees it. What stands behind a unix
//! socket has a name in the grant, and an ordinary URL of that name.
//! ```
//! use hookward_sdk::http;
//! use hookward_sdk::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize)]
//! struct Pause {
//!     minutes: u32,
//! }
//!
//! #[derive(Deserialize)]
//! struct Reply {
//!     until: String,
//! }
//!
//! // grants.http = [{ url = "https://api.example.org/*", methods = ["POST"] }]
//! #[hook]
//! fn run(_: Event) -> Result<(), http::Error> {
//!     let response = http::post("https://api.example.org/pause").json(&Pause { minutes: 90 })?.send()?;
//!     let reply: Reply = response.error_for_status()?.json()?;
//!     info!(until = reply.until, "paused");
//!     Ok(())
//! }
//! ```

use std::time::Duration;

#[cfg(any(target_family = "wasm", test))]
mod codes;
mod error;
mod redirect;
mod request;
mod response;
mod url;
#[cfg(target_family = "wasm")]
pub(crate) mod wire;

pub use error::{Error, ErrorKind};
pub use request::Request;
pub use response::Response;

/// What is sent: a request with everything in it decided.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) url: url::Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_body: usize,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What the host answers when nothing that is granted fits.
    pub(crate) fn denied() -> Self {
        Self::new(ErrorKind::Denied, "the host doesn't allow it: grant it in `grants.http`")
    }

    pub(crate) fn too_large(max_body: usize) -> Self {
        Self::new(ErrorKind::TooLarge, format!("the body of the response is larger than {max_body} bytes"))
    }
}

/// Begins a GET.
pub fn get(url: impl AsRef<str>) -> Request {
    request("GET", url)
}

/// Begins a HEAD.
pub fn head(url: impl AsRef<str>) -> Request {
    request("HEAD", url)
}

/// Begins a POST.
pub fn post(url: impl AsRef<str>) -> Request {
    request("POST", url)
}

/// Begins a PUT.
pub fn put(url: impl AsRef<str>) -> Request {
    request("PUT", url)
}

/// Begins a PATCH.
pub fn patch(url: impl AsRef<str>) -> Request {
    request("PATCH", url)
}

/// Begins a DELETE.
pub fn delete(url: impl AsRef<str>) -> Request {
    request("DELETE", url)
}

/// Begins a request with any method, in the case that the server expects.
pub fn request(method: impl Into<String>, url: impl AsRef<str>) -> Request {
    Request::new(method.into(), url.as_ref().to_owned())
}
