//! A run's own writing in the journal: what can't be written before the gate keeps it
//! shut, and is a warning after it.

use hookward_engine::Mask;
use hookward_engine::event::EventKind;

use crate::call::Keep;
use crate::journal::{Durable, Entry, JournalError};
use crate::report::HookCall;

/// The journal's part in a run; a run without hooks has none.
#[derive(Debug, Default)]
pub(crate) struct Record {
    entry: Option<Entry>,
    /// The first thing that could not be written.
    trouble: Option<String>,
    /// Number of each call that was written, in the order of the report; none of one
    /// that was not.
    numbers: Vec<Option<i64>>,
}

impl Record {
    pub(crate) fn new(entry: Option<Entry>) -> Self {
        Self { entry, ..Self::default() }
    }

    /// Writes a step; without a journal there is nothing to write.
    pub(crate) fn write<T>(&mut self, step: impl FnOnce(&Entry) -> Result<T, JournalError>) -> Option<T> {
        let entry = self.entry.as_ref()?;
        step(entry).map_err(|error| self.note(&error)).ok()
    }

    pub(crate) fn note(&mut self, error: &JournalError) {
        if self.trouble.is_none() {
            tracing::debug!("{error}");
            self.trouble = Some(error.to_string());
        }
    }

    /// The first thing that could not be written.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Hands the entry over for the last write, with every call that was written.
    pub(crate) fn finish(self, calls: &[HookCall]) -> (Option<Entry>, Vec<(i64, &HookCall)>) {
        let written = self.numbers.into_iter().zip(calls);
        (self.entry, written.filter_map(|(number, call)| Some((number?, call))).collect())
    }

    /// Writes the calls of one hook for one event.
    pub(crate) fn calls<'r>(
        &'r mut self,
        hook: usize,
        event: EventKind,
        durable: Durable,
        mask: &'r Mask,
    ) -> Calls<'r> {
        Calls { record: self, hook, event, durable, mask, number: None, ended: Vec::new() }
    }
}

/// The calls of one hook for one event.
pub(crate) struct Calls<'r> {
    record: &'r mut Record,
    hook: usize,
    event: EventKind,
    durable: Durable,
    mask: &'r Mask,
    number: Option<i64>,
    /// Those that have ended.
    pub(crate) ended: Vec<HookCall>,
}

impl Keep for Calls<'_> {
    fn begun(&mut self, attempt: u32) -> Result<(), ()> {
        let Self { hook, event, durable, .. } = *self;
        self.number = self.record.write(|entry| entry.call_begun(hook, event, attempt, durable));
        // Nothing is begun that nobody would know of; but what is to be cleaned up, is.
        let unknown = self.number.is_none() && self.record.entry.is_some();
        if unknown && event == EventKind::Before { Err(()) } else { Ok(()) }
    }

    fn ended(&mut self, call: &HookCall, last: bool) {
        if let Some(number) = self.number {
            let mut shown = call.clone();
            shown.hide(self.mask);
            self.record.write(|entry| entry.call_ended(number, &shown, last));
        }
        self.record.numbers.push(self.number);
        self.ended.push(call.clone());
    }
}
