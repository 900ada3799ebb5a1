//! Rule 6 in the surroundings that there are: process groups, stopped jobs, containers,
//! terminals that close, parents that die.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hookward_tests::lab::{Finished, Lab, finish, hookward};
use hookward_tests::pty::Terminal;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, geteuid};

use super::support::{
    assert_order, command, hook, hook_with, is_alive, lab, noted, noted_pid, order, release, run, send, until,
};

const ALL: &[&str] = &["before", "success", "failure", "cancelled", "finally"];

/// Leads a process group, as a job of a shell does.
fn start_job(lab: &Lab, restic: &[&str]) -> Child {
    command(lab, restic, &["run", "p"]).process_group(0).spawn().unwrap()
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

#[test]
fn a_signal_for_the_whole_group_stops_a_hook_and_calls_what_is_owed() {
    let lab = lab(&[hook_with("h", ALL, "", "sleep = { before = 60000 }")]);
    let child = start_job(&lab, &[]);
    noted(&lab, "h before");
    killpg(pid(&child), Signal::SIGINT).unwrap();
    assert_eq!(finish(child).code, 130);
    assert_order(&lab, &["h before", "h cancelled", "h finally"]);
}

#[test]
fn a_signal_for_the_whole_group_reaches_restic_once() {
    let lab = lab(&[hook("h", ALL)]);
    let child = start_job(&lab, &["ignore", "note=ready", &until(&lab, "go"), "exit=130"]);
    noted(&lab, "ready");
    killpg(pid(&child), Signal::SIGTERM).unwrap();
    noted(&lab, "signal");
    // Long enough for a second one that would be on its way.
    std::thread::sleep(Duration::from_millis(300));
    release(&lab, "go");
    assert_eq!(finish(child).code, 130);
    assert_order(&lab, &["h before", "restic", "signal 2", "h cancelled", "h finally"]);
}

#[test]
fn a_run_that_is_stopped_goes_on_where_it_was() {
    for (waits, restic) in [("until = { before = \"/notes/go\" }", "note=ready"), ("", "until=go")] {
        let lab = lab(&[hook_with("h", ALL, "", waits)]);
        let restic = if restic == "until=go" { until(&lab, "notes/go") } else { restic.to_owned() };
        let child = start_job(&lab, &[&restic]);
        noted(&lab, if waits.is_empty() { "started" } else { "h before" });
        let is_stopped = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
            stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
        };
        for _ in 0..2 {
            killpg(pid(&child), Signal::SIGTSTP).unwrap();
            lab.wait_for("the stop", |_| is_stopped());
            killpg(pid(&child), Signal::SIGCONT).unwrap();
            lab.wait_for("its end", |_| !is_stopped());
        }
        release(&lab, "notes/go");
        assert_eq!(finish(child).code, 0);
        assert_order(&lab, &["h before", "restic", "h success", "h finally"]);
    }
}

#[test]
fn a_signal_that_comes_while_the_run_is_stopped_is_met_when_it_goes_on() {
    let lab = lab(&[hook_with("h", ALL, "", "sleep = { before = 60000 }")]);
    let child = start_job(&lab, &[]);
    noted(&lab, "h before");
    send(&child, Signal::SIGSTOP);
    send(&child, Signal::SIGTERM);
    send(&child, Signal::SIGCONT);
    assert_eq!(finish(child).code, 143);
    assert_order(&lab, &["h before", "h cancelled", "h finally"]);
}

#[test]
fn a_pipe_that_broke_ends_no_run() {
    let lab = lab(&[hook_with("h", ALL, "", "until = { before = \"/notes/go\" }")]);
    let child = start_job(&lab, &[]);
    noted(&lab, "h before");
    send(&child, Signal::SIGPIPE);
    release(&lab, "notes/go");
    assert_eq!(finish(child).code, 0);
    assert_order(&lab, &["h before", "restic", "h success", "h finally"]);
}

#[test]
fn a_terminal_that_closes_cancels_the_run_and_what_is_owed_is_called() {
    for (config, restic, expected) in [
        ("sleep = { before = 60000 }", "note=ready", &["h before", "h cancelled", "h finally"][..]),
        ("", "lock", &["h before", "restic", "signal 2", "h cancelled", "h finally"]),
    ] {
        let lab = lab(&[hook_with("h", ALL, "", config)]);
        let plain = command(&lab, &[restic], &["run", "p"]);
        let mut on_terminal = lab.on_terminal(hookward());
        on_terminal.args(["run", "p"]).envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let terminal = Terminal::start(on_terminal);
        noted(&lab, if config.is_empty() { "started" } else { "h before" });
        let child = terminal.hang_up();
        let code = finish(child).code;
        assert!([129, 130].contains(&code), "{code}");
        assert_order(&lab, expected);
        let recovered = run(&lab, &[], &["recover"]);
        assert!(recovered.stdout.contains("nothing is owed"), "{recovered:?}");
    }
}

#[test]
fn a_parent_that_dies_ends_nothing() {
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let lab = lab(&[hook_with("h", ALL, "", "until = { before = \"/notes/go\" }")]);
        let plain = command(&lab, &[], &["run", "p"]);
        let mut shell = lab.command("sh");
        shell.args(["-c", "\"$@\" & wait", "sh"]).arg(hookward()).args(["run", "p"]);
        shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut parent = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        noted(&lab, "h before");
        kill(pid(&parent), signal).unwrap();
        parent.wait().unwrap();
        release(&lab, "notes/go");
        noted(&lab, "h finally");
        assert_order(&lab, &["h before", "restic", "h success", "h finally"]);
    }
}

/// `hookward run p` as the first process of a container, or nothing where that needs
/// more than the tests may.
fn first_process(lab: &Lab, restic: &[&str]) -> Option<Command> {
    let allowed = Command::new("unshare").args(["--pid", "--fork", "true"]).stderr(Stdio::null()).status();
    if !geteuid().is_root() || !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a container of its own needs root");
        return None;
    }
    let plain = command(lab, restic, &["run", "p"]);
    let mut unshare = lab.command("unshare");
    // Its /proc is its own, too: what is seen there has the numbers that it has there.
    unshare.args(["--pid", "--fork", "--mount-proc"]).arg(hookward()).args(["run", "p"]);
    unshare.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(unshare)
}

/// The only child of a process.
fn child_of(parent: &Child) -> Pid {
    let path = format!("/proc/{0}/task/{0}/children", parent.id());
    let children = std::fs::read_to_string(path).unwrap();
    Pid::from_raw(children.split_whitespace().next().unwrap().parse().unwrap())
}

#[test]
fn as_the_first_process_of_a_container_signals_are_met_as_everywhere() {
    let lab = lab(&[hook("h", ALL)]);
    let Some(mut first) = first_process(&lab, &["note=ready", "lock"]) else { return };
    let parent = first.spawn().unwrap();
    noted(&lab, "ready");
    // What nobody waits for is this one's to wait for: restic among it.
    kill(child_of(&parent), Signal::SIGTERM).unwrap();
    let finished = finish(parent);
    assert_eq!(finished.code, 130, "{finished:?}");
    assert_order(&lab, &["h before", "restic", "signal 2", "h cancelled", "h finally"]);
}

#[test]
fn the_first_process_of_a_container_is_not_taken_for_another_of_the_same_number() {
    let lab = lab(&[hook_with("h", ALL, "", "until = { before = \"/notes/go\" }")]);
    let Some(mut first) = first_process(&lab, &[]) else { return };
    let parent = first.spawn().unwrap();
    noted(&lab, "h before");
    // While it lives, nobody pays for it, though there is a process 1 everywhere.
    let recovered = run(&lab, &[], &["recover"]);
    assert!(recovered.stdout.contains("nothing is owed"), "{recovered:?}");
    kill(child_of(&parent), Signal::SIGKILL).unwrap();
    drop(finish(parent));
    release(&lab, "notes/go");
    let finished: Finished = first_process(&lab, &[]).unwrap().output().unwrap().into();
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(order(&lab)[..3], ["h before", "h failure", "h finally"]);
    assert_eq!(order(&lab)[3..], ["h before", "restic", "h success", "h finally"]);
}

#[test]
fn a_restic_whose_parent_was_killed_in_a_container_is_gone_with_it() {
    let lab = lab(&[hook("h", ALL)]);
    let Some(mut first) = first_process(&lab, &["ignore", "note=ready", &until(&lab, "never")]) else { return };
    let parent = first.spawn().unwrap();
    noted(&lab, "ready");
    // The number that restic has in there is another's out here.
    let inside = noted_pid(&lab, "started");
    let outside = is_alive(inside);
    kill(child_of(&parent), Signal::SIGKILL).unwrap();
    drop(finish(parent));
    let recovered = run(&lab, &[], &["recover"]);
    assert_eq!(recovered.code, 0, "{recovered:?}");
    assert_eq!(is_alive(inside), outside, "another process was ended for restic");
    assert_order(&lab, &["h before", "restic", "h failure", "h finally"]);
}
