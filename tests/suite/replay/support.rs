//! Records of a lab, and their replays in another state of the machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hookward_tests::lab::{Finished, Lab};
use serde_json::Value;
use tempfile::TempDir;

/// Records in the lab's directory `records`.
pub(crate) fn records(lab: &Lab) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(lab.path("records")) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Calls the component of a guest, with a record at `NAME.rec` of the lab; how it ended,
/// as `hook call --json` tells it.
pub(crate) fn recorded(lab: &Lab, guest: &Path, name: &str, args: &[&str]) -> (Value, PathBuf) {
    let record = lab.path(format!("{name}.rec"));
    let call = lab.hookward(["--json", "hook", "call"]).arg(guest).arg("--record").arg(&record).args(args).output();
    let finished: Finished = call.unwrap().into();
    assert!(record.exists(), "{finished:?}");
    let mode = fs::metadata(&record).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only for its owner");
    (serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}")), record)
}

/// Replays a record on another machine, as far as that can be had: no network (where
/// that can be taken away), another environment, an empty directory, and the lab moved
/// aside, all but the record. The exit code, and what `--json` tells.
pub(crate) fn elsewhere(record: &Path, more: &[&str]) -> (i32, Value) {
    let room = TempDir::with_prefix("hookward-elsewhere-").unwrap();
    let copy = room.path().join("record");
    fs::copy(record, &copy).unwrap();
    let program = hookward_tests::lab::hookward();
    let mut command = if offline() {
        let mut command = Command::new("unshare");
        command.args(["--net", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .args(["--json", "hook", "replay"])
        .arg(&copy)
        .args(more)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", room.path())
        .env("TZ", "Asia/Tokyo")
        .env("HOOKWARD_STATE_DIR", room.path().join("state"))
        .env("HOOKWARD_CACHE_DIR", cache())
        .current_dir(room.path())
        .stdin(Stdio::null());
    let finished: Finished = command.output().unwrap().into();
    let report = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    (finished.code, report)
}

/// Compiled components are no part of what a replay depends on; compiling takes seconds.
fn cache() -> PathBuf {
    hookward_tests::lab::hookward().ancestors().nth(2).unwrap().join("tmp/component-cache")
}

/// Whether this process may take a program's network away.
fn offline() -> bool {
    use std::sync::OnceLock;
    static MAY: OnceLock<bool> = OnceLock::new();
    *MAY.get_or_init(|| {
        let tried = Command::new("unshare").args(["--net", "--", "true"]).stderr(Stdio::null()).status();
        let may = tried.is_ok_and(|status| status.success());
        if !may {
            eprintln!("left out: replays have a network here, since `unshare --net` is not allowed");
        }
        may
    })
}

/// The replay is the call over again, to the last unit of fuel.
#[track_caller]
pub(crate) fn identical(record: &Path) -> Value {
    let (code, report) = elsewhere(record, &[]);
    assert_eq!((code, report["identical"].as_bool()), (0, Some(true)), "{}: {report:#}", record.display());
    let recorded = end(record);
    if report["ended-outside"] == false {
        assert_eq!(report["report"]["fuel"], recorded["fuel"], "{report:#}");
    }
    report
}

/// The last line but one of a record: how the call ended.
pub(crate) fn end(record: &Path) -> Value {
    let text = fs::read_to_string(record).unwrap();
    let line = text.lines().rev().nth(1).unwrap();
    serde_json::from_str::<Value>(line).unwrap()["end"].clone()
}

/// The calls of a record, in order.
pub(crate) fn calls(record: &Path) -> Vec<Value> {
    let text = fs::read_to_string(record).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line.get("call").is_some()).collect()
}

/// A file that nobody else may read.
pub(crate) fn secret(lab: &Lab, name: &str, text: &str) {
    let path = lab.path(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// An executable script of `sh` in the lab's `bin`.
pub(crate) fn script(lab: &Lab, name: &str, lines: &str) {
    let lines = lines.replace("@lab@", lab.path("").to_str().unwrap());
    crate::page::write_program(&lab.path("bin").join(name), &format!("#!/bin/sh\n{lines}\n"));
}
