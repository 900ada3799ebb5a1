//! What requests the operator has allowed.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use http::Method;
use serde::{Deserialize, Serialize};

use super::pattern::{Host, HostPattern, PathPattern};
use super::written::Written;

/// Requests that a hook may make: to one origin, or to the hosts below one.
///
/// ```
/// use hookward_engine::HttpGrant;
///
/// let ping = HttpGrant::new("https://hc-ping.com/*")?.methods(&["POST"])?;
/// let docker = HttpGrant::new("http://docker")?
///     .allow(&["POST /v*/containers/db/stop", "GET /v*/containers/*/json"])?
///     .unix("/var/run/docker.sock".into())?;
/// assert_eq!(ping.to_string(), "POST https://hc-ping.com/*");
/// # Ok::<_, hookward_engine::InvalidHttpGrant>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct HttpGrant {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
    /// The path of the URL; of a URL without one, everything.
    path: Option<PathPattern>,
    rules: Rules,
    transport: Transport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub(super) const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rules {
    /// What doesn't change anything.
    Default,
    Methods(Vec<Method>),
    Allow(Vec<(Method, PathPattern)>),
}

/// How the host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Transport {
    Network { private: bool, ca_file: Option<PathBuf> },
    Unix(PathBuf),
}

/// Why a grant of HTTP requests says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHttpGrant {
    /// It is not `http://` or `https://`, a host, and a path.
    #[error("`{url}` is no URL to grant: {why}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not a method, or one that is never allowed.
    #[error("`{method}` is no method to grant: {why}")]
    Method {
        /// The method.
        method: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not a method and a path.
    #[error("`{rule}` is no request to allow: {why}")]
    Rule {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A list of what is allowed is empty.
    #[error("the list is empty: it allows no request")]
    Nothing,
    /// `methods` and `allow`, or `allow` and a path.
    #[error("what is allowed is said twice: {0}")]
    Twice(&'static str),
    /// A socket without a list of what is allowed.
    #[error("a socket is granted without saying for what")]
    Unsaid,
    /// A setting that means nothing for this URL.
    #[error("`{setting}` means nothing here: {why}")]
    Meaningless {
        /// The setting.
        setting: &'static str,
        /// Why.
        why: &'static str,
    },
}

use InvalidHttpGrant as Invalid;

/// A request, as far as it matters for what is allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) scheme: Scheme,
    pub(super) host: &'a Host,
    pub(super) port: u16,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

impl HttpGrant {
    /// Grants GET and HEAD of what a URL stands for: `https://host/path`, with a port
    /// if it isn't that of the scheme. The host may begin with `*.`, for one or more
    /// labels. In the path, `*` stands for any text within a segment, alone for a
    /// whole segment, and at the end, as in `/a/*`, for everything below. A URL
    /// without a path is everything of its host. The query is free, unless the URL
    /// has one.
    ///
    /// # Errors
    /// When the URL is something else, or can't match any request.
    pub fn new(url: &str) -> Result<Self, InvalidHttpGrant> {
        let invalid = |why| Invalid::Url { url: url.to_owned(), why };
        let (scheme, rest) = match url.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            _ => return Err(invalid("it begins with neither `http://` nor `https://`")),
        };
        let (authority, path) = match rest.find(['/', '?', '#']).and_then(|at| rest.split_at_checked(at)) {
            Some((authority, path)) => (authority, Some(PathPattern::parse(path).map_err(invalid)?)),
            None => (rest, None),
        };
        if authority.contains('@') {
            return Err(invalid("it has a user or a password"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, parse_port(port).ok_or_else(|| invalid("its port is no number from 1 to 65535"))?)
            }
            _ => (authority, scheme.default_port()),
        };
        let host = HostPattern::parse(host).map_err(invalid)?;
        if let HostPattern::Exact(Host::Address(address)) = &host
            && (address.is_unspecified() || address.is_multicast() || is_broadcast(*address))
        {
            return Err(invalid("its host is no address of one host"));
        }
        let transport = Transport::Network { private: false, ca_file: None };
        Ok(Self { scheme, host, port, path, rules: Rules::Default, transport })
    }

    /// Grants these methods instead of GET and HEAD.
    ///
    /// # Errors
    /// When one is no method, or CONNECT or TRACE; when the list is empty, or there
    /// is one already.
    pub fn methods(mut self, methods: &[impl AsRef<str>]) -> Result<Self, InvalidHttpGrant> {
        if self.rules != Rules::Default {
            return Err(Invalid::Twice("by `allow` and by `methods`"));
        }
        let methods: Vec<_> = methods.iter().map(|method| parse_method(method.as_ref())).collect::<Result<_, _>>()?;
        if methods.is_empty() {
            return Err(Invalid::Nothing);
        }
        self.rules = Rules::Methods(methods);
        Ok(self)
    }

    /// Grants these requests alone, each a method and a path with wildcards, such as
    /// `POST /containers/db/stop`.
    ///
    /// # Errors
    /// When one is something else; when the list is empty, or the grant says by its
    /// path or its methods what is allowed.
    pub fn allow(mut self, rules: &[impl AsRef<str>]) -> Result<Self, InvalidHttpGrant> {
        if self.rules != Rules::Default {
            return Err(Invalid::Twice("by `methods` and by `allow`"));
        }
        if self.path.is_some() {
            return Err(Invalid::Twice("by the path of `url` and by `allow`"));
        }
        let parse = |rule: &str| {
            let invalid = |why| Invalid::Rule { rule: rule.to_owned(), why };
            let (method, path) =
                rule.split_once(' ').ok_or_else(|| invalid("it is not a method, a space and a path"))?;
            Ok((parse_method(method)?, PathPattern::parse(path).map_err(invalid)?))
        };
        let rules: Vec<_> = rules.iter().map(|rule| parse(rule.as_ref())).collect::<Result<_, Invalid>>()?;
        if rules.is_empty() {
            return Err(Invalid::Nothing);
        }
        self.rules = Rules::Allow(rules);
        Ok(self)
    }

    /// Reaches the host by a unix socket. Its name is then only a name.
    ///
    /// # Errors
    /// When the grant doesn't say what is allowed, or its host isn't one plain name.
    pub fn unix(mut self, socket: PathBuf) -> Result<Self, InvalidHttpGrant> {
        let meaningless = |why| Err(Invalid::Meaningless { setting: "unix", why });
        if self.scheme == Scheme::Https {
            return meaningless("a socket is spoken to without TLS, as `http://`");
        }
        if !matches!(self.host, HostPattern::Exact(Host::Name(_))) || self.port != self.scheme.default_port() {
            return meaningless("the host of a socket is one name, without port or wildcard");
        }
        if self.transport != (Transport::Network { private: false, ca_file: None }) {
            return meaningless("`private` and `ca-file` are for hosts of a network");
        }
        if self.rules == Rules::Default {
            return Err(Invalid::Unsaid);
        }
        self.transport = Transport::Unix(socket);
        Ok(self)
    }

    /// Trusts the certificate authorities in this file (PEM) besides the system's.
    ///
    /// # Errors
    /// When there is no TLS.
    pub fn ca_file(mut self, file: PathBuf) -> Result<Self, InvalidHttpGrant> {
        let meaningless = |why| Err(Invalid::Meaningless { setting: "ca-file", why });
        match &mut self.transport {
            Transport::Network { ca_file, .. } if self.scheme == Scheme::Https => *ca_file = Some(file),
            Transport::Network { .. } => return meaningless("`http://` has no certificates"),
            Transport::Unix(_) => return meaningless("a socket has no certificates"),
        }
        Ok(self)
    }

    /// Lets the host's name stand for private and loopback addresses, too. Link-local
    /// ones, those of metadata services among them, are only reached by a grant of
    /// the address itself.
    ///
    /// # Errors
    /// When the host isn't one plain name.
    pub fn private(mut self) -> Result<Self, InvalidHttpGrant> {
        let meaningless = |why| Err(Invalid::Meaningless { setting: "private", why });
        match (&self.host, &mut self.transport) {
            (_, Transport::Unix(_)) => return meaningless("a socket has no address"),
            (HostPattern::Below(_), _) => {
                return meaningless("whoever may name a host below a wildcard could name a private one");
            }
            (HostPattern::Exact(Host::Address(_)), _) => return meaningless("an address is granted as it stands"),
            (HostPattern::Exact(Host::Name(name)), _) if name == LOCALHOST => {
                return meaningless("`localhost` stands for loopback addresses as it is");
            }
            (HostPattern::Exact(Host::Name(_)), Transport::Network { private, .. }) => *private = true,
        }
        Ok(self)
    }

    /// The unix socket that the host is reached by.
    #[must_use]
    pub fn socket(&self) -> Option<&std::path::Path> {
        match &self.transport {
            Transport::Unix(socket) => Some(socket),
            Transport::Network { .. } => None,
        }
    }

    /// The file of further certificate authorities.
    #[must_use]
    pub fn authorities(&self) -> Option<&std::path::Path> {
        match &self.transport {
            Transport::Network { ca_file, .. } => ca_file.as_deref(),
            Transport::Unix(_) => None,
        }
    }

    /// Whether the host's name may stand for a private address.
    #[must_use]
    pub fn is_private(&self) -> bool {
        matches!(self.transport, Transport::Network { private: true, .. })
    }

    /// The URL that it was made of, in its one spelling.
    pub(super) fn url(&self) -> String {
        let (scheme, host) = (self.scheme.as_str(), &self.host);
        let port = if self.port == self.scheme.default_port() { String::new() } else { format!(":{}", self.port) };
        let path = self.path.as_ref().map(PathPattern::to_string).unwrap_or_default();
        format!("{scheme}://{host}{port}{path}")
    }

    /// The methods, and the rules, that it was made of.
    pub(super) fn said(&self) -> (Option<Vec<String>>, Option<Vec<String>>) {
        match &self.rules {
            Rules::Default => (None, None),
            Rules::Methods(methods) => (Some(methods.iter().map(Method::to_string).collect()), None),
            Rules::Allow(rules) => {
                (None, Some(rules.iter().map(|(method, path)| format!("{method} {path}")).collect()))
            }
        }
    }

    /// Whether this grant allows a request.
    pub(super) fn covers(&self, asked: Asked<'_>) -> bool {
        let Asked { method, scheme, host, port, path, query } = asked;
        let path_allowed = || self.path.as_ref().is_none_or(|pattern| pattern.matches(path, query));
        self.scheme == scheme
            && self.port == port
            && self.host.matches(host)
            && match &self.rules {
                Rules::Default => DEFAULT_METHODS.contains(method) && path_allowed(),
                Rules::Methods(methods) => methods.contains(method) && path_allowed(),
                Rules::Allow(rules) => {
                    rules.iter().any(|(allowed, pattern)| allowed == method && pattern.matches(path, query))
                }
            }
    }
}

/// Granted where nothing is said: what reads.
const DEFAULT_METHODS: &[Method] = &[Method::GET, Method::HEAD];

/// The one name that stands for loopback addresses.
pub(super) const LOCALHOST: &str = "localhost";

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_broadcast())
}

/// A port in its one spelling.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port: &u16| *port != 0 && port.to_string() == text)
}

fn parse_method(text: &str) -> Result<Method, InvalidHttpGrant> {
    let invalid = |why| Invalid::Method { method: text.to_owned(), why };
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| invalid("it has characters that no method has"))?;
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        return Err(invalid("methods are written in capitals"));
    }
    if is_never_allowed(&method) {
        return Err(invalid("it is never allowed"));
    }
    Ok(method)
}

/// What makes a tunnel of a connection, or shows what stands between.
pub(super) fn is_never_allowed(method: &Method) -> bool {
    matches!(*method, Method::CONNECT | Method::TRACE)
}

/// `GET, HEAD https://host/*`, or with `allow` `https://host: POST /a, GET /b`.
impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |methods: &[Method]| methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        match &self.rules {
            Rules::Default => write!(f, "{} ", join(DEFAULT_METHODS))?,
            Rules::Methods(methods) => write!(f, "{} ", join(methods))?,
            Rules::Allow(_) => {}
        }
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        match &self.rules {
            Rules::Allow(rules) => {
                let rules: Vec<_> = rules.iter().map(|(method, path)| format!("{method} {path}")).collect();
                write!(f, ": {}", rules.join(", "))
            }
            _ => write!(f, "{}", self.path.clone().unwrap_or_else(PathPattern::everything)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(grant: &HttpGrant, method: &str, url: &str) -> bool {
        let url: http::Uri = url.parse().unwrap();
        let scheme = if url.scheme_str() == Some("https") { Scheme::Https } else { Scheme::Http };
        grant.covers(Asked {
            method: &method.parse().unwrap(),
            scheme,
            host: &Host::parse(url.host().unwrap()).unwrap(),
            port: url.port_u16().unwrap_or(scheme.default_port()),
            path: url.path(),
            query: url.query(),
        })
    }

    #[test]
    fn a_url_is_scheme_host_port_and_path() {
        let grant = HttpGrant::new("https://Example.com/a/*").unwrap();
        for (method, url, expected) in [
            ("GET", "https://example.com/a/b?q=1", true),
            ("HEAD", "https://example.com:443/a/b", true),
            ("POST", "https://example.com/a/b", false),
            ("get", "https://example.com/a/b", false),
            ("GET", "http://example.com/a/b", false),
            ("GET", "http://example.com:443/a/b", false),
            ("GET", "https://example.com:444/a/b", false),
            ("GET", "https://www.example.com/a/b", false),
            ("GET", "https://example.com/b/a", false),
        ] {
            assert_eq!(covers(&grant, method, url), expected, "{method} {url}");
        }
        assert!(covers(&HttpGrant::new("http://h").unwrap(), "GET", "http://h/a/b?c"));
        assert!(!covers(&HttpGrant::new("http://h/").unwrap(), "GET", "http://h/a"));
        assert!(covers(&HttpGrant::new("http://[::1]:8080/x").unwrap(), "GET", "http://[::1]:8080/x"));
        assert!(covers(&HttpGrant::new("http://h/a?b=*").unwrap(), "GET", "http://h/a?b=*"));
    }

    #[test]
    fn allow_is_a_list_of_requests() {
        let grant = HttpGrant::new("http://docker").unwrap().allow(&["POST /c/db/stop", "GET /c/*/json"]).unwrap();
        for (method, path, expected) in [
            ("POST", "/c/db/stop", true),
            ("POST", "/c/db/stop?t=5", true),
            ("GET", "/c/db/stop", false),
            ("GET", "/c/any/json", true),
            ("POST", "/c/any/json", false),
            ("POST", "/c/other/stop", false),
            ("GET", "/", false),
        ] {
            assert_eq!(covers(&grant, method, &format!("http://docker{path}")), expected, "{method} {path}");
        }
    }

    #[test]
    fn urls_that_grant_nothing() {
        for url in [
            "",
            "example.com",
            "ftp://a",
            "HTTP://a",
            "https:/a",
            "https://",
            "https:///a",
            "https://a:*",
            "https://a:0",
            "https://a:080",
            "https://a:65536",
            "https://a:",
            "https://u@a",
            "https://u:p@a/",
            "https://a/../b",
            "https://a/%2e",
            "https://a//b",
            "https://a/b#c",
            "https://a#b",
            "https://a?b",
            "https://a b/",
            "https://ä/",
            "https://2130706433",
            "https://0177.0.0.1",
            "https://127.1",
            "https://[::ffff:127.0.0.1]",
            "https://*",
            "https://*.1.2.3.4",
            "https://0.0.0.0",
            "https://[::]",
            "https://224.0.0.1",
            "https://255.255.255.255",
            "https://[ff02::1]",
            "https://a.",
            "https://::1",
        ] {
            assert!(matches!(HttpGrant::new(url), Err(Invalid::Url { .. })), "{url}: {:?}", HttpGrant::new(url));
        }
    }

    #[test]
    fn settings_that_contradict() {
        let url = |url| HttpGrant::new(url).unwrap();
        let none: &[&str] = &[];
        for wrong in ["", "get", "G T", "CONNECT", "TRACE", "GET\n"] {
            assert!(matches!(url("http://a").methods(&[wrong]), Err(Invalid::Method { .. })), "{wrong}");
        }
        for wrong in ["GET", "GET a", "GET  /a", "GET /../a", "GET /a b"] {
            assert!(matches!(url("http://a").allow(&[wrong]), Err(Invalid::Rule { .. })), "{wrong}");
        }
        assert_eq!(url("http://a").methods(none), Err(Invalid::Nothing));
        assert_eq!(url("http://a").allow(none), Err(Invalid::Nothing));
        assert!(matches!(url("http://a/b").allow(&["GET /a"]), Err(Invalid::Twice(_))));
        assert!(matches!(url("http://a").methods(&["GET"]).unwrap().allow(&["GET /a"]), Err(Invalid::Twice(_))));
        assert!(matches!(url("http://a").allow(&["GET /a"]).unwrap().methods(&["GET"]), Err(Invalid::Twice(_))));

        assert_eq!(url("http://a").unix("/s".into()), Err(Invalid::Unsaid));
        for wrong in ["https://a", "http://a:81", "http://*.a", "http://127.0.0.1"] {
            let grant = url(wrong).methods(&["GET"]).unwrap();
            assert!(matches!(grant.unix("/s".into()), Err(Invalid::Meaningless { .. })), "{wrong}");
        }
        let socket = url("http://a").methods(&["GET"]).unwrap().unix("/s".into()).unwrap();
        assert!(socket.clone().private().is_err() && socket.ca_file("/c".into()).is_err());
        let private = url("http://a").private().unwrap().methods(&["GET"]).unwrap();
        assert!(private.is_private() && private.unix("/s".into()).is_err());
        for wrong in ["http://*.a", "http://127.0.0.1", "http://localhost"] {
            assert!(matches!(url(wrong).private(), Err(Invalid::Meaningless { .. })), "{wrong}");
        }
        assert!(url("http://a").ca_file("/c".into()).is_err());
        assert!(url("https://*.a").ca_file("/c".into()).is_ok());
    }

    #[test]
    fn a_grant_is_shown_in_full() {
        for (grant, shown) in [
            (HttpGrant::new("https://A.b"), "GET, HEAD https://a.b/*"),
            (HttpGrant::new("http://*.b:81/x?y"), "GET, HEAD http://*.b:81/x?y"),
            (HttpGrant::new("http://b:80/").and_then(|b| b.methods(&["PUT", "POST"])), "PUT, POST http://b/"),
            (HttpGrant::new("http://b").and_then(|b| b.allow(&["PUT /x", "GET /*"])), "http://b: PUT /x, GET /*"),
        ] {
            assert_eq!(grant.unwrap().to_string(), shown);
        }
    }
}
