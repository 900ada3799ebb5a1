//! From an empty directory to a hook that was called, in each language.

use std::fs;

use hookward_tests::lab::Finished;
use serde_json::Value;

use crate::support::{Author, good, json};

/// Makes, builds, looks at and calls a hook, and runs its project's own test.
fn story(language: &str, title: &str, sdk: &str, test: &[&str]) {
    let author = Author::new();
    good(&author.run(["hook", "new", "--lang", language, "nightly-only"]));
    let built = author.run(["hook", "build", "nightly-only"]);
    good(&built);
    let file = "nightly-only/dist/nightly-only.wasm";
    assert!(built.stdout.starts_with(&format!("built {file} (")), "{built:?}");

    let report = json(&author.run(["hook", "inspect", file, "--json"]));
    let digest = report["inspection"]["digest"].as_str().unwrap();
    assert!(built.stdout.contains(digest), "{built:?}");
    let metadata = &report["metadata"];
    assert_eq!((&metadata["name"], &metadata["version"]), (&"nightly-only".into(), &"0.1.0".into()), "{report:#}");
    assert_eq!(metadata["description"], "Keeps a backup from starting that lacks a tag", "{report:#}");
    assert!(metadata["languages"].get(title).is_some(), "{report:#}");
    assert_eq!(metadata["sdks"][sdk], env!("CARGO_PKG_VERSION"), "{report:#}");
    assert_eq!((&report["contract"], &report["runs-here"]), (&"0.1.0".into(), &true.into()), "{report:#}");
    // It asks for nothing that has to be granted.
    let gated = |request: &&Value| request["access"].get("gated").is_some();
    let requests = report["inspection"]["requests"].as_array().unwrap();
    assert!(!requests.is_empty() && !requests.iter().any(|request| gated(&request)), "{report:#}");

    let call = |args: &[&str]| -> Finished {
        author.run([&["hook", "call", file, "--event", "before", "--timeout", "5m"], args].concat())
    };
    let ok = call(&["--set", "required-tag=nightly", "--tag", "nightly"]);
    good(&ok);
    assert!(ok.stderr.contains("info: the tag is there tag=nightly\nok ("), "{ok:?}");
    let refused = call(&["--set", "required-tag=nightly", "--tag", "daily"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("failed: this backup has no tag `nightly` [error]"), "{refused:?}");

    let inside = |program: &str| {
        let mut command = author.command(program);
        command.current_dir(author.lab.path("nightly-only"));
        command
    };
    let valid: Finished = inside("hookward").arg("validate").output().unwrap().into();
    good(&valid);
    cases(|args| inside("hookward").args(["hook", "test"]).args(args).output().unwrap().into(), &author);
    let tested: Finished = inside(test[0]).args(&test[1..]).output().unwrap().into();
    good(&tested);

    // Built anew it is the same, whoever asks from wherever.
    let first = fs::read(author.lab.path(file)).unwrap();
    let again: Finished = inside("hookward").args(["hook", "build", "--output", "again.wasm"]).output().unwrap().into();
    good(&again);
    let second = fs::read(author.lab.path("nightly-only/again.wasm")).unwrap();
    assert!(language == "python" || language == "javascript" || first == second, "the build can't be repeated");
}

/// The project's cases of `hook test`: they pass, and one that expects something else
/// doesn't.
fn cases(test: impl Fn(&[&str]) -> Finished, author: &Author) {
    let passed = test(&[]);
    good(&passed);
    let told = "ok      with-the-tag\nok      without-it\nok      without-settings\n3 passed, 0 failed\n";
    assert_eq!(passed.stdout, told, "{passed:?}");

    let file = author.lab.path("nightly-only/tests/without-it.toml");
    let case = fs::read_to_string(&file).unwrap();
    fs::write(&file, case.replace("no tag `nightly`", "no tag `weekly`")).unwrap();
    let failed = test(&["--filter", "without-it", "--json"]);
    let report = json(&failed);
    assert_eq!((failed.code, &report["passed"], &report["failed"]), (1, &0.into(), &1.into()), "{report:#}");
    assert!(report.to_string().contains("this backup has no tag `nightly`"), "{report:#}");
    // As the hook has it.
    good(&test(&["--update"]));
    assert!(fs::read_to_string(&file).unwrap().contains("no tag `nightly`"));
}

#[test]
fn rust() {
    story("rust", "Rust", "hookward-sdk", &["cargo", "test", "--quiet"]);
}

#[test]
fn python() {
    if Author::has("componentize-py") {
        story("python", "Python", "hookward-python", &["python3", "-m", "unittest"]);
    }
}

#[test]
fn javascript() {
    if Author::has("componentize-qjs") {
        story("javascript", "JavaScript", "hookward-javascript", &["npm", "test"]);
    }
}

#[test]
fn c() {
    if Author::has("python-zig") || Author::has("zig") {
        story("c", "C", "hookward-c", &["sh", "test.sh"]);
    }
}

#[test]
fn go() {
    if Author::has("go") {
        story("go", "Go", "hookward-go", &["go", "test", "./test"]);
    }
}
