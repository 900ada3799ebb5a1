//! `hookward init`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::lab::{Lab, stand_in};

#[test]
fn a_configuration_is_written_and_never_overwritten_unasked() {
    let lab = Lab::new();
    let finished = lab.run(["init"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stdout.contains("wrote hookward.toml; edit it, then `hookward validate`"), "{finished:?}");
    let file = lab.path("hookward.toml");
    assert!(fs::read_to_string(&file).unwrap().contains("version = 1"));
    fs::write(&file, "mine").unwrap();
    let finished = lab.run(["init"]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains("cannot write hookward.toml (--force overwrites it)"), "{finished:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let finished = lab.run(["init", "--force", "-q"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (0, ""), "{finished:?}");
    assert_ne!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn it_can_have_another_name_and_says_when_it_cannot_be_written() {
    let lab = Lab::new();
    assert_eq!(lab.run(["init", "notes/mine.toml"]).code, 0);
    assert!(lab.path("notes/mine.toml").is_file());
    let finished = lab.run(["init", "nowhere/mine.toml"]);
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains("cannot write nowhere/mine.toml") && !finished.stderr.contains("--force"));
}

#[test]
fn what_is_written_is_valid_as_it_is() {
    let lab = Lab::new();
    assert_eq!(lab.run(["init"]).code, 0);
    // The one thing that a machine has to have is restic.
    fs::copy(stand_in(), lab.path("bin/restic")).unwrap();
    fs::set_permissions(lab.path("bin/restic"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = lab.hookward(["validate"]);
    let output = command.env("PATH", lab.path("bin")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "ok: hookward.toml: 1 profile, 0 hooks\n");
    let mut command = lab.hookward(["explain", "home"]);
    let output = command.env("PATH", lab.path("bin")).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("--one-file-system"), "{:?}", output.stderr);
}
