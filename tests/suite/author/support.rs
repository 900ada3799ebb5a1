//! A lab with the tools of languages.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use hookward_tests::lab::{Finished, Lab, hookward};
use serde_json::Value;

/// What a tool that is installed for the tests needs to know of this machine.
const KEPT: &[&str] = &[
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "RUSTUP_TOOLCHAIN",
    "SSL_CERT_",
    "https_proxy",
    "http_proxy",
    "no_proxy",
];

/// An author at work.
pub(crate) struct Author {
    pub(crate) lab: Lab,
}

impl Author {
    pub(crate) fn new() -> Self {
        Self { lab: Lab::new() }
    }

    /// `hookward ARGS`, with the tools that are there.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Finished {
        self.command(hookward()).args(args).output().unwrap().into()
    }

    /// A program in the lab's directory, with the tools that are there, and hookward.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.lab.command(program);
        let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        let tool = |name: &str, default: &str| std::env::var_os(name).unwrap_or_else(|| home.join(default).into());
        command
            .env("PATH", path())
            .env("CARGO_HOME", tool("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", tool("RUSTUP_HOME", ".rustup"))
            // Kept from test to test: what is built in there isn't what they test.
            .env("CARGO_TARGET_DIR", target().join("tmp/author/cargo"))
            .env("GOCACHE", target().join("tmp/author/go"))
            .env("ZIG_GLOBAL_CACHE_DIR", target().join("tmp/author/zig"));
        for (name, value) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| KEPT.iter().any(|kept| name.starts_with(kept))) {
                command.env(name, value);
            }
        }
        command
    }

    /// Whether the tool is there; says so if it isn't.
    pub(crate) fn has(tool: &str) -> bool {
        let found = std::env::split_paths(&path()).any(|folder| folder.join(tool).is_file());
        if !found {
            eprintln!("left out: there is no {tool}");
        }
        found
    }
}

/// Cargo's target directory.
fn target() -> &'static Path {
    hookward().ancestors().nth(2).unwrap()
}

/// What `cargo xtask test` installs for the tests, then what this machine has, and
/// hookward as if it were installed.
fn path() -> OsString {
    let tools = target().join("tools");
    let own = [hookward().parent().unwrap().to_owned(), tools.join("python/bin"), tools.join("node/node_modules/.bin")];
    let machine = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&machine))).unwrap()
}

/// The one JSON document that stdout is.
pub(crate) fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

#[track_caller]
pub(crate) fn good(finished: &Finished) {
    assert_eq!(finished.code, 0, "{}\n{}", finished.stdout, finished.stderr);
}
