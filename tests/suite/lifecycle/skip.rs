//! Runs that are skipped: by what, with which code, and who is told.

use hookward_tests::lab::Lab;
use serde_json::Value;

use super::support::{assert_order, configure, hook, hook_with, lab, only_run, report, run, warnings};

/// A hook that is told of everything that a skipped run must not be.
fn told() -> String {
    hook("told", &["success", "warning", "failure", "cancelled", "skipped", "finally"])
}

#[test]
fn a_hook_of_any_kind_may_skip_the_run() {
    for kind in ["required", "preflight", "optional"] {
        let h = hook_with("h", &["before", "finally"], &format!("kind = \"{kind}\""), "skip-on = [\"before\"]");
        let lab = lab(&[told(), h, hook("never", &["before", "finally"])]);
        let (code, run) = report(&lab, &[]);
        assert_eq!((code, run["status"].as_str()), (0, Some("skipped")), "{run:#}");
        assert_eq!(run["error"], "hook \"h\": h skips before");
        assert_eq!(run["restic"], Value::Null);
        assert_eq!(warnings(&run), [""; 0]);
        assert_order(&lab, &["h before", "told skipped", "h finally", "told finally"]);
    }
}

#[test]
fn a_skip_with_an_error_is_an_error() {
    let both = "skip-on = [\"before\"], fail-on = [\"before\"]";
    let lab = lab(&[hook_with("h", &["before"], "", both), told()]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 80);
    assert_order(&lab, &["h before", "told failure", "told finally"]);
}

#[test]
fn a_skip_after_the_gate_is_a_warning() {
    let lab = lab(&[hook_with("h", &["success", "finally"], "", "skip-on = [\"success\", \"finally\"]")]);
    let (code, run) = report(&lab, &[super::support::SUMMARY]);
    assert_eq!((code, run["status"].as_str()), (0, Some("success")), "{run:#}");
    let expected = ["success", "finally"]
        .map(|event| format!("hook \"h\" asked in `{event}` to skip the run, too late: h skips {event}"));
    assert_eq!(warnings(&run), expected);
}

#[test]
fn the_exit_code_of_a_skipped_run_is_the_profiles_or_that_of_the_command_line() {
    let base = "version = 1\n[restic]\nbinary = \"@stand-in@\"\n[repository.r]\nurl = \"/srv/repo\"\n\
                [profile.p]\nrepository = \"r\"\nsources = [\"/\"]\nskip-exit-code = 7\n";
    let preflight = hook_with("h", &["before"], "kind = \"preflight\"", "fail-on = [\"before\"]");
    let skips = hook_with("h", &["before"], "", "skip-on = [\"before\"]");
    for h in [preflight, skips] {
        let lab = Lab::new();
        configure(&lab, base, &[h]);
        assert_eq!(run(&lab, &[], &["run", "p"]).code, 7);
        assert_eq!(run(&lab, &[], &["run", "p", "--skip-exit-code", "42"]).code, 42);
        assert_eq!(run(&lab, &[], &["run", "p", "--skip-exit-code", "0"]).code, 0);
        assert_eq!(run(&lab, &[], &["exec", "--profile", "p", "--", "restic", "backup", "/"]).code, 7);
        let finished = run(&lab, &[], &["--json", "run", "p"]);
        assert_eq!(only_run(&finished)["exit-code"], 7);
    }
}

#[test]
fn the_exit_code_of_a_skip_is_no_other_runs() {
    let lab = lab(&[hook_with("h", &["before"], "", "fail-on = [\"before\"]")]);
    assert_eq!(run(&lab, &[], &["run", "p", "--skip-exit-code", "42"]).code, 80);
}

#[test]
fn hooks_are_told_why_the_run_was_skipped() {
    let dump = "dump = \"/notes/{kind}.json\"";
    let lab = lab(&[
        hook_with("told", &["skipped", "finally"], "", dump),
        hook_with("h", &["before"], "kind = \"preflight\"", "fail-on = [\"before\"], error = \"not now\""),
    ]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    for kind in ["skipped", "finally"] {
        let event: Value = serde_json::from_str(&super::support::text(&lab, format!("notes/{kind}.json"))).unwrap();
        assert_eq!(event["outcome"]["status"], "skipped");
        assert_eq!(event["outcome"]["error"], "hook \"h\": not now");
        assert_eq!(event["outcome"]["exit-code"], Value::Null);
    }
}
