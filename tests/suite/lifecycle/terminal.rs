//! Rule 6 on a terminal, which sends its own signals to all that stand in front of it.

use hookward_tests::lab::{Lab, finish, hookward};
use hookward_tests::pty::Terminal;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid};

use super::support::{
    assert_order, command, hook, hook_with, is_alive, lab, noted, noted_pid, order, release, start, until,
};

const CTRL_C: &str = "\u{3}";
const FOREIGN: &[&str] = &["exec", "--profile", "p", "--", "restic", "backup", "/"];

fn on_terminal(lab: &Lab, restic: &[&str], args: &[&str]) -> Terminal {
    let plain = command(lab, restic, args);
    let mut command = lab.on_terminal(hookward());
    command.args(args).envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Terminal::start(command)
}

/// Sends a signal to `hookward` alone, as `kill` does: restic is its child.
fn send(restic: i32, signal: Signal) {
    let stat = std::fs::read_to_string(format!("/proc/{restic}/stat")).unwrap();
    // Behind the name: state, parent.
    let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    kill(Pid::from_raw(parent), signal).unwrap();
}

#[test]
fn ctrl_c_reaches_restic_once_and_not_again_through_hookward() {
    for args in [&["run", "p"][..], FOREIGN] {
        let lab = lab(&[hook("h", &["before", "cancelled", "finally"])]);
        let mut terminal = on_terminal(&lab, &["ignore", "note=ready", &until(&lab, "go"), "exit=130"], args);
        noted(&lab, "ready");
        terminal.send(CTRL_C);
        terminal.expect("interrupted");
        noted(&lab, "signal");
        // Long enough for a second one that would be on its way.
        std::thread::sleep(std::time::Duration::from_millis(300));
        release(&lab, "go");
        assert_eq!(terminal.wait(), 130);
        assert_order(&lab, &["h before", "restic", "signal 2", "h cancelled", "h finally"]);
    }
}

#[test]
fn a_signal_for_hookward_alone_is_passed_on_once() {
    for args in [&["run", "p"][..], FOREIGN] {
        let lab = lab(&[hook("h", &["before", "cancelled", "finally"])]);
        let mut terminal = on_terminal(&lab, &["note=ready", "lock"], args);
        noted(&lab, "ready");
        send(noted_pid(&lab, "started"), Signal::SIGTERM);
        assert_eq!(terminal.wait(), 130, "{}", terminal.shown());
        assert_order(&lab, &["h before", "restic", "signal 2", "h cancelled", "h finally"]);
    }
}

#[test]
fn the_second_signal_kills_restic_and_what_it_has_started() {
    let lab = lab(&[hook("h", &["before", "cancelled", "finally"])]);
    let mut terminal = on_terminal(&lab, &["ignore", "grandchild=600", "note=ready", "lock"], &["run", "p"]);
    noted(&lab, "ready");
    let (restic, grandchild) = (noted_pid(&lab, "started"), noted_pid(&lab, "grandchild"));
    // By `kill`: Ctrl-C would end the grandchild itself.
    send(restic, Signal::SIGINT);
    noted(&lab, "signal 2");
    assert!(is_alive(restic) && is_alive(grandchild));
    send(restic, Signal::SIGINT);
    lab.wait_for("the end of both", |_| !is_alive(restic) && !is_alive(grandchild));
    assert_eq!(terminal.wait(), 137, "{}", terminal.shown());
    assert_eq!(order(&lab)[2..], ["signal 2", "h cancelled", "h finally"]);
}

#[test]
fn ctrl_c_stops_a_hook() {
    let lab = lab(&[hook_with("h", &["before", "cancelled", "finally"], "", "sleep = { before = 60000 }")]);
    let mut terminal = on_terminal(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    terminal.send(CTRL_C);
    assert_eq!(terminal.wait(), 130, "{}", terminal.shown());
    assert_order(&lab, &["h before", "h cancelled", "h finally"]);
}

#[test]
fn restic_stands_in_front_of_the_terminal() {
    let lab = lab(&[hook("h", &["before"])]);
    let mut terminal = on_terminal(&lab, &["note=ready", &until(&lab, "go")], FOREIGN);
    noted(&lab, "ready");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", noted_pid(&lab, "started"))).unwrap();
    // Behind the name: state, parent, group, session, terminal, foreground group.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    release(&lab, "go");
    assert_eq!(fields[2], fields[5], "{stat}");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn without_a_terminal_restic_leads_a_group_of_its_own() {
    let lab = lab(&[hook("h", &["before"])]);
    let child = start(&lab, &["note=ready", &until(&lab, "go")], FOREIGN);
    noted(&lab, "ready");
    let restic = Pid::from_raw(noted_pid(&lab, "started"));
    let group = getpgid(Some(restic)).unwrap();
    release(&lab, "go");
    assert_eq!(finish(child).code, 0);
    // The tests themselves may have a terminal.
    if std::fs::File::open("/dev/tty").is_err() {
        assert_eq!(group, restic);
    }
}
