//! What the tests of hooks put on the disk of a lab, and look for there afterwards.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hookward_tests::lab::{Finished, Lab};
use hookward_tests::repository::{restic, snapshots};

use crate::page::write_program;

/// A file that nobody else may read.
pub(crate) fn secret(lab: &Lab, name: &str, text: &str) {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(lab.path(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// An executable script of `sh` in the lab's `bin`.
pub(crate) fn script(lab: &Lab, name: &str, lines: &str) {
    let lines = lines.replace("@lab@", lab.path("").to_str().unwrap());
    write_program(&lab.path("bin").join(name), &format!("#!/bin/sh\n{lines}"));
}

/// Names in a directory of the lab.
pub(crate) fn names(lab: &Lab, dir: &str) -> Vec<String> {
    let entries = fs::read_dir(lab.path(dir)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The run went well, and has made the `n`th snapshot.
#[track_caller]
pub(crate) fn backed_up(lab: &Lab, finished: &Finished, n: usize) {
    assert_eq!((finished.code, snapshots(lab).len()), (0, n), "{finished:?}");
}

/// The gate stayed shut, the hook `name` says this among other things, and there are
/// still `n` snapshots.
#[track_caller]
pub(crate) fn shut(lab: &Lab, finished: &Finished, n: usize, name: &str, says: &str) {
    assert_eq!((finished.code, snapshots(lab).len()), (80, n), "{finished:?}");
    assert!(finished.stderr.contains(&format!("hook \"{name}\"")) && finished.stderr.contains(says), "{finished:?}");
}

/// Paths in the last snapshot, below the lab.
pub(crate) fn backed_up_paths(lab: &Lab) -> Vec<String> {
    let output = restic(lab, &["ls", "--no-lock", "latest"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let root = lab.path("");
    let text = String::from_utf8(output.stdout).unwrap();
    let below = text.lines().filter_map(|line| Path::new(line).strip_prefix(&root).ok());
    below.map(|path| path.to_str().unwrap().to_owned()).filter(|path| !path.is_empty()).collect()
}

/// The file of the last snapshot that stood there in the lab, restored by restic.
pub(crate) fn restored(lab: &Lab, name: &str) -> PathBuf {
    let target = lab.path("restored");
    let path = lab.path(name);
    let args = ["restore", "latest", "--target", target.to_str().unwrap(), "--include", path.to_str().unwrap()];
    let output = restic(lab, &args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    target.join(path.strip_prefix("/").unwrap())
}

/// The process whose id stands in a file of the lab has ended.
#[track_caller]
pub(crate) fn assert_ended(lab: &Lab, file: &str) {
    let pid: i32 = lab.lines(file).first().expect("it was started").parse().unwrap();
    let alive = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok();
    assert!(!alive, "process {pid} is still there");
}
