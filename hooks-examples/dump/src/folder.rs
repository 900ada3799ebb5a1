//! The directory that the dumps are kept in.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hookward_sdk::prelude::*;

use crate::Dump;

/// A directory, by its two names.
#[derive(Debug)]
pub struct Folder {
    pub(crate) dir: PathBuf,
    host_dir: Option<PathBuf>,
    pub(crate) keep: bool,
    add_to_sources: bool,
}

impl Folder {
    /// A directory as the hook sees it, and as the host does.
    ///
    /// # Errors
    /// When a path isn't absolute, or the host's is missing where it is needed.
    pub fn new(dir: PathBuf, host_dir: Option<PathBuf>, add_to_sources: bool, keep: bool) -> Result<Self, ConfigError> {
        if !dir.has_root() {
            return Err(ConfigError::new("dir", "has to be an absolute path: the `guest` of the hook's `dirs` grant"));
        }
        match &host_dir {
            None if add_to_sources => Err(ConfigError::new(
                "host-dir",
                "is missing: the `host` of the hook's `dirs` grant, so that the dumps can be added to the backup; \
                 `add-to-sources = false` does without",
            )),
            Some(path) if !path.has_root() => {
                Err(ConfigError::new("host-dir", "has to be an absolute path: the `host` of the hook's `dirs` grant"))
            }
            _ => Ok(Self { dir, host_dir, keep, add_to_sources }),
        }
    }

    /// A file's path for messages: the host's when it is known.
    pub(crate) fn shown(&self, file: &str) -> String {
        self.host_dir.as_ref().unwrap_or(&self.dir).join(file).display().to_string()
    }

    /// Finds out early what would otherwise fail after an hour.
    pub(crate) fn look(&self) -> Result<(), String> {
        match fs::metadata(&self.dir) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => Err(format!("{} is no directory to keep dumps in", self.shown(""))),
            Err(error) => Err(format!(
                "the directory of the dumps can't be looked at: {error}: does it exist, and does the hook's `dirs` \
                 grant show it as {}?",
                self.dir.display()
            )),
        }
    }

    /// Removes those of the files that exist.
    pub(crate) fn remove(&self, files: &[String]) -> Result<(), String> {
        let mut problems = Vec::new();
        for file in files {
            match fs::remove_file(self.dir.join(file)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    problems.push(format!("{} can't be removed: {error}", self.shown(file)));
                }
                _ => {}
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(format!("{}: {}", problems.join("; "), self.question())) }
    }

    pub(crate) fn replace(&self, from: &str, to: &str) -> Result<(), String> {
        fs::rename(self.dir.join(from), self.dir.join(to))
            .map_err(|error| format!("{} can't be put in place: {error}: {}", self.shown(to), self.question()))
    }

    fn question(&self) -> String {
        format!(
            "does the hook's `dirs` grant show {} with `write = true`, and may the user of the backup write there?",
            self.dir.display()
        )
    }

    /// Adds the dumps to what is backed up, but for those that are below a source.
    pub(crate) fn add_to_sources(&self, event: &Event, dumps: &[Dump]) -> Result<(), String> {
        let Some(host_dir) = self.host_dir.as_ref().filter(|_| self.add_to_sources) else {
            return Ok(());
        };
        let sources: Vec<String> = dumps
            .iter()
            // A source has to exist, and a dry run makes none.
            .filter(|dump| !event.dry_run || self.dir.join(&dump.file).exists())
            .map(|dump| host_dir.join(&dump.file))
            .filter(|path| !is_covered(path, &event.sources))
            .map(|path| path.display().to_string())
            .collect();
        if sources.is_empty() {
            return Ok(());
        }
        plan::add_sources(sources).map_err(|error| {
            format!("the dumps can't be added to the backup: {error} (`add-to-sources = false` leaves them out)")
        })
    }
}

fn is_covered(path: &Path, sources: &[String]) -> bool {
    sources.iter().map(Path::new).any(|source| source.has_root() && path.starts_with(source))
}
