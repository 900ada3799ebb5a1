//! `hookward runs`, `hookward recover`, `hookward systemd`, and what is kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use hookward_tests::lab::{Lab, finish};
use serde_json::{Value, json};

use super::crash::kill_run;
use super::support::{
    BASE, SUMMARY, configure, hook, hook_with, lab, lab_with, noted, order, release, run, start, until,
};

const PAIR: &[&str] = &["before", "failure", "finally"];

fn json_of(lab: &Lab, args: &[&str]) -> Value {
    let finished = run(lab, &[], &[&["--json"], args].concat());
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

#[test]
fn runs_are_listed_and_shown() {
    let says = "log = \"the disk is there\", fail-on = [\"success\"], warn-on = [\"before\"]";
    let lab = lab(&[hook_with("h", &["before", "success", "finally"], "kind = \"optional\"", says)]);
    assert_eq!(run(&lab, &[SUMMARY], &["run", "p"]).code, 0);
    assert_eq!(run(&lab, &["exit=1"], &["--dry-run", "run", "p"]).code, 1);
    let listed = json_of(&lab, &["runs", "list"]);
    let of =
        |key: &str| -> Vec<Value> { listed["runs"].as_array().unwrap().iter().map(|run| run[key].clone()).collect() };
    assert_eq!(of("status"), [json!("failure"), json!("success")]);
    assert_eq!(of("exit-code"), [json!(1), json!(0)]);
    assert_eq!(of("dry-run"), [json!(true), json!(false)]);
    assert_eq!(of("state"), [json!("ended"), json!("ended")]);
    assert_eq!(json_of(&lab, &["runs", "list", "--limit", "1"])["runs"].as_array().unwrap().len(), 1);
    assert_eq!(json_of(&lab, &["runs", "list", "--profile", "q"])["runs"], json!([]));
    let text = run(&lab, &[], &["runs", "list"]).stdout;
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.starts_with("RUN ") && text.contains("backup (dry run)"), "{text}");

    let id = listed["runs"][1]["run-id"].as_str().unwrap();
    let shown = json_of(&lab, &["runs", "show", id]);
    let shown = &shown["run"];
    assert_eq!(shown["restic"]["snapshot-id"], "5a6b7c8d9e0f");
    assert_eq!(shown["restic"]["summary"]["data-added"], 900);
    let calls: Vec<_> = shown["hooks"].as_array().unwrap().iter().map(|call| call["event"].as_str().unwrap()).collect();
    assert_eq!(calls, ["before", "success", "finally"]);
    let failed = &shown["hooks"][1];
    assert_eq!(failed["failure"], json!({ "reason": "error", "message": "told to fail" }));
    assert!(failed["fuel"].as_u64().unwrap() > 0 && failed["peak-memory"].as_u64().unwrap() > 0, "{failed:#}");
    assert!(shown["hooks"][0]["log"].as_array().unwrap().iter().any(|record| record["message"] == "the disk is there"));
    let text = run(&lab, &[], &["runs", "show", id]).stdout;
    for part in [
        id,
        "snapshot    5a6b7c8d9e0f",
        "success     h: failed [error]: told to fail",
        "the disk is there",
        "warns of before",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The beginning is enough, if it is that of one.
    let differ = listed["runs"][0]["run-id"].as_str().unwrap().chars().zip(id.chars()).position(|(a, b)| a != b);
    assert_eq!(run(&lab, &[], &["runs", "show", &id[..=differ.unwrap()]]).code, 0);
    let ambiguous = run(&lab, &[], &["runs", "show", &id[..differ.unwrap()]]);
    assert_eq!(ambiguous.code, 2, "{ambiguous:?}");
    assert_eq!(run(&lab, &[], &["runs", "show", "ffff"]).code, 2);
}

#[test]
fn a_run_that_goes_on_is_listed_as_such() {
    let lab = lab(&[hook("h", PAIR)]);
    let child = start(&lab, &[&until(&lab, "go")], &["run", "p"]);
    noted(&lab, "started");
    let listed = json_of(&lab, &["runs", "list"]);
    assert_eq!((&listed["runs"][0]["state"], &listed["runs"][0]["owed"]), (&json!("running"), &json!([])));
    // Nothing of it is owed, and it can't be given up.
    assert_eq!(run(&lab, &[], &["recover"]).code, 0);
    let id = listed["runs"][0]["run-id"].as_str().unwrap();
    assert_eq!(run(&lab, &[], &["recover", "--give-up", id]).code, 79);
    release(&lab, "go");
    assert_eq!(finish(child).code, 0);
    assert_eq!(order(&lab), ["h before", "restic", "h finally"]);
}

#[test]
fn recover_pays_without_a_configuration_and_says_what() {
    let waits = "until = { before = \"/notes/never\" }";
    let lab = lab(&[hook_with("h", PAIR, "", waits)]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    kill_run(child);
    fs::write(lab.path("hookward.toml"), "no configuration at all").unwrap();
    let open = json_of(&lab, &["runs", "list"]);
    assert_eq!((&open["runs"][0]["state"], &open["runs"][0]["owed"]), (&json!("open"), &json!(["h"])));
    let report = json_of(&lab, &["recover"]);
    assert_eq!(
        (&report["exit-code"], &report["paid"][0]["hook"], &report["owed"]),
        (&json!(0), &json!("h"), &json!([]))
    );
    for (dir, left) in [("state/runs", 0), ("state/components", 1)] {
        assert_eq!(fs::read_dir(lab.path(dir)).unwrap().count(), left, "{dir}");
    }
    let again = run(&lab, &[], &["recover"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, "nothing is owed\n"));
    let shown = json_of(&lab, &["runs", "show", open["runs"][0]["run-id"].as_str().unwrap()]);
    assert_eq!(shown["run"]["state"], "ended");
    assert_eq!(shown["run"]["hooks"][2]["recovered"], true);
    assert!(shown["run"]["warnings"][0].as_str().unwrap().starts_with("recovered by another process"));
}

#[test]
fn recover_says_by_its_exit_code_that_something_is_still_owed() {
    let waits = "until = { before = \"/notes/never\" }, fail-on = [\"finally\"]";
    let lab = lab(&[hook_with("h", PAIR, "", waits)]);
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    kill_run(child);
    for failures in 1..=2 {
        // Whoever asks for it doesn't wait for the pause to be over.
        let report = json_of(&lab, &["recover"]);
        assert_eq!(
            (&report["exit-code"], &report["owed"][0]["failures"]),
            (&json!(81), &json!(failures)),
            "{report:#}"
        );
    }
    let text = run(&lab, &[], &["recover"]);
    assert_eq!(text.code, 81, "{text:?}");
    assert!(text.stdout.contains("still open: 1"), "{text:?}");
}

#[test]
fn what_is_over_is_kept_as_long_as_the_configuration_says() {
    let keep = |text: &str| format!("{BASE}[journal]\n{text}\n");
    let lab = lab_with(&keep("keep-runs = 3"), &[hook("h", PAIR)]);
    for _ in 0..5 {
        assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    }
    assert_eq!(json_of(&lab, &["runs", "list"])["runs"].as_array().unwrap().len(), 3);
    // What is owed stays, however old.
    configure(
        &lab,
        &keep("keep-runs = 0"),
        &[hook_with("h", PAIR, "", "fail-on = [\"finally\"], until = { before = \"/notes/never\" }")],
    );
    let child = start(&lab, &[], &["run", "p"]);
    noted(&lab, "h before");
    lab.wait_for("the second", |lab| order(lab).iter().filter(|line| *line == "h before").count() == 6);
    kill_run(child);
    configure(&lab, &keep("keep = \"0s\""), &[hook("h", PAIR)]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 80);
    let left = json_of(&lab, &["runs", "list"]);
    assert_eq!(left["runs"].as_array().unwrap().len(), 1, "{left:#}");
    assert_eq!(left["runs"][0]["owed"], json!(["h"]));
    let locks = fs::read_dir(lab.path("state/runs")).unwrap().count();
    assert_eq!(locks, 1);
}

#[test]
fn the_journal_is_nobody_elses_to_read() {
    let lab = lab(&[hook_with("h", &["before", "finally"], "", "log = \"plain words\"")]);
    assert_eq!(run(&lab, &[], &["run", "p"]).code, 0);
    for (name, mode) in [("journal.sqlite", 0o600), ("runs", 0o700), ("components", 0o700)] {
        let found = fs::metadata(lab.path("state").join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}");
    }
}

#[test]
fn units_are_written_for_a_profile() {
    let secret = "[profile.p.hook.grants.secrets]\ntoken = { credential = \"app.token\" }\n";
    let table = hook_with("h", &["before", "finally"], "timeout = \"100s\"", "")
        .replace("grants = { dirs = [{ host = \"@lab@/notes\", guest = \"/notes\", write = true }] }\n", secret);
    let base = BASE.replacen("[profile.p]\n", "[profile.p]\nskip-exit-code = 5\n", 1);
    let lab = lab_with(&base, &[table]);
    let units = run(&lab, &[], &["systemd", "p", "--on-calendar", "*-*-* 02:00", "--on-failure", "tell@%n.service"]);
    assert_eq!(units.code, 0, "{units:?}");
    let config = lab.path("hookward.toml");
    for line in [
        "# hookward-p.service".to_owned(),
        "LoadCredential=app.token:/etc/hookward/credentials/app.token".to_owned(),
        "SuccessExitStatus=5".to_owned(),
        format!("Environment=\"HOOKWARD_STATE_DIR={}\"", lab.path("state").display()),
        "TimeoutStopSec=205".to_owned(),
        "KillMode=mixed".to_owned(),
        "OnCalendar=*-*-* 02:00".to_owned(),
        "# hookward-recover.service".to_owned(),
    ] {
        assert!(units.stdout.lines().any(|found| found == line), "{line}: {}", units.stdout);
    }
    for line in ["LoadCredential=", "OnFailure=tell@%n.service\n"] {
        assert_eq!(units.stdout.matches(line).count(), 2, "{}", units.stdout);
    }
    assert!(units.stdout.contains(&format!("run --config \"{}\" --trigger scheduled --wait p", config.display())));
    fs::create_dir(lab.path("units")).unwrap();
    let dir = lab.path("units");
    assert_eq!(run(&lab, &[], &["systemd", "p", "--dir", dir.to_str().unwrap()]).code, 0);
    let mut names: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names.len(), 3);
    // systemd's own opinion, where it is there.
    if let Ok(verified) = Command::new("systemd-analyze").arg("verify").args(&names).output() {
        let said = String::from_utf8_lossy(&verified.stderr);
        let about_us: Vec<_> =
            said.lines().filter(|line| line.contains("hookward-") && line.contains(".service:")).collect();
        assert!(about_us.is_empty(), "{said}");
    }
    assert_eq!(run(&lab, &[], &["systemd", "nobody"]).code, 78);
}
