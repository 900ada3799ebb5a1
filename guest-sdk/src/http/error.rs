//! Why a request has no answer that the hook can use.

use std::fmt;

use super::Problem;
use super::url::Url;

/// Why a request has no answer that the hook can use. It names the method and the
/// URL, without the query and without a user's name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    method: String,
    url: String,
    problem: Box<Problem>,
}

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The host doesn't allow the request: its grant doesn't name it.
    Denied,
    /// The server can't be reached, or can't be trusted (DNS, TCP, TLS).
    Connection,
    /// It took longer than it may.
    Timeout,
    /// One side broke the rules of HTTP, or a limit of the other side.
    Protocol,
    /// The request can't be sent as it stands: its URL, a header, its body.
    Request,
    /// The response is larger than the hook wants to read.
    TooLarge,
    /// Redirected too often, to nowhere, or from https to http.
    Redirect,
    /// [`Response::error_for_status`](super::Response::error_for_status) saw this
    /// status.
    Status(u16),
    /// The body is not what was asked for.
    Body,
}

impl Error {
    pub(super) fn new(method: &str, url: &Url, problem: Problem) -> Self {
        Self { method: method.to_owned(), url: url.to_string(), problem: Box::new(problem) }
    }

    /// For a URL that can't be read as one. None of it is told, for a password may
    /// stand in it.
    pub(super) fn without_url(method: &str, message: impl Into<String>) -> Self {
        let problem = Box::new(Problem::new(ErrorKind::Request, message));
        Self { method: method.to_owned(), url: String::new(), problem }
    }

    /// The kind of problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.problem.kind
    }

    /// What went wrong, without the method and the URL: a URL may be as good as a
    /// password. To [`Display`](fmt::Display) the error is all of it.
    ///
    /// ```
    /// use hookward_sdk::http;
    /// use hookward_sdk::prelude::*;
    /// use hookward_sdk::testing::{self, Call, response};
    ///
    /// fn tell(_: &Event) -> Result<(), String> {
    ///     // Who knows the path can write there.
    ///     let sent = http::post("https://chat.example/hooks/7hK2").text("hello").send();
    ///     sent.and_then(|response| response.error_for_status()).map_err(|error| error.reason().to_owned())?;
    ///     Ok(())
    /// }
    ///
    /// let call = Call::new(testing::event(EventKind::Before));
    /// assert_eq!(
    ///     call.route("POST", "https://chat.example/*", response(404)).run(tell).error(),
    ///     Some("status 404")
    /// );
    /// ```
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.problem.message
    }

    /// The status, when that is the problem.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.problem.kind {
            ErrorKind::Status(status) => Some(status),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, url, problem } = self;
        let space = if url.is_empty() { "" } else { " " };
        write!(f, "{method}{space}{url}: {}", problem.message)
    }
}

impl std::error::Error for Error {}
