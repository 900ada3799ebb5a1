use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hookward_tests::lab::Lab;

use crate::ground::{assert_ended, backed_up, backed_up_paths, names, restored, script, shut};
use crate::page::{example, lab_of};

/// Runs SQL on a database by the real program; what it prints.
fn sql(database: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3").arg(database).arg(sql).output().expect("these tests need sqlite3 in PATH");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// An open connection to a database in WAL mode, which commits again and again: one row
/// in each of two tables, that only belong together.
struct Writer {
    program: Child,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(database: &Path, pause: Duration) -> Self {
        let mut program = Command::new("sqlite3")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("these tests need sqlite3 in PATH");
        let mut stdin = program.stdin.take().unwrap();
        let begin = "PRAGMA journal_mode = wal;\nPRAGMA busy_timeout = 60000;\nPRAGMA wal_autocheckpoint = 0;\n\
                     CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER);\n";
        stdin.write_all(begin.as_bytes()).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let row = "BEGIN; INSERT INTO a VALUES (random()); INSERT INTO b SELECT n FROM a ORDER BY rowid DESC LIMIT 1; \
                       COMMIT;\n";
            while !stopped.load(Ordering::SeqCst) && stdin.write_all(row.as_bytes()).is_ok() {
                std::thread::sleep(pause);
            }
        });
        Self { program, stop, thread: Some(thread) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(self.thread.take().map(JoinHandle::join));
        drop(self.program.wait());
    }
}

/// Number of rows, when all that was written together is there together.
#[track_caller]
fn whole(database: &Path) -> u64 {
    assert_eq!(sql(database, "PRAGMA integrity_check"), "ok");
    assert_eq!(
        sql(database, "SELECT count(*) FROM a, b WHERE a.rowid = b.rowid AND a.n = b.n"),
        sql(database, "SELECT count(*) FROM a")
    );
    assert_eq!(sql(database, "SELECT count(*) FROM b"), sql(database, "SELECT count(*) FROM a"));
    sql(database, "SELECT count(*) FROM a").parse().unwrap()
}

/// The page's first example; the database is below the profile's source.
fn app(changes: &[(&str, &str)]) -> Lab {
    // Hookward's own user, who has made the database.
    let own = [("/srv/app/app.db", "@lab@/source/app.db"), ("/srv/dumps", "@lab@/dumps"), ("user = \"app\"\n", "")];
    let lab = lab_of(&example("sqlite-backup", "/srv/app/app.db", &[&own, changes].concat()));
    fs::create_dir(lab.path("dumps")).unwrap();
    lab
}

#[test]
fn sqlite_backup_copies_what_is_being_written() {
    let lab = app(&[]);
    let database = lab.path("source/app.db");
    let writer = Writer::start(&database, Duration::from_millis(20));
    lab.wait_for("rows in the -wal file", |lab| {
        fs::metadata(lab.path("source/app.db-wal")).is_ok_and(|wal| wal.len() > 100_000)
    });
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    assert!(lab.path("source/app.db-wal").exists(), "the writer still holds the database open");
    assert_eq!(names(&lab, "dumps"), ["app.db"]);
    let paths = backed_up_paths(&lab);
    assert!(paths.contains(&"dumps/app.db".to_owned()) && paths.contains(&"source/file.txt".to_owned()), "{paths:?}");
    assert!(!paths.iter().any(|path| path.starts_with("source/app.db")), "{paths:?}");
    let rows = whole(&restored(&lab, "dumps/app.db"));
    drop(writer);
    assert!(rows > 10 && rows < whole(&database), "{rows}");
}

#[test]
fn sqlite_backup_vacuums_into_a_copy_below_the_source() {
    let changes = [
        ("/srv/feed/db.sqlite3", "@lab@/source/feed/db.sqlite3"),
        ("/srv/dumps", "@lab@/source/dumps"),
        ("user = \"feed\"\n", ""),
        ("min-size = \"1MiB\"", "min-size = \"8KiB\""),
    ];
    let text = example("sqlite-backup", "VACUUM INTO", &changes);
    let lab = lab_of(&text);
    for dir in ["source/feed", "source/dumps"] {
        fs::create_dir(lab.path(dir)).unwrap();
    }
    let database = lab.path("source/feed/db.sqlite3");
    let writer = Writer::start(&database, Duration::from_millis(1));
    lab.wait_for("many rows", |lab| {
        fs::metadata(lab.path("source/feed/db.sqlite3-wal")).is_ok_and(|wal| wal.len() > 2_000_000)
    });
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    let paths = backed_up_paths(&lab);
    assert!(paths.contains(&"source/dumps/feed.sqlite3".to_owned()), "{paths:?}");
    assert!(!paths.iter().any(|path| path.starts_with("source/feed/db")), "{paths:?}");
    let rows = whole(&restored(&lab, "source/dumps/feed.sqlite3"));
    drop(writer);
    assert!(rows > 100 && rows < whole(&database), "{rows}");
}

#[test]
fn sqlite_backup_of_a_damaged_database_is_none() {
    let lab = app(&[]);
    let database = lab.path("source/app.db");
    drop(sql(
        &database,
        "CREATE TABLE t (n, t); WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s LIMIT 5000) INSERT INTO t SELECT n, hex(randomblob(20)) FROM s; CREATE INDEX i ON t (t)",
    ));
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    let good = fs::read(lab.path("dumps/app.db")).unwrap();
    let mut bytes = fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    fs::write(&database, bytes).unwrap();
    shut(&lab, &lab.run(["run", "p"]), 1, "app-db", "it was written, and is damaged");
    assert_eq!(names(&lab, "dumps"), ["app.db"]);
    assert_eq!(fs::read(lab.path("dumps/app.db")).unwrap(), good);
}

#[test]
fn sqlite_backup_without_a_database_makes_none() {
    let lab = app(&[]);
    shut(&lab, &lab.run(["run", "p"]), 0, "app-db", "unable to open database");
    assert_eq!((names(&lab, "dumps"), names(&lab, "source")), (Vec::new(), vec!["file.txt".to_owned()]));
}

#[test]
fn sqlite_backup_at_its_timeout_leaves_nothing() {
    let changes =
        [("[\"sqlite3\", \"file:@lab@/source", "[\"@lab@/bin/sqlite3\", \"file:@lab@/source"), ("\"30m\"", "\"3s\"")];
    let lab = app(&changes);
    let lines = "for beside in '' -wal -journal; do echo half >@lab@/dumps/app.db.partial$beside; done\n\
                 sleep 600 &\necho $! >@lab@/notes/pid\nwait\n";
    script(&lab, "sqlite3", lines);
    shut(&lab, &lab.run(["run", "p"]), 0, "app-db", "still running after 3s (limit `timeout`)");
    assert_ended(&lab, "notes/pid");
    assert_eq!(names(&lab, "dumps"), [""; 0]);
}
