//! Rule 5: what is called again, how often, and what is told of it.

use std::time::{Duration, Instant};

use hookward_tests::lab::finish;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::{assert_order, hook, hook_with, lab, noted, report, run, send, start, text};

/// Event, attempt and reason of every call in a report.
fn calls(run: &Value) -> Vec<(String, u64, Option<String>)> {
    let call = |call: &Value| {
        let reason = call["failure"]["reason"].as_str().map(str::to_owned);
        (call["event"].as_str().unwrap().to_owned(), call["attempt"].as_u64().unwrap(), reason)
    };
    run["hooks"].as_array().unwrap().iter().map(call).collect()
}

fn call(event: &str, attempt: u64, reason: Option<&str>) -> (String, u64, Option<String>) {
    (event.to_owned(), attempt, reason.map(str::to_owned))
}

#[test]
fn a_retry_ends_with_the_first_success() {
    let config = "fail-on = [\"before\"], fail-attempts = 2";
    let lab = lab(&[
        hook_with("h", &["before", "finally"], "retry = { attempts = 5, delay = \"1ms\" }", config),
        hook("after", &["before", "success"]),
    ]);
    let (code, run) = report(&lab, &[super::support::SUMMARY]);
    assert_eq!((code, run["status"].as_str()), (0, Some("success")), "{run:#}");
    assert_order(
        &lab,
        &[
            "h before",
            "h before attempt=2",
            "h before attempt=3",
            "after before",
            "restic",
            "after success",
            "h finally",
        ],
    );
    let expected = [
        call("before", 1, Some("error")),
        call("before", 2, Some("error")),
        call("before", 3, None),
        call("before", 1, None),
        call("success", 1, None),
        call("finally", 1, None),
    ];
    assert_eq!(calls(&run), expected);
}

#[test]
fn a_retry_ends_with_the_last_attempt_and_outcome_hooks_are_called_once() {
    let config = "fail-on = [\"before\"]";
    let lab = lab(&[
        hook_with("h", &["before", "failure", "finally"], "retry = { attempts = 3, delay = \"1ms\" }", config),
        hook("never", &["before"]),
    ]);
    let (code, run) = report(&lab, &[]);
    assert_eq!(code, 80, "{run:#}");
    assert_order(&lab, &["h before", "h before attempt=2", "h before attempt=3", "h failure", "h finally"]);
    assert_eq!(calls(&run)[2], call("before", 3, Some("error")));
}

#[test]
fn a_retry_is_made_after_any_failure_of_the_call() {
    for (config, more, reason) in [
        ("panic-on = [\"before\"]", "", "panic"),
        ("spin-on = [\"before\"]", "fuel = 50_000_000\n", "fuel"),
        ("sleep = { before = 60000 }", "timeout = \"200ms\"\n", "timeout"),
    ] {
        let more = format!("{more}retry = {{ attempts = 2, delay = \"1ms\" }}");
        let lab = lab(&[hook_with("h", &["before"], &more, &format!("{config}, fail-attempts = 1"))]);
        let (code, run) = report(&lab, &[]);
        assert_eq!(code, 0, "{run:#}");
        assert_order(&lab, &["h before", "h before attempt=2", "restic"]);
        assert_eq!(calls(&run), [call("before", 1, Some(reason)), call("before", 2, None)]);
    }
}

#[test]
fn outcome_hooks_and_finally_are_retried_too_and_the_last_call_counts() {
    for (attempts, code) in [(1, 0), (9, 81)] {
        let config = format!("fail-on = [\"success\", \"finally\"], fail-attempts = {attempts}");
        let lab = lab(&[hook_with("h", &["success", "finally"], "retry = { attempts = 2, delay = \"1ms\" }", &config)]);
        let (exit, run) = report(&lab, &[super::support::SUMMARY]);
        assert_eq!((exit, run["status"].as_str()), (code, Some("success")), "{run:#}");
        assert_order(&lab, &["restic", "h success", "h success attempt=2", "h finally", "h finally attempt=2"]);
        // A failure that a retry made good is no warning.
        assert_eq!(super::support::warnings(&run).len(), if code == 0 { 0 } else { 2 });
    }
}

#[test]
fn the_pause_stays_or_doubles_up_to_its_bound() {
    for (retry, least, most) in [
        ("attempts = 4, delay = \"100ms\"", 300, 700),
        ("attempts = 4, delay = \"100ms\", backoff = \"exponential\"", 700, 2000),
        ("attempts = 4, delay = \"100ms\", backoff = \"exponential\", max-delay = \"150ms\"", 400, 700),
    ] {
        let lab = lab(&[hook_with("h", &["before"], &format!("retry = {{ {retry} }}"), "fail-on = [\"before\"]")]);
        let (code, run) = report(&lab, &[]);
        assert_eq!(code, 80);
        assert_eq!(calls(&run).len(), 4);
        let spent: u64 =
            run["hooks"].as_array().unwrap().iter().map(|call| call["duration-ms"].as_u64().unwrap()).sum();
        let paused = run["duration-ms"].as_u64().unwrap() - spent;
        assert!(paused >= least, "{retry}: {paused} ms");
        // Other tests take the processor's time: far more than this is another rule.
        assert!(paused < most + 3000, "{retry}: {paused} ms");
    }
}

#[test]
fn a_skip_is_not_retried() {
    let lab =
        lab(&[hook_with("h", &["before"], "retry = { attempts = 3, delay = \"1ms\" }", "skip-on = [\"before\"]")]);
    let (code, run) = report(&lab, &[]);
    assert_eq!((code, run["status"].as_str()), (0, Some("skipped")));
    assert_order(&lab, &["h before"]);
}

#[test]
fn a_preflight_hook_skips_the_run_after_its_last_attempt() {
    let more = "kind = \"preflight\"\nretry = { attempts = 2, delay = \"1ms\" }";
    let lab = lab(&[hook_with("h", &["before", "skipped", "failure"], more, "fail-on = [\"before\"]")]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    assert_order(&lab, &["h before", "h before attempt=2", "h skipped"]);
}

#[test]
fn a_cancelled_call_is_not_retried() {
    let retry = "retry = { attempts = 5, delay = \"1ms\" }";
    let lab = lab(&[hook_with("h", &["before", "cancelled", "finally"], retry, "sleep = { before = 60000 }")]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    send(&child, Signal::SIGINT);
    assert_eq!(finish(child).code, 130);
    assert_order(&lab, &["h before", "h cancelled", "h finally"]);
}

#[test]
fn a_signal_ends_the_pause_before_the_next_attempt() {
    let retry = "retry = { attempts = 5, delay = \"1h\", max-delay = \"1h\" }";
    let lab = lab(&[hook_with("h", &["before", "cancelled", "failure", "finally"], retry, "fail-on = [\"before\"]")]);
    let began = Instant::now();
    let child = super::support::start_logged(&lab, &[], &["--log-format", "json", "run", "p"], "stderr");
    lab.wait_for("the pause", |lab| text(lab, "stderr").contains("again-in"));
    send(&child, Signal::SIGTERM);
    assert_eq!(finish(child).code, 143);
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_order(&lab, &["h before", "h cancelled", "h finally"]);
}
