//! Writing: each step of a run, before it happens.

use hookward_engine::Digest;
use hookward_engine::event::EventKind;
use hookward_engine::log::{Level, Record, Source};
use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::kept::{Closing, KeptHook, ResticProcess, is_over};
use super::{Durable, Journal, JournalError, Kept, OpenRun, RunLock, Verdict, now, number_of};
use crate::config::GrantSpec;
use crate::plan::Plan;
use crate::prepare::Prepared;
use crate::process;
use crate::report::{HookCall, RunReport};

/// Bytes of what a hook said that are kept of one call. Its own limit is for one
/// report; this is for a thousand runs.
const LOG: usize = 64 << 10;

/// A run in the journal, held by this process: its own, or one that it recovers.
#[derive(Debug)]
pub(crate) struct Entry {
    journal: Journal,
    run: i64,
    lock: RunLock,
    /// Whether its calls are those of a recovery.
    recovered: bool,
}

impl Journal {
    /// Writes that a run begins, and all that is needed to pay what it may come to owe.
    pub(crate) fn begin(&self, id: &str, prepared: &Prepared, started: Timestamp) -> Result<Entry, JournalError> {
        let Some(lock) = self.lock_run(id)? else {
            // A new id, held by another: nothing of this is as it should be.
            let held = std::io::Error::from(std::io::ErrorKind::WouldBlock);
            return Err(super::io(&self.0.state_dir)(held));
        };
        match self.insert(id, prepared, started) {
            Ok(run) => Ok(Entry { journal: self.clone(), run, lock, recovered: false }),
            Err(error) => {
                lock.remove();
                Err(error)
            }
        }
    }

    fn insert(&self, id: &str, prepared: &Prepared, started: Timestamp) -> Result<i64, JournalError> {
        let plan = &prepared.plan;
        let kept = kept(prepared);
        let files = prepared.hooks.iter().map(|ready| ready.file.as_deref());
        let needed: Vec<_> = kept.hooks.iter().zip(files).filter(|(hook, _)| is_called_later(hook)).collect();
        let holding = if needed.is_empty() { None } else { Some(self.hold_components()?) };
        let mut digests: Vec<Digest> = Vec::new();
        for (hook, file) in needed {
            let Some(digest) = hook.component.filter(|digest| !digests.contains(digest)) else { continue };
            let Some(file) = file else { continue };
            self.keep_component(file, &digest)?;
            digests.push(digest);
        }
        let text = serde_json::to_string(&kept)?;
        // A hook that always cleans up is owed from here on.
        let owes = plan.hooks.iter().any(|hook| hook.on.contains(&EventKind::Finally));
        let durable = if owes { Durable::Yes } else { Durable::No };
        let number = self.write("run begun", durable, |transaction| {
            let Plan { profile, operation, repository, trigger, dry_run, .. } = plan;
            transaction.execute(
                "INSERT INTO run (id, profile, operation, repository, started_by, dry_run, started, plan)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![id, profile, operation, repository, trigger.as_str(), dry_run, started.as_millisecond(), text],
            )?;
            let number = transaction.last_insert_rowid();
            for digest in &digests {
                let digest = digest.to_string();
                transaction.execute("INSERT INTO component (run, digest) VALUES (?1, ?2)", params![number, digest])?;
            }
            Ok(number)
        })?;
        drop(holding);
        Ok(number)
    }

    /// Takes a run over whose lock was got.
    pub(crate) fn resume(&self, run: &OpenRun, lock: RunLock) -> Entry {
        Entry { journal: self.clone(), run: run.number, lock, recovered: true }
    }
}

fn kept(prepared: &Prepared) -> Kept {
    let plan = &prepared.plan;
    let hooks = prepared.hooks().map(|(spec, hook)| {
        let component = hook.ok().map(|hook| hook.component().inspection().digest);
        let mut hook = KeptHook { spec: spec.clone(), component };
        // What nobody needs is not kept: settings may hold what they should not.
        if !is_called_later(&hook) {
            (hook.spec.config, hook.spec.grants) = (Vec::new(), GrantSpec::default());
        }
        hook
    });
    Kept { host: plan.host.clone(), sources: plan.sources.clone(), tags: plan.tags.clone(), hooks: hooks.collect() }
}

/// Whether it may have to be called by another process than that of its run.
fn is_called_later(hook: &KeptHook) -> bool {
    hook.spec.on.iter().any(|event| *event != EventKind::Before)
}

impl Entry {
    /// A hook is about to be called. Returns the number of the call.
    pub(crate) fn call_begun(
        &self,
        hook: usize,
        event: EventKind,
        attempt: u32,
        durable: Durable,
    ) -> Result<i64, JournalError> {
        let step = format!("{event} begun");
        self.journal.write(&step, durable, |transaction| {
            transaction.query_row(
                "INSERT INTO call (run, number, hook, event, attempt, recovered, begun)
                 SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM call WHERE run = ?1
                 RETURNING number",
                params![self.run, place(hook), event.as_str(), attempt, self.recovered, now()],
                |row| row.get(0),
            )
        })
    }

    /// A call has ended; `last` if there is no further attempt. Secrets are hidden in
    /// it already.
    pub(crate) fn call_ended(&self, number: i64, call: &HookCall, last: bool) -> Result<(), JournalError> {
        let over = is_over(call.failure.as_ref().map(|failure| failure.reason), last, self.recovered);
        let result = serde_json::to_string(&bounded(call))?;
        let step = format!("{} ended", call.event);
        self.journal.write(&step, Durable::No, |transaction| {
            transaction.execute(
                "UPDATE call SET ended = ?3, over = ?4, result = ?5 WHERE run = ?1 AND number = ?2",
                params![self.run, number, now(), over, result],
            )
        })?;
        Ok(())
    }

    /// A hook has changed the backup.
    pub(crate) fn plan_changed(&self, sources: &[String], tags: &[String]) -> Result<(), JournalError> {
        let (sources, tags) = (serde_json::to_string(sources)?, serde_json::to_string(tags)?);
        self.journal.write("plan changed", Durable::No, |transaction| {
            transaction.execute(
                "UPDATE run SET plan = json_set(plan, '$.sources', json(?2), '$.tags', json(?3)) WHERE number = ?1",
                params![self.run, sources, tags],
            )
        })?;
        Ok(())
    }

    /// restic is about to be started.
    pub(crate) fn gate_opened(&self) -> Result<(), JournalError> {
        self.journal.write("gate opened", Durable::No, |transaction| {
            transaction.execute("UPDATE run SET gate_opened = ?2 WHERE number = ?1", params![self.run, now()])
        })?;
        Ok(())
    }

    /// restic has just been started.
    pub(crate) fn restic_started(&self, pid: u32) -> Result<(), JournalError> {
        // Without /proc there is nothing that could be compared later.
        let Some(ResticProcess { pid, start, boot }) = i32::try_from(pid).ok().and_then(process::identity) else {
            return Ok(());
        };
        self.journal.write("restic started", Durable::No, |transaction| {
            transaction.execute(
                "UPDATE run SET restic_pid = ?2, restic_start = ?3, boot_id = ?4 WHERE number = ?1",
                params![self.run, pid, start.cast_signed(), boot],
            )
        })?;
        Ok(())
    }

    /// How the run has gone is known, and nothing changes it any more.
    pub(crate) fn judged(&self, verdict: &Verdict) -> Result<(), JournalError> {
        let verdict = serde_json::to_string(verdict)?;
        self.journal.write("verdict", Durable::No, |transaction| {
            transaction.execute("UPDATE run SET verdict = ?2 WHERE number = ?1", params![self.run, verdict])
        })?;
        Ok(())
    }

    /// The last write of a living run. With a debt it stays open.
    pub(crate) fn ended(self, report: &RunReport, verdict: &Verdict) -> Result<(), JournalError> {
        let closing =
            Closing { exit_code: report.exit_code, duration: report.duration, warnings: report.warnings.clone() };
        let closing = serde_json::to_string(&closing)?;
        let verdict = serde_json::to_string(verdict)?;
        let over = report.owed.is_empty();
        self.journal.write("run ended", Durable::No, |transaction| {
            transaction.execute(
                "UPDATE run SET report = ?2, verdict = ?3 WHERE number = ?1",
                params![self.run, closing, verdict],
            )?;
            if over { close(transaction, self.run) } else { Ok(()) }
        })?;
        if over {
            self.lock.remove();
        }
        Ok(())
    }

    /// Once more without the secrets that were read after the call had ended.
    pub(crate) fn hide(&self, calls: &[(i64, &HookCall)]) -> Result<(), JournalError> {
        let texts = calls.iter().map(|(number, call)| Ok((*number, serde_json::to_string(&bounded(call))?)));
        let texts = texts.collect::<serde_json::Result<Vec<_>>>()?;
        self.journal.write("secrets hidden", Durable::No, |transaction| {
            for (number, result) in &texts {
                transaction.execute(
                    "UPDATE call SET result = ?3 WHERE run = ?1 AND number = ?2",
                    params![self.run, number, result],
                )?;
            }
            Ok(())
        })
    }

    /// A recovery has told what there is to tell.
    pub(crate) fn told(&self, closing: &Closing) -> Result<(), JournalError> {
        let closing = serde_json::to_string(closing)?;
        self.journal.write("recovery told", Durable::No, |transaction| {
            transaction.execute("UPDATE run SET report = ?2 WHERE number = ?1", params![self.run, closing])
        })?;
        Ok(())
    }

    /// A `finally` could not be paid; it is tried again then, and not before.
    pub(crate) fn not_paid(&self, hook: usize, next_try: i64, error: &str) -> Result<(), JournalError> {
        self.journal.write("debt", Durable::Yes, |transaction| {
            transaction.execute(
                "INSERT INTO debt (run, hook, failures, next_try, last_error, given_up) VALUES (?1, ?2, 1, ?3, ?4, 0)
                 ON CONFLICT (run, hook) DO UPDATE
                 SET failures = failures + 1, next_try = excluded.next_try, last_error = excluded.last_error",
                params![self.run, place(hook), next_try, error],
            )
        })?;
        Ok(())
    }

    /// The operator has taken care of it, or doesn't want it.
    pub(crate) fn give_up(&self, hooks: &[usize]) -> Result<(), JournalError> {
        self.journal.write("given up", Durable::Yes, |transaction| {
            for hook in hooks {
                transaction.execute(
                    "INSERT INTO debt (run, hook, failures, next_try, last_error, given_up)
                     VALUES (?1, ?2, 0, 0, '', 1)
                     ON CONFLICT (run, hook) DO UPDATE SET given_up = 1",
                    params![self.run, place(*hook)],
                )?;
            }
            Ok(())
        })
    }

    /// Nothing is owed any more.
    pub(crate) fn close(self) -> Result<(), JournalError> {
        self.journal.write("run closed", Durable::No, |transaction| close(transaction, self.run))?;
        self.lock.remove();
        Ok(())
    }
}

impl Journal {
    /// A run's number by its id.
    pub(crate) fn number(&self, id: &str) -> Result<Option<i64>, JournalError> {
        self.read(|transaction| number_of(transaction, id))
    }
}

fn close(transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM component WHERE run = ?1", [run])?;
    transaction.execute("UPDATE run SET ended = ?2 WHERE number = ?1", params![run, now()])?;
    Ok(())
}

/// A place in the plan, as SQLite has numbers.
fn place(hook: usize) -> i64 {
    i64::try_from(hook).unwrap_or(i64::MAX)
}

/// The call with as much of its log as is kept: the end, where errors are.
fn bounded(call: &HookCall) -> HookCall {
    let size = |record: &Record| {
        let fields = record.fields.iter().map(|(key, value)| key.len() + value.len() + 8);
        record.message.len() + fields.sum::<usize>() + 64
    };
    let mut room = LOG;
    let fits = |record: &&Record| match room.checked_sub(size(record)) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    let kept = call.log.iter().rev().take_while(fits).count();
    let dropped = call.log.len() - kept;
    let mut call = call.clone();
    if dropped > 0 {
        let message = format!("{dropped} earlier messages are not kept");
        let mark = Record { source: Source::Host, level: Level::Info, message, fields: Vec::new() };
        call.log.splice(..dropped, [mark]);
    }
    call
}
