//! Options, help and versions.

use hookward_tests::lab::{Finished, Lab, hookward};

use crate::support::{anything_started, lab, run};

#[test]
fn the_version_is_told_everywhere() {
    let lab = Lab::new();
    let version = format!("hookward {}\n", env!("CARGO_PKG_VERSION"));
    for args in [&["--version"] as &[&str], &["-V"]] {
        let finished = lab.run(args);
        assert_eq!((finished.code, &finished.stdout), (0, &version), "{finished:?}");
    }
    assert_eq!(lab.run(["hook", "call", "--version"]).code, 0);
}

#[test]
fn help_is_there_for_every_subcommand() {
    let lab = Lab::new();
    let help = lab.run(["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for part in ["Exit codes:", "78 ", "79 ", "80 ", "81 ", "HOOKWARD_CONFIG"] {
        assert!(help.stdout.contains(part), "no {part:?}");
    }
    assert!(!help.stdout.contains("internal"), "{}", help.stdout);
    let (_, commands) = help.stdout.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let commands = commands.lines().map(|line| line.split_whitespace().next().unwrap());
    let commands: Vec<_> = commands.filter(|command| *command != "help").collect();
    assert!(commands.len() > 20 && commands.contains(&"snapshots"), "{commands:?}");
    for command in commands {
        let finished = lab.run([command, "--help"]);
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{command}: {finished:?}");
        assert!(finished.stdout.contains("Usage: hookward"), "{command}: {}", finished.stdout);
    }
}

#[test]
fn without_arguments_it_shows_its_help_and_fails() {
    let lab = Lab::new();
    let finished = lab.run::<&str>([]);
    assert_eq!((finished.code, finished.stdout.as_str()), (2, ""), "{finished:?}");
    assert!(finished.stderr.contains("Usage: hookward") && finished.stderr.contains("Commands:"), "{finished:?}");
    assert!(!finished.stderr.contains("internal"), "{finished:?}");
}

#[test]
fn a_wrong_command_line_is_2_and_starts_nothing() {
    let lab = lab(&[]);
    for (args, says) in [
        (&["explian", "p"] as &[&str], "'explain'"),
        (&["run"], "<PROFILE>..."),
        (&["run", "p", "--fial-fast"], "--fail-fast"),
        (&["exec"], "<COMMAND>..."),
        (&["exec", "restic", "check"], "-- <COMMAND>"),
        (&["run", "-q", "-v", "p"], "cannot be used with"),
        (&["run", "p", "--skip-exit-code", "256"], "256"),
        (&["run", "p", "--trigger", "cron"], "manual, scheduled, api, shim"),
        (&["--log-format", "xml", "run", "p"], "text, json"),
        (&["--color", "sometimes", "run", "p"], "auto, always, never"),
        (&["hook", "call", "x.wasm"], "--event <EVENT>"),
        (
            &["hook", "call", "x.wasm", "--event", "befor"],
            "before, success, warning, failure, cancelled, skipped, finally",
        ),
        (&["completions", "tcsh"], "bash"),
    ] {
        let finished = run(&lab, &[], args);
        assert_eq!((finished.code, finished.stdout.as_str()), (2, ""), "{args:?}: {finished:?}");
        assert!(finished.stderr.contains(says), "{args:?}: no {says:?} in\n{}", finished.stderr);
        assert!(finished.stderr.contains("--help"), "{args:?}: {}", finished.stderr);
    }
    assert!(!anything_started(&lab));
}

#[test]
fn the_stand_in_has_no_options_of_its_own() {
    let lab = lab(&[]);
    std::os::unix::fs::symlink(hookward(), lab.path("bin/restic")).unwrap();
    for args in [&["--help"] as &[&str], &["--version"], &["--config", "x", "backup"], &["--json"], &[], &["validate"]]
    {
        let mut command = lab.command(lab.path("bin/restic"));
        command.args(args).env("HOOKWARD_CONFIG", lab.path("hookward.toml")).env("STAND_IN", "args");
        let finished: Finished = command.output().unwrap().into();
        assert_eq!((finished.code, finished.stdout), (0, format!("{args:?}\n")), "{args:?}: {}", finished.stderr);
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn a_dry_run_of_what_cannot_be_rehearsed_is_refused() {
    let lab = lab(&[]);
    let finished = run(&lab, &[], &["check", "p", "--dry-run"]);
    assert_eq!(finished.code, 78, "{finished:?}");
    assert!(finished.stderr.contains("restic check knows no --dry-run"), "{finished:?}");
    let finished = run(&lab, &["args"], &["forget", "p", "--dry-run"]);
    assert!(finished.stdout.contains("--dry-run"), "{finished:?}");
    assert_eq!(lab.lines("notes/restic").len(), 2);
}
