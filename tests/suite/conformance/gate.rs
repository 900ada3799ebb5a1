//! `require-path` as the required gate of a whole run.

use std::fs;

use hookward_tests::lab::{Finished, Lab, stand_in};
use serde_json::Value;

use crate::Case;
use crate::require_path::ABSENT;
use crate::subject::Subject;

/// A backup that waits for `/data/disk`, and a restic that says `the backup is made`.
fn gated(subject: &Subject) -> Lab {
    let lab = Lab::new();
    fs::create_dir(lab.path("mnt")).unwrap();
    lab.configure(&format!(
        "version = 1\n[restic]\nbinary = \"{}\"\n[repository.r]\nurl = \"/srv/repo\"\npassword-file = \"@lab@/password\"\n\
         [profile.p]\nrepository = \"r\"\nsources = [\"@lab@/source\"]\n\
         [[profile.p.hook]]\nname = \"disk\"\ncomponent = \"{}\"\non = [\"before\"]\nkind = \"required\"\n\
         config = {{ path = \"/data/disk\" }}\ngrants = {{ dirs = [{{ host = \"@lab@/mnt\", guest = \"/data\" }}] }}\n",
        stand_in().display(),
        fs::canonicalize(&subject.files[0]).unwrap().display(),
    ));
    lab
}

fn run(lab: &Lab, more: &[&str]) -> Finished {
    let mut command = lab.hookward([&["run", "p"], more].concat());
    command.env("STAND_IN", "stderr=the backup is made").output().unwrap().into()
}

/// How restic was started, each time.
fn started(lab: &Lab) -> Vec<String> {
    lab.lines("notes/restic").into_iter().filter(|line| line.starts_with("started ")).collect()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("run: a path that isn't there keeps the gate shut", |subject| {
            let lab = gated(subject);
            let says = format!("/data/disk {ABSENT}");
            let finished = run(&lab, &[]);
            assert_eq!(finished.code, 80, "{finished:?}");
            assert!(finished.stderr.contains(&format!("hook \"disk\": {says}")), "{finished:?}");
            let finished = run(&lab, &["--json"]);
            assert_eq!(finished.code, 80, "{finished:?}");
            let report: Value = serde_json::from_str(&finished.stdout).unwrap();
            let run = &report["runs"][0];
            assert_eq!((&run["status"], &run["restic"]), (&"failure".into(), &Value::Null), "{report:#}");
            let failure = &run["hooks"][0]["failure"];
            assert_eq!((&failure["reason"], &failure["message"]), (&"error".into(), &says.into()), "{report:#}");
            assert_eq!(started(&lab), [""; 0]);
        }),
        Case::new("run: a path that is there opens it", |subject| {
            let lab = gated(subject);
            fs::create_dir(lab.path("mnt/disk")).unwrap();
            let finished = run(&lab, &[]);
            assert_eq!(finished.code, 0, "{finished:?}");
            assert!(finished.stdout.contains("restic: the backup is made"), "{finished:?}");
            let started = started(&lab);
            assert!(started.len() == 1 && started[0].starts_with("started backup "), "{started:?}");
        }),
    ]
}
