//! What was begun, written before it begins: the journal of all runs.
//!
//! One database in the state directory. A run's obligations are in it, durably,
//! before anything happens that makes them; whoever finds them open and their run's
//! process gone pays them: see [`recovery`](crate::recovery). What is over is kept
//! for a while, as history.

mod components;
mod entry;
mod history;
mod holder;
mod kept;
mod mend;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

pub(crate) use self::entry::Entry;
pub use self::history::{CallDetail, Debt, NoSuchRun, RunDetail, RunState, RunSummary};
pub(crate) use self::holder::RunLock;
pub(crate) use self::kept::{Closing, Kept, KeptCall, OpenRun, ResticProcess, Verdict};
pub use self::mend::LostRun;
pub(crate) use self::write::Write;
use crate::config::Retention;
pub(crate) use crate::database::Durable;
use crate::database::{self, BUSY, Database, DatabaseError, Schema};
use crate::fault;

static SCHEMA: Schema = Schema {
    application: i32::from_be_bytes(*b"HWjo"),
    migrations: &[
        "
        CREATE TABLE run (
            -- In the order of their beginnings, whatever the clock says.
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            profile TEXT,
            operation TEXT NOT NULL,
            repository TEXT NOT NULL,
            started_by TEXT NOT NULL,
            dry_run INTEGER NOT NULL,
            -- Times are milliseconds since 1970.
            started INTEGER NOT NULL,
            -- Host, sources, tags, and the hooks with their grants, as JSON.
            plan TEXT NOT NULL,
            gate_opened INTEGER,
            restic_pid INTEGER,
            -- Clock ticks since the boot.
            restic_start INTEGER,
            boot_id TEXT,
            -- How it went, once that is known, as JSON.
            verdict TEXT,
            -- What else there is to say once it is over, as JSON.
            report TEXT,
            -- Nothing is owed from then on.
            ended INTEGER
        ) STRICT;
        CREATE INDEX run_open ON run (number) WHERE ended IS NULL;
        CREATE TABLE call (
            run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            -- Place in the plan.
            hook INTEGER NOT NULL,
            event TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            recovered INTEGER NOT NULL,
            begun INTEGER NOT NULL,
            ended INTEGER,
            -- No further call of it is due.
            over INTEGER NOT NULL DEFAULT 0,
            result TEXT,
            PRIMARY KEY (run, number)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE debt (
            run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
            hook INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            next_try INTEGER NOT NULL,
            last_error TEXT NOT NULL,
            given_up INTEGER NOT NULL,
            PRIMARY KEY (run, hook)
        ) STRICT, WITHOUT ROWID;
        -- Components that open runs may need.
        CREATE TABLE component (
            run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
            digest TEXT NOT NULL,
            PRIMARY KEY (run, digest)
        ) STRICT, WITHOUT ROWID;
    ",
        "
        -- What is old is found without the plans and reports of all that is kept.
        CREATE INDEX run_over ON run (number, started, ended) WHERE ended IS NOT NULL;
    ",
    ],
    keeps_changes: true,
};

/// Why the journal can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the journal can't be used: {0}")]
pub struct JournalError(#[from] Cause);

/// What is behind it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("what it says of a run can't be read or written: {0}")]
    Text(#[from] serde_json::Error),
    #[error("the component {} was changed while it was loaded", .0.display())]
    Changed(PathBuf),
}

impl From<std::io::Error> for JournalError {
    fn from(source: std::io::Error) -> Self {
        Self(Cause::Io { path: PathBuf::from("journal.sqlite"), source })
    }
}

impl JournalError {
    /// Whether one run can't be read, and others can.
    pub(crate) fn is_about_a_run(&self) -> bool {
        matches!(self.0, Cause::Text(_))
    }
}

impl From<DatabaseError> for JournalError {
    fn from(error: DatabaseError) -> Self {
        Self(error.into())
    }
}

impl From<serde_json::Error> for JournalError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.into())
    }
}

/// Makes an error of what the system says about a file.
fn io(path: &Path) -> impl Fn(std::io::Error) -> JournalError {
    move |source| JournalError(Cause::Io { path: path.to_owned(), source })
}

/// The journal. Cheap to clone; clones share one open file, which is opened when it is
/// first used.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state_dir: PathBuf,
    database: Database,
}

impl Journal {
    /// The journal below the state directory, which is made when it is needed.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        let database = Database::new(state_dir.join("journal.sqlite"), &SCHEMA);
        Self(Arc::new(Inner { state_dir: state_dir.to_owned(), database }))
    }

    /// Whether anything was ever written: looking at it makes no file.
    fn exists(&self) -> bool {
        let path = self.0.database.path();
        // A link to nowhere, or a directory that can't be searched, is an error to tell.
        !matches!(std::fs::symlink_metadata(path), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
    }

    fn read<T>(&self, act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        Ok(self.0.database.with(|connection| act(&connection.transaction()?))?)
    }

    /// Writes one step, whole or not at all; `step` names it for tests of crashes.
    fn write<T>(
        &self,
        step: &str,
        durable: Durable,
        act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        self.write_within(BUSY, step, durable, act)
    }

    /// The same, waiting at most so long for another process.
    fn write_within<T>(
        &self,
        patience: Duration,
        step: &str,
        durable: Durable,
        act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        fault::point(&format!("before journal: {step}"));
        let written = self.0.database.within(patience, Some(durable), |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = act(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })?;
        fault::point(&format!("after journal: {step}"));
        Ok(written)
    }

    /// Leaves nothing to be read of what was overwritten. Another process that reads the
    /// journal meanwhile keeps it from being done: then it is later, by some run's changes.
    fn wipe(&self) {
        if let Err(error) = self.0.database.with(|connection| database::wipe(connection)) {
            tracing::debug!("what was overwritten in the journal can still be read in it: {error}");
        }
    }

    /// The runs that are open, living ones included, the oldest first: number, id and
    /// profile.
    pub(crate) fn open_runs(&self) -> Result<Vec<(i64, String, Option<String>)>, JournalError> {
        self.read(|transaction| {
            let mut runs =
                transaction.prepare("SELECT number, id, profile FROM run WHERE ended IS NULL ORDER BY number")?;
            runs.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })
    }

    /// Removes what is over and older, or more, than is to be kept, and what nothing
    /// open refers to. Never a run that owes anything.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub fn clean(&self, retention: Retention) -> Result<(), JournalError> {
        // First: the lock of a run that isn't in the journal is a sign of damage.
        self.clean_locks()?;
        let oldest = now().saturating_sub(i64::try_from(retention.keep.as_millis()).unwrap_or(i64::MAX));
        let most = i64::try_from(retention.keep_runs).unwrap_or(i64::MAX);
        // The newest are those of the highest numbers.
        let over = "SELECT number FROM run WHERE ended IS NOT NULL AND started < ?1 UNION ALL SELECT * FROM
                    (SELECT number FROM run WHERE ended IS NOT NULL ORDER BY number DESC LIMIT -1 OFFSET ?2)";
        // Most often there is nothing, and no need to write.
        let any: bool = self.read(|transaction| {
            transaction.query_row(&format!("SELECT EXISTS ({over})"), [oldest, most], |row| row.get(0))
        })?;
        if any {
            self.write("retention", Durable::No, |transaction| {
                transaction.execute(&format!("DELETE FROM run WHERE number IN ({over})"), [oldest, most])
            })?;
        }
        self.clean_components()
    }

    /// Removes the copies and locks that nothing open refers to.
    pub(crate) fn tidy(&self) -> Result<(), JournalError> {
        self.clean_components()?;
        self.clean_locks()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// One run's row number by its id.
fn number_of(connection: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT number FROM run WHERE id = ?1", [id], |row| row.get(0)).optional()
}
