//! `hook build`, where something is missing or wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::lab::{Finished, Lab};

/// A build of a new project, with nothing but these programs of sh.
fn build(lab: &Lab, language: &str, programs: &[(&str, &str)], change: impl FnOnce(&Lab)) -> Finished {
    let made: Finished = lab.hookward(["hook", "new", "--lang", language, "x"]).output().unwrap().into();
    assert_eq!(made.code, 0, "{made:?}");
    change(lab);
    for (name, script) in programs {
        let file = lab.path("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = lab.hookward(["hook", "build", "x"]);
    command.env("PATH", lab.path("bin")).env_remove("WASI_SDK_PATH").output().unwrap().into()
}

fn as_it_is(_: &Lab) {}

#[test]
fn what_is_missing_is_told_with_how_to_get_it() {
    for (language, programs, missing, get) in [
        ("rust", &[][..], "Rust is built with cargo", "https://rustup.rs"),
        (
            "rust",
            &[("cargo", ":"), ("rustc", "echo /nowhere/at/all")][..],
            "Rust is built with the target wasm32-wasip2",
            "rustup target add wasm32-wasip2",
        ),
        (
            "python",
            &[],
            "Python is built with componentize-py",
            "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1",
        ),
        (
            "javascript",
            &[],
            "JavaScript is built with componentize-qjs",
            "npm install --save-dev componentize-qjs@0.4.5",
        ),
        ("c", &[], "C is built with zig", "python3 -m venv .venv && .venv/bin/pip install ziglang"),
        // A clang that has no C library for it.
        ("c", &[("clang", "echo libc.a")], "C is built with zig", ".venv/bin/pip install ziglang"),
        ("go", &[], "Go is built with go", "https://go.dev/dl"),
    ] {
        let finished = build(&Lab::new(), language, programs, as_it_is);
        assert_eq!((finished.code, finished.stdout.as_str()), (78, ""), "{finished:?}");
        let says = format!("a hook in {missing}");
        assert!(finished.stderr.contains(&says) && finished.stderr.contains("which is missing here"), "{finished:?}");
        assert!(
            finished.stderr.contains(&format!("get it:\n  {get}")) || finished.stderr.contains(get),
            "{finished:?}"
        );
    }
}

#[test]
fn a_tool_of_the_project_comes_before_that_of_the_machine() {
    let lab = Lab::new();
    let finished = build(&lab, "python", &[("componentize-py", "echo the machine says; exit 3")], |lab| {
        fs::create_dir_all(lab.path("x/.venv/bin")).unwrap();
        let own = lab.path("x/.venv/bin/componentize-py");
        fs::write(&own, "#!/bin/sh\necho the project says: $*; exit 4\n").unwrap();
        fs::set_permissions(own, fs::Permissions::from_mode(0o755)).unwrap();
    });
    // What tools say is on stderr, and nothing is left of a build that failed.
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""), "{finished:?}");
    assert!(finished.stderr.contains("the project says: ") && !finished.stderr.contains("the machine"), "{finished:?}");
    assert!(finished.stderr.contains("`componentize-py --quiet"), "{finished:?}");
    assert!(finished.stderr.contains("failed (exit status: 4)"), "{finished:?}");
    assert!(!lab.path("x/dist").exists());
}

#[test]
fn what_is_wrong_with_a_project_is_told() {
    let tool = [("componentize-py", "exit 1")];
    let lab = Lab::new();
    let finished: Finished = lab.hookward(["hook", "build"]).output().unwrap().into();
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains(". is no hook's project, for it has no hook.toml"), "{finished:?}");
    for (file, text, says) in [
        (
            "hook.toml",
            Some("name = \"x\"\nlanguage = \"perl\"\n"),
            "x/hook.toml: TOML parse error at line 2, column 12",
        ),
        ("hook.toml", Some("name = \"x\"\nlang = \"c\"\n"), "unknown field `lang`"),
        ("app.py", None, "there is no app.py, which is where the hook is looked for"),
        ("wit/world.wit", Some("package a:b;\nworld hook {\n  include nothing;\n}\n"), "world.wit:3:11"),
    ] {
        let finished = build(&Lab::new(), "python", &tool, |lab| {
            let path = lab.path("x").join(file);
            text.map_or_else(|| fs::remove_file(&path), |text| fs::write(&path, text)).unwrap();
        });
        assert_eq!((finished.code, finished.stdout.as_str()), (1, ""), "{finished:?}");
        assert!(finished.stderr.contains(says), "no {says:?} in {finished:?}");
    }
}

#[test]
fn metadata_that_cannot_be_written_is_told() {
    // A tool that makes a component, the smallest that there is.
    let makes =
        [("componentize-py", "while [ $# -gt 1 ]; do shift; done; printf '\\000asm\\r\\000\\001\\000' > \"$1\"")];
    let project = "[project]\nname = \"x\"\nversion = \"1.0\"\nlicense = \"whatever you like\"\n";
    let finished =
        build(&Lab::new(), "python", &makes, |lab| fs::write(lab.path("x/pyproject.toml"), project).unwrap());
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains("the metadata's `license` can't be \"whatever you like\""), "{finished:?}");
    // What comes of a tool is looked at before it is called built.
    let finished = build(&Lab::new(), "python", &makes, as_it_is);
    assert_eq!((finished.code, finished.stdout.as_str()), (78, ""), "{finished:?}");
    assert!(finished.stderr.contains("exports nothing, but no function `run`"), "{finished:?}");
}
