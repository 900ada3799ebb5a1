//! A lab whose restic is the stand-in.

use std::fs;
use std::process::Command;

use hookward_tests::lab::{Finished, Lab, hookward, stand_in};
use serde_json::Value;

pub(crate) const EVENTS: &[&str] = &["before", "success", "warning", "failure", "cancelled", "skipped", "finally"];

const BASE: &str = r#"version = 1
[restic]
binary = "@stand-in@"
[repository.r]
url = "/srv/repo"
password-file = "@lab@/password"
[profile.p]
repository = "r"
sources = ["@lab@/source"]
"#;

/// The last message of a backup that went well.
pub(crate) const SUMMARY: &str = r#"stdout={"message_type":"summary","total_files_processed":3,"total_bytes_processed":2048,"data_added":1024,"snapshot_id":"5a6b7c8d9e0f"}"#;

/// A lab with a profile `p`, and these hooks.
pub(crate) fn lab(hooks: &[String]) -> Lab {
    let lab = Lab::new();
    configure(&lab, &hooks.concat());
    lab
}

/// Writes the lab's configuration: the base, and more.
pub(crate) fn configure(lab: &Lab, more: &str) {
    let base = BASE.replace("@stand-in@", stand_in().to_str().unwrap());
    lab.configure(&format!("{base}{more}"));
}

/// A required hook of the profile that notes its calls.
pub(crate) fn hook(name: &str, on: &[&str], more: &str, config: &str) -> String {
    Lab::probe("profile.p.hook", name, on, more, config)
}

/// `hookward ARGS`, with a restic that does this.
pub(crate) fn command(lab: &Lab, restic: &[&str], args: &[&str]) -> Command {
    let mut command = lab.hookward(args);
    command.env("STAND_IN", restic.join("\u{1f}"));
    command
}

pub(crate) fn run(lab: &Lab, restic: &[&str], args: &[&str]) -> Finished {
    command(lab, restic, args).output().unwrap().into()
}

/// The one JSON document that stdout is.
pub(crate) fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// Whether restic was started, or a hook called.
pub(crate) fn anything_started(lab: &Lab) -> bool {
    !lab.lines("notes/restic").is_empty() || !lab.journal().is_empty()
}

/// Under another directory than that of the configuration's.
pub(crate) fn hookward_in(lab: &Lab, dir: &str, args: &[&str]) -> Command {
    fs::create_dir_all(lab.path(dir)).unwrap();
    let mut command = lab.command(hookward());
    command.args(args).current_dir(lab.path(dir));
    command
}
