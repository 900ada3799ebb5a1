use hookward_engine::{HttpGrant, fuzzing};
use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use url::Url;

pub(crate) fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (granted, methods, rules, method, uri) = (line(), line(), line(), line(), line());
    let list = |text: &'static str, line: &str| -> Vec<String> {
        line.split(text).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let (methods, rules) = (list(",", methods), list(";", rules));
    let Ok(mut grant) = HttpGrant::new(granted) else { return };
    if !methods.is_empty() {
        let Ok(with) = grant.methods(&methods) else { return };
        grant = with;
    }
    if !rules.is_empty() {
        let Ok(with) = grant.allow(&rules) else { return };
        grant = with;
    }
    // It is kept in the journal, and is the same for a recovery.
    let kept = serde_json::to_string(&grant).expect("a grant can be written");
    assert_eq!(serde_json::from_str::<HttpGrant>(&kept).expect("what was written can be read"), grant);
    let (Ok(method), Ok(uri)) = (method.parse::<Method>(), uri.parse::<Uri>()) else { return };
    let grants = [grant];
    let Ok((scheme, host, port)) = fuzzing::http_target(&grants, &method, &uri) else { return };
    assert!(method != Method::CONNECT && method != Method::TRACE);
    // As another parser reads both, that of browsers.
    let asked = Url::parse(&uri.to_string()).expect("what was allowed is a URL for others too");
    assert_eq!(asked.scheme(), scheme);
    assert_eq!(asked.host_str(), Some(host.as_str()));
    assert_eq!(asked.port_or_known_default(), Some(port));
    assert!(asked.username().is_empty() && asked.password().is_none());
    assert!(!asked.path().split('/').any(|segment| matches!(segment, "." | "..")), "{asked}");
    let path = uri.path();
    // It escapes some characters more.
    let decoded = |path: &str| percent_decode_str(path).collect::<Vec<_>>();
    assert_eq!(decoded(asked.path()), decoded(path), "others would send another path: {asked}");
    let (wildcard, plain) = match granted.split_once("://*.") {
        Some((scheme, rest)) => (true, format!("{scheme}://{rest}")),
        None => (false, granted.to_owned()),
    };
    let allowed = Url::parse(&plain).expect("what is granted is a URL for others too");
    assert_eq!(allowed.scheme(), scheme);
    assert_eq!(allowed.port_or_known_default(), Some(port));
    let parent = allowed.host_str().expect("it has a host");
    if wildcard {
        assert!(host.strip_suffix(parent).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')), "{host}");
    } else {
        assert_eq!(host, parent);
    }
    let said = |text: &str| Method::from_bytes(text.as_bytes()).is_ok_and(|said| said == method);
    let reads = matches!(method, Method::GET | Method::HEAD);
    match (methods.as_slice(), rules.as_slice()) {
        ([], []) => assert!(reads),
        (methods, []) => assert!(methods.iter().any(|known| said(known))),
        (_, rules) => {
            let covers = |rule: &String| rule.split_once(' ').is_some_and(|(of, to)| said(of) && begins(path, to));
            assert!(rules.iter().any(covers), "{method} {path} of {rules:?}");
        }
    }
    // Behind the host, up to the first wildcard, the path is the operator's.
    let rest = granted.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    if let Some(at) = rest.find('/') {
        assert!(begins(path, &rest[at..]), "{path} of {granted}");
    }
}

/// Whether the path begins as a pattern does, before its first wildcard.
fn begins(path: &str, pattern: &str) -> bool {
    let pattern = pattern.split('?').next().unwrap_or_default();
    match pattern.split_once('*') {
        Some((literal, _)) => path.starts_with(literal),
        None => path == pattern,
    }
}
