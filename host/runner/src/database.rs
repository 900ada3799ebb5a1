//! SQLite files in the state directory: made, opened, brought up to date.
//!
//! A file that can't be used as it stands is an error. Nothing here ever begins anew
//! where there was something: what is lost so is noticed too late.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use url::Url;

/// How long to wait for another process, which holds a file only while it writes.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// Bytes of changes beside a file from which on they are moved into it: those of some ten
/// short runs.
const CHANGES: u64 = 400 << 10;

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Number in the file's header that says whose it is.
    pub(crate) application: i32,
    /// SQL that leads from each version of the schema to the next; the first makes
    /// version 1 of an empty file.
    pub(crate) migrations: &'static [&'static str],
    /// Whether changes may stay beside the file, in `-wal`, from process to process.
    /// To move them into it at the end of each waits four times for the disk; but what
    /// was overwritten is still to be read in them.
    pub(crate) keeps_changes: bool,
}

impl Schema {
    fn version(&self) -> i64 {
        i64::try_from(self.migrations.len()).unwrap_or(i64::MAX)
    }
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    #[error("{} is empty, but no database ever is: it was cut off; put a copy of it back, or remove it", .0.display())]
    Empty(PathBuf),
    #[error("{} is missing, but changes of it are there in {}: put it back, or remove both", path.display(), changes.display())]
    Missing { path: PathBuf, changes: PathBuf },
    #[error("{} is a database of another program", .0.display())]
    Foreign(PathBuf),
    #[error(
        "{} was written by a newer hookward (version {found} of its form; this one knows {known}): update hookward",
        path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("{}: {}", path.display(), meaning(source))]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// What an error of SQLite means to the operator.
fn meaning(error: &rusqlite::Error) -> String {
    // Where there is no room for what it shares with other processes: its own word for
    // it is that of a broken disk.
    if error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
        return format!("its disk is full ({error})");
    }
    let known = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "it is not a database",
        Some(ErrorCode::DatabaseCorrupt) => {
            "it is damaged: put a copy of it back, or remove it to begin anew, and its `-wal` with it"
        }
        Some(ErrorCode::DiskFull) => "its disk is full",
        Some(ErrorCode::ReadOnly) => "it can't be written: the file or its disk is read-only",
        Some(ErrorCode::SystemIoFailure) => "its disk fails, or has become read-only",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another process holds it, and does not let it go",
        _ => return error.to_string(),
    };
    format!("{known} ({error})")
}

/// One file, opened when it is first used, and anew after an error.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    schema: &'static Schema,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    durable: Durable,
}

/// Whether what is written must be there after a power cut, or only after the end of
/// this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    Yes,
    No,
}

impl Database {
    pub(crate) fn new(path: PathBuf, schema: &'static Schema) -> Self {
        Self { path, schema, open: Mutex::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, DatabaseError> {
        self.within(BUSY, None, act)
    }

    /// The same, waiting at most so long for another process. What is written is durable if
    /// nothing else was ever asked for.
    pub(crate) fn within<T>(
        &self,
        patience: Duration,
        durable: Option<Durable>,
        act: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, DatabaseError> {
        let mut held = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let sqlite = |source| DatabaseError::Sqlite { path: self.path.clone(), source };
        let mut open = match held.take() {
            Some(open) => open,
            // As `connect` leaves it.
            None => Open { connection: open_within(&self.path, self.schema, patience)?, durable: Durable::Yes },
        };
        open.connection.busy_timeout(patience).map_err(sqlite)?;
        if let Some(durable) = durable.filter(|durable| *durable != open.durable) {
            // Can't be set within a transaction.
            let synchronous = if durable == Durable::Yes { "FULL" } else { "NORMAL" };
            open.connection.pragma_update(None, "synchronous", synchronous).map_err(sqlite)?;
            open.durable = durable;
        }
        let done = act(&mut open.connection).map_err(sqlite)?;
        *held = Some(open);
        Ok(done)
    }
}

/// Moves the changes beside the file into it, so that nothing is left to be read of what
/// they have overwritten, unless another process still needs them.
pub(crate) fn wipe(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Opens a file, and makes it if there is none.
fn open_within(path: &Path, schema: &Schema, patience: Duration) -> Result<Connection, DatabaseError> {
    let io = |source| DatabaseError::Io { path: path.to_owned(), source };
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path, schema)?;
            fs::metadata(path)
        }
        found => found,
    };
    let metadata = metadata.map_err(io)?;
    if !metadata.is_file() {
        return Err(DatabaseError::NotAFile(path.to_owned()));
    }
    // SQLite takes an empty file for a new database.
    if metadata.len() == 0 {
        return Err(DatabaseError::Empty(path.to_owned()));
    }
    let sqlite = |source| DatabaseError::Sqlite { path: path.to_owned(), source };
    // Its changes may have what the file itself has lost, and be moved into another's.
    check(path, schema, &alone(path)?)?;
    let mut connection = connect(path, patience).map_err(sqlite)?;
    if check(path, schema, &connection)? < schema.version() {
        migrate(&mut connection, schema).map_err(sqlite)?;
    }
    if schema.keeps_changes {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sqlite)?;
        // Each process reads them through to find its way in them.
        let many = fs::metadata(changes(path)).is_ok_and(|metadata| metadata.len() > CHANGES);
        if many && let Err(error) = wipe(&connection) {
            tracing::debug!("the changes of {} stay beside it: {error}", path.display());
        }
    }
    Ok(connection)
}

/// Where the changes of a file stand that are not in it yet.
fn changes(path: &Path) -> PathBuf {
    let mut changes = path.as_os_str().to_owned();
    changes.push("-wal");
    changes.into()
}

/// Whether a database is ours, and the version of its form.
fn check(path: &Path, schema: &Schema, connection: &Connection) -> Result<i64, DatabaseError> {
    let number = |name| {
        let number = connection.pragma_query_value(None, name, |row| row.get(0));
        number.map_err(|source| DatabaseError::Sqlite { path: path.to_owned(), source })
    };
    if number("application_id")? != i64::from(schema.application) {
        return Err(DatabaseError::Foreign(path.to_owned()));
    }
    let (found, known) = (number("user_version")?, schema.version());
    if found > known {
        return Err(DatabaseError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// The file without the changes beside it. SQLite's own way to read it: to close a file that
/// was opened in another would end the locks that this process has on it.
fn alone(path: &Path) -> Result<Connection, DatabaseError> {
    let io = |source| DatabaseError::Io { path: path.to_owned(), source };
    let mut url = Url::from_file_path(std::path::absolute(path).map_err(io)?)
        .map_err(|()| io(io::ErrorKind::InvalidFilename.into()))?;
    url.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(url.as_str(), flags)
        .map_err(|source| DatabaseError::Sqlite { path: path.to_owned(), source })
}

fn connect(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    // What was committed is there after a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What was overwritten or deleted isn't left in the file.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(connection)
}

/// Makes the file aside and puts it in its place whole: one that is empty or without
/// its tables was damaged. Another process may be first.
fn create(path: &Path, schema: &Schema) -> Result<(), DatabaseError> {
    let io = |source| DatabaseError::Io { path: path.to_owned(), source };
    let dir = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
    let changes = changes(path);
    // In this order: another process makes the file before its changes.
    if changes.exists() && !path.exists() {
        return Err(DatabaseError::Missing { path: path.to_owned(), changes });
    }
    // In a directory of its own, which goes with all that a failure may leave in it.
    let aside = tempfile::Builder::new().prefix(".new-").tempdir_in(dir).map_err(io)?;
    // Made with mode 0600, which SQLite gives to the files beside it, too.
    let new = tempfile::NamedTempFile::new_in(&aside).map_err(io)?;
    fill(new.path(), schema).map_err(|source| DatabaseError::Sqlite { path: path.to_owned(), source })?;
    match new.persist_noclobber(path) {
        Ok(_) => File::open(dir).and_then(|dir| dir.sync_all()).map_err(io),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io(error.error)),
    }
}

fn fill(path: &Path, schema: &Schema) -> rusqlite::Result<()> {
    let mut connection = connect(path, BUSY)?;
    // Readers and the writer don't wait for each other; stays with the file.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "application_id", schema.application)?;
    migrate(&mut connection, schema)?;
    connection.close().map_err(|(_, error)| error)
}

fn migrate(connection: &mut Connection, schema: &Schema) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again: another process may have been first.
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (_, migration) in (1..).zip(schema.migrations).filter(|(to, _)| *to > version) {
        transaction.execute_batch(migration)?;
    }
    if version < schema.version() {
        transaction.pragma_update(None, "user_version", schema.version())?;
    }
    transaction.commit()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn open(path: &Path, schema: &Schema) -> Result<Connection, DatabaseError> {
        open_within(path, schema, BUSY)
    }

    const APPLICATION: i32 = 7;
    const FIRST: &str = "CREATE TABLE a (x INTEGER NOT NULL) STRICT; INSERT INTO a VALUES (1);";
    const ONE: Schema = schema(&[FIRST]);
    const TWO: Schema = schema(&[FIRST, "ALTER TABLE a ADD COLUMN y INTEGER;"]);

    const fn schema(migrations: &'static [&'static str]) -> Schema {
        Schema { application: APPLICATION, migrations, keeps_changes: true }
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/here/x.sqlite");
        (dir, path)
    }

    #[test]
    fn is_made_private_durable_and_without_a_trace_of_the_making() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_dir, path) = file();
        let connection = open(&path, &ONE).unwrap();
        let text = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(text("journal_mode"), "wal");
        let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!(synchronous, 2);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| name.to_str().unwrap().starts_with("x.sqlite")), "{names:?}");
    }

    #[test]
    fn an_older_form_is_brought_up_to_date_and_keeps_what_it_holds() {
        let (_dir, path) = file();
        drop(open(&path, &ONE).unwrap());
        let connection = open(&path, &TWO).unwrap();
        let row: (i64, Option<i64>) =
            connection.query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(row, (1, None));
        drop(connection);
        assert!(matches!(open(&path, &ONE), Err(DatabaseError::Newer { found: 2, known: 1, .. })));
        open(&path, &TWO).unwrap();
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let (_dir, path) = file();
        drop(open(&path, &ONE).unwrap());
        let bad = schema(&[FIRST, "CREATE TABLE b (x); NONSENSE;"]);
        assert!(matches!(open(&path, &bad), Err(DatabaseError::Sqlite { .. })));
        let tables: i64 = open(&path, &ONE)
            .unwrap()
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_file_that_cannot_be_filled_leaves_nothing() {
        let (_dir, path) = file();
        let bad = schema(&[FIRST, "NONSENSE;"]);
        assert!(matches!(open(&path, &bad), Err(DatabaseError::Sqlite { .. })));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_database_of_ours_is_left_as_it_is() {
        let (_dir, path) = file();
        open(&path, &ONE).unwrap().execute("INSERT INTO a VALUES (2)", []).unwrap();
        let other = Schema { application: 8, ..ONE };
        assert!(matches!(open(&path, &other), Err(DatabaseError::Foreign(_))));
        // Also where the changes beside it have all that there is.
        assert!(fs::metadata(changes(&path)).unwrap().len() > 0);
        for (text, said) in [("", "cut off"), ("no database at all, but a long text", "not a database")] {
            fs::write(&path, text.repeat(100)).unwrap();
            let error = open(&path, &ONE).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text.repeat(100));
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(open(&path, &ONE), Err(DatabaseError::NotAFile(_))));
    }

    #[test]
    fn changes_without_their_file_are_no_new_beginning() {
        let (_dir, path) = file();
        drop(open(&path, &ONE).unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(changes(&path), "changes").unwrap();
        assert!(matches!(open(&path, &ONE), Err(DatabaseError::Missing { .. })));
    }

    #[test]
    fn many_may_make_it_at_once() {
        let (_dir, path) = file();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let connection = open(&path, &TWO).unwrap();
                    connection.execute("INSERT INTO a VALUES (2, 2)", []).unwrap();
                });
            }
        });
        let rows: i64 = open(&path, &TWO).unwrap().query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 17);
    }

    #[test]
    fn changes_stay_beside_the_file_and_are_never_many() {
        let (_dir, path) = file();
        let size = |path: &Path| fs::metadata(changes(path)).map_or(0, |metadata| metadata.len());
        let mut most = 0;
        for x in 0..400 {
            let connection = open(&path, &ONE).unwrap();
            connection.execute("INSERT INTO a VALUES (?1)", [x]).unwrap();
            drop(connection);
            most = most.max(size(&path));
        }
        assert!((CHANGES..CHANGES + 10_000).contains(&most), "{most}");
        let rows: i64 = open(&path, &ONE).unwrap().query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 401);
        let moved = Schema { keeps_changes: false, ..ONE };
        drop(open(&path, &moved).unwrap());
        assert_eq!(size(&path), 0);
    }

    #[test]
    fn nothing_is_left_to_be_read_of_what_was_overwritten_once_it_is_wiped() {
        let (_dir, path) = file();
        let connection = open(&path, &schema(&["CREATE TABLE a (x TEXT NOT NULL) STRICT;"])).unwrap();
        connection.execute("INSERT INTO a VALUES ('hunter2hunter2')", []).unwrap();
        connection.execute("UPDATE a SET x = '***'", []).unwrap();
        let is_there = |path: &Path| {
            let bytes = fs::read(path).unwrap();
            bytes.windows(7).any(|part| part == b"hunter2")
        };
        assert!(is_there(&changes(&path)), "nothing to wipe");
        wipe(&connection).unwrap();
        assert!(!is_there(&changes(&path)));
        assert!(!is_there(&path));
    }
}
