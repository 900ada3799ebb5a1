//! The hook, called through the SDK's test door on real files.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in helpers of tests")]

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use hookward_sdk::EventKind;
use hookward_sdk::testing::{Call, event};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "../../readme.rs"]
mod readme;

fn error(config: Value) -> Option<String> {
    Call::new(event(EventKind::Before)).config(config).run(require_path::run).error().map(str::to_owned)
}

/// The error with the directory's name taken out.
fn told(dir: &TempDir, config: Value) -> String {
    let error = error(config).unwrap_or_default();
    error.replace(&dir.path().display().to_string(), "DIR")
}

fn write(path: &Path, content: &str, age: Duration) {
    fs::write(path, content).expect("the file is written");
    let file = File::options().write(true).open(path).expect("the file opens");
    file.set_modified(SystemTime::now() - age).expect("the time is set");
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("there is a temporary directory")
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn what_is_there_is_fine() {
    let dir = directory();
    write(&dir.path().join("dump.sql"), "data", HOUR);
    fs::write(dir.path().join(".disk"), "").unwrap();
    assert_eq!(error(json!({"path": dir.path()})), None);
    assert_eq!(
        error(json!({
            "paths": [dir.path(), dir.path()], "kind": "dir", "not-empty": true, "sentinel": ".disk",
            "newer-than": "25h", "min-size": 4,
        })),
        None
    );
    let file = dir.path().join("dump.sql");
    assert_eq!(
        error(json!({"path": file, "kind": "file", "not-empty": true, "newer-than": "61m", "min-size": "4B"})),
        None
    );
}

#[test]
fn what_is_missing_is_told_for_every_path() {
    let dir = directory();
    let message = told(&dir, json!({"path": dir.path().join("a"), "paths": [dir.path(), dir.path().join("b")]}));
    let why = "isn't there: is the disk plugged in and mounted, and does the hook's `dirs` grant show this path?";
    assert_eq!(message, format!("DIR/a {why}; DIR/b {why}"));
}

#[test]
fn the_kind_has_to_be_right() {
    let dir = directory();
    let file = dir.path().join("f");
    fs::write(&file, "").unwrap();
    assert_eq!(told(&dir, json!({"path": file, "kind": "dir"})), "DIR/f is a file, and has to be a directory");
    assert_eq!(told(&dir, json!({"path": dir.path(), "kind": "file"})), "DIR is a directory, and has to be a file");
}

#[test]
fn an_unmounted_disk_lacks_its_sentinel() {
    let dir = directory();
    assert_eq!(
        told(&dir, json!({"path": dir.path(), "sentinel": ".disk/id"})),
        "DIR is there without .disk/id in it: either nothing is mounted there or it is another disk than expected"
    );
    let file = dir.path().join("f");
    fs::write(&file, "").unwrap();
    assert_eq!(
        told(&dir, json!({"path": file, "sentinel": "id"})),
        "DIR/f is a file, and has to be a directory with id in it"
    );
}

#[test]
fn empty_is_told() {
    let dir = directory();
    assert_eq!(
        told(&dir, json!({"path": dir.path(), "not-empty": true})),
        "DIR is an empty directory: is the disk mounted there?"
    );
    let file = dir.path().join("f");
    fs::write(&file, "").unwrap();
    assert_eq!(told(&dir, json!({"path": file, "not-empty": true})), "DIR/f is an empty file: look at what writes it");
}

#[test]
fn a_file_may_be_too_old_or_too_small() {
    let dir = directory();
    let file = dir.path().join("dump");
    write(&file, "12345", HOUR * 49 + Duration::from_secs(90));
    assert_eq!(
        told(&dir, json!({"path": file, "newer-than": "25h"})),
        "DIR/dump was last written 2days 1h 1m ago, longer than 1day 1h: look at what should write it"
    );
    assert_eq!(
        told(&dir, json!({"path": file, "min-size": "1KiB"})),
        "DIR/dump holds 5 B, less than 1.0 KiB: look at what writes it"
    );
}

#[test]
fn a_file_of_the_future_is_new() {
    let dir = directory();
    let file = dir.path().join("f");
    fs::write(&file, "").unwrap();
    let handle = File::options().write(true).open(&file).unwrap();
    handle.set_modified(SystemTime::now() + HOUR).unwrap();
    assert_eq!(error(json!({"path": file, "newer-than": "1s"})), None);
}

#[test]
fn a_directory_is_as_new_as_its_newest_file() {
    let dir = directory();
    let deep = dir.path().join("a/b");
    fs::create_dir_all(&deep).unwrap();
    let only_directories = json!({"path": dir.path(), "newer-than": "25h"});
    assert_eq!(told(&dir, only_directories.clone()), "DIR holds no file at all: look at what should write there");
    write(&dir.path().join("old"), "12345", HOUR * 100);
    write(&deep.join("less-old"), "12345", HOUR * 30);
    assert_eq!(
        told(&dir, only_directories.clone()),
        "DIR holds nothing newer than a/b/less-old of 1day 6h ago, longer than 1day 1h: look at what should write it"
    );
    write(&deep.join("new"), "", HOUR);
    assert_eq!(error(only_directories), None);
}

#[test]
fn a_directory_is_as_large_as_the_files_in_it() {
    let dir = directory();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("f"), "12345").unwrap();
    fs::write(dir.path().join("d/f"), "12345").unwrap();
    assert_eq!(error(json!({"path": dir.path(), "min-size": 10})), None);
    assert_eq!(
        told(&dir, json!({"path": dir.path(), "min-size": 11})),
        "DIR holds 10 B, less than 11 B: look at what writes it"
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_the_path_and_not_below_it() {
    let dir = directory();
    let other = directory();
    write(&other.path().join("new"), "12345", Duration::ZERO);
    std::os::unix::fs::symlink(other.path(), dir.path().join("link")).unwrap();
    assert_eq!(error(json!({"path": dir.path().join("link"), "newer-than": "1h"})), None);
    assert_eq!(
        told(&dir, json!({"path": dir.path(), "newer-than": "1h"})),
        "DIR holds no file at all: look at what should write there"
    );
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({}), "config key `path`: name a path here, or several in `paths`"),
        (json!({"path": "usb"}), "config key `path`: `usb` has to be one absolute path; several stand in `paths`"),
        (
            json!({"path": ["/a", "/b"]}),
            "config key `path`: `[\"/a\",\"/b\"]` has to be one absolute path; several stand in `paths`",
        ),
        (
            json!({"path": "/a", "kind": "file", "sentinel": "x"}),
            "config key `sentinel`: only a directory can hold one, and `kind` is `file`",
        ),
        (
            json!({"path": "/a", "sentinel": "../x"}),
            "config key `sentinel`: has to be a name or path below the directory",
        ),
        (
            json!({"path": "/a", "kind": "disk"}),
            "config key `kind`: unknown variant `disk`, expected one of `any`, `file`, `dir`",
        ),
        (
            json!({"path": "/a", "newer": "1h"}),
            "config key `newer` is not known, the known ones are `path`, `paths`, `kind`, `not-empty`, `sentinel`, \
             `newer-than`, `min-size`",
        ),
    ] {
        assert_eq!(error(config).as_deref(), Some(expected));
    }
}

#[test]
fn the_readme_configures_this_hook() {
    for hook in readme::hooks(include_str!("../README.md")) {
        assert_eq!(hook["component"], json!("require-path.wasm"));
        let message = error(hook["config"].clone()).unwrap_or_default();
        assert!(!message.contains("config"), "{message}");
    }
}
