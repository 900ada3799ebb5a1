//! A request in the making.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::url::{Url, User, encode_pairs};
use super::{Error, ErrorKind, Outgoing, Problem, Response, redirect};
use crate::host;

/// A request in the making. What is wrong with it is told by [`send`](Self::send).
#[derive(Clone)]
#[must_use = "nothing is sent before `send`"]
pub struct Request {
    method: String,
    url: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
    redirects: u32,
    max_body: usize,
}

const REDIRECTS: u32 = 5;
const MAX_BODY: usize = 4 * 1024 * 1024;
/// Some servers turn away who doesn't say what it is.
const USER_AGENT: &str = concat!("hookward-sdk/", env!("CARGO_PKG_VERSION"));

impl Request {
    pub(super) fn new(method: String, url: String) -> Self {
        Self {
            method,
            url,
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: None,
            redirects: REDIRECTS,
            max_body: MAX_BODY,
        }
    }

    /// Adds a header. `User-Agent` is that of the SDK where the hook sets none.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `Authorization: Bearer TOKEN`.
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Adds to the query of the URL, percent-encoded.
    pub fn query(mut self, pairs: &[(impl AsRef<str>, impl AsRef<str>)]) -> Self {
        self.query.extend(owned(pairs));
        self
    }

    /// Sets the body, and nothing else.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self
    }

    /// Sets the body to text, and says so in `Content-Type`.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.content("text/plain; charset=utf-8", text.into().into_bytes())
    }

    /// Sets the body to a form, as a browser sends it.
    pub fn form(self, pairs: &[(impl AsRef<str>, impl AsRef<str>)]) -> Self {
        let encoded = encode_pairs(&owned(pairs));
        self.content("application/x-www-form-urlencoded", encoded.into_bytes())
    }

    /// Sets the body to JSON.
    ///
    /// # Errors
    /// When the value can't be JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, Error> {
        match serde_json::to_vec(value) {
            Ok(bytes) => Ok(self.content("application/json", bytes)),
            Err(error) => Err(self.wrong(format!("the value for its body can't be JSON: {error}"))),
        }
    }

    /// How long the host may wait for each of these: the connection, the first byte
    /// of the response, and every next one. Without it the host's own limits hold.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many redirects are followed: 5 when nothing is said. With 0 the redirect
    /// itself is the response.
    pub fn redirects(mut self, most: u32) -> Self {
        self.redirects = most;
        self
    }

    /// The largest body of a response, in bytes: 4 MiB when nothing is said.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sends the request and waits for the whole response, whatever its status.
    ///
    /// # Errors
    /// When there is no response, or none that may be read.
    pub fn send(self) -> Result<Response, Error> {
        let most = self.redirects;
        let mut outgoing = self.check()?;
        let mut followed = 0;
        loop {
            let failed = |problem| Error::new(&outgoing.method, &outgoing.url, problem);
            let incoming = host::http(&outgoing).map_err(failed)?;
            let next = if most == 0 { None } else { redirect::next(&outgoing, &incoming).map_err(failed)? };
            let Some(next) = next else {
                return Ok(Response::new(outgoing, incoming));
            };
            if followed == most {
                return Err(failed(Problem::new(ErrorKind::Redirect, format!("redirected more than {most} times"))));
            }
            followed += 1;
            outgoing = next;
        }
    }

    fn content(mut self, kind: &str, bytes: Vec<u8>) -> Self {
        // What the hook has set itself stands.
        if !self.has_header("content-type") {
            self.headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        self.body(bytes)
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    fn wrong(&self, message: impl Into<String>) -> Error {
        match Url::parse(&self.url) {
            Ok((url, _)) => Error::new(&self.method, &url, Problem::new(ErrorKind::Request, message)),
            Err(_) => Error::without_url(&self.method, message),
        }
    }

    fn check(mut self) -> Result<Outgoing, Error> {
        let (mut url, user) = Url::parse(&self.url).map_err(|message| Error::without_url(&self.method, message))?;
        url.add_query(&self.query);
        if !is_token(&self.method) {
            return Err(self.wrong("this can't be a method"));
        }
        if let Some((name, _)) = self.headers.iter().find(|(name, value)| !is_token(name) || !is_value(value)) {
            return Err(self.wrong(format!("header `{}` can't be sent as it stands", name.escape_debug())));
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(self.wrong("a timeout of zero leaves no time at all"));
        }
        if let Some(User { name, password }) = user
            && !self.has_header("authorization")
        {
            let credentials = BASE64_STANDARD.encode([name.as_slice(), b":", password.as_slice()].concat());
            self.headers.push(("authorization".to_owned(), format!("Basic {credentials}")));
        }
        if !self.has_header("user-agent") {
            self.headers.push(("user-agent".to_owned(), USER_AGENT.to_owned()));
        }
        let Self { method, headers, body, timeout, max_body, .. } = self;
        Ok(Outgoing { method, url, headers, body, timeout, max_body })
    }
}

fn owned(pairs: &[(impl AsRef<str>, impl AsRef<str>)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| (key.as_ref().to_owned(), value.as_ref().to_owned())).collect()
}

/// What RFC 9110 calls a token.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// No control characters, least of all a line break.
fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}
