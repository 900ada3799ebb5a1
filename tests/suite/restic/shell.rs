//! Under a shell with job control, as a person types it.

use std::fs;

use hookward_tests::lab::Lab;
use hookward_tests::pty::Terminal;

use crate::support::{PASSWORD, Way, back_up, lab, locks, snapshots, witness};

/// What the shell says when it waits for the next command.
const READY: &str = "ready> ";

/// An interactive shell that knows the repository.
fn shell(lab: &Lab, way: Way, password: bool) -> Terminal {
    let mut command = lab.on_terminal("bash");
    // Without an editor the terminal shows no more than what is written to it.
    command.args(["--norc", "--noprofile", "--noediting", "-i"]).env("PS1", READY);
    way.env(lab, &mut command);
    command.env("RESTIC_REPOSITORY", lab.path("repo"));
    if password {
        command.env("RESTIC_PASSWORD_FILE", lab.path("password"));
    }
    let mut terminal = Terminal::start(command);
    terminal.expect(READY);
    terminal
}

/// States of the processes in whose command line the word stands.
fn states(word: &str) -> Vec<char> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| {
        let line = fs::read(process.path().join("cmdline")).ok()?;
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        let found = String::from_utf8_lossy(&line).contains(word) && !line.starts_with(b"bash");
        found.then(|| stat.rsplit(") ").next().unwrap().chars().next().unwrap())
    });
    lines.collect()
}

#[test]
fn ctrl_z_stops_restic_and_fg_goes_on() {
    for way in [Way::Alone, Way::Exec, Way::StandIn] {
        let lab = lab(&[witness()]);
        let mut terminal = shell(&lab, way, true);
        // Reads from the terminal, so it is there until its end is typed.
        let name = format!("typed-{}", lab.path("").file_name().unwrap().to_str().unwrap());
        terminal.send(&format!("{} backup --stdin --stdin-filename {name}\n", way.words(&lab).join(" ")));
        lab.wait_for("restic's lock", |lab| locks(lab) == 1);
        terminal.send("\x1a");
        terminal.expect("Stopped");
        terminal.expect(READY);
        let stopped = states(&name);
        assert!(!stopped.is_empty() && stopped.iter().all(|&state| state == 'T'), "{way:?}: {stopped:?}");
        terminal.send("fg\n");
        lab.wait_for("restic to go on", |_| states(&name).iter().all(|&state| state != 'T'));
        terminal.send("typed by hand\n");
        lab.wait_for("the snapshot", |_| {
            // restic wants the end more than once.
            terminal.send("\x04");
            std::thread::sleep(std::time::Duration::from_millis(100));
            terminal.shown().contains("snapshot ")
        });
        terminal.expect(READY);
        terminal.send("echo code=$?.\n");
        terminal.expect("code=0.");
        assert_eq!(snapshots(&lab).len(), 1, "{way:?}");
        assert_eq!(lab.journal().len(), if way.calls_hooks() { 3 } else { 0 }, "{way:?}");
    }
}

#[test]
fn a_password_can_be_typed_once_restic_is_in_the_foreground() {
    for way in [Way::Alone, Way::Exec, Way::StandIn] {
        let lab = lab(&[witness()]);
        back_up(&lab);
        let mut terminal = shell(&lab, way, false);
        terminal.send(&format!("{} snapshots &\n", way.words(&lab).join(" ")));
        // What asks in the background is stopped, as any program that does.
        lab.wait_for("the job to be stopped", |_| {
            terminal.send("jobs\n");
            terminal.expect(READY);
            std::thread::sleep(std::time::Duration::from_millis(100));
            terminal.shown().contains("Stopped")
        });
        terminal.send("fg\n");
        lab.wait_for("the terminal to be silent", |_| !terminal.echoes());
        terminal.send(&format!("{PASSWORD}\n"));
        terminal.expect("1 snapshots");
        terminal.expect(READY);
        terminal.send("echo code=$?.\n");
        terminal.expect("code=0.");
    }
}

#[test]
fn a_pager_behind_a_pipe_reads_the_keyboard() {
    let lab = lab(&[witness()]);
    back_up(&lab);
    for way in [Way::Alone, Way::Exec, Way::StandIn] {
        let mut terminal = shell(&lab, way, true);
        let pager = "{ cat; read -r key < /dev/tty; echo \"key=$key.\"; }";
        terminal.send(&format!("{} snapshots | {pager}\n", way.words(&lab).join(" ")));
        terminal.expect("1 snapshots");
        terminal.send("q\n");
        terminal.expect("key=q.");
        terminal.expect(READY);
        terminal.send("echo codes=${PIPESTATUS[*]}.\n");
        terminal.expect("codes=0 0.");
    }
}

#[test]
fn ctrl_c_at_a_prompt_leaves_the_shell_as_it_was() {
    let lab = lab(&[witness()]);
    let code = |way: Way| {
        let mut terminal = shell(&lab, way, false);
        terminal.send(&format!("{} snapshots\n", way.words(&lab).join(" ")));
        terminal.expect("enter password for repository: ");
        lab.wait_for("the terminal to be silent", |_| !terminal.echoes());
        terminal.send("\x03");
        terminal.expect(READY);
        terminal.send("echo code=$?.\n");
        terminal.expect("code=");
        // The first is what was typed, which the terminal shows again.
        terminal.expect("code=");
        let code = terminal.expect(".");
        assert!(terminal.echoes(), "{way:?}");
        code
    };
    let alone = code(Way::Alone);
    for &way in Way::BEHIND {
        assert_eq!(code(way), alone, "{way:?}");
    }
}
