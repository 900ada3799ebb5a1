//! The hook, called through the SDK's test door.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "in helpers of tests")]

use hookward_sdk::testing::{Call, EventBuilder, Report, Request, Response, event, outcome, response};
use hookward_sdk::{EventKind, Outcome, Status, Summary};
use serde_json::{Value, json};

#[path = "../../readme.rs"]
mod readme;

const UUID: &str = "5f2c1e8a-0000-4000-8000-3b1d7c9e4a60";
const RUN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn url() -> String {
    format!("https://hc-ping.com/{UUID}")
}

fn answered(event: EventBuilder, config: Value, answer: Response) -> Report {
    Call::new(event)
        .config(config)
        .secret("ping-url", url())
        .http(move |_: &Request| answer.clone())
        .run(healthchecks::run)
}

fn run(event: EventBuilder, config: Value) -> Report {
    answered(event, config, response(200).body("OK"))
}

/// The one request that an event makes.
fn ping(event: EventBuilder, config: Value) -> Request {
    let report = run(event, config);
    assert_eq!(report.error(), None);
    let [request] = report.requests.as_slice() else { panic!("{:?}", report.requests) };
    request.clone()
}

fn pinged(event: EventBuilder, config: Value) -> String {
    let request = ping(event, config);
    assert_eq!(request.method, "POST");
    request.url
}

fn secret() -> Value {
    json!({"url-secret": "ping-url"})
}

#[test]
fn every_event_has_its_place() {
    for (kind, path) in [
        (EventKind::Before, "/start"),
        (EventKind::Success, ""),
        (EventKind::Warning, "/fail"),
        (EventKind::Failure, "/fail"),
        (EventKind::Cancelled, "/fail"),
        (EventKind::Skipped, "/log"),
    ] {
        assert_eq!(pinged(event(kind), secret()), format!("{}{path}?rid={RUN}", url()), "{kind}");
    }
}

#[test]
fn what_is_neither_good_nor_bad_is_as_configured() {
    for (choice, path) in [("success", ""), ("fail", "/fail"), ("log", "/log")] {
        let config = json!({"url": url(), "warning": choice, "cancelled": choice, "skipped": choice});
        for kind in [EventKind::Warning, EventKind::Cancelled, EventKind::Skipped] {
            assert_eq!(pinged(event(kind), config.clone()), format!("{}{path}?rid={RUN}", url()), "{kind} {choice}");
        }
    }
    let report = run(event(EventKind::Warning), json!({"url": url(), "warning": "nothing"}));
    assert!(report.is_ok() && report.requests.is_empty());
}

#[test]
fn finally_tells_of_runs_that_were_cut_off_only() {
    let report = run(event(EventKind::Finally), secret());
    assert!(report.is_ok() && report.requests.is_empty());
    let recovered = || event(EventKind::Finally).recovered(true);
    for (status, path) in
        [(Status::Success, ""), (Status::Failure, "/fail"), (Status::Cancelled, "/fail"), (Status::Skipped, "/log")]
    {
        let url = pinged(recovered().outcome(outcome(status)), secret());
        assert!(url.ends_with(&format!("{UUID}{path}?rid={RUN}")), "{url}");
    }
    // It never came to an outcome.
    let mut cut_off = recovered().build();
    cut_off.outcome = None;
    let report =
        Call::new(cut_off).config(json!({"url": url()})).http(|_: &Request| response(200)).run(healthchecks::run);
    assert!(report.requests[0].url.contains("/fail?"));
}

#[test]
fn a_url_keeps_its_own_query_and_loses_a_slash() {
    let config = json!({"url": "https://hc.example.org/ping/key/db/?x=1", "create": true});
    assert_eq!(
        pinged(event(EventKind::Before), config),
        format!("https://hc.example.org/ping/key/db/start?x=1&rid={RUN}&create=1")
    );
}

#[test]
fn a_success_tells_the_numbers() {
    let summary = Summary {
        files_new: 12,
        files_changed: 3,
        total_files_processed: 1200,
        total_bytes_processed: 5 * 1024 * 1024,
        data_added: 2048,
        data_added_packed: 1024,
        ..Summary::default()
    };
    let outcome = Outcome { duration_ms: 90_400, ..outcome(Status::Success) };
    let request = ping(event(EventKind::Success).profile("db").outcome(outcome).summary(summary), secret());
    assert_eq!(request.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(
        request.text(),
        "backup of db on test-host: success after 1m 30s\nsnapshot 4f3c7a1e\n1200 files with 5.0 MiB, of them 12 new \
         and 3 changed\nadded 2.0 KiB, stored as 1.0 KiB"
    );
}

#[test]
fn a_failure_tells_why() {
    let outcome = Outcome { stderr_tail: "Fatal: no route to host\n".to_owned(), ..outcome(Status::Failure) };
    let failed = event(EventKind::Failure).outcome(outcome).error("restic failed: no route to host").hook(
        "start-db",
        EventKind::Failure,
        Some(("error", "unit db.service failed")),
    );
    assert_eq!(
        ping(failed, secret()).text(),
        "backup of test on test-host: failure after 1s 500ms: restic failed: no route to host\n\nrestic's last \
         words:\nFatal: no route to host\n\nhook \"start-db\" failed in `failure`: unit db.service failed"
    );
}

#[test]
fn a_body_is_cut_at_a_character() {
    let text = ping(event(EventKind::Failure).error("ä".repeat(9000)), secret()).text();
    assert!(text.len() == 10_000 || text.len() == 9_999, "{}", text.len());
    assert!(text.ends_with('ä'));
}

#[test]
fn a_dry_run_pings_nobody_unless_asked_to() {
    for kind in [EventKind::Before, EventKind::Failure] {
        let report = run(event(kind).dry_run(true), secret());
        assert!(report.is_ok() && report.requests.is_empty());
    }
    pinged(event(EventKind::Before).dry_run(true), json!({"url": url(), "dry-run": true}));
}

#[test]
fn uptime_kuma_is_told_up_and_down() {
    let push = "https://status.example.org/api/push/aBcDeFgHiJ";
    let config = json!({"url": format!("{push}?status=up&msg=OK&ping="), "style": "uptime-kuma"});
    let up = ping(event(EventKind::Success), config.clone());
    assert_eq!(
        (up.method.as_str(), up.url.as_str()),
        (
            "GET",
            format!(
                "{push}?status=up&msg=backup%20of%20test%20on%20test-host%3A%20success%20after%201s%20500ms&ping=1500"
            )
            .as_str()
        )
    );
    let down = ping(event(EventKind::Failure).error("x".repeat(1000)), config.clone());
    assert!(down.url.starts_with(&format!("{push}?status=down&msg=backup")), "{}", down.url);
    assert!(down.url.len() < 400, "{}", down.url);
    for kind in [EventKind::Before, EventKind::Skipped] {
        let report = run(event(kind), config.clone());
        assert!(report.is_ok() && report.requests.is_empty() && !report.logged("pinged"));
    }
}

#[test]
fn an_error_tells_the_answer_and_never_the_url() {
    for (answer, expected) in [
        (
            response(429).header("Retry-After", "30").body("slow down"),
            "the ping `start` was not taken: status 429, Retry-After 30: slow down",
        ),
        (response(503), "the ping `start` was not taken: status 503"),
        (response(404).body(format!("no check {UUID}")), "the ping `start` was not taken: status 404"),
        (
            response(301).header("location", "https://hc-ping.com/elsewhere"),
            "the ping `start` was not taken: status 301, the server has moved: give the URL that it redirects to",
        ),
        (
            response(200).body("OK (not found)"),
            "the ping `start` was not taken: the server doesn't know this check: look at the URL",
        ),
        (
            response(200).body("OK (rate limited)"),
            "the ping `start` was not taken: the server was pinged too often in the last minute",
        ),
        (Response::refused(), "the ping `start` was not taken: the connection was refused"),
        (Response::timeout(), "the ping `start` was not taken: the server didn't answer in time"),
    ] {
        let report = answered(event(EventKind::Before), secret(), answer);
        assert_eq!(report.error(), Some(expected));
        assert_eq!(report.requests.len(), 1);
    }
    let denied = Call::new(event(EventKind::Before)).config(json!({"url": url()})).run(healthchecks::run);
    assert_eq!(
        denied.error(),
        Some("the ping `start` was not taken: the host doesn't allow it: grant it in `grants.http`")
    );
    let broken = format!("hc-ping.com/{UUID}");
    let report = run(event(EventKind::Before), json!({"url": broken}));
    assert!(!report.error().expect("there is an error").contains(UUID));
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (
            json!({}),
            "config key `url-secret`: name the secret that holds the ping URL, or give the URL itself as \
             `url`",
        ),
        (json!({"url": "x", "url-secret": "y"}), "config key `url`: leave it out: `url-secret` is given"),
        (
            json!({"url": "x", "style": "uptime-kuma", "create": true}),
            "config key `create`: Uptime Kuma makes no monitors of itself",
        ),
        (
            json!({"url": "x", "skipped": "maybe"}),
            "config key `skipped`: unknown variant `maybe`, expected one of `success`, `fail`, `log`, `nothing`",
        ),
        (json!({"url-secret": "other"}), "no secret `other` is granted: grant it in `grants.secrets.other`"),
    ] {
        assert_eq!(run(event(EventKind::Before), config).error(), Some(expected));
    }
}

#[test]
fn the_readme_configures_this_hook() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("healthchecks.wasm"));
        let request = ping(event(EventKind::Success), hook["config"].clone());
        assert_eq!(hook["grants"]["http"][0]["methods"], json!([request.method]));
        assert_eq!(hook["grants"]["secrets"].as_object().map(serde_json::Map::len), Some(1));
    }
}
