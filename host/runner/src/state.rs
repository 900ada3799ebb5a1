//! What hooks keep from run to run: one database in the state directory.
//!
//! Each hook has its own state in each profile. A hook of all runs has one more for
//! the runs without a profile.

use std::path::Path;
use std::sync::Arc;

use hookward_engine::event::Scope;
use hookward_engine::{Changes, CommitError, Permit, Snapshot, StateStore};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::database::{Database, Schema};

static SCHEMA: Schema = Schema {
    application: i32::from_be_bytes(*b"HWst"),
    migrations: &["
        CREATE TABLE hook (
            id INTEGER PRIMARY KEY,
            -- Empty for runs without a profile, whose name never is.
            profile TEXT NOT NULL,
            scope TEXT NOT NULL,
            name TEXT NOT NULL,
            -- Changes with every commit.
            version INTEGER NOT NULL,
            UNIQUE (profile, scope, name)
        ) STRICT;
        CREATE TABLE entry (
            hook INTEGER NOT NULL REFERENCES hook (id) ON DELETE CASCADE,
            key TEXT NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (hook, key)
        ) STRICT, WITHOUT ROWID;
    "],
    // What a hook has removed is gone.
    keeps_changes: false,
};

/// The state of all hooks. Cheap to clone; clones share one open file, which is
/// opened when the first hook uses its state.
#[derive(Debug, Clone)]
pub struct States(Arc<Database>);

impl States {
    /// The state below the state directory, which is made when it is needed.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self(Arc::new(Database::new(state_dir.join("state.sqlite"), &SCHEMA)))
    }

    /// The state of one hook in one profile.
    #[must_use]
    pub fn of(&self, profile: Option<&str>, scope: Scope, hook: &str) -> Arc<dyn StateStore> {
        Arc::new(HookState {
            states: self.clone(),
            profile: profile.unwrap_or_default().to_owned(),
            scope: scope.as_str(),
            hook: hook.to_owned(),
        })
    }
}

#[derive(Debug)]
struct HookState {
    states: States,
    profile: String,
    scope: &'static str,
    hook: String,
}

impl HookState {
    /// The hook's row and its version.
    fn row(&self, transaction: &Transaction<'_>) -> rusqlite::Result<Option<(i64, u64)>> {
        transaction
            .query_row(
                "SELECT id, version FROM hook WHERE profile = ?1 AND scope = ?2 AND name = ?3",
                params![self.profile, self.scope, self.hook],
                |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())),
            )
            .optional()
    }

    /// The row with its version raised, made if it wasn't there.
    fn raise(&self, transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
        transaction.query_row(
            "INSERT INTO hook (profile, scope, name, version) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT (profile, scope, name) DO UPDATE SET version = version + 1
             RETURNING id",
            params![self.profile, self.scope, self.hook],
            |row| row.get(0),
        )
    }

    fn read(&self, connection: &mut Connection) -> rusqlite::Result<Snapshot> {
        // One transaction: the version is that of the entries.
        let transaction = connection.transaction()?;
        let Some((id, version)) = self.row(&transaction)? else { return Ok(Snapshot::default()) };
        let mut entries = transaction.prepare("SELECT key, value FROM entry WHERE hook = ?1")?;
        let entries = entries.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        Ok(Snapshot { entries, version })
    }

    fn write(
        &self,
        connection: &mut Connection,
        changes: &Changes,
        base: u64,
        permit: &Permit,
    ) -> rusqlite::Result<Result<(), CommitError>> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if self.row(&transaction)?.map_or(0, |(_, version)| version) != base {
            return Ok(Err(CommitError::Conflict));
        }
        let id = self.raise(&transaction)?;
        {
            let mut set = transaction.prepare(
                "INSERT INTO entry (hook, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (hook, key) DO UPDATE SET value = excluded.value",
            )?;
            let mut delete = transaction.prepare("DELETE FROM entry WHERE hook = ?1 AND key = ?2")?;
            for (key, value) in changes {
                match value {
                    Some(value) => set.execute(params![id, key, value])?,
                    None => delete.execute(params![id, key])?,
                };
            }
        }
        if !permit.take() {
            return Ok(Err(CommitError::Withdrawn));
        }
        transaction.commit()?;
        Ok(Ok(()))
    }
}

impl StateStore for HookState {
    fn load(&self) -> Result<Snapshot, String> {
        self.states.0.with(|connection| self.read(connection)).map_err(|error| error.to_string())
    }

    fn commit(&self, changes: &Changes, base: u64, permit: &Permit) -> Result<(), CommitError> {
        let written = self.states.0.with(|connection| self.write(connection, changes, base, permit));
        written.unwrap_or_else(|error| Err(CommitError::Failed(error.to_string())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn changes(value: Option<&str>) -> Changes {
        Changes::from([("a".to_owned(), value.map(|value| value.as_bytes().to_vec()))])
    }

    #[test]
    fn a_commit_without_its_permit_or_on_another_version_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let state = States::new(dir.path()).of(Some("p"), Scope::Profile, "h");
        let gone = Permit::default();
        assert!(gone.take());
        assert_eq!(state.commit(&changes(Some("1")), 0, &gone), Err(CommitError::Withdrawn));
        assert_eq!(state.load().unwrap(), Snapshot::default());

        state.commit(&changes(Some("1")), 0, &Permit::default()).unwrap();
        let kept = state.load().unwrap();
        assert_eq!(state.commit(&changes(Some("2")), 0, &Permit::default()), Err(CommitError::Conflict));
        assert_eq!(state.load().unwrap(), kept);

        // Another process sees the same; an emptied state is no new one.
        let other = States::new(dir.path()).of(Some("p"), Scope::Profile, "h");
        assert_eq!(other.load().unwrap(), kept);
        other.commit(&changes(None), kept.version, &Permit::default()).unwrap();
        assert_eq!(state.commit(&changes(Some("2")), kept.version, &Permit::default()), Err(CommitError::Conflict));
        assert_eq!(state.commit(&changes(Some("2")), 0, &Permit::default()), Err(CommitError::Conflict));
        assert!(state.load().unwrap().entries.is_empty());
    }
}
