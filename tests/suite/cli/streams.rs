//! Terminals, pipes that close, disks that are full: a run goes on to its end.

use std::fs::File;
use std::process::Stdio;

use hookward_tests::guest;
use hookward_tests::lab::{Lab, hookward};
use hookward_tests::pty::Terminal;

use crate::support::{EVENTS, SUMMARY, command, hook, lab};

/// Progress, as restic tells it.
const PROGRESS: &str = r#"stdout={"message_type":"status","percent_done":0.5,"total_files":2,"files_done":1,"total_bytes":2048,"bytes_done":1024,"current_files":["/data/large"]}"#;

fn on_terminal(lab: &Lab, restic: &[&str], args: &[&str], env: &[(&str, &str)]) -> Terminal {
    let mut command = lab.on_terminal(hookward());
    command.args(args).env("STAND_IN", restic.join("\u{1f}")).envs(env.iter().copied());
    Terminal::start(command)
}

#[test]
fn a_terminal_shows_a_bar_and_lines() {
    let lab = lab(&[hook("h", &["before", "success"], "", "log = \"hello\"")]);
    let mut terminal = on_terminal(&lab, &[PROGRESS, "sleep=500", SUMMARY], &["run", "p"], &[]);
    terminal.expect("h: ok");
    terminal.expect("50%");
    terminal.expect("1.00 KiB of 2.00 KiB  1 of 2 files  /data/large");
    terminal.expect("success   h: ok");
    terminal.expect("snapshot 5a6b7c8d");
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.shown().contains("\u{1b}[32m"), "it is coloured: {:?}", terminal.shown());
    // The bar is wiped away before the next line.
    let after = terminal.shown().split("/data/large").last().unwrap().to_owned();
    assert!(after.contains("\r\u{1b}[2K"), "{after:?}");
}

#[test]
fn a_terminal_shows_neither_where_it_is_not_wanted() {
    let lab = lab(&[]);
    for (args, env) in
        [(&["run", "p", "--color", "never"] as &[&str], &[] as &[(&str, &str)]), (&["run", "p"], &[("NO_COLOR", "1")])]
    {
        let mut terminal = on_terminal(&lab, &[SUMMARY], args, env);
        assert_eq!(terminal.wait(), 0);
        assert!(!terminal.shown().contains("\u{1b}[32m"), "{args:?}: {:?}", terminal.shown());
    }
    let mut terminal = on_terminal(&lab, &[PROGRESS, SUMMARY], &["run", "p", "-q"], &[]);
    assert_eq!((terminal.wait(), terminal.shown().as_str()), (0, ""));
}

#[test]
fn ctrl_c_on_a_terminal_is_told_and_hooks_are_called() {
    let lab = lab(&[hook("h", EVENTS, "", "")]);
    let mut terminal = on_terminal(&lab, &[PROGRESS, "lock"], &["run", "p"], &[]);
    terminal.expect("50%");
    terminal.send("\x03");
    terminal.expect("interrupted");
    terminal.expect("finally   h: ok");
    terminal.expect("cancelled:");
    assert_eq!(terminal.wait(), 130);
    assert_eq!(lab.journal().len(), 3, "{:?}", lab.journal());
}

/// Every one of these says something on stdout.
fn talkative() -> Vec<Vec<String>> {
    let probe = guest("probe").display().to_string();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    vec![
        words(&["run", "p"]),
        words(&["run", "p", "--json"]),
        words(&["validate"]),
        words(&["explain", "p"]),
        words(&["explain", "p", "--json"]),
        words(&["hook", "inspect", &probe]),
        words(&["hook", "call", &probe, "--event", "before", "--json"]),
        words(&["completions", "bash"]),
        words(&["man"]),
        words(&["schema"]),
        words(&["--help"]),
    ]
}

#[test]
fn a_pipe_that_closes_is_no_failure() {
    let lab = lab(&[hook("h", EVENTS, "", "")]);
    for args in talkative() {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = command(&lab, &[SUMMARY], &args);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("cannot write"), "{args:?}: {stderr}");
    }
}

#[test]
fn a_full_disk_is_told_and_ends_no_run() {
    let lab = lab(&[hook("h", EVENTS, "", "log = \"hello\"")]);
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    for args in talkative() {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = command(&lab, &[SUMMARY], &args).stdout(full()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
        if args[0] == "run" {
            assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        } else if args[0] != "--help" {
            assert!(stderr.contains("cannot write to stdout: No space left on device"), "{args:?}: {stderr}");
        }
    }
    std::fs::remove_file(lab.path("notes/journal")).unwrap();
    for (args, more) in
        [(&["run", "p", "-vv"] as &[&str], ""), (&["run", "p", "--log-format", "json"], ""), (&["run", "x"], "")]
    {
        let mut command = command(&lab, &[SUMMARY, more], args);
        let code = command.stdout(full()).stderr(full()).status().unwrap().code();
        assert_eq!(code, Some(if args[1] == "x" { 78 } else { 0 }), "{args:?}");
    }
    assert_eq!(lab.journal().len(), 6, "every hook was called: {:?}", lab.journal());
}

#[test]
fn a_terminal_that_is_gone_cancels_the_run_in_order() {
    let lab = lab(&[hook("h", EVENTS, "", "log = \"hello\"")]);
    let terminal = on_terminal(&lab, &["lock"], &["run", "p"], &[]);
    lab.wait_for("restic", |lab| !lab.lines("notes/restic").is_empty());
    let child = terminal.hang_up();
    let status = child.wait_with_output().unwrap().status;
    assert!(!status.success());
    let calls: Vec<_> = lab.journal().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(calls, ["before", "cancelled", "finally"], "{status:?}");
}
