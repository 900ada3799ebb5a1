//! Records of whole runs: all, or those of failed calls.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::lab::{Finished, Lab};
use hookward_tests::repository::{lab, run};
use serde_json::Value;

use crate::support::{end, identical, records};

fn two(more: &str) -> Lab {
    lab(&[
        Lab::probe("profile.p.hook", "good", &["before", "finally"], "", ""),
        Lab::probe(
            "profile.p.hook",
            "bad",
            &["before"],
            "retry = { attempts = 2, delay = \"10ms\" }",
            "fail-on = [\"before\"]",
        ),
        more.to_owned(),
    ])
}

fn names(lab: &Lab) -> Vec<String> {
    let name = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // Behind the run's id.
        name[37..].to_owned()
    };
    records(lab).iter().map(name).collect()
}

#[test]
fn only_failed_calls_are_kept_when_asked_so() {
    let lab = two("");
    let dir = lab.path("records");
    let finished = lab.run(["run", "p", "--record-failed", dir.to_str().unwrap()]);
    assert_eq!(finished.code, 80, "{finished:?}");
    assert_eq!(names(&lab), ["profile-bad-before-1.hookrecord", "profile-bad-before-2.hookrecord"]);
    assert!(finished.stderr.contains("`hookward hook replay` runs it again"), "{finished:?}");
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    for record in records(&lab) {
        assert_eq!(fs::metadata(&record).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(end(&record)["failure"]["message"], "told to fail");
        assert_eq!(identical(&record)["hook"], "bad");
    }
}

#[test]
fn all_calls_are_kept_when_asked_so() {
    let lab = two("");
    let dir = lab.path("records").display().to_string();
    let (finished, report) = run(&lab, &["run", "p", "--record", &dir]);
    assert_eq!(finished.code, 80, "{finished:?}");
    assert_eq!(names(&lab).len(), 4, "{:?}", names(&lab));
    let told: Vec<&str> =
        report["hooks"].as_array().unwrap().iter().filter_map(|call| call["record"].as_str()).collect();
    assert_eq!(told.len(), 4, "{report:#}");
    let finished = lab.run(["run", "p", "--record", &dir, "--record-failed", &dir]);
    assert_eq!(finished.code, 2, "{finished:?}");
}

/// What failed at three is found at nine.
#[test]
fn the_journal_names_the_records_of_a_run() {
    let lab = two("");
    // A directory that is named from where the run was started, and no other.
    let (finished, report) = run(&lab, &["run", "p", "--record-failed", "records"]);
    assert_eq!(finished.code, 80, "{finished:?}");
    let id = report["run-id"].as_str().unwrap();
    let records = records(&lab);
    assert_eq!(records.len(), 2, "{records:?}");
    let show = |more: &[&str]| {
        let mut command = lab.hookward([&["runs", "show", id], more].concat());
        let finished: Finished = command.current_dir("/").output().unwrap().into();
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.stdout
    };
    let shown = show(&[]);
    for record in &records {
        let file = record.display();
        let line = format!("\n    recorded in {file}: `hookward hook replay` runs it again");
        assert!(shown.contains(&line), "no {line:?} in\n{shown}");
        assert_eq!(identical(record)["hook"], "bad");
    }
    assert_eq!(shown.matches("recorded in ").count(), 2, "the call that ended ok has none:\n{shown}");
    let told: Value = serde_json::from_str(&show(&["--json"])).unwrap();
    let calls = told["run"]["hooks"].as_array().unwrap();
    let of = |name: &str| -> Vec<_> {
        calls.iter().filter(|call| call["name"] == name).map(|call| call["record"].as_str()).collect()
    };
    let files: Vec<_> = records.iter().map(|record| record.to_str()).collect();
    assert_eq!((of("bad"), of("good")), (files, vec![None, None]), "{told:#}");

    fs::remove_file(&records[0]).unwrap();
    let gone = format!("    was recorded in {}, which is no longer there", records[0].display());
    assert!(show(&[]).contains(&gone), "{}", show(&[]));
}

#[test]
fn a_directory_whose_name_is_no_text_is_one_too() {
    use std::os::unix::ffi::OsStrExt as _;
    let lab = two("");
    let dir = lab.path(std::ffi::OsStr::from_bytes(b"records-\xff"));
    let finished: Finished = lab.hookward(["run", "p", "--json", "--record"]).arg(&dir).output().unwrap().into();
    // The gate is shut by the hook, and not by the journal.
    assert_eq!(finished.code, 80, "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert!(report["runs"][0]["error"].as_str().unwrap().contains("told to fail"), "{report:#}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 4);
    let shown = lab.run(["runs", "show", report["runs"][0]["run-id"].as_str().unwrap()]);
    assert!(shown.stdout.contains("recorded in ") && shown.stdout.contains("records-\u{fffd}"), "{shown:?}");
}

#[test]
fn any_run_can_be_switched_to_it_by_the_configuration() {
    let lab = two("");
    let config = fs::read_to_string(lab.path("hookward.toml")).unwrap();
    lab.configure(&config.replace("version = 1\n", "version = 1\nrecord-failed = \"records\"\n"));
    assert_eq!(lab.run(["run", "p"]).code, 80);
    assert_eq!(names(&lab).len(), 2);
    assert_eq!(lab.run(["exec", "--profile", "p", "--", "restic", "snapshots"]).code, 1, "no repository is named");
    // What is asked for on the command line counts.
    fs::remove_dir_all(lab.path("records")).unwrap();
    let elsewhere = lab.path("elsewhere");
    assert_eq!(lab.run(["run", "p", "--record-failed", elsewhere.to_str().unwrap()]).code, 80);
    assert!(records(&lab).is_empty() && elsewhere.exists());
}

#[test]
fn a_record_that_cannot_be_kept_fails_no_run() {
    let lab = lab(&[Lab::probe("profile.p.hook", "good", &["before"], "", "")]);
    fs::write(lab.path("records"), "a file").unwrap();
    let finished = lab.run(["run", "p", "--record", lab.path("records").to_str().unwrap()]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(format!("{finished:?}").contains("cannot record the call"), "{finished:?}");
}

#[test]
fn records_of_failures_are_not_kept_without_end() {
    let lab = two("");
    let dir = lab.path("records");
    fs::create_dir(&dir).unwrap();
    for number in 0..hookward_runner::records::KEPT {
        fs::write(dir.join(format!("0000-{number:03}.hookrecord")), "old").unwrap();
    }
    fs::write(dir.join("a-note"), "mine").unwrap();
    assert_eq!(lab.run(["run", "p", "--record-failed", dir.to_str().unwrap()]).code, 80);
    let kept: Vec<_> = records(&lab);
    assert_eq!(kept.len(), hookward_runner::records::KEPT + 1, "the note stays");
    assert!(!dir.join("0000-000.hookrecord").exists() && !dir.join("0000-001.hookrecord").exists());
    let newest: Value = end(&kept[kept.len() - 2]);
    assert!(newest["failure"].is_object(), "{newest:#}");
}
