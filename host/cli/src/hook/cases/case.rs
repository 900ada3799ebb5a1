//! A case as it is written: `NAME.toml`, or `NAME/case.toml` with what it needs beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use bytesize::ByteSize;
use hookward_engine::{CommandFault, EventKind, HttpFault};
use serde::Deserialize;

use super::expect::Expect;
use crate::session::Problem;

/// The file of a case that has a directory of its own.
const IN_DIR: &str = "case.toml";

/// Where a case was found.
pub(super) struct Found {
    pub(super) name: String,
    file: PathBuf,
}

/// A case, read.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) file: PathBuf,
    /// Relative paths of the case start here.
    pub(super) base: PathBuf,
    pub(super) text: String,
    pub(super) written: Written,
}

/// The keys of a case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Written {
    /// What it is about.
    #[serde(default)]
    #[allow(dead_code, reason = "for who reads the case")]
    pub(super) about: Option<String>,
    /// A record that is replayed, in the place of all that follows.
    pub(super) record: Option<PathBuf>,
    /// A whole event as JSON.
    pub(super) event_file: Option<PathBuf>,
    /// Fields of the event.
    #[serde(default)]
    pub(super) event: toml::Table,
    /// The hook's settings.
    #[serde(default)]
    pub(super) config: toml::Table,
    /// As in a configuration; read elsewhere, with places for its errors.
    #[serde(default)]
    #[allow(dead_code, reason = "named to be allowed")]
    pub(super) grants: toml::Table,
    #[serde(default)]
    pub(super) limits: Limits,
    /// When the call begins.
    pub(super) time: Option<jiff::Timestamp>,
    /// Of the random numbers.
    #[serde(default)]
    pub(super) seed: u64,
    /// Values of variables, which are granted by that.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// Values of secrets, which are granted by that.
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, String>,
    /// What the hook has kept from earlier calls.
    pub(super) state: Option<BTreeMap<String, String>>,
    /// Answers of servers.
    #[serde(default)]
    pub(super) http: Vec<Http>,
    /// What comes of commands.
    #[serde(default)]
    pub(super) command: Vec<Command>,
    #[serde(default)]
    pub(super) expect: Expect,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Limits {
    #[serde(default, deserialize_with = "duration")]
    pub(super) timeout: Option<Duration>,
    pub(super) fuel: Option<u64>,
    pub(super) memory: Option<ByteSize>,
}

fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

/// One answer of a server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Http {
    /// Any, if it isn't given.
    pub(super) method: Option<String>,
    /// The whole URL; a `*` at its end stands for any rest.
    pub(super) url: String,
    #[serde(default = "success")]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
    /// File that holds the body.
    pub(super) body_file: Option<PathBuf>,
    /// In the place of a response.
    pub(super) error: Option<HttpFault>,
}

fn success() -> u16 {
    200
}

/// What comes of one run of a command.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Command {
    /// Its name in the grants.
    pub(super) name: String,
    #[serde(default)]
    pub(super) exit: u8,
    /// In the place of an exit code.
    pub(super) signal: Option<u8>,
    /// In the place of any end of its own.
    pub(super) error: Option<CommandFault>,
    pub(super) stdout: Option<String>,
    /// File that holds its stdout.
    pub(super) stdout_file: Option<PathBuf>,
    #[serde(default)]
    pub(super) stderr: String,
}

/// The cases of a project, by name: those in its `tests`, or in the directory itself.
pub(super) fn find(dir: &Path) -> anyhow::Result<Vec<Found>> {
    let tests = dir.join("tests");
    let dir = if tests.is_dir() { tests } else { dir.to_owned() };
    let unreadable = |error| Problem::Cases(format!("cannot read {}: {error}", dir.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let (file, name) = if path.is_dir() {
            (path.join(IN_DIR), path.file_name())
        } else if path.extension().is_some_and(|is| is == "toml")
            && path.file_name().is_some_and(|is| is != "hook.toml")
        {
            (path.clone(), path.file_stem())
        } else {
            continue;
        };
        if let Some(name) = name.filter(|_| file.is_file()) {
            found.push(Found { name: name.to_string_lossy().into_owned(), file });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

impl Case {
    pub(super) fn load(found: &Found) -> anyhow::Result<Self> {
        let Found { name, file } = found;
        let wrong = |what: String| Problem::Cases(format!("{}: {}", file.display(), what.trim_end()));
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        let written: Written = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let base =
            std::path::absolute(file.parent().unwrap_or(Path::new(""))).map_err(|error| wrong(error.to_string()))?;
        for http in &written.http {
            if http.body.is_some() && http.body_file.is_some() {
                bail!(wrong(format!("the answer of {} has both a `body` and a `body-file`", http.url)));
            }
        }
        for command in &written.command {
            if command.stdout.is_some() && command.stdout_file.is_some() {
                bail!(wrong(format!("the command {} has both a `stdout` and a `stdout-file`", command.name)));
            }
        }
        Ok(Self { name: name.clone(), file: file.clone(), base, text, written })
    }

    /// An error of this case.
    pub(super) fn wrong(&self, what: impl std::fmt::Display) -> Problem {
        Problem::Cases(format!("{}: {what}", self.file.display()))
    }

    /// The contents of a file that the case names, or the text in its place.
    pub(super) fn contents(&self, text: Option<&String>, file: Option<&PathBuf>) -> Result<Vec<u8>, Problem> {
        match file {
            Some(file) => {
                let file = self.base.join(file);
                std::fs::read(&file).map_err(|error| self.wrong(format!("cannot read {}: {error}", file.display())))
            }
            None => Ok(text.map(|text| text.clone().into_bytes()).unwrap_or_default()),
        }
    }

    /// The kind of the event.
    pub(super) fn kind(&self) -> Result<EventKind, Problem> {
        match self.written.event.get("kind").and_then(toml::Value::as_str) {
            Some(kind) => kind.parse().map_err(|error| self.wrong(error)),
            None => Ok(EventKind::Before),
        }
    }
}
