//! The part of URLs that a client needs, over RFC 3986.

use std::fmt;

use fluent_uri::{Uri, UriRef};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the characters that never need to be encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An absolute URL of http or https, with a host, without a user and a fragment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) secure: bool,
    host: String,
    port: Option<u16>,
    path: String,
    query: Option<String>,
}

/// What stood before the host.
pub(super) struct User {
    pub(super) name: Vec<u8>,
    pub(super) password: Vec<u8>,
}

impl Url {
    /// # Errors
    /// What is wrong with it, without a word of it: a password may stand in it.
    pub(super) fn parse(text: &str) -> Result<(Self, Option<User>), String> {
        let wrong = |error| format!("the URL can't be read: {error}");
        if !UriRef::parse(text).map_err(wrong)?.has_scheme() {
            return Err("the URL begins with neither http:// nor https://".to_owned());
        }
        let uri = Uri::parse(text).map_err(wrong)?;
        Self::read(uri)
    }

    /// Where a `Location` leads from here.
    pub(super) fn join(&self, location: &str) -> Result<Self, String> {
        let wrong = |error: &dyn fmt::Display| format!("redirected to what can't be read as a URL: {error}");
        let base = self.full();
        let base = Uri::parse(base.as_str()).map_err(|error| wrong(&error))?;
        let target = UriRef::parse(location).map_err(|error| wrong(&error))?;
        let target = target.resolve_against(&base).map_err(|error| wrong(&error))?;
        // Who stands in it is nobody that the hook has named.
        Self::read(target.borrow()).map(|(url, _)| url)
    }

    fn read(uri: Uri<&str>) -> Result<(Self, Option<User>), String> {
        let secure = match uri.scheme().as_str().to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            other => return Err(format!("the URL has to be one of http or https, not of {other}")),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or("the URL names no host")?;
        let user = authority.userinfo().map(|user| {
            let (name, password) = user.as_str().split_once(':').unwrap_or((user.as_str(), ""));
            User { name: percent_decode_str(name).collect(), password: percent_decode_str(password).collect() }
        });
        let path = uri.path().as_str();
        let url = Self {
            secure,
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_to_u16().map_err(|_| "the URL's port is larger than 65535")?,
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query: uri.query().map(|query| query.as_str().to_owned()),
        };
        Ok((url, user))
    }

    /// Adds to the query.
    pub(super) fn add_query(&mut self, pairs: &[(String, String)]) {
        if pairs.is_empty() {
            return;
        }
        let added = encode_pairs(pairs);
        self.query = Some(match self.query.take() {
            Some(query) if !query.is_empty() => format!("{query}&{added}"),
            _ => added,
        });
    }

    /// Whether both speak to the same server.
    pub(super) fn same_origin(&self, other: &Self) -> bool {
        let port = |url: &Self| url.port.unwrap_or(if url.secure { 443 } else { 80 });
        (self.secure, &self.host, port(self)) == (other.secure, &other.host, port(other))
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// Path and query, as they are sent.
    pub(crate) fn path_and_query(&self) -> String {
        self.query.as_ref().map_or_else(|| self.path.clone(), |query| format!("{}?{query}", self.path))
    }

    /// All of it.
    pub(crate) fn full(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.authority(), self.path_and_query())
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

/// For messages: without the query, where tokens like to stand.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.path)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Pairs as a query, or as the body of a form.
pub(super) fn encode_pairs(pairs: &[(String, String)]) -> String {
    let encoded = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", utf8_percent_encode(key, RESERVED), utf8_percent_encode(value, RESERVED)));
    encoded.collect::<Vec<_>>().join("&")
}
