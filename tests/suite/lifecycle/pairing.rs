//! Rule 3: which `finally` is owed, and that no outcome hook is left out.

use hookward_tests::lab::Lab;
use nix::sys::signal::Signal;

use super::support::{assert_order, hook, hook_with, lab, noted, report, run, send, start};

/// Pairs at the three scopes, and hooks that are told of every outcome.
fn pairs_around(failing: &str) -> Vec<String> {
    let pair = |scope: &str, name: &str, config: &str| {
        let config = if name == failing { config } else { "" };
        Lab::probe(scope, name, &["before", "finally"], "", config)
    };
    let fails = "fail-on = [\"before\"]";
    vec![
        Lab::probe("hook", "told", &["failure", "skipped", "cancelled"], "", ""),
        Lab::probe("hook", "clean", &["finally"], "", ""),
        pair("hook", "g", fails),
        pair("repository.r.hook", "r", fails),
        pair("profile.p.hook", "p1", fails),
        pair("profile.p.hook", "p2", fails),
        Lab::probe("profile.p.hook", "told-too", &["failure", "skipped", "cancelled"], "", ""),
    ]
}

#[test]
fn a_finally_is_called_exactly_when_its_before_was_started() {
    for (failing, golden) in [
        ("g", &["g before", "told-too failure", "told failure", "g finally", "clean finally"][..]),
        ("r", &["g before", "r before", "told-too failure", "told failure", "r finally", "g finally", "clean finally"]),
        (
            "p1",
            &[
                "g before",
                "r before",
                "p1 before",
                "told-too failure",
                "told failure",
                "p1 finally",
                "r finally",
                "g finally",
                "clean finally",
            ],
        ),
        (
            "p2",
            &[
                "g before",
                "r before",
                "p1 before",
                "p2 before",
                "told-too failure",
                "told failure",
                "p2 finally",
                "p1 finally",
                "r finally",
                "g finally",
                "clean finally",
            ],
        ),
    ] {
        let lab = lab(&pairs_around(failing));
        assert_eq!(run(&lab, &[], &["run", "p"]).code, 80);
        assert_order(&lab, golden);
    }
}

#[test]
fn a_finally_is_called_whatever_became_of_its_before() {
    for (config, more, outcome) in [
        ("", "", "success"),
        ("fail-on = [\"before\"]", "", "failure"),
        ("panic-on = [\"before\"]", "", "failure"),
        ("sleep = { before = 60000 }", "timeout = \"100ms\"", "failure"),
        ("spin-on = [\"before\"]", "fuel = 50_000_000", "failure"),
        ("skip-on = [\"before\"]", "", "skipped"),
        ("fail-on = [\"before\"]", "kind = \"preflight\"", "skipped"),
        ("panic-on = [\"before\"]", "kind = \"optional\"", "success"),
    ] {
        let lab = lab(&[hook_with("h", &["before", "finally"], more, config), hook("never", &["before", "finally"])]);
        let (_, run) = report(&lab, &[]);
        assert_eq!(run["status"], outcome, "{config} {run:#}");
        if outcome == "success" {
            assert_order(&lab, &["h before", "never before", "restic", "never finally", "h finally"]);
        } else {
            assert_order(&lab, &["h before", "h finally"]);
        }
    }
}

#[test]
fn a_finally_is_called_when_its_before_was_cancelled() {
    let lab = lab(&[
        hook_with("h", &["before", "finally"], "", "sleep = { before = 60000 }"),
        hook("never", &["before", "finally"]),
    ]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    send(&child, Signal::SIGTERM);
    assert_eq!(hookward_tests::lab::finish(child).code, 143);
    assert_order(&lab, &["h before", "h finally"]);
}

#[test]
fn a_finally_without_before_is_always_called() {
    let fails = || hook_with("first", &["before"], "", "fail-on = [\"before\"]");
    let lab = lab(&[fails(), hook("f", &["finally"]), hook_with("pf", &["finally"], "kind = \"preflight\"", "")]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 80);
    assert_order(&lab, &["first before", "pf finally", "f finally"]);
}

#[test]
fn an_outcome_hook_is_called_though_its_own_before_never_was() {
    let fails = hook_with("first", &["before"], "", "fail-on = [\"before\"]");
    let lab = lab(&[fails, hook("late", &["before", "failure", "finally"])]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 80);
    assert_order(&lab, &["first before", "late failure"]);
}

#[test]
fn an_outcome_hook_that_fails_stops_no_other() {
    for config in ["fail-on = [\"failure\", \"finally\"]", "panic-on = [\"failure\", \"finally\"]"] {
        let lab = lab(&[
            hook("one", &["failure", "finally"]),
            hook_with("two", &["failure", "finally"], "", config),
            hook("three", &["failure", "finally"]),
        ]);
        assert_eq!(run(&lab, &["exit=1"], &["run", "p"]).code, 1);
        assert_order(
            &lab,
            &["restic", "three failure", "two failure", "one failure", "three finally", "two finally", "one finally"],
        );
    }
}
