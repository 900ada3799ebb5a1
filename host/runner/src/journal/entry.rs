//! Writing: each step of a run, before it happens.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hookward_engine::Digest;
use hookward_engine::event::EventKind;
use hookward_engine::log::{Level, Record, Source};
use jiff::Timestamp;
use rusqlite::params;

use super::holder::Note;
use super::kept::{Closing, KeptHook, is_over};
use super::write::{Write, close};
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
    /// Number of its last call. Nobody else counts them while the lock is held.
    calls: AtomicI64,
}

impl Journal {
    /// Writes that a run begins, and all that is needed to pay what it may come to owe.
    pub(crate) fn begin(&self, id: &str, prepared: &Prepared, started: Timestamp) -> Result<Entry, JournalError> {
        let lock = self.lock_new(id)?;
        let owes = prepared.plan.hooks.iter().any(|hook| hook.on.contains(&EventKind::Finally));
        let begun = self.insert(id, prepared, started, owes).and_then(|run| {
            if owes {
                lock.note(&Note::Begun { profile: prepared.plan.profile.clone() })?;
            }
            Ok(run)
        });
        match begun {
            Ok(run) => Ok(Entry { journal: self.clone(), run, lock, recovered: false, calls: AtomicI64::new(0) }),
            Err(error) => {
                lock.remove();
                Err(error)
            }
        }
    }

    fn insert(&self, id: &str, prepared: &Prepared, started: Timestamp, owes: bool) -> Result<i64, JournalError> {
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
        Entry { journal: self.clone(), run: run.number, lock, recovered: true, calls: AtomicI64::new(run.last_call) }
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
    /// Makes a write, and nothing of it if that fails.
    pub(crate) fn put(&self, write: &Write, durable: Durable) -> Result<(), JournalError> {
        self.journal.write(&write.step(), durable, |transaction| write.make(transaction, self.run))
    }

    /// Makes writes that were put off, all or none, and waits so long for another
    /// process.
    pub(crate) fn put_late(&self, writes: &[Write], patience: Duration) -> Result<(), JournalError> {
        let step = writes.last().map(Write::step).unwrap_or_default();
        self.journal.write_within(patience, &step, Durable::No, |transaction| {
            writes.iter().try_for_each(|write| write.make(transaction, self.run))
        })
    }

    /// Leaves nothing to be read of what [`Write::Hidden`] has overwritten.
    pub(crate) fn wipe(&self) {
        self.journal.wipe();
    }

    /// Keeps beside the journal what can't be written there: whoever comes next does.
    pub(crate) fn leave(self, writes: Vec<Write>) -> Result<(), JournalError> {
        self.lock.note(&Note::Late { writes })
    }

    /// That a hook is about to be called, and the number of the call.
    pub(crate) fn call_begun(&self, hook: usize, event: EventKind, attempt: u32) -> (i64, Write) {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        (call, Write::CallBegun { call, hook: place(hook), event, attempt, recovered: self.recovered, at: now() })
    }

    /// Notes beside the journal what it has just been told durably, so that a journal
    /// which has lost it is noticed.
    pub(crate) fn owes(&self, hook: usize, name: &str) -> Result<(), JournalError> {
        self.lock.note(&Note::Owes { hook, name: name.to_owned() })
    }

    /// That a call has ended; `last` if there is no further attempt. Secrets are hidden
    /// in it already.
    pub(crate) fn call_ended(&self, number: i64, call: &HookCall, last: bool) -> Result<Write, JournalError> {
        let over = is_over(call.failure.as_ref().map(|failure| failure.reason), last, self.recovered);
        let result = serde_json::to_string(&bounded(call))?;
        Ok(Write::CallEnded { call: number, event: call.event, at: now(), over, result })
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

    /// That restic has just been started; none where nothing could be compared later,
    /// without /proc.
    pub(crate) fn restic_started(&self, pid: u32) -> Option<Write> {
        i32::try_from(pid).ok().and_then(process::identity).map(Write::ResticStarted)
    }

    /// The last write of a living run.
    pub(crate) fn ended(&self, report: &RunReport, verdict: &Verdict) -> Result<Write, JournalError> {
        let closing =
            Closing { exit_code: report.exit_code, duration: report.duration, warnings: report.warnings.clone() };
        let (report, verdict, over) =
            (serde_json::to_string(&closing)?, serde_json::to_string(verdict)?, report.owed.is_empty());
        Ok(Write::Ended { report, verdict, over, at: now() })
    }

    /// The run is over, and known to be.
    pub(crate) fn release(self) {
        self.lock.remove();
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
        self.journal.write("run closed", Durable::No, |transaction| close(transaction, self.run, now()))?;
        self.lock.remove();
        Ok(())
    }
}

impl Verdict {
    /// That it is known.
    pub(crate) fn judged(&self) -> Result<Write, JournalError> {
        Ok(Write::Judged { verdict: serde_json::to_string(self)? })
    }
}

impl HookCall {
    /// The call once more, as it may be shown by now.
    pub(crate) fn hidden(&self, number: i64) -> Result<Write, JournalError> {
        Ok(Write::Hidden { call: number, result: serde_json::to_string(&bounded(self))? })
    }
}

impl Journal {
    /// A run's number by its id.
    pub(crate) fn number(&self, id: &str) -> Result<Option<i64>, JournalError> {
        self.read(|transaction| number_of(transaction, id))
    }
}

/// A place in the plan, as SQLite has numbers.
pub(super) fn place(hook: usize) -> i64 {
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
