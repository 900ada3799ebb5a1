//! Locks between runs, in one process and across processes: one run of a profile at
//! a time, one holder of an exclusive name.
//!
//! A lock is the kernel's, on an open file: it ends with its holder, however that
//! dies. The file's text says who holds it; only the lock decides.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::fault;

/// Time between two tries for a lock that another holds. The kernel's own waiting
/// can't be called off.
const RETRY: Duration = Duration::from_millis(200);

/// What is locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The runs of a profile.
    Profile(String),
    /// A name given by `exclusive` of a hook.
    Exclusive(String),
}

impl Name {
    fn file_name(&self) -> String {
        match self {
            Self::Profile(name) => format!("profile-{name}.lock"),
            Self::Exclusive(name) => format!("exclusive-{name}.lock"),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Profile(name) => write!(f, "profile `{name}`"),
            Self::Exclusive(name) => write!(f, "exclusive name `{name}`"),
        }
    }
}

/// Who holds a lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Its run.
    pub run: String,
    /// The run's profile, if it has one.
    pub profile: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {} (process {}", self.run, self.pid)?;
        if let Some(profile) = &self.profile {
            write!(f, ", profile `{profile}`")?;
        }
        f.write_str(")")
    }
}

/// Why a lock wasn't got.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another run has it.
    #[error("{name} is held by {holder}")]
    Held {
        /// What is held.
        name: Name,
        /// By whom.
        holder: Holder,
    },
    /// The run was cancelled while it waited.
    #[error("cancelled while waiting for {name}, held by {holder}")]
    Cancelled {
        /// What is held.
        name: Name,
        /// By whom.
        holder: Holder,
    },
    /// The lock's file can't be used.
    #[error("cannot lock {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Holds a lock until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// The directory of the locks.
#[derive(Debug, Clone)]
pub struct Locks {
    dir: PathBuf,
}

impl Locks {
    /// The locks below the state directory, which is made when the first is taken.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("locks") }
    }

    /// Takes a lock if it is free.
    ///
    /// # Errors
    /// When another run holds it, or its file can't be used.
    pub fn take(&self, name: &Name, holder: &Holder) -> Result<Lock, LockError> {
        let path = self.dir.join(name.file_name());
        let io = |source| LockError::Io { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(io)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        fault::point("before lock");
        match file.try_lock() {
            Ok(()) => fault::point("after lock"),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                drop(file.read_to_string(&mut text));
                // Empty for a moment, while its holder writes it.
                let holder = serde_json::from_str(&text).unwrap_or_default();
                return Err(LockError::Held { name: name.clone(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let text = serde_json::to_vec(holder).map_err(io::Error::from).map_err(io)?;
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text)).map_err(io)?;
        Ok(Lock { _file: file })
    }

    /// Waits for a lock. Calls `waiting` once if it isn't free.
    ///
    /// # Errors
    /// When the run is cancelled meanwhile, or the lock's file can't be used.
    pub async fn wait(
        &self,
        name: &Name,
        holder: &Holder,
        cancel: &CancellationToken,
        waiting: impl FnOnce(&Name, &Holder),
    ) -> Result<Lock, LockError> {
        let mut waiting = Some(waiting);
        loop {
            match self.take(name, holder) {
                Err(LockError::Held { name, holder }) => {
                    if let Some(waiting) = waiting.take() {
                        waiting(&name, &holder);
                    }
                    if cancel.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
                        return Err(LockError::Cancelled { name, holder });
                    }
                }
                done => return done,
            }
        }
    }
}
