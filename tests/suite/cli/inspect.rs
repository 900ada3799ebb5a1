//! `hookward hook inspect`.

use std::fs;

use hookward_tests::guest;
use hookward_tests::lab::Lab;

use crate::support::json;

#[test]
fn a_component_is_looked_into() {
    let lab = Lab::new();
    let probe = guest("probe");
    let finished = lab.run(["hook", "inspect", probe.to_str().unwrap()]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{finished:?}");
    for part in [
        "component   ",
        "size        ",
        "digest      sha256:",
        "language    ",
        "exports     run\n",
        "  hookward:hook/log@0.1.0: write log messages\n",
        "  wasi:filesystem/types@0.2.",
        ": read and write files (nothing behind it without the grant `dirs`)",
    ] {
        assert!(finished.stdout.contains(part), "no {part:?} in\n{}", finished.stdout);
    }
    assert!(!finished.stdout.contains(" ,") && !finished.stdout.contains(" \n"), "{}", finished.stdout);

    let report = json(&lab.run(["hook", "inspect", probe.to_str().unwrap(), "--json"]));
    assert_eq!(report["inspection"]["exports"][0], "run", "{report:#}");
    let digest = report["inspection"]["digest"].as_str().unwrap();
    assert!(finished.stdout.contains(digest), "{digest}");
    assert!(report["metadata"].is_object());
}

#[test]
fn what_is_no_component_is_told_by_its_name() {
    let lab = Lab::new();
    fs::write(lab.path("notes/text.wasm"), "no wasm").unwrap();
    fs::write(lab.path("notes/empty.wasm"), "").unwrap();
    for (file, code, says) in [
        ("notes/text.wasm", 78, "notes/text.wasm: the file is not WebAssembly [not-wasm]"),
        ("notes/empty.wasm", 78, "notes/empty.wasm: the component's file is empty [empty]"),
        ("notes/nothing.wasm", 1, "cannot read notes/nothing.wasm: No such file"),
    ] {
        let finished = lab.run(["hook", "inspect", file]);
        assert_eq!((finished.code, finished.stdout.as_str()), (code, ""), "{finished:?}");
        assert!(finished.stderr.contains(says), "{finished:?}");
    }
}
