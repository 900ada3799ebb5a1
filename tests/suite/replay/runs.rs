//! Records of whole runs: all, or those of failed calls.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::lab::Lab;
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
