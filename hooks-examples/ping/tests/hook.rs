//! The hook, called through the SDK's test door.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "in helpers of tests")]

use hookward_sdk::EventKind;
use hookward_sdk::testing::{Call, EventBuilder, Report, Request, Response, event, outcome, response};
use serde_json::{Value, json};

#[path = "../../readme.rs"]
mod readme;

const URL: &str = "https://hooks.example.org/backup";

fn answered(event: EventBuilder, config: Value, answer: Response) -> Report {
    Call::new(event).config(config).http(move |_: &Request| answer.clone()).run(ping::run)
}

/// The one request that an event makes.
fn request(event: EventBuilder, config: Value) -> Request {
    let report = answered(event, config, response(204));
    assert_eq!(report.error(), None);
    let [request] = report.requests.as_slice() else { panic!("{:?}", report.requests) };
    request.clone()
}

#[test]
fn the_event_is_sent_as_json() {
    let request =
        request(event(EventKind::Failure).outcome(outcome(hookward_sdk::Status::Failure)), json!({"url": URL}));
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", URL));
    let sent: Value = serde_json::from_str(&request.text()).expect("the body is JSON");
    assert_eq!((&sent["kind"], &sent["outcome"]["status"]), (&json!("failure"), &json!("failure")));
}

#[test]
fn events_may_have_places_of_their_own() {
    let config = json!({"url": URL, "suffix": {"before": "/start"}, "method": "PUT"});
    assert_eq!(request(event(EventKind::Before), config.clone()).url, format!("{URL}/start"));
    assert_eq!(request(event(EventKind::Skipped), config).url, URL);
}

#[test]
fn get_and_head_have_no_body() {
    for method in ["GET", "HEAD"] {
        let request = request(event(EventKind::Before), json!({"url": URL, "method": method}));
        assert_eq!((request.method.as_str(), request.text().as_str()), (method, ""));
    }
}

#[test]
fn what_the_server_does_not_take_is_an_error() {
    for (status, body, expected) in
        [(404, "no such hook\n", "status 404: no such hook"), (302, "", "status 302"), (503, "", "status 503")]
    {
        let report = answered(event(EventKind::Before), json!({"url": URL}), response(status).body(body));
        assert_eq!(report.error(), Some(format!("POST {URL}: {expected}").as_str()));
    }
}

#[test]
fn a_dry_run_sends_nothing() {
    let report = answered(event(EventKind::Before).dry_run(true), json!({"url": URL}), response(200));
    assert!(report.is_ok() && report.requests.is_empty(), "{report:?}");
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({}), "config key `url` is missing"),
        (
            json!({"url": URL, "method": "DELETE"}),
            "config key `method`: unknown variant `DELETE`, expected one of `GET`, `HEAD`, `POST`, `PUT`",
        ),
        (json!({"url": URL, "suffix": {"befor": "/a"}}), "config key `suffix`: `befor` is no event"),
        (
            json!({"url": URL, "timeout": "soon"}),
            "config key `timeout`: invalid value: string \"soon\", expected a duration",
        ),
        (
            json!({"url": URL, "timeout": "0"}),
            "POST https://hooks.example.org/backup: a timeout of zero leaves no time at all",
        ),
        (
            json!({"url": URL, "to": "x"}),
            "config key `to` is not known, the known ones are `url`, `method`, `suffix`, `timeout`",
        ),
    ] {
        let report = answered(event(EventKind::Before), config, response(200));
        assert_eq!(report.error(), Some(expected));
    }
}

#[test]
fn the_readme_configures_this_hook() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("ping.wasm"));
        let report = answered(event(EventKind::Before), hook["config"].clone(), response(200));
        assert_eq!(report.error(), None);
    }
}
