//! What was not granted is denied, and the operator is told so.

use std::net::TcpListener;

use hookward_engine::{Grants, HttpGrant, Limits, Reason};
use serde_json::json;

use super::server::{Server, bytes, text};
use super::{Call, also, guest, parts};

#[tokio::test]
async fn without_a_grant_nothing_starts() {
    let failure = guest().await.hook(Limits::default(), Grants::default()).unwrap_err();
    assert_eq!(failure.reason, Reason::ImportNotGranted);
    assert!(failure.message.contains("wasi:http/") && failure.message.contains("`http`"), "{}", failure.message);
}

#[tokio::test]
async fn another_host_port_path_scheme_or_method() {
    let server = Server::new(text("reached")).await;
    let port = server.address.port();
    let granted = server.url("/a/*");
    for url in [
        server.url("/b"),
        server.url("/a"),
        server.url("/A/b"),
        format!("http://127.0.0.1:{}/a/b", port ^ 1),
        "http://127.0.0.1/a/b".to_owned(),
        format!("http://127.0.0.2:{port}/a/b"),
        format!("http://localhost:{port}/a/b"),
        format!("http://[::1]:{port}/a/b"),
        format!("https://127.0.0.1:{port}/a/b"),
        format!("http://127.0.0.1.evil.test:{port}/a/b"),
    ] {
        Call::granted(&granted).get(&url).run().await.denied("no grant covers it (grants.http)");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "X"] {
        let request = also(parts(&server.url("/a/b")), json!({ "method": method }));
        Call::granted(&granted).request(request).run().await.denied("no grant covers it");
    }
    for method in ["CONNECT", "TRACE"] {
        let request = also(parts(&server.url("/a/b")), json!({ "method": method }));
        Call::granted(&granted).request(request).run().await.denied("is never allowed");
    }
    for scheme in ["ftp", "ws", "HTTPX"] {
        let request = also(parts(&server.url("/a/b")), json!({ "scheme": scheme }));
        Call::granted(&granted).request(request).run().await.denied("neither http nor https");
    }
    // Without a scheme it is https.
    let request = also(parts(&server.url("/a/b")), json!({ "scheme": null }));
    Call::granted(&granted).request(request).run().await.denied("no grant covers it");
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn the_operator_is_told_without_query_and_password() {
    let outcome =
        Call::granted("https://granted.test/*").get("https://user:secret@other.test:8443/x?token=secret").run();
    let outcome = outcome.await;
    let note = outcome.notes()[0].to_owned();
    assert_eq!(note, "denied GET https://other.test:8443/x: its URL has a user or a password");
    let outcome = Call::granted("https://granted.test/*").get("https://other.test/x?token=secret").run().await;
    assert_eq!(outcome.notes(), ["denied GET https://other.test/x: no grant covers it (grants.http)"]);
}

#[tokio::test]
async fn denials_count_as_output() {
    let mut call = Call::granted("https://granted.test/*").limits(|limits| limits.log_lines = 3);
    for _ in 0..5 {
        call = call.get("https://other.test/");
    }
    let outcome = call.run().await;
    outcome.failed(Reason::LogLines);
    assert_eq!(outcome.notes().len(), 3);
}

#[tokio::test]
async fn a_redirect_to_what_is_not_granted() {
    let secret = Server::new(text("secret")).await;
    let location = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\n\r\n", secret.url("/secret"));
    let server = Server::new(bytes(location)).await;
    let request = also(parts(&server.url("/a")), json!({ "follow": true }));
    Call::granted(&server.url("/*")).request(request).run().await.denied("no grant covers it");
    assert_eq!((server.requests().len(), secret.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_name_that_stands_for_an_address_it_may_not() {
    let names = [
        ("loopback.test", "a loopback address"),
        ("loopback6.test", "a loopback address"),
        ("private.test", "a private address"),
        ("private6.test", "a private address"),
        ("shared.test", "a private address"),
        ("metadata.test", "a link-local or metadata address"),
        ("metadata6.test", "a link-local or metadata address"),
        ("link.test", "a link-local or metadata address"),
        ("mapped.test", "a special-purpose address"),
        ("nat64.test", "a special-purpose address"),
        ("sixtofour.test", "a special-purpose address"),
        ("any.test", "a special-purpose address"),
        ("group.test", "a special-purpose address"),
        // One of them is enough: which is tried is for whoever answers to choose.
        ("mixed.test", "a loopback address"),
        ("localhost", "a private address"),
    ];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for (name, why) in names {
        let url = format!("http://{name}:{port}/");
        let outcome = Call::granted(&url).names().get(&url).run().await;
        outcome.denied(why);
        assert_eq!(outcome.said(), "ErrorCode::DestinationIpProhibited", "{name}");
        assert!(outcome.notes()[0].contains(&format!("{name} is at ")), "{:?}", outcome.notes());
    }
    // What is granted as private is not by that the machine's metadata.
    for name in ["metadata.test", "metadata6.test", "link.test", "mapped.test", "nat64.test", "any.test"] {
        let url = format!("http://{name}:{port}/");
        let grant = HttpGrant::new(&url).unwrap().private().unwrap();
        Call::with([grant]).names().get(&url).run().await.denied("address");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn an_address_in_another_spelling() {
    let server = Server::new(text("reached")).await;
    let port = server.address.port();
    for host in [
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "0x7f000001",
        "0x7f.0.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:0:0:1]",
        "localhost.",
    ] {
        let url = format!("http://{host}:{port}/");
        let grants = [server.url("/*"), format!("http://localhost:{port}/*")].map(|url| HttpGrant::new(&url).unwrap());
        Call::with(grants).get(&url).run().await.denied("its host is");
    }
    // These don't even become a request.
    for host in ["[fe80::1%25lo]", "127.0.0.1:80:80", "a b"] {
        let request = json!({ "scheme": "http", "authority": format!("{host}"), "path": "/" });
        let outcome = Call::granted(&server.url("/*")).request(request).run().await;
        assert!(
            outcome.said() == "refused: authority" || outcome.said() == "ErrorCode::HttpRequestDenied",
            "{host}: {}",
            outcome.said()
        );
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn an_authority_with_more_than_host_and_port() {
    let server = Server::new(text("reached")).await;
    let address = server.address;
    for authority in [
        format!("user@{address}"),
        format!("user:password@{address}"),
        format!("granted.test@{address}"),
        format!("{address}@evil.test"),
        format!("127.0.0.1:0{}", address.port()),
        "127.0.0.1:".to_owned(),
        "127.0.0.1:0".to_owned(),
        "127.0.0.1:65536".to_owned(),
        String::new(),
    ] {
        let request = json!({ "scheme": "http", "authority": authority, "path": "/" });
        let outcome = Call::granted(&server.url("/*")).request(request).run().await;
        let refused = ["ErrorCode::HttpRequestDenied", "refused: authority", "ErrorCode::HttpRequestUriInvalid"];
        assert!(refused.contains(&outcome.said()), "{authority}: {}", outcome.said());
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn a_path_that_could_be_another() {
    let server = Server::new(text("reached")).await;
    for path in [
        "/a/../b",
        "/a/..",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a//b",
        "//b",
        "/a/b%2fc",
        "/a/b%5cc",
        "/a/..;/b",
        "/a/%252e%252e/b",
        "/a/%00",
        "/a/%0d%0ax",
        "/a/%41",
        "/a/%zz",
        "/a/b\\..\\c",
        "/a/\u{e4}",
    ] {
        let outcome =
            Call::granted(&server.url("/*")).request(also(parts(&server.url("/")), json!({ "path": path }))).run();
        let outcome = outcome.await;
        match outcome.said() {
            "refused: path" => {}
            _ => outcome.denied("its path has"),
        }
    }
    for path in ["http://evil.test/", "*", "a", "/a b", "/a\r\nx: y"] {
        let request = also(parts(&server.url("/")), json!({ "path": path }));
        let outcome = Call::granted(&server.url("/*")).request(request).run().await;
        assert_eq!(outcome.said(), "refused: path", "{path:?}");
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn headers_that_are_the_hosts_business() {
    let server = Server::new(text("reached")).await;
    for name in [
        "Host",
        "host",
        "Connection",
        "Keep-Alive",
        "Upgrade",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Expect",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Proxy-Anything",
        "HTTP2-Settings",
    ] {
        let request = also(parts(&server.url("/")), json!({ "headers": [[name, "evil.test"]] }));
        let outcome = Call::granted(&server.url("/*")).request(request).run().await;
        assert_eq!(outcome.said(), format!("header {name}: HeaderError::Forbidden"));
    }
    for (name, value) in
        [("X-A", "b\r\nX-B: c"), ("X-A", "b\nX-B: c"), ("X-A\r\nX-B", "c"), ("X A", "b"), ("X-A", "\u{0}")]
    {
        let request = also(parts(&server.url("/")), json!({ "headers": [[name, value]] }));
        let outcome = Call::granted(&server.url("/*")).request(request).run().await;
        assert_eq!(outcome.said(), format!("header {name}: HeaderError::InvalidSyntax").replace("\r\n", " "));
    }
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn lengths_that_are_not_those_of_the_body() {
    let server = Server::new(text("reached")).await;
    let grant = HttpGrant::new(&server.url("/*")).unwrap().methods(&["POST"]).unwrap();
    for (length, body) in [("5", "six by"), ("500", "six by"), ("+6", "six by"), ("6, 6", "six by"), ("0x6", "six by")]
    {
        let more = json!({ "method": "POST", "body": body, "headers": [["Content-Length", length]] });
        let outcome = Call::with([grant.clone()]).request(also(parts(&server.url("/")), more)).run().await;
        assert!(!outcome.said().starts_with("200"), "{length}: {}", outcome.said());
    }
    let more = json!({ "method": "POST", "headers": [["Content-Length", "6"]] });
    let outcome = Call::with([grant.clone()]).request(also(parts(&server.url("/")), more)).run().await;
    assert_eq!(outcome.said(), "ErrorCode::HttpRequestBodySize(0)".replace("(0)", "(Some(0))"));
    let more = json!({ "method": "POST", "body": "a", "headers": [["Content-Length", "1"], ["Content-Length", "2"]] });
    let outcome = Call::with([grant]).request(also(parts(&server.url("/")), more)).run().await;
    assert_eq!(outcome.said(), "header Content-Length: HeaderError::InvalidSyntax");
    // No request that the server could take for whole.
    assert!(server.requests().iter().all(|request| !request.contains("six b")), "{:?}", server.requests());
}
