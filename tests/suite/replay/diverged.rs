//! Another component on the same record: where it goes another way.

use std::fs;

use hookward_tests::lab::Lab;
use hookward_tests::{component, core_module, core_module_saying, example, guest};

use crate::support::{elsewhere, identical, recorded};

#[test]
fn the_first_call_that_differs_is_shown() {
    let lab = Lab::new();
    let dir = format!("{}:/d", lab.path("source").display());
    let require = example("require-path");
    let args = ["--event", "before", "--set", "path=/d", "--set", "not-empty=true", "--dir", &dir];
    let (_, record) = recorded(&lab, &require, "call", &args);
    identical(&record);
    let other = guest("probe");
    let (code, report) = elsewhere(&record, &["--component", other.to_str().unwrap()]);
    assert_eq!((code, report["identical"].as_bool()), (1, Some(false)), "{report:#}");
    // In words.
    let finished = lab.run(["hook", "replay", record.to_str().unwrap(), "--component", other.to_str().unwrap()]);
    assert_eq!(finished.code, 1, "{finished:?}");
    for part in ["is another component than the one that was recorded", "recorded: "] {
        assert!(finished.stdout.contains(part), "no {part:?} in {finished:?}");
    }
}

#[test]
fn another_end_is_shown() {
    let lab = Lab::new();
    let (one, other) = (lab.path("one.wasm"), lab.path("other.wasm"));
    fs::write(&one, component(&core_module_saying("as it was"))).unwrap();
    fs::write(&other, component(&core_module_saying("as it is now"))).unwrap();
    let (_, record) = recorded(&lab, &one, "call", &["--event", "before"]);
    let (code, report) = elsewhere(&record, &["--component", other.to_str().unwrap()]);
    assert_eq!(code, 1, "{report:#}");
    let difference = &report["differences"][0];
    assert_eq!(difference["what"], "result", "{report:#}");
    assert_eq!(difference["recorded"], "as it was [error]");
    assert_eq!(difference["replayed"], "as it is now [error]");
    // One that does the same by another way is told by its fuel.
    let longer = "(global $n (mut i32) (i32.const 0))
        (func (export \"run\") (param i32) (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1))) (i32.const 0))";
    let shorter = "(func (export \"run\") (param i32) (result i32) (i32.const 0))";
    fs::write(&one, component(&core_module(shorter))).unwrap();
    fs::write(&other, component(&core_module(longer))).unwrap();
    let (_, record) = recorded(&lab, &one, "fuel", &["--event", "before"]);
    let (code, report) = elsewhere(&record, &["--component", other.to_str().unwrap()]);
    assert_eq!((code, report["differences"][0]["what"].as_str()), (1, Some("fuel")), "{report:#}");
    // The component that was recorded is no longer where it was.
    fs::write(&one, component(&core_module(longer))).unwrap();
    let finished = lab.run(["hook", "replay", record.to_str().unwrap()]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("is not the component that"), "{finished:?}");
    fs::remove_file(&one).unwrap();
    let finished = lab.run(["hook", "replay", record.to_str().unwrap()]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("--component"), "{finished:?}");
}

#[test]
fn what_was_not_granted_is_not_there_for_another_component() {
    let lab = Lab::new();
    let (_, record) = recorded(&lab, &guest("hello"), "call", &["--event", "before"]);
    let finished =
        lab.run(["hook", "replay", record.to_str().unwrap(), "--component", guest("http").to_str().unwrap()]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("the recorded call had none"), "{finished:?}");
}
