//! The table `grants` that `hook inspect` writes.

use std::fs;
use std::path::Path;

use hookward_runner::config::grants_from_text;
use hookward_tests::guest;
use hookward_tests::lab::Lab;

/// Guests, and the grants that they can't do without.
const GUESTS: &[(&str, &[&str])] = &[
    ("command", &["commands"]),
    ("http", &["http"]),
    ("plan", &["plan"]),
    ("probe", &[]),
    ("secrets", &["secrets"]),
    ("state", &["state"]),
    ("tcp", &[]),
];

fn table(lab: &Lab, guest_name: &str) -> String {
    let component = guest(guest_name);
    let shown = lab.run(["hook", "inspect", component.to_str().unwrap(), "--grants"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""), "{shown:?}");
    shown.stdout
}

#[test]
fn it_is_taken_by_the_configuration_and_opens_the_gate_for_the_hook() {
    let lab = Lab::new();
    for (name, needs) in GUESTS {
        let table = table(&lab, name);
        fs::write(lab.path("grants.toml"), &table).unwrap();
        let granted = grants_from_text(Path::new("grants.toml"), &table, Path::new("."));
        let granted = granted.unwrap_or_else(|error| panic!("{name}: {error}\n{table}"));
        for grant in ["commands", "http", "plan", "secrets", "state"] {
            assert_eq!(granted.has(grant), needs.contains(&grant), "{name}, {grant}:\n{table}");
        }
        let component = guest(name);
        let call = ["hook", "call", component.to_str().unwrap(), "--event", "before"];
        let called = lab.run([&call[..], &["--grants", "grants.toml"]].concat());
        assert!(!called.stderr.contains("needs the grant"), "{called:?}");
        let refused = lab.run(call);
        assert_eq!(refused.stderr.contains("needs the grant"), !needs.is_empty(), "{refused:?}");
    }
}

#[test]
fn what_most_languages_import_stands_in_comments_that_are_valid_too() {
    let lab = Lab::new();
    let table = table(&lab, "probe");
    assert!(table.starts_with("# [profile.PROFILE.hook.grants]: it needs none\n"), "{table}");
    let open: Vec<_> =
        table.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| line.contains(" = ")).collect();
    assert!(open.iter().any(|line| line.starts_with("dirs = ")), "{table}");
    let open = open.join("\n");
    let granted = grants_from_text(Path::new("grants.toml"), &open, Path::new("."));
    assert!(granted.unwrap_or_else(|error| panic!("{error}\n{open}")).has("dirs"));
}

#[test]
fn the_report_has_it_too() {
    let lab = Lab::new();
    let component = guest("http");
    let shown = lab.run(["hook", "inspect", component.to_str().unwrap(), "--json"]);
    let report: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(report["grants"].as_str().unwrap().trim_end(), table(&lab, "http").trim_end());
    let shown = lab.run(["hook", "inspect", component.to_str().unwrap()]);
    assert!(shown.stdout.ends_with(&table(&lab, "http")), "{shown:?}");
}
