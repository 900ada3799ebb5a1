//! The grant `http`.

use hookward_engine::HttpGrant;

use crate::v1;

/// A file with one hook and this grant, in the eighth line.
fn granted(grant: &str) -> crate::Files {
    let hook = "[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\non = [\"before\"]";
    v1(&format!("{hook}\n[hook.grants]\nhttp = [\n{grant},\n]"))
}

#[track_caller]
fn refused(grant: &str, expected: &str) {
    assert_eq!(granted(grant).errors(), [format!("hookward.toml:{expected}")], "{grant}");
}

#[test]
fn every_key_has_its_meaning() {
    let files = granted(
        r#"{ url = "https://hc-ping.com/*", methods = ["GET", "POST"] },
           { url = "http://docker", unix = "${PLACE}/docker.sock", allow = ["POST /v*/containers/db/stop", "GET /info"] },
           { url = "https://*.example.com", ca-file = "ca.pem" },
           { url = "https://nas:8443/a", private = true, ca-file = "~/ca.pem" },
           { url = "http://127.0.0.1:9000", private = false }"#,
    );
    let config = files.load().unwrap();
    let grants = &config.hooks[0].grants.http;
    let new = |url| HttpGrant::new(url).unwrap();
    let docker = new("http://docker").allow(&["POST /v*/containers/db/stop", "GET /info"]).unwrap();
    let expected = [
        new("https://hc-ping.com/*").methods(&["GET", "POST"]).unwrap(),
        docker.unix("/mnt/place/docker.sock".into()).unwrap(),
        new("https://*.example.com").ca_file(files.path("ca.pem")).unwrap(),
        new("https://nas:8443/a").ca_file("/home/user/ca.pem".into()).unwrap().private().unwrap(),
        new("http://127.0.0.1:9000"),
    ];
    assert_eq!(grants.iter().map(|grant| grant.value.clone()).collect::<Vec<_>>(), expected);
    let lines: Vec<_> = grants.iter().map(|grant| (grant.location.line, grant.location.column)).collect();
    assert_eq!(lines, [(8, 1), (9, 12), (10, 12), (11, 12), (12, 12)]);
}

#[test]
fn limits() {
    let limits = "limits = { http-requests = 3, http-body = \"1MiB\", http-headers = 100 }";
    let files = v1(&format!("[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\non = [\"before\"]\n{limits}"));
    let config = files.load().unwrap();
    let limits = &config.hooks[0].limits;
    assert_eq!((limits.http_requests, limits.http_body, limits.http_headers), (3, 1 << 20, 100));
}

#[test]
fn urls_that_are_none() {
    const HELP: &str = "write scheme, host and path, such as `https://hc-ping.com/*`";
    for (url, why) in [
        ("hc-ping.com", "it begins with neither `http://` nor `https://`"),
        ("https://a:*", "its port is no number from 1 to 65535"),
        ("https://u:p@a", "it has a user or a password"),
        ("https://a/../b", "its path has a segment `.` or `..`"),
        ("https://127.1", "its host is an address in an unusual spelling"),
        ("https://*", "its host is no host name"),
        ("https://0.0.0.0", "its host is no address of one host"),
    ] {
        let expected = format!("8:9 `{url}` is no URL to grant: {why} | {HELP}");
        refused(&format!("{{ url = \"{url}\" }}"), &expected);
    }
}

#[test]
fn methods_and_requests_that_are_none() {
    refused(
        r#"{ url = "http://a", methods = ["GET", "get"] }"#,
        "8:39 `get` is no method to grant: methods are written in capitals | write methods such as `GET`, `POST` or `PUT`",
    );
    refused(
        r#"{ url = "http://a", methods = ["CONNECT"] }"#,
        "8:32 `CONNECT` is no method to grant: it is never allowed | write methods such as `GET`, `POST` or `PUT`",
    );
    refused(
        r#"{ url = "http://a", methods = [] }"#,
        "8:31 the list is empty: it allows no request | name what is allowed, or remove the key",
    );
    refused(
        r#"{ url = "http://a", allow = ["GET /a", "/b"] }"#,
        "8:40 `/b` is no request to allow: it is not a method, a space and a path \
         | write a method and a path, such as `POST /containers/db/stop`",
    );
    // All of a list are told.
    let errors = granted(r#"{ url = "http://a", allow = ["GET a", "GET /%2e"] }"#).errors();
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn settings_that_contradict() {
    const ONE: &str = "keep one: `methods` with a path in `url`, or `allow` without one";
    refused(
        r#"{ url = "http://a", methods = ["GET"], allow = ["GET /"] }"#,
        &format!("8:48 what is allowed is said twice: by `methods` and by `allow` | {ONE}"),
    );
    refused(
        r#"{ url = "http://a/b", allow = ["GET /"] }"#,
        &format!("8:31 what is allowed is said twice: by the path of `url` and by `allow` | {ONE}"),
    );
    refused(
        r#"{ url = "http://a", unix = "/s" }"#,
        "8:28 a socket is granted without saying for what \
         | add `allow`, a list of requests such as `POST /containers/db/stop`, or `methods`",
    );
    const OTHER: &str = "remove the key, or grant another host";
    for (grant, place, what) in [
        (
            r#"{ url = "https://a", methods = ["GET"], unix = "/s" }"#,
            "8:48",
            "`unix` means nothing here: a socket is spoken to without TLS, as `http://`",
        ),
        (
            r#"{ url = "http://a:81", methods = ["GET"], unix = "/s" }"#,
            "8:50",
            "`unix` means nothing here: the host of a socket is one name, without port or wildcard",
        ),
        (
            r#"{ url = "http://a", ca-file = "c" }"#,
            "8:31",
            "`ca-file` means nothing here: `http://` has no certificates",
        ),
        (
            r#"{ url = "http://a", methods = ["GET"], unix = "/s", ca-file = "c" }"#,
            "8:63",
            "`ca-file` means nothing here: a socket has no certificates",
        ),
        (
            r#"{ url = "http://*.a", private = true }"#,
            "8:33",
            "`private` means nothing here: whoever may name a host below a wildcard could name a private one",
        ),
        (
            r#"{ url = "http://10.0.0.1", private = true }"#,
            "8:38",
            "`private` means nothing here: an address is granted as it stands",
        ),
        (
            r#"{ url = "http://localhost", private = true }"#,
            "8:39",
            "`private` means nothing here: `localhost` stands for loopback addresses as it is",
        ),
        (
            r#"{ url = "http://a", methods = ["GET"], unix = "/s", private = true }"#,
            "8:63",
            "`private` means nothing here: a socket has no address",
        ),
    ] {
        refused(grant, &format!("{place} {what} | {OTHER}"));
    }
}

#[test]
fn values_of_another_kind() {
    refused(
        r#"{ url = "http://a", unix = "", methods = ["GET"] }"#,
        "8:28 `unix` is empty | give it a value, or remove it",
    );
    refused(
        r#"{ url = "https://a", ca-file = "${NONE}/ca" }"#,
        "8:33 the variable `NONE` is not set | set `NONE`, give a default as in `${NONE:-text}`, or write `$$` for a dollar sign",
    );
    let errors = granted(r#"{ methods = ["GET"] }"#).errors();
    assert!(errors[0].contains("url"), "{errors:?}");
    let errors = granted(r#"{ url = "http://a", method = ["GET"] }"#).errors();
    assert_eq!(errors, ["hookward.toml:8:21 unknown key `method` | did you mean `methods`?"]);
}
