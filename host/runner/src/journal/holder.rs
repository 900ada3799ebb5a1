//! Whether a run's process is there, told by the kernel: a lock on a file that ends
//! with its holder. Process ids, clocks, boots and containers have no say in it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Journal, JournalError, io};
use crate::fault;

/// Held by a run, from before it is in the journal until its end, and by whoever
/// recovers it.
#[derive(Debug)]
pub(crate) struct RunLock {
    path: PathBuf,
    _file: File,
}

impl RunLock {
    /// Nothing is left to be recovered, and nobody looks for the lock any more.
    pub(super) fn remove(self) {
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
            let options = || OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
            let file = options().map_err(io(&path))?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path).map_err(io(&path))? => {
                    fault::point("after run lock");
                    return Ok(Some(RunLock { path, _file: file }));
                }
                // Removed by its last holder, between the opening and the locking.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(io(&path)(error)),
            }
        }
    }

    /// Whether a process holds the run: its own, or one that recovers it. Disturbs a
    /// recoverer for a moment, which waits for that.
    pub(super) fn is_held(&self, id: &str) -> bool {
        let Ok(file) = File::open(self.locks().join(format!("{id}.lock"))) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Removes locks of runs that are not open: their holders died between the lock
    /// and the journal.
    pub(super) fn clean_locks(&self) -> Result<(), JournalError> {
        let dir = self.locks();
        let Ok(entries) = fs::read_dir(&dir) else { return Ok(()) };
        for entry in entries {
            let name = entry.map_err(io(&dir))?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".lock")) else { continue };
            if self.is_held(id) {
                continue;
            }
            // Asked with the lock in hand: a run is in the journal only after it has it.
            if let Some(lock) = self.lock_run(id)?
                && !self.is_open(id)?
            {
                lock.remove();
            }
        }
        Ok(())
    }

    fn is_open(&self, id: &str) -> Result<bool, JournalError> {
        self.read(|transaction| {
            transaction.query_row("SELECT count(*) FROM run WHERE id = ?1 AND ended IS NULL", [id], |row| {
                Ok(row.get::<_, i64>(0)? > 0)
            })
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
