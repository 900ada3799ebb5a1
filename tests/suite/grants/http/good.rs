//! What was granted works.

use hookward_engine::HttpGrant;
use serde_json::json;

use super::server::{Server, bytes, text};
use super::{Call, also, parts};

#[tokio::test]
async fn a_get() {
    let server = Server::new(text("hello")).await;
    let url = server.url("/a/b?q=1&r=%2e");
    let outcome = Call::granted(&server.url("/a/*")).get(&url).run().await;
    assert_eq!(outcome.said(), "200 hello");
    assert_eq!(outcome.notes(), [""; 0]);
    let request = &server.requests()[0];
    assert!(request.starts_with("GET /a/b?q=1&r=%2e HTTP/1.1\r\n"), "{request}");
    assert_eq!(request.matches(&format!("host: {}\r\n", server.address)).count(), 1, "{request}");
}

#[tokio::test]
async fn a_post_with_its_body() {
    let server = Server::new(bytes(
        "HTTP/1.1 201 Created\r\nx-id: 7\r\ntransfer-encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n",
    ))
    .await;
    let grant = HttpGrant::new(&server.url("/in")).unwrap().methods(&["POST"]).unwrap();
    let post = |more| also(also(parts(&server.url("/in")), json!({ "method": "POST", "body": "some text" })), more);
    let outcome = Call::with([grant])
        .request(post(json!({ "headers": [["Content-Length", "9"], ["X-A", "b"], ["Authorization", "Bearer t"]] })))
        .request(post(json!({})))
        .run()
        .await;
    assert_eq!(outcome.said(), "201 x-id=7 yes | 201 x-id=7 yes");
    let [stated, chunked] = &server.requests()[..] else { panic!("two requests") };
    assert!(stated.contains("content-length: 9\r\n") && stated.ends_with("\r\n\r\nsome text"), "{stated}");
    assert!(stated.contains("x-a: b\r\n") && stated.contains("authorization: Bearer t\r\n"), "{stated}");
    assert!(chunked.contains("transfer-encoding: chunked\r\n") && chunked.contains("9\r\nsome text\r\n0"), "{chunked}");
}

#[tokio::test]
async fn a_head_and_methods_of_their_own() {
    let server = Server::new(bytes("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")).await;
    let outcome =
        Call::granted(&server.url("/")).request(also(parts(&server.url("/")), json!({ "method": "HEAD" }))).run();
    assert_eq!(outcome.await.said(), "200");
    let server = Server::new(text("purged")).await;
    let grant = HttpGrant::new(&server.url("")).unwrap().methods(&["PURGE"]).unwrap();
    let outcome = Call::with([grant]).request(also(parts(&server.url("/x")), json!({ "method": "PURGE" }))).run().await;
    assert_eq!(outcome.said(), "200 purged");
}

#[tokio::test]
async fn a_query_without_a_path() {
    let server = Server::new(text("root")).await;
    let request = also(parts(&server.url("/")), json!({ "path": "?q" }));
    assert_eq!(Call::granted(&server.url("/")).request(request).run().await.said(), "200 root");
    assert!(server.requests()[0].starts_with("GET /?q HTTP/1.1"), "{:?}", server.requests());
}

#[tokio::test]
async fn a_redirect_to_what_is_granted() {
    let there = Server::new(text("there")).await;
    let here = Server::new(bytes(format!("HTTP/1.1 302 Found\r\nlocation: {}\r\n\r\n", there.url("/x")))).await;
    let grants = [here.url("/*"), there.url("/*")].map(|url| HttpGrant::new(&url).unwrap());
    let outcome = Call::with(grants).request(also(parts(&here.url("/")), json!({ "follow": true }))).run().await;
    assert_eq!(outcome.said(), "200 there");
}

#[tokio::test]
async fn localhost_and_ipv6() {
    let server = Server::new(text("by name")).await;
    let url = format!("http://localhost:{}/", server.address.port());
    assert_eq!(Call::granted(&url).get(&url).run().await.said(), "200 by name");
    // In capitals it is the same host.
    assert_eq!(Call::granted(&url).get(&url.replace("localhost", "LocalHost")).run().await.said(), "200 by name");
    assert!(server.requests()[1].contains("host: localhost:"));

    // A machine may be without IPv6.
    if let Ok(server) = Server::at("::1", text("by IPv6")).await {
        let outcome = Call::granted(&server.url("/*")).get(&server.url("/x")).run().await;
        assert_eq!(outcome.said(), "200 by IPv6");
    }
}

#[tokio::test]
async fn a_private_name_that_is_granted_as_such() {
    let server = Server::new(text("inside")).await;
    let url = format!("http://nas.test:{}/*", server.address.port());
    let grant = HttpGrant::new(&url).unwrap().private().unwrap();
    let outcome = Call::with([grant]).names().get(&url.replace('*', "x")).run().await;
    assert_eq!(outcome.said(), "200 inside");
}

#[tokio::test]
async fn a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let server = Server::unix(&socket, text("stopped"));
    let grant = HttpGrant::new("http://docker").unwrap().allow(&["POST /v*/containers/db/stop"]).unwrap();
    let grant = grant.unix(socket).unwrap();
    let post = |path: &str| also(parts(&format!("http://docker{path}")), json!({ "method": "POST" }));
    let outcome = Call::with([grant.clone()]).request(post("/v1.41/containers/db/stop?t=5")).run().await;
    assert_eq!(outcome.said(), "200 stopped");
    assert!(server.requests()[0].contains("host: docker\r\n"), "{:?}", server.requests());

    for (path, method) in [
        ("/v1.41/containers/other/stop", "POST"),
        ("/v1.41/containers/db/stop", "GET"),
        ("/containers/db/stop", "POST"),
        ("/v1.41/containers/db/kill", "POST"),
        ("/v1.41/containers/x/../db/stop", "POST"),
    ] {
        let request = also(parts(&format!("http://docker{path}")), json!({ "method": method }));
        Call::with([grant.clone()]).request(request).run().await.denied("");
    }
    // The name is the socket's alone.
    Call::with([grant])
        .request(also(post("/v1/containers/db/stop"), json!({ "scheme": "https" })))
        .run()
        .await
        .denied("");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_socket_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("none.sock");
    let grant = HttpGrant::new("http://docker").unwrap().methods(&["GET"]).unwrap().unix(socket.clone()).unwrap();
    let outcome = Call::with([grant]).get("http://docker/info").run().await;
    assert_eq!(outcome.said(), "ErrorCode::DestinationUnavailable");
    let note = outcome.notes()[0];
    assert!(note.starts_with("failed GET http://docker/info: ") && note.contains(socket.to_str().unwrap()), "{note}");
}

#[tokio::test]
async fn a_host_with_a_dead_address_before_a_live_one() {
    let server = Server::new(text("second")).await;
    let url = format!("http://two.test:{}/", server.address.port());
    let grant = HttpGrant::new(&url).unwrap().private().unwrap();
    assert_eq!(Call::with([grant]).names().get(&url).run().await.said(), "200 second");
}
