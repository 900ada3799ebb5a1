//! How much a hook may ask and be answered, and for how long.

use std::time::{Duration, Instant};

use hookward_engine::{HttpGrant, Reason};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::server::{Server, bytes, dripping, silent, text};
use super::{Call, GRACE, also, parts};

#[tokio::test]
async fn too_many_requests() {
    let server = Server::new(text("ok")).await;
    let url = server.url("/");
    let call = || Call::granted(&url).limits(|limits| limits.http_requests = 2);
    assert_eq!(call().get(&url).get(&url).run().await.said(), "200 ok | 200 ok");
    let outcome = call().get(&url).get(&url).get(&url).run().await;
    assert_eq!(outcome.failed(Reason::HttpRequests).message, "made more than 2 HTTP requests (limit `http-requests`)");
    assert_eq!(server.requests().len(), 4);
    // Those that are denied count, too.
    call().get("http://other.test/").get("http://other.test/").get(&url).run().await.failed(Reason::HttpRequests);
    // Who asks for none has no way around by not waiting.
    let mut careless = call().get(&url).get(&url).get(&url);
    careless.careless = true;
    careless.run().await.failed(Reason::HttpRequests);
}

#[tokio::test]
async fn a_careless_hook_is_no_failure() {
    let server = Server::new(text("ok")).await;
    let mut call = Call::granted(&server.url("/")).get(&server.url("/"));
    call.careless = true;
    assert_eq!(call.run().await.report.result, Ok(()));
}

#[tokio::test]
async fn a_response_that_is_too_long() {
    let answer = |body: &str| bytes(format!("HTTP/1.1 200 OK\r\n\r\n{body}"));
    let server = Server::new(answer(&"x".repeat(5000))).await;
    let call = |max| Call::granted(&server.url("/")).limits(|limits| limits.http_body = max).get(&server.url("/"));
    assert_eq!(call(5000).run().await.said(), "200 5000 bytes");
    let outcome = call(4999).run().await;
    assert_eq!(
        outcome.failed(Reason::HttpBody).message,
        "has an HTTP request or response of more than 4999 bytes (limit `http-body`)"
    );
    // Each has the whole limit.
    assert_eq!(call(5000).get(&server.url("/")).run().await.said(), "200 5000 bytes | 200 5000 bytes");
}

#[tokio::test]
async fn a_response_that_never_ends() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"] {
        let drop = if head.contains("chunked") {
            format!("40000\r\n{}\r\n", "x".repeat(1 << 18))
        } else {
            "x".repeat(1 << 18)
        };
        let server = Server::new(dripping(head, drop.into_bytes(), Duration::ZERO)).await;
        Call::granted(&server.url("/")).get(&server.url("/")).run().await.failed(Reason::HttpBody);
    }
}

#[tokio::test]
async fn a_request_that_is_too_long() {
    let server = Server::new(text("ok")).await;
    let grant = HttpGrant::new(&server.url("/")).unwrap().methods(&["POST"]).unwrap();
    let post = |fill: u64| {
        let request = also(parts(&server.url("/")), json!({ "method": "POST", "fill": fill }));
        Call::with([grant.clone()]).limits(|limits| limits.http_body = 10_000).request(request).run()
    };
    assert_eq!(post(10_000).await.said(), "200 ok");
    post(10_001).await.failed(Reason::HttpBody);
    post(1 << 30).await.failed(Reason::HttpBody);
    // None of the long ones came as a whole.
    let whole = server.requests().iter().filter(|request| request.ends_with("0\r\n\r\n")).count();
    assert_eq!(whole, 1);
}

#[tokio::test]
async fn headers_that_are_too_long() {
    let field = format!("x-long: {}\r\n", "y".repeat(1000));
    let server = Server::new(bytes(format!("HTTP/1.1 200 OK\r\n{}\r\n", field.repeat(70)))).await;
    let outcome = Call::granted(&server.url("/")).get(&server.url("/")).run().await;
    assert!(outcome.said().starts_with("ErrorCode::HttpResponseHeaderSectionSize("), "{}", outcome.said());
    // A low limit holds below hyper's own.
    let server = Server::new(bytes(format!("HTTP/1.1 200 OK\r\n{field}\r\n"))).await;
    let call = |max| Call::granted(&server.url("/")).limits(|limits| limits.http_headers = max).get(&server.url("/"));
    assert_eq!(call(100).run().await.said(), "ErrorCode::HttpResponseHeaderSectionSize(Some(1010))");
    assert!(call(1010).run().await.said().starts_with("200 x-long="));
    // One that has no end.
    let server = Server::new(dripping("HTTP/1.1 200 OK\r\nx: ", vec![b'y'; 4096], Duration::ZERO)).await;
    let outcome = Call::granted(&server.url("/")).get(&server.url("/")).run().await;
    assert!(outcome.said().starts_with("ErrorCode::HttpResponseHeaderSectionSize("), "{}", outcome.said());
    // And many.
    let server = Server::new(bytes(format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(1000)))).await;
    let outcome = Call::granted(&server.url("/")).get(&server.url("/")).run().await;
    assert!(outcome.said().starts_with("ErrorCode::HttpResponseHeaderSectionSize("), "{}", outcome.said());
}

#[tokio::test]
async fn headers_of_the_hook_that_are_too_long() {
    let server = Server::new(text("ok")).await;
    let headers: Vec<_> = (0..70).map(|index| [format!("x-{index}"), "y".repeat(1000)]).collect();
    let request = also(parts(&server.url("/")), json!({ "headers": headers }));
    let outcome = Call::granted(&server.url("/")).request(request).run().await;
    let message = &outcome.failed(Reason::HttpHeaders).message;
    assert_eq!(message, "made HTTP headers of more than 65536 bytes (limit `http-headers`)");
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn the_connection_is_closed_when_the_call_ends() {
    for head in ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"] {
        let (closed, mut hung_up) = mpsc::unbounded_channel();
        let server = Server::new(silent(head, closed)).await;
        let call = Call::granted(&server.url("/")).limits(|limits| limits.timeout = Duration::from_millis(300));
        let outcome = call.get(&server.url("/")).run().await;
        outcome.failed(Reason::Timeout);
        assert!(outcome.report.wall < GRACE, "{:?}", outcome.report.wall);
        timeout(GRACE, hung_up.recv()).await.expect("the connection is still open");
    }
}

#[tokio::test]
async fn a_server_that_drips_is_ended_by_the_hooks_timeout() {
    let server = Server::new(dripping("HTTP/1.1 200 OK\r\n\r\n", b"x".to_vec(), Duration::from_millis(100))).await;
    let call = Call::granted(&server.url("/")).limits(|limits| limits.timeout = Duration::from_secs(1));
    let outcome = call.get(&server.url("/")).run().await;
    outcome.failed(Reason::Timeout);
    assert!(outcome.report.wall < Duration::from_secs(1) + GRACE);
}

#[tokio::test]
async fn the_hooks_own_timeouts() {
    let (closed, _hung_up) = mpsc::unbounded_channel();
    let server = Server::new(silent("", closed)).await;
    let with = |url: &str, more| Call::granted(url).request(also(parts(url), more)).run();
    let started = Instant::now();
    let millis = |millis: u64| millis * 1_000_000;
    let outcome = with(&server.url("/"), json!({ "first-byte-timeout": millis(200) })).await;
    assert_eq!(outcome.said(), "ErrorCode::ConnectionReadTimeout");

    let (closed, _hung_up) = mpsc::unbounded_channel();
    let server = Server::new(silent("HTTP/1.1 200 OK\r\n\r\nab", closed)).await;
    let outcome = with(&server.url("/"), json!({ "between-bytes-timeout": millis(200) })).await;
    assert!(
        outcome.said().starts_with("200 2 bytes, then ") && outcome.said().contains("timeout"),
        "{}",
        outcome.said()
    );
    assert!(started.elapsed() < GRACE + GRACE);

    // Zero is no time at all; the largest is no more than the hook has.
    let outcome = with(&server.url("/"), json!({ "connect-timeout": 0 })).await;
    assert_eq!(outcome.said(), "ErrorCode::ConnectionTimeout");
    let outcome = with(&server.url("/"), json!({ "first-byte-timeout": 0 })).await;
    assert_eq!(outcome.said(), "ErrorCode::ConnectionReadTimeout");
    let server = Server::new(text("ok")).await;
    let longest =
        json!({ "connect-timeout": u64::MAX, "first-byte-timeout": u64::MAX, "between-bytes-timeout": u64::MAX });
    assert_eq!(with(&server.url("/"), longest).await.said(), "200 ok");
    let zero = with(&server.url("/"), json!({ "between-bytes-timeout": 0 })).await;
    assert!(zero.said().starts_with("200 "), "{}", zero.said());
}

#[tokio::test]
async fn a_hook_without_an_end_of_time() {
    let server = Server::new(text("ok")).await;
    let call = Call::granted(&server.url("/")).limits(|limits| limits.timeout = Duration::MAX);
    let longest = json!({ "connect-timeout": u64::MAX, "first-byte-timeout": u64::MAX });
    assert_eq!(call.request(also(parts(&server.url("/")), longest)).run().await.said(), "200 ok");
}
