use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use hookward_engine::Event;
use hookward_tests::lab::Lab;
use hookward_tests::repository::{run, snapshots};
use serde_json::Value;

use crate::ground::{assert_ended, backed_up, script, shut};
use crate::page::{example, lab_of, skipped};

/// The page's first example, with this script.
fn lab_for(lines: &str, changes: &[(&str, &str)]) -> Lab {
    let own = [("/usr/local/bin/backup-hook", "@lab@/bin/hook")];
    let lab = lab_of(&example("command", "/usr/local/bin/backup-hook", &[&own, changes].concat()));
    script(&lab, "hook", lines);
    lab
}

/// Keeps what it gets for each event.
const KEEPER: &str =
    "set -eu\ncat >\"@lab@/notes/$HOOKWARD_EVENT.json\"\nenv -0 >\"@lab@/notes/$HOOKWARD_EVENT.env\"\n";

const EVERY: (&str, &str) =
    ("on = [\"before\", \"finally\"]", "on = [\"before\", \"success\", \"warning\", \"failure\", \"finally\"]");

/// The variables of the table in the page.
fn documented() -> BTreeSet<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../hooks-examples/command/README.md");
    let text = fs::read_to_string(page).unwrap();
    let (_, section) = text.split_once("\n## Variables\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let name = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    section.lines().filter_map(name).collect()
}

/// What the script got for an event, but for what every program gets.
fn variables(lab: &Lab, event: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(lab.path(format!("notes/{event}.env"))).unwrap();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    let always = ["PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "_", "SHLVL"];
    let own = pairs.filter(|(name, _)| !always.contains(name));
    own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn is_set(variables: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(variables.get(*name).map(String::as_str), Some(*value), "{name} of {variables:#?}");
    }
}

/// The event of stdin, as the host itself reads one. Nothing of it is lost.
fn event(lab: &Lab, kind: &str) -> Value {
    let text = fs::read_to_string(lab.path(format!("notes/{kind}.json"))).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let event: Event = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(event).unwrap(), value);
    value
}

#[test]
fn command_gets_the_documented_variables() {
    let lab = lab_for(KEEPER, &[EVERY]);
    let (finished, good) = run(&lab, &["run", "p"]);
    backed_up(&lab, &finished, 1);
    let before = variables(&lab, "before");
    let repository = lab.path("repo").display().to_string();
    let run_id = good["run-id"].as_str().unwrap();
    let always = [
        ("HOOKWARD_RUN_ID", run_id),
        ("HOOKWARD_PROFILE", "p"),
        ("HOOKWARD_OPERATION", "backup"),
        ("HOOKWARD_REPOSITORY", &repository),
        ("HOOKWARD_DRY_RUN", "false"),
        ("HOOKWARD_ATTEMPT", "1"),
        ("HOOKWARD_RECOVERED", "false"),
        ("PROFILE_NAME", "p"),
        ("PROFILE_COMMAND", "backup"),
        ("AUTORESTIC_LOCATION", "p"),
    ];
    is_set(&before, &always);
    is_set(&before, &[("HOOKWARD_EVENT", "before")]);
    assert_eq!(before.len(), always.len() + 1, "nothing else is known yet: {before:#?}");

    let success = variables(&lab, "success");
    let snapshot = good["restic"]["snapshot-id"].as_str().unwrap();
    is_set(&success, &always);
    is_set(&success, &[("HOOKWARD_EVENT", "success"), ("HOOKWARD_STATUS", "success"), ("HOOKWARD_EXIT_CODE", "0")]);
    is_set(&success, &[("HOOKWARD_SNAPSHOT_ID", snapshot), ("AUTORESTIC_SNAPSHOT_ID_0", snapshot)]);
    is_set(&success, &[("AUTORESTIC_FILES_ADDED_0", "1"), ("AUTORESTIC_FILES_CHANGED_0", "0")]);
    is_set(&success, &[("AUTORESTIC_PROCESSED_FILES_0", "1"), ("AUTORESTIC_PROCESSED_SIZE_0", "9 B")]);
    assert!(!success.keys().any(|name| name.starts_with("ERROR")), "{success:#?}");

    fs::rename(lab.path("repo/keys"), lab.path("repo/kept")).unwrap();
    let (_, bad) = run(&lab, &["run", "p"]);
    let failure = variables(&lab, "failure");
    let error = bad["error"].as_str().unwrap();
    is_set(&failure, &[("HOOKWARD_EVENT", "failure"), ("HOOKWARD_STATUS", "failure"), ("HOOKWARD_EXIT_CODE", "1")]);
    is_set(&failure, &[("ERROR", error), ("ERROR_MESSAGE", error), ("ERROR_EXIT_CODE", "1")]);
    assert!(failure["ERROR_STDERR"].len() > 10 && !failure.contains_key("HOOKWARD_SNAPSHOT_ID"), "{failure:#?}");
    assert_eq!(variables(&lab, "finally")["HOOKWARD_STATUS"], "failure");

    // Each that the page tells of, and no other.
    let seen: BTreeSet<String> = [before, success, failure].iter().flat_map(BTreeMap::keys).cloned().collect();
    assert_eq!(seen, documented());
}

#[test]
fn command_gets_the_event_as_the_host_reads_it() {
    let lab = lab_for(KEEPER, &[EVERY]);
    let (finished, good) = run(&lab, &["run", "p"]);
    backed_up(&lab, &finished, 1);
    let before = event(&lab, "before");
    assert_eq!((&before["kind"], &before["operation"]), (&"before".into(), &"backup".into()));
    assert_eq!((&before["run-id"], &before["outcome"]), (&good["run-id"], &Value::Null));
    assert_eq!(before["sources"][0], lab.path("source").to_str().unwrap());
    let success = event(&lab, "success");
    assert_eq!(success["outcome"]["snapshot-id"], good["restic"]["snapshot-id"]);
    assert_eq!(success["outcome"]["summary"]["total-files-processed"], 1);
    assert_eq!(success["outcome"]["hooks"][0]["name"], "script");
    // The host takes it back.
    let probe = hookward_tests::guest("probe");
    let finished = lab.run([
        "hook",
        "call",
        probe.to_str().unwrap(),
        "--dir=notes:/notes:rw",
        "--set=dump=/notes/again",
        "--event-file=notes/success.json",
    ]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let again: Value = serde_json::from_str(&lab.lines("notes/again")[0]).unwrap();
    assert_eq!((&again["run-id"], &again["kind"]), (&success["run-id"], &success["kind"]), "{again:#}");
    fs::remove_dir_all(lab.path("repo/keys")).unwrap();
    let (_, bad) = run(&lab, &["run", "p"]);
    assert_eq!(event(&lab, "failure")["outcome"]["error"], bad["error"]);
    assert_eq!(event(&lab, "finally")["outcome"]["status"], "failure");
}

#[test]
fn command_with_less_gets_no_more() {
    let lab = lab_of(&example("command", "/usr/local/bin/tell-me", &[("/usr/local/bin/tell-me", "@lab@/bin/tell")]));
    script(&lab, "tell", "env -0 >@lab@/notes/failure.env\ncat >@lab@/notes/stdin\n");
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    assert!(!lab.path("notes/failure.env").exists());
    fs::remove_dir_all(lab.path("repo/keys")).unwrap();
    let (_, report) = run(&lab, &["run", "p"]);
    let got = variables(&lab, "failure");
    assert_eq!(got.len(), 2, "{got:#?}");
    is_set(&got, &[("PROFILE_NAME", "p"), ("ERROR", report["error"].as_str().unwrap())]);
    assert_eq!(fs::read_to_string(lab.path("notes/stdin")).unwrap(), "");
}

#[test]
fn command_skips_the_run_with_the_code_for_it() {
    let lines = "test \"$HOOKWARD_EVENT\" = before || exit 0\necho looking\necho 'on battery' >&2\nexit 75\n";
    let lab = lab_for(lines, &[]);
    skipped(&lab, &lab.run(["run", "p"]), "on battery");
}

#[test]
fn command_that_fails_keeps_the_gate_shut_and_says_why() {
    let lines = "echo begin\necho 'the app would not stop' >&2\nexit 3\n";
    let lab = lab_for(lines, &[("on = [\"before\", \"finally\"]", "on = [\"before\"]")]);
    let finished = lab.run(["run", "p"]);
    shut(&lab, &finished, 0, "script", "the app would not stop");
    assert!(finished.stderr.contains("exit code 3"), "{finished:?}");
    assert!(format!("{finished:?}").contains("info: begin"), "{finished:?}");
}

#[test]
fn command_that_hangs_is_cut_off_with_its_children() {
    let lines = "test \"$HOOKWARD_EVENT\" = before || exit 0\n\
                 sh -c 'echo $$ >@lab@/notes/child; exec sleep 600' &\nsetsid sleep 600 &\necho $! >@lab@/notes/away\nwait\n";
    let lab = lab_for(lines, &[("timeout = \"4m\"", "timeout = \"1s\"")]);
    shut(&lab, &lab.run(["run", "p"]), 0, "script", "was still running after 1s and was killed");
    assert_ended(&lab, "notes/child");
    assert_ended(&lab, "notes/away");
}

#[test]
fn command_is_not_called_in_a_dry_run() {
    let lab = lab_for("exit 1\n", &[]);
    backed_up(&lab, &lab.run(["run", "p", "--dry-run"]), 0);
    assert_eq!((lab.run(["run", "p"]).code, snapshots(&lab).len()), (80, 0));
}
