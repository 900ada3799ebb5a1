//! Whether a run's process is there, told by the kernel: a lock on a file that ends
//! with its holder. Process ids, clocks, boots and containers have no say in it.
//!
//! What the file says is a second witness of what the run owes, besides the journal,
//! until it owes nothing. It is not flushed to the disk, which takes its time for the
//! journal's part already.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};

use super::{Journal, JournalError, Write, io};
use crate::database::BUSY;
use crate::fault;

/// Held by a run, from before it is in the journal until its end, and by whoever
/// recovers it.
#[derive(Debug)]
pub(crate) struct RunLock {
    path: PathBuf,
    file: File,
}

/// One line in the file of a lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Note {
    /// The run is in the journal, and may come to owe something.
    Begun { profile: Option<String> },
    /// The `before` of a pair was called.
    Owes { hook: usize, name: String },
    /// What could not be written in the journal, as it should have been.
    Late { writes: Vec<Write> },
}

impl RunLock {
    /// Adds a line: the whole of it, or none.
    pub(super) fn note(&self, note: &Note) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(note)?;
        line.push(b'\n');
        let length = self.file.metadata().map_err(io(&self.path))?.len();
        fault::point("before note");
        let written = (&self.file).write_all(&line).inspect_err(|_| drop(self.file.set_len(length)));
        fault::point("after note");
        written.map_err(io(&self.path))
    }

    /// All lines. One that was cut off says nothing.
    pub(super) fn notes(&self) -> Result<Vec<Note>, JournalError> {
        let (mut file, mut bytes) = (&self.file, Vec::new());
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(io(&self.path))?;
        Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    /// Keeps these lines alone.
    pub(super) fn keep(&self, notes: &[Note]) -> Result<(), JournalError> {
        self.file.set_len(0).map_err(io(&self.path))?;
        notes.iter().try_for_each(|note| self.note(note))
    }

    /// Nothing is left to be recovered, and nobody looks for the lock any more.
    pub(crate) fn remove(self) {
        // One that stays is removed with the next cleaning.
        drop(fs::remove_file(&self.path));
    }
}

impl Journal {
    fn locks(&self) -> PathBuf {
        self.0.state_dir.join("runs")
    }

    /// The lock of a run; none if another process has it.
    pub(crate) fn lock_run(&self, id: &str) -> Result<Option<RunLock>, JournalError> {
        let dir = self.locks();
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(io(&dir))?;
        let path = dir.join(format!("{id}.lock"));
        fault::point("before run lock");
        loop {
            let options = || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
            let file = options().map_err(io(&path))?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path).map_err(io(&path))? => {
                    fault::point("after run lock");
                    return Ok(Some(RunLock { path, file }));
                }
                // Removed by its last holder, between the opening and the locking.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(io(&path)(error)),
            }
        }
    }

    /// The lock of a run that nobody has heard of yet. Who cleans up behind others may have
    /// it for a moment all the same: between its making and its locking it looks as if it had
    /// been left.
    pub(super) fn lock_new(&self, id: &str) -> Result<RunLock, JournalError> {
        let began = Instant::now();
        loop {
            if let Some(lock) = self.lock_run(id)? {
                return Ok(lock);
            }
            if began.elapsed() > BUSY {
                return Err(io(&self.locks())(io::ErrorKind::WouldBlock.into()));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether a process holds the run: its own, or one that recovers it. Disturbs a
    /// recoverer for a moment, which waits for that.
    pub(super) fn is_held(&self, id: &str) -> bool {
        let Ok(file) = File::open(self.locks().join(format!("{id}.lock"))) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// The ids of the runs that have a lock, held or not.
    pub(super) fn locked_runs(&self) -> Result<Vec<String>, JournalError> {
        let dir = self.locks();
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io(&dir))?,
        };
        let id = |entry: io::Result<fs::DirEntry>| {
            let name = entry.map_err(io(&dir))?.file_name();
            Ok(name.to_str().and_then(|name| name.strip_suffix(".lock")).map(str::to_owned))
        };
        entries.filter_map(|entry| id(entry).transpose()).collect()
    }

    /// Removes locks of runs that are over, or that never came to be in the journal:
    /// their holders died at the wrong moment.
    pub(super) fn clean_locks(&self) -> Result<(), JournalError> {
        for id in self.locked_runs()? {
            if self.is_held(&id) {
                continue;
            }
            // Asked with the lock in hand: a run is in the journal only after it has it.
            if let Some(lock) = self.lock_run(&id)?
                && match self.is_open(&id)? {
                    Some(open) => !open,
                    None => lock.notes()?.is_empty(),
                }
            {
                lock.remove();
            }
        }
        Ok(())
    }

    /// Whether something is left to be done for a run; none of one that isn't there.
    pub(super) fn is_open(&self, id: &str) -> Result<Option<bool>, JournalError> {
        self.read(|transaction| {
            let open = "SELECT ended IS NULL FROM run WHERE id = ?1";
            transaction.query_row(open, [id], |row| row.get(0)).optional()
        })
    }
}

/// Whether the path is still that of this file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn who_cleans_up_keeps_no_new_run_from_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(dir.path());
        // Another process has found the file, and is about to remove it.
        let other = journal.lock_run("new").unwrap().unwrap();
        let lock = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(200));
                other.remove();
            });
            journal.lock_new("new").unwrap()
        });
        assert!(lock.path.is_file());
        assert!(journal.is_held("new"));
    }
}
