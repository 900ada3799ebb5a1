//! How a real restic ends, and what hooks and callers are told of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::lab::{Finished, hookward};
use serde_json::Value;

use crate::support::{EVENTS, code_alone, hook, lab, lab_with, locks, restic, run, snapshots};

/// The event that the last call of the hook was told.
fn told(lab: &hookward_tests::lab::Lab) -> Value {
    serde_json::from_str(&lab.lines("notes/event")[0]).unwrap()
}

#[test]
fn an_unreadable_file_is_a_warning_and_the_snapshot_is_made() {
    let lab = lab(&[hook("h", EVENTS, "", "dump = \"/notes/event\"")]);
    let secret = lab.path("source/secret.txt");
    fs::write(&secret, "not for everyone").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = lab.command("setpriv");
    // Root reads everything, unless it gives that up.
    if nix::unistd::geteuid().is_root() {
        command.arg("--bounding-set=-dac_override,-dac_read_search");
    }
    let finished: Finished = command.arg(hookward()).args(["run", "p", "--json"]).output().unwrap().into();
    let report: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    let run = &report["runs"][0];
    assert_eq!((finished.code, run["status"].as_str()), (3, Some("warning")), "{report:#}");
    let error = run["error"].as_str().unwrap();
    assert!(error.contains("could not read some of the data") && error.contains("secret.txt"), "{error}");
    assert!(error.contains("permission denied"), "{error}");
    let id = run["restic"]["snapshot-id"].as_str().unwrap();
    assert!(snapshots(&lab)[0]["id"].as_str().unwrap().starts_with(id), "{report:#}");
    assert_eq!(
        lab.journal(),
        [
            "h before attempt=1".to_owned(),
            format!("h warning attempt=1 status=warning exit=3 snapshot={id} hooks=1"),
            format!("h finally attempt=1 status=warning exit=3 snapshot={id} hooks=2"),
        ]
    );
    assert_eq!(told(&lab)["outcome"]["error"], error);
}

#[test]
fn a_wrong_password_is_a_failure_in_the_words_of_restic() {
    let lab = lab(&[hook("h", EVENTS, "", "dump = \"/notes/event\"")]);
    fs::write(lab.path("password"), "wrong").unwrap();
    let alone = code_alone(restic(&lab, &["snapshots"]));
    assert!([1, 12].contains(&alone), "{alone}");
    let (finished, run) = run(&lab, &["run", "p"]);
    assert_eq!(finished.code, alone, "{finished:?}");
    assert_eq!((run["status"].as_str(), run["restic"]["exit-code"].as_i64()), (Some("failure"), Some(alone.into())));
    assert_eq!(
        lab.journal(),
        [
            "h before attempt=1".to_owned(),
            format!("h failure attempt=1 status=failure exit={alone} hooks=1"),
            format!("h finally attempt=1 status=failure exit={alone} hooks=2"),
        ]
    );
    let event = told(&lab);
    let error = event["outcome"]["error"].as_str().unwrap();
    assert!(error.contains("wrong password or no key found"), "{event:#}");
    assert!(event["outcome"]["stderr-tail"].as_str().unwrap().contains("wrong password"), "{event:#}");
    assert_eq!(run["error"], error);
}

#[test]
fn a_missing_repository_is_a_failure_in_the_words_of_restic() {
    let lab = lab(&[hook("h", EVENTS, "", "dump = \"/notes/event\"")]);
    fs::remove_dir_all(lab.path("repo")).unwrap();
    let alone = code_alone(restic(&lab, &["snapshots"]));
    assert!([1, 10].contains(&alone), "{alone}");
    let (finished, run) = run(&lab, &["run", "p"]);
    assert_eq!((finished.code, run["status"].as_str()), (alone, Some("failure")), "{finished:?}");
    let error = told(&lab)["outcome"]["error"].as_str().unwrap().to_owned();
    let words = ["unable to open config file", "repository does not exist"];
    assert!(words.iter().any(|words| error.contains(words)), "{error}");
}

#[test]
fn what_restic_says_of_a_failure_reaches_a_person_once() {
    let lab = lab(&[]);
    fs::write(lab.path("password"), "wrong").unwrap();
    let finished = lab.run(["run", "p"]);
    let all = format!("{}{}", finished.stdout, finished.stderr);
    // The line as it came, and the summary.
    assert_eq!(all.matches("wrong password").count(), 2, "{all}");
}

#[test]
fn a_repository_that_is_locked_is_a_failure() {
    let lab = lab_with("prune = { args = [] }", &[hook("h", EVENTS, "operations = [\"*\"]", "")]);
    let mut holder =
        restic(&lab, &["backup", "--stdin", "--quiet"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    lab.wait_for("restic's lock", |lab| locks(lab) == 1);
    let (finished, run) = run(&lab, &["prune", "p"]);
    std::io::Write::write_all(&mut holder.stdin.take().unwrap(), b"the end").unwrap();
    let output = holder.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!([1, 11].contains(&finished.code), "{finished:?}");
    assert!(run["error"].as_str().unwrap().contains("locked"), "{run:#}");
    assert!(lab.journal()[1].starts_with("h failure"), "{:?}", lab.journal());
}

#[test]
fn a_required_hook_that_fails_after_the_backup_leaves_the_snapshot() {
    let lab = lab(&[hook("late", &["success", "finally"], "", "fail-on = [\"success\"]")]);
    let (finished, run) = run(&lab, &["run", "p"]);
    assert_eq!((finished.code, run["status"].as_str()), (81, Some("success")), "{finished:?}");
    assert_eq!(snapshots(&lab).len(), 1);
    assert_eq!(lab.journal().len(), 2);
}
