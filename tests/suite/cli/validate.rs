//! `hookward validate`.

use crate::support::{anything_started, hook, json, lab, run};

#[test]
fn a_good_configuration_is_told_in_one_line() {
    let lab = lab(&[hook("a", &["before"], "", ""), hook("b", &["finally"], "", "")]);
    let finished = run(&lab, &[], &["validate"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.stdout, "ok: hookward.toml: 1 profile, 2 hooks\n");
    assert_eq!(finished.stderr, "");
    let quiet = run(&lab, &[], &["validate", "-q"]);
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (0, "", ""));
    assert!(!anything_started(&lab));
}

/// One hook that works, two that don't, one that is optional.
fn mixed() -> Vec<String> {
    let missing = |name: &str, more: &str| hook(name, &["before"], more, "").replace("@probe@", "nowhere.wasm");
    vec![
        hook("good", &["before"], "", ""),
        missing("one", ""),
        hook("two", &["before"], &format!("digest = \"sha256:{}\"", "0".repeat(64)), ""),
        missing("three", "kind = \"optional\""),
    ]
}

#[test]
fn every_component_that_cannot_be_used_is_listed() {
    let lab = lab(&mixed());
    let finished = run(&lab, &[], &["validate"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (78, ""), "{finished:?}");
    for part in [
        "hookward: hook \"one\": cannot read",
        "hookward: hook \"two\": ",
        "hookward: warning: optional hook \"three\": cannot read",
    ] {
        assert!(finished.stderr.contains(part), "no {part:?} in\n{}", finished.stderr);
    }
    assert_eq!(finished.stderr.matches("  --> hookward.toml:").count(), 3, "{}", finished.stderr);
    assert!(!finished.stderr.contains("good"), "{}", finished.stderr);

    let finished = run(&lab, &[], &["validate", "--json"]);
    let report = json(&finished);
    assert_eq!((finished.code, report["exit-code"].as_i64()), (78, Some(78)));
    assert_eq!(report["errors"].as_array().unwrap().len(), 2, "{report:#}");
    assert_eq!(report["warnings"].as_array().unwrap().len(), 1, "{report:#}");
}

#[test]
fn an_optional_hook_or_a_missing_directory_is_a_warning() {
    let odd = hook("odd", &["before"], "kind = \"optional\"", "").replace("@probe@", "nowhere.wasm");
    let away = hook("away", &["before"], "", "").replace("@lab@/notes", "@lab@/not-mounted");
    let lab = lab(&[odd, away]);
    let finished = run(&lab, &[], &["validate"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.stdout, "ok: hookward.toml: 1 profile, 2 hooks, 1 optional of them not usable\n");
    assert!(finished.stderr.contains("warning: optional hook \"odd\""), "{}", finished.stderr);
    assert!(finished.stderr.contains("hook \"away\": the granted directory"), "{}", finished.stderr);
    assert!(finished.stderr.contains("not-mounted does not exist now\n  --> hookward.toml:"), "{}", finished.stderr);
    let report = json(&run(&lab, &[], &["validate", "--json", "-q"]));
    assert_eq!(report["warnings"].as_array().unwrap().len(), 2, "{report:#}");
    assert_eq!((report["profiles"].as_i64(), report["hooks"].as_i64()), (Some(1), Some(2)), "{report:#}");
}

#[test]
fn messages_can_be_json_too() {
    let lab = lab(&mixed());
    let finished = run(&lab, &[], &["validate", "--log-format", "json"]);
    let lines: Vec<serde_json::Value> =
        finished.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let levels: Vec<_> = lines.iter().map(|line| line["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["warn", "error", "error"], "{}", finished.stderr);
    assert!(lines.iter().all(|line| line["time"].is_string() && line["event"] == "problem"));
}
