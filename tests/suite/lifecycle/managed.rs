//! The restic command line and environment that a profile makes.

use hookward_tests::lab::{Finished, Lab};

use super::support::{assert_order, command, hook_with, lab_with, run, text};

const BASE: &str = r#"version = 1
[restic]
binary = "@stand-in@"
[repository.r]
url = "rest:https://host/secret"
password-file = "secret.txt"
[repository.c]
url = "/srv/c"
password-command = "pass show c"
[repository.n]
url = "/srv/n"
[profile.p]
repository = "r"
sources = ["source", "/etc"]
tags = ["db"]
backup = { args = ["--exclude-caches"] }
forget = { args = ["--keep-daily", "7", "--prune"] }
[profile.c]
repository = "c"
sources = ["/"]
[profile.n]
repository = "n"
sources = ["/"]
"#;

fn managed() -> Lab {
    lab_with(BASE, &[hook_with("h", &["before"], "operations = [\"*\"]", "dump = \"/notes/{kind}.json\"")])
}

/// The arguments that restic got.
fn arguments(lab: &Lab, args: &[&str]) -> String {
    let finished = run(lab, &[], args);
    assert_eq!(finished.code, 0, "{finished:?}");
    let journal = lab.journal();
    let line = journal.iter().rfind(|line| line.starts_with("started")).unwrap();
    let line = line.split(" pid=").next().unwrap().trim_start_matches("started ");
    line.replace(lab.path("").to_str().unwrap(), "LAB/")
}

#[test]
fn the_command_line_is_made_of_the_profile_and_what_is_given_besides() {
    let lab = managed();
    for (args, line) in [
        (&["run", "p"][..], "backup --json --tag=db LAB/source /etc --exclude-caches"),
        (&["backup", "p"], "backup --json --tag=db LAB/source /etc --exclude-caches"),
        (
            &["backup", "p", "--", "-v", "--tag", "x"],
            "backup --json --tag=db LAB/source /etc --exclude-caches -v --tag x",
        ),
        (&["--dry-run", "backup", "p"], "backup --dry-run --json --tag=db LAB/source /etc --exclude-caches"),
        (&["backup", "p", "--", "--json"], "backup --tag=db LAB/source /etc --exclude-caches --json"),
        (&["backup", "p", "--", "--stdin"], "backup --json --tag=db --exclude-caches --stdin"),
        (
            &["backup", "p", "--", "--stdin-from-command", "--", "pg_dump", "--json"],
            "backup --json --tag=db --exclude-caches --stdin-from-command -- pg_dump --json",
        ),
        (&["forget", "p"], "forget --keep-daily 7 --prune"),
        (&["forget", "p", "--", "--keep-last", "1"], "forget --keep-daily 7 --prune --keep-last 1"),
        (&["--dry-run", "forget", "p"], "forget --dry-run --keep-daily 7 --prune"),
        (&["snapshots", "p"], "snapshots"),
        (&["check", "p", "--", "--read-data"], "check --read-data"),
        (&["run", "p", "--", "forget", "--prune"], "forget --prune"),
        (&["run", "p", "--", "backup", "/only", "--", "-x"], "backup /only -- -x"),
    ] {
        assert_eq!(arguments(&lab, args), line, "{args:?}");
    }
}

#[test]
fn a_rehearsal_of_what_knows_none_starts_nothing() {
    let lab = managed();
    for args in [
        &["--dry-run", "check", "p"][..],
        &["--dry-run", "run", "p", "--", "forget", "--prune"],
        &["--dry-run", "exec", "--profile", "p", "--", "restic", "backup", "/"],
    ] {
        let finished = run(&lab, &[], args);
        assert_eq!(finished.code, 78, "{finished:?}");
        assert!(finished.stderr.contains("--dry-run"), "{finished:?}");
    }
    assert_order(&lab, &[]);
}

#[test]
fn a_rehearsal_reaches_restic_and_the_hooks() {
    let lab = managed();
    assert!(arguments(&lab, &["--dry-run", "run", "p"]).starts_with("backup --dry-run "));
    assert!(text(&lab, "notes/before.json").contains("\"dry-run\":true"));
    assert!(lab.journal()[0].ends_with(" dry-run"));
}

const NAMES: [&str; 5] = [
    "RESTIC_REPOSITORY",
    "RESTIC_REPOSITORY_FILE",
    "RESTIC_PASSWORD",
    "RESTIC_PASSWORD_FILE",
    "RESTIC_PASSWORD_COMMAND",
];

/// What restic sees of these variables, when all of them are set outside.
fn environment(lab: &Lab, args: &[&str]) -> Vec<String> {
    let words = NAMES.map(|name| format!("env={name}"));
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut command = command(lab, &words, args);
    command.envs(NAMES.map(|name| (name, "outside"))).env("OTHER", "outside");
    let finished: Finished = command.output().unwrap().into();
    assert_eq!(finished.code, 0, "{finished:?}");
    lab.journal().iter().filter_map(|line| line.strip_prefix("env ")).map(str::to_owned).collect()
}

#[test]
fn repository_and_password_come_by_the_environment_and_nothing_contradicts_them() {
    let secret = |lab: &Lab| format!("RESTIC_PASSWORD_FILE={}", lab.path("secret.txt").display());
    for args in [&["run", "p"][..], &["forget", "p"], &["run", "p", "--", "stats"]] {
        let lab = managed();
        let expected = [
            "RESTIC_REPOSITORY=rest:https://host/secret",
            "RESTIC_REPOSITORY_FILE is not set",
            "RESTIC_PASSWORD is not set",
            &secret(&lab),
            "RESTIC_PASSWORD_COMMAND is not set",
        ];
        assert_eq!(environment(&lab, args), expected, "{args:?}");
    }
    let expected = [
        "RESTIC_REPOSITORY=/srv/c",
        "RESTIC_REPOSITORY_FILE is not set",
        "RESTIC_PASSWORD is not set",
        "RESTIC_PASSWORD_FILE is not set",
        "RESTIC_PASSWORD_COMMAND=pass show c",
    ];
    assert_eq!(environment(&managed(), &["run", "c"]), expected);
}

#[test]
fn a_repository_without_a_password_has_that_of_the_environment() {
    let expected = [
        "RESTIC_REPOSITORY=/srv/n",
        "RESTIC_REPOSITORY_FILE is not set",
        "RESTIC_PASSWORD=outside",
        "RESTIC_PASSWORD_FILE=outside",
        "RESTIC_PASSWORD_COMMAND=outside",
    ];
    assert_eq!(environment(&managed(), &["run", "n"]), expected);
}

#[test]
fn neither_repository_nor_password_is_on_the_command_line() {
    let lab = managed();
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    let started = lab.journal().into_iter().find(|line| line.starts_with("started")).unwrap();
    assert!(!started.contains("secret"), "{started}");
}

#[test]
fn what_restic_lists_is_alone_on_stdout() {
    for args in [&["snapshots", "p"][..], &["run", "p", "--", "dump", "latest", "/f"]] {
        let finished = run(&managed(), &["stdout=the list", "stderr=beside"], args);
        assert_eq!((finished.code, finished.stdout.as_str()), (0, "the list\n"));
        assert!(finished.stderr.contains("beside\n"), "{finished:?}");
        let finished = run(&managed(), &["stdout=the list"], &[&["--json"], args].concat());
        assert!(finished.stderr.contains("the list\n"), "{finished:?}");
        super::support::only_run(&finished);
    }
}
