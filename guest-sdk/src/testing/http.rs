//! HTTP of a test: what was sent, and what is answered.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::{ErrorKind, Incoming, Outgoing, Problem};

/// What a hook sent. A redirect that was followed is a request of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: String,
    /// The whole URL, query included.
    pub url: String,
    /// The headers that the hook and the SDK have set, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the host may wait, when the hook says.
    pub timeout: Option<Duration>,
}

impl Request {
    pub(crate) fn new(outgoing: &Outgoing) -> Self {
        Self {
            method: outgoing.method.clone(),
            url: outgoing.url.full(),
            headers: outgoing.headers.clone(),
            body: outgoing.body.clone(),
            timeout: outgoing.timeout,
        }
    }

    /// A header, by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text. What isn't UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// When it isn't JSON, or not what `T` wants.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// Whether a route is meant for it.
    pub(crate) fn matches(&self, method: &str, pattern: &str) -> bool {
        self.method == method && glob(pattern, &self.url)
    }
}

/// Whether `text` is the pattern, with any text for each `*`.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    // The shortest text for `*` first; patterns of tests are short.
    text.char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .any(|at| text.get(at..).is_some_and(|text| glob(rest, text)))
}

/// An answer with a status and no body.
pub fn response(status: u16) -> Response {
    Response(Ok(Incoming { status, headers: Vec::new(), body: Vec::new() }))
}

/// What a server of a test answers: see [`response`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Response(Result<Incoming, Problem>);

impl Response {
    /// No answer: the connection was refused.
    pub fn refused() -> Self {
        Self(Err(Problem::new(ErrorKind::Connection, "the connection was refused")))
    }

    /// No answer in time.
    pub fn timeout() -> Self {
        Self(Err(Problem::new(ErrorKind::Timeout, "the server didn't answer in time")))
    }

    /// Adds a header.
    pub fn header(self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.change(|incoming| incoming.headers.push((name.into(), value.into())))
    }

    /// Sets the body.
    pub fn body(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.change(|incoming| incoming.body = bytes.into())
    }

    /// Sets the body to JSON. What can't be JSON becomes a problem that the hook is
    /// told.
    pub fn json(self, value: impl Serialize) -> Self {
        match serde_json::to_vec(&value) {
            Ok(bytes) => self.header("content-type", "application/json").body(bytes),
            Err(error) => {
                let message = format!("what the test answers can't be JSON: {error}");
                Self(Err(Problem::new(ErrorKind::Body, message)))
            }
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Incoming)) -> Self {
        if let Ok(incoming) = &mut self.0 {
            change(incoming);
        }
        self
    }

    pub(crate) fn into_incoming(self) -> Result<Incoming, Problem> {
        self.0
    }
}
