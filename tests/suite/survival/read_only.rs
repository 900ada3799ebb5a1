//! The state directory's file system fails within a run: it becomes read-only, as after
//! an error of the disk, or it is full.

use std::fs;
use std::process::{Child, Command, Stdio};

use hookward_tests::lab::{Finished, Lab, finish, hookward};
use nix::unistd::geteuid;
use serde_json::Value;

use super::support::{command, hook, hook_with, lab, noted, order, release, text, until};

const PAIR: &[&str] = &["before", "success", "failure", "finally"];

/// How the file system fails, and how it is there again: parts of a script.
struct Failing {
    name: &'static str,
    mount: &'static str,
    fail: &'static str,
    mend: &'static str,
}

const READ_ONLY: Failing = Failing {
    name: "read-only",
    mount: "truncate -s 24M \"$IMAGE\"; mkfs.ext4 -q \"$IMAGE\"
            mount -o loop,errors=remount-ro \"$IMAGE\" \"$STATE\"
            device=$(findmnt -n -o SOURCE \"$STATE\")",
    // As the kernel does after an error of the disk, with open files and all.
    fail: "echo 1 >/sys/fs/ext4/${device##*/}/trigger_fs_error",
    mend: "umount \"$STATE\"; e2fsck -fy \"$IMAGE\" >/dev/null 2>&1 || true; mount -o loop \"$IMAGE\" \"$STATE\"",
};

const FULL: Failing = Failing {
    name: "full",
    mount: "mount -t tmpfs -o size=8m none \"$STATE\"",
    fail: "dd if=/dev/zero of=\"$STATE/fill\" bs=4k 2>/dev/null || true",
    mend: "rm \"$STATE/fill\"",
};

/// Whether this machine can be made to fail so.
fn can(failing: &Failing) -> bool {
    let script = format!(
        "{}\n{}\n! touch \"$STATE/x\" 2>/dev/null || [ ! -s \"$STATE/x\" ]\n{}",
        failing.mount, failing.fail, failing.mend
    );
    let lab = Lab::new();
    fs::create_dir(lab.path("state")).unwrap();
    let can = geteuid().is_root()
        && shell(&lab, &script, &[]).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: a file system that becomes {} needs root and mounts", failing.name);
    }
    can
}

fn shell(lab: &Lab, script: &str, args: &[&str]) -> Command {
    let mut shell = lab.command("unshare");
    shell.args(["-m", "sh", "-ec", script, "sh"]).arg(hookward()).args(args);
    shell.env("STATE", lab.path("state")).env("IMAGE", lab.path("image")).env("LAB", lab.path(""));
    shell
}

/// Starts a run whose state directory fails once there is a file `fail`, and is mended
/// after its end; then runs `recover`, and keeps what both have said.
fn start(lab: &Lab, failing: &Failing, restic: &[&str]) -> Child {
    fs::create_dir(lab.path("state")).unwrap();
    let Failing { mount, fail, mend, .. } = failing;
    let script = format!(
        "{mount}
        \"$@\" & run=$!
        until [ -e \"$LAB/fail\" ]; do sleep 0.05; done
        {fail}
        touch \"$LAB/failed\"
        code=0; wait $run || code=$?
        {mend}
        \"$1\" --json recover >\"$LAB/recovered\" 2>&1 || true
        \"$1\" --json runs list >\"$LAB/listed\"
        exit $code"
    );
    let plain = command(lab, restic, &[]);
    let mut shell = shell(lab, &script, &["--json", "run", "p"]);
    shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).spawn().unwrap()
}

/// Lets the file system fail, and then everything go on.
fn fail(lab: &Lab) {
    release(lab, "fail");
    lab.wait_for("the failure", |lab| lab.path("failed").exists());
    release(lab, "notes/go");
}

fn report(finished: &Finished) -> Value {
    let mut report: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    report["runs"][0].take()
}

/// Something says what is wrong with the disk, in words.
#[track_caller]
fn assert_told(failing: &Failing, text: &str) {
    let words = ["read-only", "Read-only", "disk is full", "No space left", "its disk"];
    assert!(words.iter().any(|word| text.contains(word)), "{}: {text}", failing.name);
}

#[test]
fn before_the_gate_it_stays_shut_and_what_has_begun_is_cleaned_up() {
    for failing in [READ_ONLY, FULL].into_iter().filter(can) {
        let lab = lab(&[hook_with("h", PAIR, "", "until = { before = \"/notes/go\" }"), hook("later", PAIR)]);
        let child = start(&lab, &failing, &[]);
        noted(&lab, "h before");
        fail(&lab);
        let finished = finish(child);
        let run = report(&finished);
        assert_eq!((finished.code, run["status"].as_str()), (80, Some("failure")), "{}: {run:#}", failing.name);
        assert_told(&failing, run["error"].as_str().unwrap());
        assert_eq!(order(&lab)[..4], ["h before", "later failure", "h failure", "h finally"], "{}", failing.name);
        over(&lab, &failing);
    }
}

#[test]
fn while_restic_runs_it_is_a_warning_and_everything_is_called() {
    for failing in [READ_ONLY, FULL].into_iter().filter(can) {
        let lab = lab(&[hook("h", PAIR), hook("g", PAIR)]);
        let child = start(&lab, &failing, &[&until(&lab, "notes/go")]);
        noted(&lab, "started");
        fail(&lab);
        let finished = finish(child);
        let run = report(&finished);
        assert_eq!((finished.code, run["status"].as_str()), (0, Some("success")), "{}: {run:#}", failing.name);
        assert_told(&failing, &run["warnings"].to_string());
        let calls = ["h before", "g before", "restic", "g success", "h success", "g finally", "h finally"];
        assert_eq!(order(&lab)[..7], calls, "{}", failing.name);
        over(&lab, &failing);
    }
}

#[test]
fn within_finally_the_others_are_called_all_the_same() {
    for failing in [READ_ONLY, FULL].into_iter().filter(can) {
        let lab = lab(&[hook("h", PAIR), hook_with("g", PAIR, "", "until = { finally = \"/notes/go\" }")]);
        let child = start(&lab, &failing, &["exit=3"]);
        noted(&lab, "g finally");
        fail(&lab);
        let finished = finish(child);
        let run = report(&finished);
        // A snapshot that exists is no failure for that.
        assert_eq!((finished.code, run["status"].as_str()), (3, Some("warning")), "{}: {run:#}", failing.name);
        // What little is left to be written may fit into what is there.
        if failing.name != FULL.name {
            assert_told(&failing, &run["warnings"].to_string());
        }
        let calls = ["h before", "g before", "restic", "g finally", "h finally"];
        assert_eq!(order(&lab)[..5], calls, "{}", failing.name);
        over(&lab, &failing);
    }
}

/// What could not be written is paid once more at the most, and nothing is left.
#[track_caller]
fn over(lab: &Lab, failing: &Failing) {
    let recovered = text(lab, "recovered");
    let listed: Value = serde_json::from_str(&text(lab, "listed")).unwrap();
    let run = &listed["runs"][0];
    let context = format!("{}: {listed:#} {recovered}", failing.name);
    assert_eq!((&run["state"], &run["owed"]), (&"ended".into(), &serde_json::json!([])), "{context}");
    let order = order(lab);
    for name in ["h", "g", "later"] {
        let calls = order.iter().filter(|line| **line == format!("{name} finally")).count();
        assert!(calls <= 2, "{context} {order:?}");
    }
}
