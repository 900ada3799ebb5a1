//! Patterns of hosts and paths, and what they are held against.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host that can be compared: in lower case, or an address in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// Reads a host as it stands in a URL; says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = inner.parse().map_err(|_| "its host is no address")?;
            if address.to_ipv4_mapped().is_some() {
                return Err("its host is an IPv4 address in the guise of IPv6");
            }
            if address.to_string() != inner.to_ascii_lowercase() {
                return Err("its host is an address in an unusual spelling");
            }
            return Ok(Self::Address(address.into()));
        }
        let name = text.to_ascii_lowercase();
        let legal = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if !name.split('.').all(legal) || name.len() > 253 {
            return Err("its host is no host name");
        }
        // What the system's resolver would take for a number, it must not be given.
        let last = name.rsplit('.').next().unwrap_or_default();
        let hexadecimal = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
        if !hexadecimal && !last.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self::Name(name));
        }
        match name.parse::<Ipv4Addr>() {
            Ok(address) if address.to_string() == name => Ok(Self::Address(address.into())),
            _ => Err("its host is an address in an unusual spelling"),
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// One host, or all below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostPattern {
    Exact(Host),
    /// One or more labels before this name.
    Below(String),
}

impl HostPattern {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        match text.strip_prefix("*.") {
            None => Host::parse(text).map(Self::Exact),
            Some(rest) => match Host::parse(rest)? {
                Host::Name(name) => Ok(Self::Below(name)),
                Host::Address(_) => Err("its host is an address with a wildcard"),
            },
        }
    }

    pub(super) fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(exact), host) => exact == host,
            (Self::Below(parent), Host::Name(name)) => {
                name.strip_suffix(parent.as_str()).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
            }
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}

/// A path with wildcards, and the query, if that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathPattern {
    path: String,
    query: Option<String>,
}

impl PathPattern {
    /// Everything of an origin.
    pub(super) fn everything() -> Self {
        Self { path: "/*".to_owned(), query: None }
    }

    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        unambiguous(path)?;
        if !query.unwrap_or_default().bytes().all(|b| b.is_ascii_graphic()) {
            return Err("its query has characters that must be written with `%`");
        }
        Ok(Self { path: path.to_owned(), query: query.map(str::to_owned) })
    }

    pub(super) fn matches(&self, path: &str, query: Option<&str>) -> bool {
        (self.query.is_none() || self.query.as_deref() == query) && path_matches(&self.path, path)
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        self.query.iter().try_for_each(|query| write!(f, "?{query}"))
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut path = path.split('/');
    let mut pattern = pattern.split('/').peekable();
    while let Some(expected) = pattern.next() {
        let Some(segment) = path.next() else { return false };
        if expected == "*" && pattern.peek().is_none() {
            return true;
        }
        // A wildcard alone stands for a segment, which is never nothing.
        if !(segment_matches(expected, segment) && (expected != "*" || !segment.is_empty())) {
            return false;
        }
    }
    path.next().is_none()
}

/// Whether `*` can stand for parts of the segment so that it is the pattern.
fn segment_matches(pattern: &str, segment: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == segment };
    let Some(mut segment) = segment.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place is as good as any: what follows has the most room.
    for part in middle.split('*') {
        match segment.split_once(part) {
            Some((_, after)) => segment = after,
            None => return false,
        }
    }
    segment.ends_with(last)
}

/// Refuses a path that some server takes for another one. Nothing is mended: what
/// was checked and what is sent are the same bytes.
pub(super) fn unambiguous(path: &str) -> Result<(), &'static str> {
    let segments = path.strip_prefix('/').ok_or("its path doesn't begin with `/`")?;
    if !path.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("its path has characters that must be written with `%`");
    }
    if path.contains(['\\', '#', '?']) {
        return Err("its path has a `\\`, `#` or `?`");
    }
    percent(path)?;
    let last = segments.split('/').count();
    for (index, segment) in segments.split('/').enumerate() {
        if segment.is_empty() && index + 1 < last {
            return Err("its path has an empty segment");
        }
        // Some servers cut parameters off before they look at the dots.
        let name = segment.split([';', '%']).next().unwrap_or_default();
        if matches!(name, "." | "..") {
            return Err("its path has a segment `.` or `..`");
        }
    }
    Ok(())
}

/// Every `%` must begin an escape that can't be read as anything else.
fn percent(path: &str) -> Result<(), &'static str> {
    for rest in path.split('%').skip(1) {
        let byte = rest.get(..2).and_then(|digits| {
            let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
            u8::from_str_radix(digits, 16).ok().filter(|_| plain)
        });
        match byte {
            None => return Err("its path has a `%` that is no escape"),
            Some(b'/' | b'\\' | b'.' | b'%') => {
                return Err("its path has an escaped `/`, `\\`, `.` or `%`");
            }
            Some(byte) if byte.is_ascii_control() => return Err("its path has an escaped control character"),
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') => {
                return Err("its path has an escape of a character that needs none");
            }
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_spelling() {
        for (text, shown) in [
            ("Example.COM", "example.com"),
            ("a_b.c-d", "a_b.c-d"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("1.2.3.4.example", "1.2.3.4.example"),
            ("0xg", "0xg"),
        ] {
            assert_eq!(Host::parse(text).map(|host| host.to_string()).as_deref(), Ok(shown), "{text}");
        }
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a b",
            "ä.de",
            "*",
            "*.a",
            "a%41",
            "::1",
            "[::1",
            "[fe80::1%eth0]",
            "[a]",
            "2130706433",
            "0177.0.0.1",
            "127.1",
            "127.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "127.0.0.0x1",
            "127.0.0.1.",
            "0",
            "1.2.3.4.5",
            "256.0.0.1",
            "127.0.0.01",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:0:0:1]",
            "[::0001]",
            "a/b",
            "a@b",
            "a:80",
            "0x",
        ] {
            assert!(Host::parse(text).is_err(), "{text}");
        }
        assert!(Host::parse(&"a.".repeat(127)).is_err());
        assert!(Host::parse(&format!("{}b", "a.".repeat(126))).is_ok());
    }

    #[test]
    fn a_wildcard_host_stands_for_whole_labels() {
        let below = HostPattern::parse("*.Example.com").unwrap();
        for (host, expected) in [
            ("a.example.com", true),
            ("b.a.example.com", true),
            ("A.EXAMPLE.com", true),
            ("example.com", false),
            ("aexample.com", false),
            ("a.example.com.evil", false),
            ("evil-example.com", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(below.matches(&Host::parse(host).unwrap()), expected, "{host}");
        }
        for wrong in ["*", "*.", "a.*.b", "*a.b", "*.*.a", "*.127.0.0.1", "**.a", "*.1"] {
            assert!(HostPattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_path_pattern_matches() {
        for (pattern, matched, others) in [
            ("/", "/", "/a"),
            ("/*", "/ /a /a/b /a/", ""),
            ("/a", "/a", "/ /a/ /A /ab /b /a/b"),
            ("/a/", "/a/", "/a /a/b"),
            ("/a/*", "/a/ /a/b /a/b/c", "/a /b/a /ab/c /"),
            (
                "/containers/*/json",
                "/containers/db/json",
                "/containers/json /containers//json /containers/a/b/json /containers/db/jsonx /containers/db/stop",
            ),
            ("/v*/x", "/v/x /v1.41/x", "/w/x /v1/y/x /x"),
            ("/a*b*c", "/abc /aXbYc /abbcc", "/ab /abcd /acb /ab/c"),
            ("/*.txt", "/a.txt /.txt", "/a.txt/b /a/b.txt /txt"),
            ("/a*", "/a /ab", "/a/b"),
            ("/ab*ba", "/abba /abxba", "/aba"),
            ("/*/b/*", "/a/b/ /a/b/c/d", "/a/b /b/c //b/c"),
            ("/a;b/%c3%a4", "/a;b/%c3%a4", "/a;b/%C3%A4"),
        ] {
            let parsed = PathPattern::parse(pattern).unwrap();
            for path in matched.split_whitespace() {
                assert!(parsed.matches(path, None) && parsed.matches(path, Some("q=1")), "{pattern} {path}");
            }
            for path in others.split_whitespace() {
                assert!(!parsed.matches(path, None), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn a_query_in_a_pattern_is_literal() {
        let pattern = PathPattern::parse("/a/*?all=*").unwrap();
        assert!(pattern.matches("/a/b", Some("all=*")));
        for query in [None, Some(""), Some("all=1"), Some("all=*&x=1")] {
            assert!(!pattern.matches("/a/b", query), "{query:?}");
        }
        assert!(PathPattern::parse("/a?").unwrap().matches("/a", Some("")));
        assert!(!PathPattern::parse("/a?").unwrap().matches("/a", None));
        assert!(PathPattern::parse("/a?b c").is_err());
    }

    #[test]
    fn paths_that_could_be_others_are_refused() {
        for path in ["/", "/a", "/a/", "/a.b/..c/...", "/%20", "/%c3%A4", "/a;v=1", "/a:b@c,d!$&'()+=", "/.well-known"]
        {
            assert_eq!(unambiguous(path), Ok(()), "{path}");
        }
        for path in [
            "",
            "a",
            "*",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/./a",
            "/a/../b",
            "/a/..",
            "/..;/a",
            "/..;x=1/a",
            "/.%3b/a",
            "/%2e",
            "/%2E%2e/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/%252e",
            "/%25",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/%41",
            "/%7e",
            "/%00",
            "/%0d%0a",
            "/%7f",
            "/a b",
            "/\u{e4}",
            "/a\tb",
            "/a#b",
            "/a?b",
        ] {
            assert!(unambiguous(path).is_err(), "{path}");
        }
    }
}
