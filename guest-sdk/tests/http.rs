//! HTTP: what is sent, what is made of an answer, where redirects lead.
#![expect(clippy::expect_used, reason = "in helpers of tests")]

use std::time::Duration;

use hookward_sdk::http::{self, Error, ErrorKind};
use hookward_sdk::prelude::*;
use hookward_sdk::testing::{self, Call, Report, Request, response};
use serde_json::{Value, json};

fn before() -> Call {
    Call::new(testing::event(EventKind::Before))
}

/// Sends one request to a server that answers everything with 204.
fn sent(request: http::Request) -> Request {
    let report = before().http(|_: &Request| response(204)).run(|_: &Event| request.clone().send().map(drop));
    assert_eq!(report.result, Ok(()));
    report.requests.first().expect("a request was sent").clone()
}

/// Sends one request that fails.
fn error(call: Call, request: http::Request) -> Error {
    let mut error = None;
    let _ = call.run(|_: &Event| {
        error = request.clone().send().err();
        Ok::<(), String>(())
    });
    error.expect("the request fails")
}

#[test]
fn a_whole_exchange() {
    let report = before()
        .route(
            "POST",
            "https://api.example.org/pause",
            response(201).header("X-Id", "7").json(json!({"until": "noon"})),
        )
        .run(|_: &Event| {
            let response = http::post("https://api.example.org/pause").json(&json!({"minutes": 5}))?.send()?;
            assert_eq!((response.status(), response.is_success()), (201, true));
            assert_eq!(response.header("x-id"), Some("7"));
            assert_eq!(response.text(), r#"{"until":"noon"}"#);
            assert_eq!(response.bytes(), response.text().as_bytes());
            let reply: Value = response.error_for_status()?.json()?;
            assert_eq!(reply["until"], "noon");
            Ok::<(), Error>(())
        });
    assert_eq!(report.result, Ok(()));
    let request = &report.requests[0];
    assert_eq!(request.header("Content-Type"), Some("application/json"));
    assert_eq!(request.json::<Value>().unwrap(), json!({"minutes": 5}));
}

#[test]
fn methods_are_what_they_are_called() {
    let url = "http://docker/v1.41/containers/db/stop";
    for (request, method) in [
        (http::get(url), "GET"),
        (http::head(url), "HEAD"),
        (http::post(url), "POST"),
        (http::put(url), "PUT"),
        (http::patch(url), "PATCH"),
        (http::delete(url), "DELETE"),
        (http::request("PURGE", url), "PURGE"),
    ] {
        let request = sent(request);
        assert_eq!((request.method.as_str(), request.url.as_str()), (method, url));
    }
}

#[test]
fn a_request_says_what_sent_it() {
    let sdk = format!("hookward-sdk/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(sent(http::get("http://h/")).header("user-agent"), Some(sdk.as_str()));
    let own = sent(http::get("http://h/").header("User-Agent", "mine/2"));
    let agents: Vec<_> = own.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("user-agent")).collect();
    assert_eq!(agents, [&("User-Agent".to_owned(), "mine/2".to_owned())]);
}

#[test]
fn urls_queries_and_forms_are_encoded() {
    let request = http::get("HTTP://Example.ORG:8080?a=1#there").query(&[("b c", "ä&="), ("d", "")]);
    assert_eq!(sent(request).url, "http://example.org:8080/?a=1&b%20c=%C3%A4%26%3D&d=");
    assert_eq!(sent(http::get("http://[::1]:80/x")).url, "http://[::1]:80/x");

    let form = sent(http::post("http://h/").form(&[("a b", "1&2"), ("c", "~")]));
    assert_eq!(form.text(), "a%20b=1%262&c=~");
    assert_eq!(form.header("content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn headers_credentials_and_timeout() {
    let request = http::put("http://h/")
        .header("Content-Type", "application/x-ndjson")
        .bearer("abc")
        .timeout(Duration::from_secs(3))
        .text("{}\n");
    let request = sent(request);
    assert_eq!(request.header("authorization"), Some("Bearer abc"));
    assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(request.timeout, Some(Duration::from_secs(3)));

    let request = sent(http::get("http://joe:s%40crets@h/"));
    assert_eq!(request.url, "http://h/");
    assert_eq!(request.header("authorization"), Some("Basic am9lOnNAY3JldHM="));
    let request = sent(http::get("http://joe@h/").bearer("mine"));
    let authorizations = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    assert_eq!(authorizations.count(), 1);
    assert_eq!(request.header("authorization"), Some("Bearer mine"));
}

#[test]
fn what_cannot_be_sent_is_told_before() {
    for (request, message) in [
        (http::get("example.org/x"), "GET: the URL begins with neither http:// nor https://"),
        (http::get("http://h/a b"), "GET: the URL can't be read: unexpected character at index 10"),
        (http::get("ftp://h/"), "GET: the URL has to be one of http or https, not of ftp"),
        (http::get("http:///x"), "GET: the URL names no host"),
        (http::get("http://h:99999/"), "GET: the URL's port is larger than 65535"),
        (http::request("G T", "http://h/"), "G T http://h/: this can't be a method"),
        (http::get("http://h/").header("a b", "c"), "GET http://h/: header `a b` can't be sent as it stands"),
        (
            http::get("http://h/").bearer("a\r\nb: c"),
            "GET http://h/: header `authorization` can't be sent as it stands",
        ),
        (http::get("http://h/").timeout(Duration::ZERO), "GET http://h/: a timeout of zero leaves no time at all"),
    ] {
        let error = error(before().http(|_: &Request| response(200)), request);
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Request, message));
    }
    // A password in a URL that can't be read isn't told.
    let error = error(before(), http::get("http://joe:hunter2@ho st/"));
    assert!(!error.to_string().contains("hunter2"), "{error}");

    let no_json = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = http::post("http://h/?t=1").json(&no_json).err().unwrap();
    assert_eq!(error.to_string(), "POST http://h/: the value for its body can't be JSON: key must be a string");
}

#[test]
fn what_nobody_answers_is_denied() {
    let call = before().route("GET", "http://docker/*", response(200)).http(|_: &Request| None);
    let error = error(call, http::post("http://docker/v1.41/containers/db/stop?t=1"));
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(error.reason(), "the host doesn't allow it: grant it in `grants.http`");
    assert_eq!(
        error.to_string(),
        "POST http://docker/v1.41/containers/db/stop: the host doesn't allow it: grant it in `grants.http`"
    );
}

#[test]
fn routes_are_asked_in_order() {
    let report = before()
        .route("GET", "http://h/*/stop?t=*", response(201))
        .http(|request: &Request| request.url.ends_with("/two").then(|| response(202)))
        .route("GET", "*", response(203))
        .run(|_: &Event| {
            for (path, status) in [("a/b/stop?t=5", 201), ("two", 202), ("stop?t=1", 203), ("a/stop", 203)] {
                assert_eq!(http::get(format!("http://h/{path}")).send()?.status(), status, "{path}");
            }
            Ok::<(), Error>(())
        });
    assert_eq!(report.result, Ok(()));
    assert_eq!(report.requests.len(), 4);
}

#[test]
fn a_status_becomes_an_error_that_hides_the_query() {
    let body = format!("  {}tail", "é".repeat(200));
    let report = before().route("GET", "*", response(503).body(body)).run(|_: &Event| {
        let response = http::get("https://joe:pw@h/ping?token=hunter2").send()?;
        assert!(!format!("{response:?}").contains("hunter2"));
        let error = response.error_for_status().unwrap_err();
        assert_eq!((error.status(), error.kind()), (Some(503), ErrorKind::Status(503)));
        Err::<(), _>(error)
    });
    assert_eq!(report.error(), Some(&*format!("GET https://h/ping: status 503: {}", "é".repeat(200))));

    let report = before()
        .route("GET", "*", response(404))
        .run(|_: &Event| http::get("http://h/").send()?.error_for_status().map(drop));
    assert_eq!(report.error(), Some("GET http://h/: status 404"));
}

#[test]
fn a_body_that_is_not_the_json_asked_for() {
    let read = |body: &str| {
        let call = before().route("GET", "*", response(200).body(body));
        call.run(|_: &Event| http::get("http://h/?q=1").send()?.json::<Vec<u8>>().map(drop)).result.unwrap_err()
    };
    let told = read("[1, 300]");
    assert!(
        told.starts_with("GET http://h/: the body isn't the JSON that was asked for: [1]: invalid value"),
        "{told}"
    );
    assert!(read("[1] trailing").contains("trailing characters"));
}

#[test]
fn the_body_is_capped() {
    let call = || before().route("GET", "*", response(200).body(vec![0; 10]));
    let error = error(call(), http::get("http://h/").max_body(9));
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(error.to_string(), "GET http://h/: the body of the response is larger than 9 bytes");
    let report = call().run(|_: &Event| http::get("http://h/").max_body(10).send().map(drop));
    assert!(report.is_ok());
}

#[test]
fn servers_that_do_not_answer() {
    let refused = error(before().route("GET", "*", testing::Response::refused()), http::get("http://h/"));
    assert_eq!(
        (refused.kind(), refused.to_string().as_str()),
        (ErrorKind::Connection, "GET http://h/: the connection was refused")
    );
    let late = error(before().route("GET", "*", testing::Response::timeout()), http::get("http://h/"));
    assert_eq!(
        (late.kind(), late.to_string().as_str()),
        (ErrorKind::Timeout, "GET http://h/: the server didn't answer in time")
    );
}

#[test]
fn without_a_call_there_is_no_host() {
    let error = http::get("http://h/").send().unwrap_err();
    assert!(error.to_string().starts_with("GET http://h/: there is no host here"), "{error}");
}

/// Follows a redirect with this status to this place, from `https://one.example/a/b`.
fn redirected(method: &str, status: u16, location: &str) -> Report {
    let (method, location) = (method.to_owned(), location.to_owned());
    before()
        .route(method.clone(), "https://one.example/a/b?c", response(status).header("Location", location))
        .http(|_: &Request| response(200))
        .run(move |_: &Event| {
            let request = http::request(method.clone(), "https://one.example/a/b?c").bearer("token");
            let request = request.header("Cookie", "id=1").header("X-Mine", "kept").text("body");
            request.send()?.error_for_status().map(drop)
        })
}

#[test]
fn redirects_change_the_method_as_they_should() {
    for (method, status, then) in [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 301, "PUT"),
        ("PUT", 302, "PUT"),
        ("DELETE", 303, "GET"),
        ("HEAD", 303, "HEAD"),
    ] {
        let report = redirected(method, status, "../x?y#z");
        assert_eq!(report.result, Ok(()));
        let next = &report.requests[1];
        assert_eq!((next.method.as_str(), next.url.as_str()), (then, "https://one.example/x?y"), "{method} {status}");
        let keeps_body = then == method;
        assert_eq!(next.body.is_empty(), !keeps_body, "{method} {status}");
        assert_eq!(next.header("content-type").is_some(), keeps_body, "{method} {status}");
        assert_eq!(next.header("authorization"), Some("Bearer token"));
    }
}

#[test]
fn redirects_to_another_origin_lose_what_is_private() {
    for (location, private) in [
        ("https://ONE.example:443/x", true),
        ("//one.example/x", true),
        ("https://two.example/", false),
        ("https://one.example:444/", false),
        ("https://joe:pw@two.example/", false),
    ] {
        let next = &redirected("POST", 307, location).requests[1];
        assert_eq!(next.header("authorization").is_some(), private, "{location}");
        assert_eq!(next.header("cookie").is_some(), private, "{location}");
        assert_eq!(next.header("x-mine"), Some("kept"));
    }
}

#[test]
fn redirects_that_are_not_followed() {
    let report = redirected("GET", 302, "http://one.example/x?y=secret");
    assert_eq!(report.error(), Some("GET https://one.example/a/b: redirected from https to http"));
    assert_eq!(report.requests.len(), 1);
    let report = redirected("GET", 302, "file:///etc/passwd");
    assert_eq!(
        report.error(),
        Some("GET https://one.example/a/b: the URL has to be one of http or https, not of file")
    );
    let report = redirected("GET", 302, "ht tp");
    assert!(report.error().unwrap().contains("redirected to what can't be read as a URL"), "{report:?}");
    // No redirect at all.
    assert_eq!(redirected("GET", 304, "/x").error(), Some("GET https://one.example/a/b: status 304"));
}

#[test]
fn redirects_end() {
    let circle = || before().route("GET", "*", response(302).header("location", "/again"));
    let mut most = None;
    let report = circle().run(|_: &Event| {
        most = http::get("http://h/").send().err();
        Ok::<(), String>(())
    });
    assert_eq!(report.requests.len(), 6);
    let error = most.unwrap();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert_eq!(error.to_string(), "GET http://h/again: redirected more than 5 times");

    let report = circle().run(|_: &Event| {
        assert_eq!(http::get("http://h/").redirects(0).send()?.status(), 302);
        http::get("http://h/").redirects(1).send().map(drop)
    });
    assert_eq!(report.error(), Some("GET http://h/again: redirected more than 1 times"));
    assert_eq!(report.requests.len(), 3);
}

#[test]
fn a_redirect_is_denied_where_it_leads() {
    let report = before()
        .route("GET", "http://h/", response(302).header("location", "http://inside/admin"))
        .run(|_: &Event| http::get("http://h/").send().map(drop));
    assert_eq!(report.error(), Some("GET http://inside/admin: the host doesn't allow it: grant it in `grants.http`"));
}
