//! The numbers of the last good run, kept in a file from run to run.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use bytesize::ByteSize;
use hookward_sdk::{Event, Summary};
use serde::{Deserialize, Serialize};

use crate::config::{Config, Percent};

/// What is kept of a run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Baseline {
    profile: Option<String>,
    run_id: String,
    files: u64,
    bytes: u64,
}

/// The file that it is kept in.
#[derive(Debug)]
pub(crate) struct Store<'a> {
    path: &'a Path,
    event: &'a Event,
}

impl fmt::Display for Store<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl<'a> Store<'a> {
    pub(crate) fn new(path: &'a Path, event: &'a Event) -> Self {
        Self { path, event }
    }

    /// None before the first run.
    pub(crate) fn read(&self) -> Result<Option<Baseline>, String> {
        let text = match fs::read(self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("the baseline {self} can't be read: {error}")),
        };
        let baseline: Baseline = serde_json::from_slice(&text)
            .map_err(|error| format!("the baseline {self} is damaged, remove it to start afresh: {error}"))?;
        if baseline.profile != self.event.profile {
            let other = baseline.profile.as_deref().unwrap_or("-");
            return Err(format!(
                "the baseline {self} is that of profile {other}, and this is {}: give each profile a file of its own",
                self.event.profile_name()
            ));
        }
        Ok(Some(baseline))
    }

    /// Puts the numbers of this run in its place, wholly or not at all.
    pub(crate) fn write(&self, summary: &Summary) -> Result<(), String> {
        let baseline = Baseline {
            profile: self.event.profile.clone(),
            run_id: self.event.run_id.clone(),
            files: summary.total_files_processed,
            bytes: summary.total_bytes_processed,
        };
        self.replace(&baseline).map_err(|error| {
            format!(
                "the baseline {self} can't be written: {error}: does the hook's `dirs` grant show its directory, with \
                 `write = true`?"
            )
        })
    }

    fn replace(&self, baseline: &Baseline) -> io::Result<()> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        let new = Path::new(&name);
        let mut file = File::create(new)?;
        file.write_all(serde_json::to_string(baseline)?.as_bytes())?;
        file.sync_all()?;
        drop(file);
        fs::rename(new, self.path)
    }
}

impl Baseline {
    /// What has changed more than it may.
    pub(crate) fn check(&self, summary: &Summary, config: &Config, store: &Store<'_>) -> Vec<String> {
        let files = compare(self.files, summary.total_files_processed, config)
            .map(|change| format!("its number of files {}", change.told(|files| files.to_string())));
        let bytes = compare(self.bytes, summary.total_bytes_processed, config)
            .map(|change| format!("its size {}", change.told(|bytes| ByteSize(bytes).to_string())));
        let mut objections: Vec<String> = files.into_iter().chain(bytes).collect();
        if !objections.is_empty() && !config.replace_after_objection {
            objections.push(format!("if that is right, remove {store} and the next run sets new bounds"));
        }
        objections
    }
}

/// A number that changed more than it may.
struct Change {
    before: u64,
    now: u64,
    limit: Percent,
}

fn compare(before: u64, now: u64, config: &Config) -> Option<Change> {
    let limit = if now < before { config.max_shrink } else { config.max_growth }?;
    // There is no share of nothing.
    let is_beyond = before > 0 && before.abs_diff(now) as f64 > limit.of(before);
    is_beyond.then_some(Change { before, now, limit })
}

impl Change {
    fn told(&self, shown: impl Fn(u64) -> String) -> String {
        let Self { before, now, limit } = *self;
        let (verb, key) = if now < before { ("fell", "max-shrink") } else { ("rose", "max-growth") };
        let share = before.abs_diff(now) as f64 * 100.0 / before as f64;
        let (before, now) = (shown(before), shown(now));
        format!("{verb} by {share:.1}% from {before} to {now}, and `{key}` allows {limit}")
    }
}
