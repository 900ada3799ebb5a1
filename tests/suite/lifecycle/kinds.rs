//! The table of kinds: what an error means, by the hook's kind and the event.

use serde_json::Value;

use super::support::{EVENTS, SUMMARY, assert_order, hook, hook_with, lab, report, warnings};

/// What brings an outcome about: the stand-in's words, and the kind of a further
/// hook that fails in `before`.
struct Cause {
    event: &'static str,
    restic: &'static [&'static str],
    /// Of a run in which nothing else goes wrong.
    code: i32,
    skips: bool,
}

const CAUSES: &[Cause] = &[
    Cause { event: "success", restic: &[SUMMARY], code: 0, skips: false },
    Cause { event: "warning", restic: &[SUMMARY, "exit=3"], code: 3, skips: false },
    Cause { event: "failure", restic: &["exit=1"], code: 1, skips: false },
    Cause { event: "failure", restic: &["exit=12"], code: 12, skips: false },
    Cause { event: "cancelled", restic: &["exit=130"], code: 130, skips: false },
    Cause { event: "skipped", restic: &[], code: 0, skips: true },
];

/// A run whose hook `h` of this kind fails in `event`.
fn failing(kind: &str, event: &str, cause: &Cause) -> (i32, Value) {
    let mut hooks = vec![hook_with("h", &[event], &format!("kind = \"{kind}\""), &format!("fail-on = [\"{event}\"]"))];
    if cause.skips {
        hooks.push(hook_with("skip", &["before"], "", "skip-on = [\"before\"]"));
    }
    let lab = lab(&hooks);
    let (code, run) = report(&lab, cause.restic);
    let mut golden: Vec<_> = if cause.skips { vec!["skip before".to_owned()] } else { vec!["restic".to_owned()] };
    golden.push(format!("h {event}"));
    assert_order(&lab, &golden.iter().map(String::as_str).collect::<Vec<_>>());
    (code, run)
}

#[test]
fn an_error_after_the_gate_is_recorded_and_the_run_keeps_its_outcome() {
    for cause in CAUSES {
        for kind in ["required", "preflight", "optional"] {
            for event in [cause.event, "finally"] {
                let (code, run) = failing(kind, event, cause);
                let what = format!("{kind} {event} {:?}: {run:#}", cause.restic);
                assert_eq!(run["status"], cause.event, "{what}");
                assert_eq!(warnings(&run), [format!("hook \"h\" failed in `{event}`: told to fail")], "{what}");
                // Only a run that ended well has room for the news.
                let afterwards = kind == "required" && cause.code == 0;
                assert_eq!(code, if afterwards { 81 } else { cause.code }, "{what}");
                assert_eq!(run["exit-code"], code, "{what}");
            }
        }
    }
}

#[test]
fn a_run_in_which_no_hook_fails_has_no_warnings() {
    let every = hook("h", EVENTS);
    for cause in CAUSES.iter().filter(|cause| !cause.skips) {
        let lab = lab(std::slice::from_ref(&every));
        let (code, run) = report(&lab, cause.restic);
        assert_eq!(code, cause.code);
        assert_eq!(run["status"], cause.event);
        assert_eq!(warnings(&run), [""; 0]);
        assert_order(&lab, &["h before", "restic", &format!("h {}", cause.event), "h finally"]);
    }
}

#[test]
fn an_error_of_a_required_before_is_a_failure_and_restic_is_not_started() {
    let h = hook_with("h", EVENTS, "", "fail-on = [\"before\"]");
    let lab = lab(&[h]);
    let (code, run) = report(&lab, &[]);
    assert_eq!((code, run["status"].as_str()), (80, Some("failure")), "{run:#}");
    assert_eq!(run["error"], "hook \"h\": told to fail");
    assert_eq!(run["restic"], Value::Null);
    assert_eq!(warnings(&run), [""; 0]);
    assert_order(&lab, &["h before", "h failure", "h finally"]);
}

#[test]
fn an_error_of_a_preflight_before_skips_the_run_quietly() {
    let h = hook_with("h", EVENTS, "kind = \"preflight\"", "fail-on = [\"before\"]");
    let lab = lab(&[h]);
    let (code, run) = report(&lab, &[]);
    assert_eq!((code, run["status"].as_str()), (0, Some("skipped")), "{run:#}");
    assert_eq!(run["error"], "hook \"h\": told to fail");
    assert_eq!(run["restic"], Value::Null);
    assert_eq!(warnings(&run), [""; 0]);
    assert_order(&lab, &["h before", "h skipped", "h finally"]);
}

#[test]
fn an_error_of_an_optional_before_is_a_warning_and_the_run_goes_on() {
    let h = hook_with("h", EVENTS, "kind = \"optional\"", "fail-on = [\"before\"]");
    let lab = lab(&[h, hook("after", &["before"])]);
    let (code, run) = report(&lab, &[SUMMARY]);
    assert_eq!((code, run["status"].as_str()), (0, Some("success")), "{run:#}");
    assert_eq!(run["error"], Value::Null);
    assert_eq!(warnings(&run), ["hook \"h\" failed in `before`: told to fail"]);
    assert_order(&lab, &["h before", "after before", "restic", "h success", "h finally"]);
}

#[test]
fn what_a_hook_warns_of_stands_in_the_report_and_changes_nothing() {
    for kind in ["required", "preflight", "optional"] {
        let h = hook_with(
            "h",
            &["before", "success", "finally"],
            &format!("kind = \"{kind}\""),
            "warn-on = [\"before\", \"success\", \"finally\"]",
        );
        let lab = lab(&[h]);
        let (code, run) = report(&lab, &[SUMMARY]);
        assert_eq!((code, run["status"].as_str()), (0, Some("success")), "{run:#}");
        let expected = ["before", "success", "finally"].map(|event| format!("hook \"h\": h warns of {event}"));
        assert_eq!(warnings(&run), expected);
    }
}
