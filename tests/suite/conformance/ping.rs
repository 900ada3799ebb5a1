//! `ping`: settings, HTTP, what servers do.

use std::net::TcpListener;
use std::time::Duration;

use hookward_engine::log::{Level, Source};
use hookward_engine::{EventKind, HttpGrant, Reason};
use hookward_tests::counterparts::{Answer, Recorder};
use serde_json::{Value, json};

use crate::Case;
use crate::subject::Subject;

/// What is told of an answer, behind the method and the URL.
fn answered(subject: &Subject, answer: Answer) -> Option<String> {
    let server = Recorder::start([answer]);
    let url = server.url("/hook");
    let outcome = subject.ping(&server.url(""), json!({ "url": format!("{url}?token=x") })).run();
    assert_eq!(server.requests().len(), 1);
    // The query is for nobody to see.
    outcome
        .told()
        .map(|told| told.strip_prefix(&format!("POST {url}: ")).unwrap_or_else(|| panic!("{told}")).to_owned())
}

fn answers() -> Vec<(&'static str, Answer, Option<String>)> {
    let row = |name, answer, expected: &str| (name, answer, Some(expected.to_owned()));
    let long = "☃".repeat(300);
    vec![
        ("200", Answer::new(200, "fine"), None),
        ("204", Answer::new(204, ""), None),
        row("404 with a reason", Answer::new(404, " no such hook\n"), "status 404: no such hook"),
        row("500 without one", Answer::new(500, ""), "status 500"),
        row(
            "a long reason is cut between characters",
            Answer::new(503, &long),
            &format!("status 503: {}", "☃".repeat(200)),
        ),
        row("a redirect is not followed", Answer::new(302, "").header("location", "/elsewhere"), "status 302"),
        ("a body of 1 MiB", Answer::new(200, "x".repeat(1 << 20)), None),
        row(
            "a body of 5 MiB",
            Answer::new(200, "x".repeat(5 << 20)),
            "the body of the response is larger than 4194304 bytes",
        ),
    ]
}

const URL: &str = "http://127.0.0.1:1/hook";

/// Config, and what is told before anything is sent.
fn settings() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("no URL", json!({}), "config key `url` is missing"),
        (
            "a method that it hasn't",
            json!({"url": URL, "method": "DELETE"}),
            "config key `method`: unknown variant `DELETE`, expected one of `GET`, `HEAD`, `POST`, `PUT`",
        ),
        (
            "a suffix for no event",
            json!({"url": URL, "suffix": {"befor": "/a"}}),
            "config key `suffix`: `befor` is no event",
        ),
        (
            "a suffix that is no table",
            json!({"url": URL, "suffix": "/a"}),
            "config key `suffix`: invalid type: string \"/a\", expected a map",
        ),
        (
            "a timeout that is none",
            json!({"url": URL, "timeout": "soon"}),
            "config key `timeout`: invalid value: string \"soon\", expected a duration",
        ),
        (
            "no time at all",
            json!({"url": URL, "timeout": "0"}),
            "POST http://127.0.0.1:1/hook: a timeout of zero leaves no time at all",
        ),
        (
            "a key that isn't known",
            json!({"url": URL, "to": "x"}),
            "config key `to` is not known, the known ones are `url`, `method`, `suffix`, `timeout`",
        ),
        (
            "a URL without a scheme",
            json!({"url": "127.0.0.1/x"}),
            "POST: the URL begins with neither http:// nor https://",
        ),
        (
            "a URL of another scheme",
            json!({"url": "ftp://host/x"}),
            "POST: the URL has to be one of http or https, not of ftp",
        ),
        ("a URL without a host", json!({"url": "http:///x"}), "POST: the URL names no host"),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (name, answer, expected) in answers() {
        let check = move |subject: &Subject| assert_eq!(answered(subject, answer.clone()), expected);
        cases.push(Case::new(format!("ping: {name}"), check));
    }
    for (name, config, expected) in settings() {
        cases.push(Case::new(format!("ping: {name}"), move |subject| {
            let outcome = subject.ping("http://127.0.0.1:1", config.clone()).run();
            assert_eq!(outcome.told(), Some(expected));
            assert!(outcome.log().is_empty());
        }));
    }
    cases.extend([
        Case::new("ping: success is logged", |subject| {
            let server = Recorder::start([Answer::new(201, "")]);
            let outcome = subject.ping(&server.url(""), json!({ "url": server.url("/") })).run();
            assert_eq!(outcome.log(), [(Level::Info, "pinged", vec![("event", "before"), ("status", "201")])]);
        }),
        Case::new("ping: what is sent says what it is", |subject| {
            let server = Recorder::start([]);
            subject.ping(&server.url(""), json!({ "url": server.url("/a/b?c=d%20e") })).run().ok();
            let [request] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
            assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/a/b?c=d%20e"));
            assert_eq!(request.header("content-type"), Some("application/json"));
            assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
            assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("hookward-")), "{request:?}");
        }),
        Case::new("ping: GET and HEAD have no body", |subject| {
            for method in ["GET", "HEAD"] {
                let server = Recorder::start([Answer::new(200, "")]);
                subject.ping(&server.url(""), json!({ "url": server.url("/"), "method": method })).run().ok();
                let [request] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
                assert_eq!((request.method.as_str(), request.body.as_str()), (method, ""));
                assert_eq!(request.header("content-length"), None);
            }
        }),
        Case::new("ping: a place for each event", |subject| {
            let server = Recorder::start([]);
            let config =
                json!({ "url": server.url("/x"), "method": "PUT", "suffix": { "before": "/start", "failure": "?f" } });
            let target = |kind| {
                let mut event = hookward_tests::event();
                event.kind = kind;
                let sent = server.requests().len();
                let outcome = subject.ping(&server.url(""), config.clone()).event(event).run();
                (outcome.report.result.is_ok(), server.requests().get(sent).map(|request| request.target.clone()))
            };
            assert_eq!(target(EventKind::Failure), (true, Some("/x?f".to_owned())));
            assert_eq!(target(EventKind::Success), (true, Some("/x".to_owned())));
        }),
        Case::new("ping: a dry run sends nothing", |subject| {
            let server = Recorder::start([]);
            let mut event = hookward_tests::event();
            event.dry_run = true;
            let outcome = subject.ping(&server.url(""), json!({ "url": server.url("/") })).event(event).run();
            outcome.ok();
            assert_eq!(outcome.log(), [(Level::Info, "nothing is pinged in a dry run", vec![])]);
            assert_eq!(server.requests().len(), 0);
        }),
        Case::new("ping: nobody there", |subject| {
            let url = Recorder::start([]).url("");
            let outcome = subject.ping(&url, json!({ "url": url })).run();
            assert_eq!(outcome.told(), Some(format!("POST {url}/: the connection was refused").as_str()));
        }),
        Case::new("ping: an address that isn't granted", |subject| {
            let server = Recorder::start([]);
            let url = server.url("/other");
            let mut call = subject.ping(&server.url("/hook"), json!({ "url": url }));
            call.limits.http_requests = 1;
            let outcome = call.run();
            let told = format!("POST {url}: the host doesn't allow it: grant it in `grants.http`");
            assert_eq!(outcome.told(), Some(told.as_str()));
            let notes: Vec<_> = outcome.records.iter().filter(|record| record.source == Source::Host).collect();
            assert!(
                matches!(&notes[..], [note] if note.message.starts_with(&format!("denied POST {url}: "))),
                "{notes:?}"
            );
            assert_eq!(server.requests().len(), 0);
        }),
        Case::new("ping: a method that isn't granted", |subject| {
            let server = Recorder::start([]);
            let mut call = subject.ping_ungranted(json!({ "url": server.url("/") }));
            call.grants.http.push(HttpGrant::new(&server.url("/*")).unwrap());
            let told = format!("POST {}: the host doesn't allow it: grant it in `grants.http`", server.url("/"));
            assert_eq!(call.run().told(), Some(told.as_str()));
        }),
        Case::new("ping: no grant of http", |subject| {
            let failure = subject.ping_ungranted(json!({ "url": URL })).try_run().unwrap_err();
            assert_eq!(failure.reason, Reason::ImportNotGranted);
            assert!(failure.message.starts_with("imports wasi:http/"), "{failure:?}");
            assert!(failure.message.ends_with(" (make HTTP requests), which needs the grant `http`"), "{failure:?}");
        }),
        Case::new("ping: a server that says nothing", |subject| {
            let silent = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", silent.local_addr().unwrap());
            let outcome = subject.ping(&url, json!({ "url": url, "timeout": "300ms" })).run();
            let told = format!("POST {url}/: the server stopped sending for too long");
            assert_eq!(outcome.told(), Some(told.as_str()));
        }),
        Case::new("ping: the hook's own timeout comes first", |subject| {
            let silent = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", silent.local_addr().unwrap());
            let call =
                subject.ping(&url, json!({ "url": url })).limits(|limits| limits.timeout = Duration::from_secs(1));
            let outcome = call.run();
            outcome.failed(Reason::Timeout);
            assert!(outcome.report.wall < Duration::from_secs(10), "{:?}", outcome.report.wall);
        }),
        Case::new("ping: called off while it waits", |subject| {
            let silent = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", silent.local_addr().unwrap());
            let call = subject.ping(&url, json!({ "url": url, "timeout": "1min" }));
            let cancel = call.cancel.clone();
            subject.runtime.spawn(async move {
                tokio::time::sleep(Duration::from_millis(500)).await;
                cancel.cancel();
            });
            call.run().failed(Reason::Cancelled);
        }),
    ]);
    cases
}
