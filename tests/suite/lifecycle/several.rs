//! Rule 13: several profiles in one command.

use hookward_tests::lab::Lab;
use serde_json::Value;

use super::support::{assert_order, lab_with, run, whole_report};

const BASE: &str = r#"version = 1
[restic]
binary = "@stand-in@"
[repository.r]
url = "/srv/repo"
[profile.a]
repository = "r"
sources = ["/a"]
[profile.b]
repository = "r"
sources = ["/b"]
[profile.c]
repository = "r"
sources = ["/c"]
"#;

/// Profiles `a`, `b` and `c` with a pair each; `settings` are those of a profile's.
fn three(settings: [&str; 3]) -> Lab {
    let pair = |(name, config): (&str, &str)| {
        Lab::probe(&format!("profile.{name}.hook"), name, &["before", "failure", "skipped", "finally"], "", config)
    };
    lab_with(BASE, &["a", "b", "c"].into_iter().zip(settings).map(pair).collect::<Vec<_>>())
}

const FAILS: &str = "fail-on = [\"before\"]";
const SKIPS: &str = "skip-on = [\"before\"]";

#[test]
fn profiles_run_one_after_the_other_each_a_run_of_its_own() {
    let lab = three(["", "", ""]);
    let finished = run(&lab, &[], &["--json", "run", "b", "a", "c"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_order(
        &lab,
        &["b before", "restic", "b finally", "a before", "restic", "a finally", "c before", "restic", "c finally"],
    );
    let report = whole_report(&finished);
    let runs = report["runs"].as_array().unwrap();
    let profiles: Vec<_> = runs.iter().map(|run| run["profile"].as_str().unwrap()).collect();
    assert_eq!((profiles, report["errors"].as_array().unwrap().len()), (vec!["b", "a", "c"], 0));
    assert_ne!(runs[0]["run-id"], runs[1]["run-id"]);
    assert_eq!((report["version"].as_i64(), report["exit-code"].as_i64()), (Some(1), Some(0)));
}

#[test]
fn a_failure_does_not_stop_the_next_and_the_code_is_that_of_the_first() {
    let lab = three([FAILS, "", ""]);
    let finished = run(&lab, &["exit=11"], &["--json", "run", "a", "b", "c"]);
    assert_eq!(finished.code, 80, "{finished:?}");
    assert_order(
        &lab,
        &[
            "a before",
            "a failure",
            "a finally",
            "b before",
            "restic",
            "b failure",
            "b finally",
            "c before",
            "restic",
            "c failure",
            "c finally",
        ],
    );
    let report = whole_report(&finished);
    let codes: Vec<_> =
        report["runs"].as_array().unwrap().iter().map(|run| run["exit-code"].as_i64().unwrap()).collect();
    assert_eq!((codes, report["exit-code"].as_i64()), (vec![80, 11, 11], Some(80)));
    assert_eq!(run(&lab, &["exit=11"], &["run", "b", "a"]).code, 11);
}

#[test]
fn with_fail_fast_the_first_failure_is_the_last_run() {
    let lab = three(["", FAILS, ""]);
    let finished = run(&lab, &[], &["--json", "run", "--fail-fast", "a", "b", "c"]);
    assert_eq!(finished.code, 80, "{finished:?}");
    assert_order(&lab, &["a before", "restic", "a finally", "b before", "b failure", "b finally"]);
    assert_eq!(whole_report(&finished)["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_profile_that_can_not_begin_does_not_stop_the_next() {
    let base = BASE.to_owned();
    let broken = Lab::probe("profile.a.hook", "a", &["before"], "", "").replace("@probe@", "missing.wasm");
    let lab = lab_with(&base, &[broken, Lab::probe("profile.b.hook", "b", &["before"], "", "")]);
    let finished = run(&lab, &[], &["--json", "run", "a", "b"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert_order(&lab, &["b before", "restic"]);
    let report = whole_report(&finished);
    assert_eq!(
        (report["errors"][0]["profile"].as_str(), report["errors"][0]["exit-code"].as_i64()),
        (Some("a"), Some(78))
    );
    assert_eq!(report["runs"][0]["profile"], "b");
    let fast = run(&lab, &[], &["run", "--fail-fast", "a", "b"]);
    assert_eq!(fast.code, 78);
    assert_order(&lab, &["b before", "restic"]);
}

#[test]
fn a_skip_is_no_failure_and_hides_none() {
    let lab = three([SKIPS, FAILS, ""]);
    let finished = run(&lab, &[], &["run", "--fail-fast", "--skip-exit-code", "42", "a", "c"]);
    assert_eq!(finished.code, 42, "{finished:?}");
    assert_order(&lab, &["a before", "a skipped", "a finally", "c before", "restic", "c finally"]);
    assert_eq!(run(&lab, &[], &["run", "--skip-exit-code", "42", "a", "b"]).code, 80);
    assert_eq!(run(&lab, &[], &["run", "a", "c"]).code, 0);
}

#[test]
fn a_named_subcommand_takes_several_profiles_too() {
    let lab = three(["", "", ""]);
    let finished = run(&lab, &[], &["--json", "forget", "a", "b", "--", "--keep-last", "1"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_order(&lab, &["restic", "restic"]);
    let operations: Vec<Value> =
        whole_report(&finished)["runs"].as_array().unwrap().iter().map(|run| run["operation"].clone()).collect();
    assert_eq!(operations, ["forget", "forget"]);
}
