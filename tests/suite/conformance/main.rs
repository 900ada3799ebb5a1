//! The same two hooks in five languages: whatever they are called with, they do the
//! same, say the same and fail the same.
//!
//! A case is written once and passed by every language that is built here, which
//! `cargo xtask hooks` does; one that isn't is left out, loudly. With
//! `HOOKWARD_WRITE_TABLE=1` the results become the table of docs/languages.md.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod cli;
mod events;
mod gate;
mod limits;
mod ping;
mod require_path;
mod services;
mod subject;
mod table;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use subject::{Language, Subject};

/// One thing that every language has to do.
struct Case {
    name: String,
    check: Box<dyn Fn(&Subject)>,
}

impl Case {
    fn new(name: impl Into<String>, check: impl Fn(&Subject) + 'static) -> Self {
        Self { name: name.into(), check: Box::new(check) }
    }
}

fn cases() -> Vec<Case> {
    [
        require_path::cases(),
        ping::cases(),
        events::cases(),
        limits::cases(),
        cli::cases(),
        gate::cases(),
        services::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Passes all cases in a language.
fn conform(language: Language) {
    let subject = match Subject::load(language) {
        Ok(subject) => subject,
        Err(why) => {
            // Past the harness, which shows nothing of a test that doesn't fail.
            let line = format!("LEFT OUT: conformance of {}: {why}\n", language.title());
            let _ = std::io::stderr().write_all(line.as_bytes());
            return;
        }
    };
    let cases = cases();
    let failed: Vec<&str> = cases
        .iter()
        .filter(|case| catch_unwind(AssertUnwindSafe(|| (case.check)(&subject))).is_err())
        .map(|case| case.name.as_str())
        .collect();
    if std::env::var_os("HOOKWARD_WRITE_TABLE").is_some() {
        table::write(&subject, cases.len() - failed.len(), cases.len());
    }
    assert!(failed.is_empty(), "{} of {} cases failed in {}: {failed:#?}", failed.len(), cases.len(), language.title());
}

#[test]
fn rust() {
    conform(Language::Rust);
}

#[test]
fn python() {
    conform(Language::Python);
}

#[test]
fn javascript() {
    conform(Language::Javascript);
}

#[test]
fn c() {
    conform(Language::C);
}

#[test]
fn go() {
    conform(Language::Go);
}
