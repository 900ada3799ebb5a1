//! A signal in the middle of a real backup.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use hookward_tests::lab::{Lab, finish};
use hookward_tests::pty::Terminal;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{EVENTS, Way, hook, lab_with, locks, snapshots, witness};

/// Slow enough that no machine is done before the signal comes.
const SLOW: &str = "--limit-upload=2000";

/// What can't be compressed or found twice.
fn noise(path: &Path, bytes: u64) {
    let mut noise = File::open("/dev/urandom").unwrap().take(bytes);
    io::copy(&mut noise, &mut File::create(path).unwrap()).unwrap();
}

/// A lab whose backup takes a minute and more.
fn slow(hooks: &[String]) -> Lab {
    let lab = lab_with(&format!("backup = {{ args = [\"{SLOW}\"] }}"), hooks);
    noise(&lab.path("source/noise"), 200 << 20);
    lab
}

/// Waits until restic is at work: it has its lock, and packs are on their way.
fn at_work(lab: &Lab) {
    lab.wait_for("restic to be at work", |lab| {
        let data = fs::read_dir(lab.path("repo/data")).unwrap();
        locks(lab) == 1 && data.flatten().any(|dir| fs::read_dir(dir.path()).is_ok_and(|mut dir| dir.next().is_some()))
    });
}

#[test]
fn an_interrupted_backup_leaves_no_lock_and_no_snapshot() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let lab = slow(&[hook("h", EVENTS, "", "")]);
        let child = lab.hookward(["run", "p", "--json"]).spawn().unwrap();
        at_work(&lab);
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        let finished = finish(child);
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        let run = &report["runs"][0];
        assert_eq!(run["status"], "cancelled", "{report:#}");
        // 130, but 1 in some versions of restic.
        assert!([130, 1].contains(&finished.code), "{finished:?}");
        assert_eq!(run["restic"]["exit-code"], finished.code, "restic ended by itself: {report:#}");
        assert!(run["error"].as_str().unwrap().contains(signal.as_str()), "{report:#}");
        assert_eq!((locks(&lab), snapshots(&lab).len()), (0, 0));
        let calls: Vec<_> = lab.journal().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
        assert_eq!(calls, ["before", "cancelled", "finally"]);
    }
}

#[test]
fn ctrl_c_on_the_terminal_ends_restic_as_it_does_without_hooks() {
    let code = |way: Way| {
        let lab = slow(&[witness()]);
        let source = lab.path("source");
        let mut command = way.on_terminal(&lab, &["backup", SLOW, source.to_str().unwrap()]);
        command.env("RESTIC_PASSWORD_FILE", lab.path("password"));
        let mut terminal = Terminal::start(command);
        at_work(&lab);
        terminal.send("\x03");
        let code = terminal.wait();
        assert!(terminal.echoes(), "{way:?}: the terminal is not as it was");
        assert_eq!((locks(&lab), snapshots(&lab).len()), (0, 0), "{way:?}: {}", terminal.shown());
        assert_eq!(
            terminal.shown().matches("signal interrupt received").count(),
            1,
            "{way:?}: restic got it once: {}",
            terminal.shown()
        );
        let calls: Vec<_> = lab.journal().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
        let expected: &[&str] = if way.calls_hooks() { &["before", "cancelled", "finally"] } else { &[] };
        assert_eq!(calls, expected, "{way:?}");
        code
    };
    let alone = code(Way::Alone);
    for way in [Way::Exec, Way::StandIn, Way::ExecBare] {
        assert_eq!(code(way), alone, "{way:?}");
    }
}

#[test]
fn a_second_ctrl_c_kills_restic_and_hooks_are_told_all_the_same() {
    let lab = slow(&[hook("h", EVENTS, "", "")]);
    let child = lab.hookward(["run", "p"]).spawn().unwrap();
    at_work(&lab);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    kill(pid, Signal::SIGTERM).unwrap();
    let finished = finish(child);
    assert!(finished.code != 0, "{finished:?}");
    let calls: Vec<_> = lab.journal().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(calls, ["before", "cancelled", "finally"], "{finished:?}");
    assert_eq!(snapshots(&lab).len(), 0);
}
