//! What the example hooks that dump databases share: a dump is written beside the
//! last good one, looked at, and only then put in its place; and it becomes a part of
//! the backup. The content never passes through the hook.

use hookward_sdk::command::Command;
use hookward_sdk::prelude::*;

mod folder;
mod whole;

pub use folder::Folder;
pub use whole::{Verify, Whole};

/// One file that a command of the host writes.
#[derive(Debug)]
pub struct Dump {
    /// What is in it, for messages: `database app`.
    pub what: String,
    /// Its name once it is whole.
    pub file: String,
    /// Writes it, to the name in the open place `file`.
    pub command: Command,
    /// How a whole one is known.
    pub whole: Whole,
    /// A whole one isn't smaller, in bytes.
    pub min_size: u64,
    /// A command that looks at it, before it replaces the last one.
    pub verify: Option<Verify>,
    /// Endings of files that the command may leave beside it.
    pub beside: &'static [&'static str],
}

impl Dump {
    /// Its name while it is being written.
    fn partial(&self) -> String {
        format!("{}.partial", self.file)
    }

    /// Every file that an interrupted call may leave.
    fn leftovers(&self) -> Vec<String> {
        let partial = self.partial();
        let beside = self.beside.iter().map(|ending| format!("{partial}{ending}"));
        std::iter::once(partial.clone()).chain(beside).collect()
    }

    /// Writes it, wholly or not at all. Returns its size in bytes.
    fn make(&self, folder: &Folder) -> Result<u64, String> {
        folder.remove(&self.leftovers())?;
        let made = self.write(folder);
        // A file that was renamed isn't among them.
        let removed = folder.remove(&self.leftovers());
        match (made, removed) {
            (Err(problem), Err(left)) => Err(format!("{problem}; {left}")),
            (Err(problem), Ok(())) | (Ok(_), Err(problem)) => Err(problem),
            (Ok(size), Ok(())) => Ok(size),
        }
    }

    fn write(&self, folder: &Folder) -> Result<u64, String> {
        let output = self.command.clone().arg("file", self.partial()).run_ok().map_err(|error| error.to_string())?;
        tell(&output.stderr_text());
        let size = whole::check(self, &self.partial(), folder)?;
        folder.replace(&self.partial(), &self.file)?;
        Ok(size)
    }
}

/// Lines of a program's warnings that are worth the log.
const TOLD_LINES: usize = 20;

fn tell(stderr: &str) {
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    for line in lines.iter().skip(lines.len().saturating_sub(TOLD_LINES)) {
        warn!("{line}");
    }
}

/// Whether this event is the one before a backup.
#[must_use]
pub fn is_before(event: &Event) -> bool {
    event.kind == EventKind::Before && event.operation == "backup"
}

/// Makes the dumps before a backup, and cleans up when it is over.
///
/// # Errors
/// When one can't be made, or can't be added to the backup: what failed, and what to
/// look at. The last good ones are left as they were.
pub fn run(event: &Event, folder: &Folder, dumps: &[Dump]) -> Result<(), String> {
    if is_before(event) {
        before(event, folder, dumps)
    } else if event.kind == EventKind::Finally && event.operation == "backup" {
        finally(event, folder, dumps)
    } else {
        control::warn(format!(
            "nothing to dump in `{}` of `{}`: subscribe this hook with on = [\"before\", \"finally\"] to \
             operations = [\"backup\"]",
            event.kind, event.operation
        ));
        Ok(())
    }
}

fn before(event: &Event, folder: &Folder, dumps: &[Dump]) -> Result<(), String> {
    folder.look()?;
    let mut problems = Vec::new();
    for dump in dumps {
        let file = folder.shown(&dump.file);
        if event.dry_run {
            info!(file = file, "dry run: no dump of {}", dump.what);
            continue;
        }
        match dump.make(folder) {
            Ok(size) => info!(file = file, bytes = size, "dumped {}", dump.what),
            // The others are dumped all the same: fresh ones are better than old ones.
            Err(problem) => problems.push(format!("no dump of {}: {problem}", dump.what)),
        }
    }
    if problems.is_empty() { folder.add_to_sources(event, dumps) } else { Err(problems.join("; ")) }
}

fn finally(event: &Event, folder: &Folder, dumps: &[Dump]) -> Result<(), String> {
    if event.dry_run {
        return Ok(());
    }
    let mut files: Vec<String> = dumps.iter().flat_map(Dump::leftovers).collect();
    if !folder.keep {
        files.extend(dumps.iter().map(|dump| dump.file.clone()));
    }
    folder.remove(&files)
}

/// Checks a name that becomes a file's, and an argument of a command.
///
/// # Errors
/// When it could be taken for a path, an option, or a connection of its own.
pub fn check_name(key: impl Into<String>, name: &str) -> Result<(), ConfigError> {
    let is_odd = |character: char| character.is_control() || matches!(character, '/' | '\\' | '=' | '\'' | '"');
    if name.is_empty() || name.starts_with(['-', '.']) || name.contains(is_odd) {
        let message = format!(
            "`{name}` can't be the name of a dump's file: it may not begin with `-` or `.`, nor have quotes, `/`, \
             `\\` or `=` in it"
        );
        return Err(ConfigError::new(key, message));
    }
    Ok(())
}
