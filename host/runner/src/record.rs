//! A run's own writing in the journal: what can't be written before the gate keeps it
//! shut. After it nothing is stopped for the journal: what can't be written then is
//! written later, in its order, and told of when it could not be by the run's end.

use std::time::{Duration, Instant};

use hookward_engine::Mask;
use hookward_engine::event::EventKind;

use crate::call::Keep;
use crate::database::BUSY;
use crate::journal::{Durable, Entry, JournalError, Verdict, Write};
use crate::report::{HookCall, RunReport};

/// How long a run waits in all for others that hold the journal, where it doesn't need
/// it to go on: a `finally` is not to come late for it.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long the last write waits at the least.
const LAST: Duration = Duration::from_secs(2);

/// The journal's part in a run; a run without hooks has none.
#[derive(Debug)]
pub(crate) struct Record {
    entry: Option<Entry>,
    /// The first thing that could not be written when it was due.
    trouble: Option<String>,
    /// What is still to be written, in its order.
    late: Vec<Write>,
    /// What is left of it.
    patience: Duration,
    /// Number of each call, in the order of the report; none of a run without an entry.
    numbers: Vec<Option<i64>>,
}

impl Default for Record {
    fn default() -> Self {
        Self { entry: None, trouble: None, late: Vec::new(), patience: PATIENCE, numbers: Vec::new() }
    }
}

impl Record {
    pub(crate) fn new(entry: Option<Entry>) -> Self {
        Self { entry, ..Self::default() }
    }

    /// Writes a step now, or not at all; without a journal there is nothing to write.
    pub(crate) fn write<T>(&mut self, step: impl FnOnce(&Entry) -> Result<T, JournalError>) -> Option<T> {
        let entry = self.entry.as_ref()?;
        step(entry).map_err(|error| self.note(&error)).ok()
    }

    /// Writes a step now, or later.
    pub(crate) fn put(&mut self, step: impl FnOnce(&Entry) -> Result<Option<Write>, JournalError>) {
        let Some(entry) = &self.entry else { return };
        match step(entry) {
            Ok(Some(write)) => self.late.push(write),
            Ok(None) => return,
            Err(error) => return self.note(&error),
        }
        let began = Instant::now();
        match entry.put_late(&self.late, self.patience.min(BUSY)) {
            Ok(()) => self.late.clear(),
            Err(error) => {
                self.patience = self.patience.saturating_sub(began.elapsed());
                self.note(&error);
            }
        }
    }

    fn note(&mut self, error: &JournalError) {
        if self.trouble.is_none() {
            tracing::debug!("{error}");
            self.trouble = Some(error.to_string());
        }
    }

    /// The first thing that could not be written when it was due.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The last writing of the run, of what is shown of it; `hide` if secrets may have
    /// been read after they were written. Returns what there is to warn of.
    pub(crate) fn close(self, report: &RunReport, verdict: &Verdict, hide: bool) -> Option<String> {
        let Self { entry, mut late, patience, numbers, .. } = self;
        let entry = entry?;
        let hidden = numbers.iter().zip(&report.hooks).filter(|_| hide);
        let hidden = hidden.filter_map(|(number, call)| Some(call.hidden((*number)?)));
        let last = hidden.chain([entry.ended(report, verdict)]).collect::<Result<Vec<_>, _>>();
        let error = match last {
            Ok(last) => {
                late.iter_mut().for_each(|late| last.iter().for_each(|last| last.replace_in(late)));
                late.extend(last);
                let written = entry.put_late(&late, patience.clamp(LAST, BUSY));
                if written.is_ok() && hide {
                    entry.wipe();
                }
                match written {
                    Ok(()) if report.owed.is_empty() => {
                        entry.release();
                        return None;
                    }
                    Ok(()) => return None,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        let left = entry.leave(late);
        Some(match left {
            Ok(()) => format!("{error}; how this run has ended is written there by the next start"),
            Err(_) => format!("{error}; this run is taken for one that has died"),
        })
    }

    /// Writes the calls of one hook for one event.
    pub(crate) fn calls<'r>(&'r mut self, hook: usize, event: EventKind, owes: bool, mask: &'r Mask) -> Calls<'r> {
        Calls { record: self, hook, event, owes, mask, number: None, ended: Vec::new() }
    }
}

/// The calls of one hook for one event.
pub(crate) struct Calls<'r> {
    record: &'r mut Record,
    hook: usize,
    event: EventKind,
    /// Whether something is owed from the first of them on.
    owes: bool,
    mask: &'r Mask,
    number: Option<i64>,
    /// Those that have ended.
    pub(crate) ended: Vec<HookCall>,
}

impl Keep for Calls<'_> {
    fn begun(&mut self, name: &str, attempt: u32) -> Result<(), ()> {
        let Self { hook, event, owes, .. } = *self;
        if event != EventKind::Before {
            // What is to be cleaned up, is.
            self.record.put(|entry| {
                let (number, write) = entry.call_begun(hook, event, attempt);
                self.number = Some(number);
                Ok(Some(write))
            });
            return Ok(());
        }
        // Nothing is begun that nobody would know of.
        let written = self.record.write(|entry| {
            let (number, write) = entry.call_begun(hook, event, attempt);
            entry.put(&write, if owes { Durable::Yes } else { Durable::No })?;
            if owes && attempt == 1 {
                entry.owes(hook, name)?;
            }
            Ok(number)
        });
        self.number = written;
        if written.is_none() && self.record.entry.is_some() { Err(()) } else { Ok(()) }
    }

    fn ended(&mut self, call: &HookCall, last: bool) {
        if let Some(number) = self.number {
            let mut shown = call.clone();
            shown.hide(self.mask);
            self.record.put(|entry| entry.call_ended(number, &shown, last).map(Some));
        }
        self.record.numbers.push(self.number);
        self.ended.push(call.clone());
    }
}
