//! Servers that don't keep to the protocol.

use hookward_engine::HttpGrant;
use serde_json::json;

use super::server::{Server, bytes};
use super::{Call, also, parts};

async fn answered(answer: &str) -> String {
    let server = Server::new(bytes(answer)).await;
    Call::granted(&server.url("/*")).get(&server.url("/a")).run().await.said().to_owned()
}

#[tokio::test]
async fn an_upgrade_is_an_error() {
    for protocol in ["websocket", "h2c"] {
        let answer = format!("HTTP/1.1 101 Switching Protocols\r\nupgrade: {protocol}\r\nconnection: upgrade\r\n\r\n");
        assert_eq!(answered(&answer).await, "ErrorCode::HttpUpgradeFailed");
    }
}

#[tokio::test]
async fn an_offer_of_another_protocol_is_not_taken() {
    let said = answered("HTTP/1.1 200 OK\r\nupgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(said, "200 ok");
    assert_eq!(
        answered("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await,
        "200 ok"
    );
}

#[tokio::test]
async fn what_is_not_http_1() {
    for answer in
        ["SSH-2.0-OpenSSH_9.9\r\n\r\n", "HTTP/2 200\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\0\0\0\0", "ok"]
    {
        let said = answered(answer).await;
        assert!(
            said == "ErrorCode::HttpProtocolError" || said == "ErrorCode::HttpResponseIncomplete",
            "{answer:?}: {said}"
        );
    }
    // The preface's own answer, a frame of settings.
    let server = Server::new(bytes(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec())).await;
    let outcome = Call::granted(&server.url("/")).get(&server.url("/")).run().await;
    assert_eq!(outcome.said(), "ErrorCode::HttpProtocolError");
}

#[tokio::test]
async fn a_server_that_hangs_up() {
    assert_eq!(answered("").await, "ErrorCode::HttpResponseIncomplete");
    assert_eq!(answered("HTTP/1.1 200 OK\r\nx-a: ").await, "ErrorCode::HttpResponseIncomplete");
}

#[tokio::test]
async fn a_body_that_is_not_as_stated() {
    let said = answered("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort").await;
    assert!(said.starts_with("200 5 bytes, then ") && said.contains("incomplete"), "{said}");
    // What comes after the stated length is no part of it.
    assert_eq!(answered("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nevil").await, "200 ok");
    for length in ["-1", "+2", "2, 3", "0x2", "99999999999999999999", "2\r\ncontent-length: 3"] {
        let said = answered(&format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nok")).await;
        assert_eq!(said, "ErrorCode::HttpProtocolError", "{length}");
    }
    for length in ["0", "5000000000"] {
        let said = answered(&format!("HTTP/1.1 204 No Content\r\ncontent-length: {length}\r\n\r\nok")).await;
        assert_eq!(said, "204");
    }
}

#[tokio::test]
async fn chunks_that_are_garbage() {
    for chunks in [
        "zz\r\nok\r\n0\r\n\r\n",
        "-2\r\nok\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nok",
        "2\r\nokay\r\n0\r\n\r\n",
        "2\r\nok",
        "2",
    ] {
        let said = answered(&format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}")).await;
        assert!(said.contains(" bytes, then "), "{chunks:?}: {said}");
    }
    let said =
        answered("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n")
            .await;
    assert!(said == "200 ok" || said == "ErrorCode::HttpProtocolError", "{said}");
}

#[tokio::test]
async fn headers_that_are_garbage() {
    for field in ["no colon", "a b: c", ": c", "x-a: b\r\n folded", "x\0: b"] {
        let said = answered(&format!("HTTP/1.1 200 OK\r\n{field}\r\ncontent-length: 2\r\n\r\nok")).await;
        assert_eq!(said, "ErrorCode::HttpProtocolError", "{field:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_left_without_an_end() {
    let server = Server::new(bytes("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly")).await;
    let grant = HttpGrant::new(&server.url("/")).unwrap().methods(&["POST"]).unwrap();
    let more = json!({ "method": "POST", "body": "half", "unfinished": true, "first-byte-timeout": 300_000_000 });
    let outcome = Call::with([grant]).request(also(parts(&server.url("/")), more)).run().await;
    assert_eq!(outcome.said(), "ErrorCode::ConnectionReadTimeout");
    assert!(server.requests().iter().all(|request| !request.ends_with("0\r\n\r\n")), "{:?}", server.requests());
}

#[tokio::test]
async fn nobody_there() {
    let server = Server::new(bytes("")).await;
    let url = server.url("/");
    drop(server);
    tokio::task::yield_now().await;
    let outcome = Call::granted(&url).get(&url).run().await;
    assert_eq!(outcome.said(), "ErrorCode::ConnectionRefused");
    assert!(outcome.notes()[0].starts_with(&format!("failed GET {url}: cannot connect to ")), "{:?}", outcome.notes());
}

#[tokio::test]
async fn a_name_that_nobody_knows() {
    for (name, why) in [("none.test", "cannot look its name up"), ("empty.test", "has no address")] {
        let url = format!("http://{name}/");
        let outcome = Call::granted(&url).names().get(&url).run().await;
        assert!(outcome.said().starts_with("ErrorCode::DnsError("), "{}", outcome.said());
        assert!(outcome.notes()[0].contains(why), "{:?}", outcome.notes());
    }
}
