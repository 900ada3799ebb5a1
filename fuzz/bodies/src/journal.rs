use std::cell::OnceCell;
use std::fs;
use std::time::Duration;

use hookward_runner::config::Retention;
use hookward_runner::journal::Journal;
use rusqlite::{Connection, params};
use tempfile::TempDir;

const RUN: &str = "019395a6-2c3a-7c61-a6f5-57ba2d5a0b7e";

struct Ground {
    dir: TempDir,
    journal: Journal,
    /// Another one, by which rows come that no run would write.
    rows: Connection,
}

thread_local! {
    static GROUND: OnceCell<Ground> = const { OnceCell::new() };
}

impl Ground {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let journal = Journal::new(dir.path());
        // The first write makes the file.
        journal.clean(Retention { keep: Duration::from_secs(1), ..Retention::default() }).unwrap();
        let rows = Connection::open(dir.path().join("journal.sqlite")).unwrap();
        // Nothing of it has to outlive anything.
        rows.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON").unwrap();
        fs::create_dir_all(dir.path().join("runs")).unwrap();
        Self { dir, journal, rows }
    }

    fn fill(&self, parts: &Parts<'_>) -> rusqlite::Result<()> {
        let Parts { plan, verdict, report, result, numbers, .. } = parts;
        self.rows.execute("DELETE FROM run", [])?;
        let word = |at: usize, words: &[&'static str]| words[(numbers.get(at) % words.len() as u64) as usize];
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.rows.execute(
            "INSERT INTO run (number, id, profile, operation, repository, started_by, dry_run, started, plan,
                              gate_opened, restic_pid, restic_start, boot_id, verdict, report, ended)
             VALUES (1, ?1, 'p', 'backup', '/srv', ?2, 0, ?3, ?4, ?5, 1, 2, 'boot', ?6, ?7, NULL)",
            params![
                RUN,
                word(0, &["manual", "scheduled", "api", "shim", "nobody"]),
                numbers.get(1).cast_signed(),
                plan,
                numbers.get(2).cast_signed(),
                some(verdict),
                some(report)
            ],
        )?;
        let event = word(3, &["before", "success", "warning", "failure", "cancelled", "skipped", "finally", "never"]);
        self.rows.execute(
            "INSERT INTO call (run, number, hook, event, attempt, recovered, begun, ended, over, result)
             VALUES (1, 1, ?1, ?2, ?3, ?4, 0, ?5, ?6, ?7)",
            params![
                numbers.small(4),
                event,
                numbers.get(5).cast_signed() >> (numbers.get(5) % 60),
                numbers.get(6) % 2 == 1,
                numbers.get(7).cast_signed(),
                numbers.get(8) % 2 == 1,
                some(result)
            ],
        )?;
        self.rows.execute(
            "INSERT INTO debt (run, hook, failures, next_try, last_error, given_up) VALUES (1, ?1, ?2, ?3, 'e', 0)",
            params![numbers.small(9), numbers.small(10), numbers.get(11).cast_signed()],
        )?;
        Ok(())
    }
}

/// Numbers of any size out of the bytes that are left.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn get(&self, at: usize) -> u64 {
        self.0.chunks(8).nth(at).unwrap_or_default().iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Mostly a place that there may be.
    fn small(&self, at: usize) -> i64 {
        let number = self.get(at);
        if number & 0xf0 == 0xf0 { number.cast_signed() } else { (number & 3).cast_signed() }
    }
}

struct Parts<'a> {
    plan: &'a str,
    verdict: &'a str,
    report: &'a str,
    result: &'a str,
    lock: &'a [u8],
    numbers: Numbers<'a>,
}

pub(crate) fn body(data: &[u8]) {
    let mut parts = data.splitn(6, |byte| *byte == 0);
    let mut next = || parts.next().unwrap_or_default();
    let texts = [next(), next(), next(), next()].map(|part| std::str::from_utf8(part).unwrap_or_default());
    let [plan, verdict, report, result] = texts;
    let parts = Parts { plan, verdict, report, result, lock: next(), numbers: Numbers(next()) };
    GROUND.with(|ground| examine(ground.get_or_init(Ground::new), &parts));
}

fn examine(ground: &Ground, parts: &Parts<'_>) {
    if ground.fill(parts).is_err() {
        return;
    }
    let lock = ground.dir.path().join(format!("runs/{RUN}.lock"));
    fs::write(&lock, parts.lock).unwrap();
    let journal = &ground.journal;
    assert_eq!(journal.find_run("019395a6").unwrap().as_deref(), Ok(RUN));
    let list = journal.runs(None, 10);
    let shown = journal.run(RUN);
    // Both can be read, or neither.
    assert_eq!(list.is_ok(), shown.is_ok(), "{list:?} {shown:?}");
    if let (Ok(list), Ok(Some(shown))) = (&list, &shown) {
        assert_eq!(list.len(), 1);
        assert_eq!(shown.summary.owed, list[0].owed);
        serde_json::to_string(list).expect("a list can be written");
        serde_json::to_string(shown).expect("a run can be written");
    }
    let given_up = journal.give_up(RUN);
    // What could not be written in time may say that it owes less.
    let is_late = parts.lock.windows(6).any(|bytes| bytes == b"\"late\"");
    if let (Ok(Some(shown)), Ok((_, names))) = (&shown, &given_up)
        && !is_late
    {
        let missing = shown.summary.owed.iter().find(|hook| !names.contains(hook));
        assert_eq!(missing, None, "{names:?}");
    }
    if given_up.is_ok() {
        assert!(journal.open().unwrap().is_empty(), "a run that owes nothing any more is open");
        assert!(!lock.exists());
    }
    // Other runs go on, whatever this one is like.
    ground.rows.execute("DELETE FROM run", []).unwrap();
    let lost = journal.lost().unwrap();
    assert!(lost.len() <= 1 && lost.iter().all(|lost| !lost.to_string().is_empty()));
    let _ = fs::remove_file(&lock);
    assert!(journal.runs(None, 10).unwrap().is_empty());
}
