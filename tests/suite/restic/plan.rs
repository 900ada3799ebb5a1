//! A backup that a hook has changed, by the snapshot that is there in the end.

use std::fs;

use hookward_tests::lab::{Finished, Lab};

use crate::support::{PASSWORD, Way, lab, restic, run, snapshots};

fn changing(changes: &str) -> String {
    format!(
        "[[profile.p.hook]]\nname = \"h\"\ncomponent = \"@plan@\"\non = [\"before\"]\n\
         config = {{ changes = [{changes}] }}\ngrants = {{ plan = [\"sources\", \"tags\", \"excludes\", \"env\"] }}\n"
    )
}

/// A lab whose hook redirects the backup to the directory `snap`.
fn redirected() -> Lab {
    let lab = lab(&[changing(
        r#"{ set-sources = ["@lab@/snap"] }, { add-tags = ["of a snapshot"] }, { add-excludes = ["*.tmp"] }"#,
    )]);
    fs::create_dir(lab.path("snap")).unwrap();
    fs::write(lab.path("snap/kept"), "kept").unwrap();
    fs::write(lab.path("snap/left.tmp"), "left out").unwrap();
    lab
}

#[track_caller]
fn assert_redirected(lab: &Lab, tags: &[&str]) {
    let snapshots = snapshots(lab);
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    assert_eq!(snapshots[0]["paths"], serde_json::json!([lab.path("snap")]));
    assert_eq!(snapshots[0]["tags"], serde_json::json!(tags));
    let listed: Finished = restic(lab, &["ls", "latest", "--no-lock"]).output().unwrap().into();
    assert!(listed.stdout.contains("/snap/kept\n"), "{listed:?}");
    assert!(!listed.stdout.contains("left.tmp") && !listed.stdout.contains("file.txt"), "{listed:?}");
}

#[test]
fn a_redirected_source_is_what_the_snapshot_contains() {
    let lab = redirected();
    let (finished, report) = run(&lab, &["run", "p"]);
    assert_eq!(finished.code, 0, "{report:#}");
    assert_redirected(&lab, &["of a snapshot", "t"]);
    assert_eq!(report["sources"], serde_json::json!([lab.path("snap")]));
}

#[test]
fn the_same_behind_another_program() {
    for way in [Way::Exec, Way::StandIn] {
        let lab = redirected();
        let source = lab.path("source");
        let args = ["-q", "backup", "--exclude", "nothing", "--", source.to_str().unwrap()];
        let finished: Finished = way.command(&lab, &args).output().unwrap().into();
        assert_eq!((finished.code, finished.stdout.as_str()), (0, ""), "{way:?} {finished:?}");
        assert_redirected(&lab, &["of a snapshot"]);
    }
}

#[test]
fn a_hook_can_hand_the_password_over() {
    let lab = lab(&[changing(&format!(r#"{{ set-env = ["RESTIC_PASSWORD", "{PASSWORD}"] }}"#))]);
    fs::rename(lab.path("password"), lab.path("right")).unwrap();
    fs::write(lab.path("password"), "wrong").unwrap();
    let (finished, report) = run(&lab, &["run", "p"]);
    assert_eq!(finished.code, 0, "{report:#}");
    assert!(!format!("{finished:?}").contains(PASSWORD));
    fs::rename(lab.path("right"), lab.path("password")).unwrap();
    assert_eq!(snapshots(&lab).len(), 1);
}
