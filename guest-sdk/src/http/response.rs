//! What a server answered.

use serde::de::DeserializeOwned;

use super::url::Url;
use super::{Error, ErrorKind, Incoming, Outgoing, Problem};

/// What a server answered, with the whole body.
#[derive(Debug, Clone)]
pub struct Response {
    method: String,
    url: Url,
    incoming: Incoming,
}

/// Characters of a body that an error tells.
const TOLD: usize = 200;

impl Response {
    pub(super) fn new(request: Outgoing, incoming: Incoming) -> Self {
        // The headers stay behind: a token may stand in them.
        Self { method: request.method, url: request.url, incoming }
    }

    /// The status: 200, 404, ...
    #[must_use]
    pub fn status(&self) -> u16 {
        self.incoming.status
    }

    /// Whether the status is one of 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.incoming.status)
    }

    /// A header, by its name in any case: the first of that name, and none when it
    /// isn't text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.incoming.headers, name)
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.incoming.body
    }

    /// The body as text. What isn't UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.incoming.body).into_owned()
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// When it isn't JSON, or not what `T` wants.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut reader = serde_json::Deserializer::from_slice(&self.incoming.body);
        let read = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| error.to_string())
            .and_then(|value| reader.end().map(|()| value).map_err(|error| error.to_string()));
        read.map_err(|message| {
            self.error(ErrorKind::Body, format!("the body isn't the JSON that was asked for: {message}"))
        })
    }

    /// Makes a status that is none of success an error, which tells the begin of the
    /// body: the server's reason, mostly.
    ///
    /// # Errors
    /// When [`is_success`](Self::is_success) isn't so.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.is_success() {
            return Ok(self);
        }
        let status = self.status();
        let text = self.text();
        let told: String = text.trim().chars().take(TOLD).collect();
        let colon = if told.is_empty() { "" } else { ": " };
        Err(self.error(ErrorKind::Status(status), format!("status {status}{colon}{told}")))
    }

    fn error(&self, kind: ErrorKind, message: String) -> Error {
        Error::new(&self.method, &self.url, Problem::new(kind, message))
    }
}

pub(super) fn header<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a str> {
    let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(value).ok()
}
