//! The configuration: what a file means, and what is said of a wrong one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stand outside of test functions"
)]

mod commands;
mod errors;
mod http;
mod includes;
mod journal;
mod plan;
mod registries;
mod robust;
mod secrets;
mod state_tcp;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;

use hookward_runner::config::{Config, ConfigError};

/// A directory with a configuration.
struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load_with_env(&self.path("hookward.toml"), &env)
    }

    /// `FILE:LINE:COLUMN MESSAGE | HELP` of each error.
    fn errors(&self) -> Vec<String> {
        let error = self.load().unwrap_err();
        let shown = error.diagnostics().iter().map(|diagnostic| {
            let place = match diagnostic.location() {
                Some(location) => location.to_string(),
                None => diagnostic.file().display().to_string(),
            };
            format!("{place} {} | {}", diagnostic.message(), diagnostic.help())
        });
        shown.map(|text| self.without_dir(&text)).collect()
    }

    fn without_dir(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// The environment of every test.
fn env(name: &str) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(match name {
        "HOME" => "/home/user".into(),
        "PLACE" => "/mnt/place".into(),
        "EMPTY" => "".into(),
        "BAD" => OsString::from_vec(vec![0xff]),
        _ => return None,
    })
}

/// A configuration of one file.
fn one(text: &str) -> Files {
    Files::new(&[("hookward.toml", text)])
}

/// As [`one`], with the first line.
fn v1(text: &str) -> Files {
    one(&format!("version = 1\n{text}"))
}
