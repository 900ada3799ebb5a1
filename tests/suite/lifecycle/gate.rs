//! Rule 1: nothing starts until all is known good.

use hookward_tests::lab::Lab;
use hookward_tests::{component, core_module, guest};

use super::support::{SUMMARY, assert_order, hook, lab, lab_with, only_run, report, run, warnings};

/// A hook whose component or pin is written out.
fn bad(kind: &str, component: &str, more: &str) -> String {
    format!(
        "[[profile.p.hook]]\nname = \"bad\"\non = [\"before\", \"success\", \"finally\"]\n\
         kind = \"{kind}\"\ncomponent = \"{component}\"\n{more}\n"
    )
}

/// Runs a good hook before a bad one, in a lab with this file, and asserts that
/// nothing was started. `found` stands in the line that the message is about.
#[track_caller]
fn refused(bad: &str, file: Option<(&str, &[u8])>, found: &str) -> String {
    let lab = Lab::new();
    if let Some((name, bytes)) = file {
        std::fs::write(lab.path(name), bytes).unwrap();
    }
    super::support::configure(&lab, BASE, &[hook("good", &["before", "failure", "finally"]), bad.to_owned()]);
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert_order(&lab, &[]);
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(said.contains("hook \"bad\""), "{said}");
    let place = place(&lab, found);
    assert!(said.contains(&place), "no {place}: {said}");
    said
}

/// `FILE:LINE:COLUMN` of the value behind the last `key`, or of the last table of
/// this name.
fn place(lab: &Lab, key: &str) -> String {
    let text = std::fs::read_to_string(lab.path("hookward.toml")).unwrap();
    let at = text.rfind(&format!("\n{key}")).unwrap() + 1;
    let line = text[..at].lines().count() + 1;
    if key.starts_with('[') {
        return format!("hookward.toml:{line}:1");
    }
    format!("hookward.toml:{line}:{}", key.len() + " = ".len() + 1)
}

const BASE: &str = r#"version = 1
[restic]
binary = "@stand-in@"
[repository.r]
url = "/srv/repo"
[profile.p]
repository = "r"
sources = ["@lab@/source"]
"#;

#[test]
fn a_missing_component_is_found_before_anything_starts() {
    let said = refused(&bad("required", "missing.wasm", ""), None, "component");
    assert!(said.contains("[unreadable]"), "{said}");
}

#[test]
fn a_missing_component_of_a_preflight_hook_is_no_reason_to_skip() {
    refused(&bad("preflight", "missing.wasm", ""), None, "component");
}

#[test]
fn a_corrupt_component_is_found_before_anything_starts() {
    let mut bytes = component(&core_module(r#"(func (export "run") (param i32) (result i32) (i32.const 0))"#));
    bytes.truncate(bytes.len() / 2);
    refused(&bad("required", "corrupt.wasm", ""), Some(("corrupt.wasm", &bytes)), "component");
    refused(&bad("required", "text.wasm", ""), Some(("text.wasm", b"this is no component")), "component");
    refused(&bad("required", "empty.wasm", ""), Some(("empty.wasm", b"")), "component");
}

#[test]
fn a_component_that_is_not_the_pinned_one_is_found_before_anything_starts() {
    let digest = format!("digest = \"sha256:{}\"", "0".repeat(64));
    let said = refused(&bad("required", "@probe@", &digest), None, "digest");
    assert!(said.contains("[digest]"), "{said}");
}

#[test]
fn an_import_without_a_grant_is_found_before_anything_starts() {
    let path = guest("http");
    let said = refused(&bad("required", path.to_str().unwrap(), ""), None, "[[profile.p.hook]]");
    assert!(said.contains("[import-not-granted]") && said.contains("needs the grant `http`"), "{said}");
}

#[test]
fn every_unusable_hook_is_named_at_once() {
    let second = bad("required", "other.wasm", "").replace("\"bad\"", "\"worse\"");
    let lab = lab(&[bad("required", "missing.wasm", ""), second]);
    let finished = run(&lab, &[], &["--json", "run", "p"]);
    assert_eq!(finished.code, 78);
    for name in ["hook \"bad\"", "hook \"worse\"", "missing.wasm", "other.wasm"] {
        assert!(finished.stderr.contains(name) && finished.stdout.contains(&name.replace('"', "\\\"")), "{finished:?}");
    }
}

#[test]
fn a_configuration_with_an_unknown_key_starts_nothing() {
    let lab = lab(&[hook("good", &["before", "failure", "finally"]).replace("on =", "no = 1\non =")]);
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("hookward.toml"), "{finished:?}");
    assert_order(&lab, &[]);
}

#[test]
fn an_unknown_profile_starts_nothing_not_even_the_known_one_before_it() {
    let lab = lab(&[hook("good", &["before"])]);
    let finished = run(&lab, &[], &["run", "p", "pp"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("`pp`"), "{finished:?}");
    assert_order(&lab, &[]);
}

#[test]
fn a_profile_without_sources_starts_nothing() {
    let lab = lab_with(&BASE.replace("sources = [\"@lab@/source\"]", ""), &[hook("good", &["before"])]);
    let finished = run(&lab, &[], &["run", "p"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("hookward.toml:6:"), "{finished:?}");
    assert_order(&lab, &[]);
}

#[test]
fn an_optional_hook_with_an_unusable_component_counts_as_failed_wherever_it_would_be_called() {
    let lab = lab(&[bad("optional", "missing.wasm", ""), hook("good", &["before", "success", "finally"])]);
    let (code, run) = report(&lab, &[SUMMARY]);
    assert_eq!((code, run["status"].as_str()), (0, Some("success")), "{run:#}");
    assert_order(&lab, &["good before", "restic", "good success", "good finally"]);
    let calls: Vec<_> = run["hooks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|call| call["name"] == "bad")
        .map(|call| (call["event"].as_str().unwrap(), call["failure"]["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(calls, [("before", "unreadable"), ("success", "unreadable"), ("finally", "unreadable")]);
    let warnings = warnings(&run);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for (warning, event) in warnings.iter().zip(["before", "success", "finally"]) {
        assert!(warning.starts_with(&format!("hook \"bad\" failed in `{event}`: ")), "{warning}");
    }
}

#[test]
fn an_optional_hook_that_is_not_the_pinned_one_is_not_called() {
    let digest = format!("digest = \"sha256:{}\"", "0".repeat(64));
    let lab = lab(&[bad("optional", "@probe@", &digest)]);
    let (code, run) = report(&lab, &[]);
    assert_eq!(code, 0, "{run:#}");
    assert_order(&lab, &["restic"]);
    assert!(warnings(&run)[0].contains("digest") || run["hooks"][0]["failure"]["reason"] == "digest", "{run:#}");
}

#[test]
fn an_unusable_optional_hook_is_not_retried() {
    let retry = "retry = { attempts = 5, delay = \"1h\" }";
    let lab = lab(&[bad("optional", "missing.wasm", retry)]);
    let finished = run(&lab, &[], &["--json", "run", "p"]);
    assert_eq!(finished.code, 0);
    assert_eq!(only_run(&finished)["hooks"].as_array().unwrap().len(), 3);
}

#[test]
fn a_required_hook_that_fails_by_a_limit_or_a_trap_keeps_the_gate_shut() {
    for (config, more, reason) in [
        ("fail-on = [\"before\"]", "", "error"),
        ("panic-on = [\"before\"]", "", "panic"),
        ("sleep = { before = 60000 }", "timeout = \"100ms\"", "timeout"),
        ("spin-on = [\"before\"]", "fuel = 50_000_000", "fuel"),
        ("spin-on = [\"before\"]", "timeout = \"300ms\"", "timeout"),
        ("unknown-setting = 1", "", "error"),
    ] {
        let one = super::support::hook_with("one", &["before", "failure", "finally"], more, config);
        let lab = lab(&[one, hook("two", &["before"])]);
        let (code, run) = report(&lab, &[]);
        assert_eq!((code, run["status"].as_str()), (80, Some("failure")), "{reason}: {run:#}");
        assert_eq!(run["hooks"][0]["failure"]["reason"], reason, "{run:#}");
        assert!(run["error"].as_str().unwrap().starts_with("hook \"one\": "), "{run:#}");
        assert_eq!(run["restic"], serde_json::Value::Null);
        assert!(!lab.journal().iter().any(|line| line.starts_with("two") || line.starts_with("started")));
    }
}
