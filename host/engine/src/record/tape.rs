//! The one sequence of a call's host functions: taken down as they are answered, or
//! answered as they were taken down.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use zeroize::Zeroizing;

use super::entry::{Call, Entry, Outcome};
use super::hide::Hider;
use super::item::{Item, alike};
use crate::limiter::LimitHit;
use crate::reason::Reason;
use crate::{Mask, recorder::Recorder};

/// Where a replay left its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Divergence {
    /// The number of the call of a host function: 1 for the first.
    pub call: u64,
    /// What the record has there, in a line; none: nothing more.
    pub recorded: Option<String>,
    /// What the component did; none: it called nothing more.
    pub made: Option<String>,
}

/// Ends a call whose record has no answer.
#[derive(Debug, thiserror::Error)]
#[error("it left the record")]
struct Left;

/// A tape: shared by a call's state and what works for it.
#[derive(Clone)]
pub(crate) struct Tape(Arc<Mutex<Inner>>);

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").finish_non_exhaustive()
    }
}

struct Inner {
    numbers: Numbers,
    /// Streams that are ours: what is written to them is the call's own output.
    own: HashSet<u32>,
    /// Calls so far.
    made: u64,
    mode: Mode,
}

/// Numbers for resources, in the order in which they are first named: their places in
/// the host's table are chance.
#[derive(Default)]
struct Numbers {
    of: HashMap<u32, u64>,
    last: u64,
}

enum Mode {
    Record {
        entries: Vec<Entry>,
        /// The call that is being answered.
        pending: Option<usize>,
        left: usize,
        /// The first call that there was no room for.
        cut: Option<u64>,
        secrets: Vec<Zeroizing<String>>,
    },
    Replay {
        script: std::vec::IntoIter<Entry>,
        /// What the component did, for what is only compared at the end.
        pieces: Vec<(Call, Call)>,
        mask: Mask,
        masked: bool,
        /// Why the record ends where it does, if the guest isn't the reason.
        ended: Option<Reason>,
        cut: Option<u64>,
        divergence: Option<Divergence>,
        /// It came to the call that was being answered when the recorded one was ended,
        /// or where the record was cut.
        at_end: bool,
    },
}

/// What a tape has taken down.
pub(crate) struct Taken {
    pub(crate) entries: Vec<Entry>,
    pub(crate) cut: Option<u64>,
}

/// How a replay went along its record.
pub(crate) struct Compared {
    pub(crate) divergence: Option<Divergence>,
    /// Calls that were made.
    pub(crate) made: u64,
    /// It ran into the place where the record was cut.
    pub(crate) cut: bool,
}

impl Tape {
    /// Takes a call down, in at most so many bytes.
    pub(crate) fn record(limit: usize) -> Self {
        Self::new(Mode::Record { entries: Vec::new(), pending: None, left: limit, cut: None, secrets: Vec::new() })
    }

    /// Answers as the entries say.
    pub(crate) fn replay(entries: Vec<Entry>, mask: Mask, ended: Option<Reason>, cut: Option<u64>) -> Self {
        let masked = !mask.is_empty();
        Self::new(Mode::Replay {
            script: entries.into_iter(),
            pieces: Vec::new(),
            mask,
            masked,
            ended,
            cut,
            divergence: None,
            at_end: false,
        })
    }

    fn new(mode: Mode) -> Self {
        Self(Arc::new(Mutex::new(Inner { numbers: Numbers::default(), own: HashSet::new(), made: 0, mode })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_replay(&self) -> bool {
        matches!(self.inner().mode, Mode::Replay { .. })
    }

    /// The number of a resource by its place in the host's table.
    pub(crate) fn number(&self, rep: u32) -> u64 {
        let Numbers { of, last } = &mut self.inner().numbers;
        *of.entry(rep).or_insert_with(|| {
            *last += 1;
            *last
        })
    }

    /// A resource is gone; its place may be another's.
    pub(crate) fn forget(&self, rep: u32) {
        let mut inner = self.inner();
        inner.numbers.of.remove(&rep);
        inner.own.remove(&rep);
    }

    /// What is written to this stream is output.
    pub(crate) fn own(&self, rep: u32) {
        self.inner().own.insert(rep);
    }

    pub(crate) fn is_own(&self, rep: u32) -> bool {
        self.inner().own.contains(&rep)
    }

    /// A secret that was handed to the guest.
    pub(crate) fn secret(&self, value: &str) {
        if let Mode::Record { secrets, .. } = &mut self.inner().mode {
            secrets.push(Zeroizing::new(value.to_owned()));
        }
    }

    /// Copies of all of them.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        if let Mode::Record { secrets, .. } = &self.inner().mode { secrets.clone() } else { Vec::new() }
    }

    /// The reason why the recorded call was ended from outside, if the replay has come to
    /// where that was.
    pub(crate) fn ended_outside(&self) -> Option<Reason> {
        let inner = self.inner();
        let Mode::Replay { script, ended, divergence: None, .. } = &inner.mode else { return None };
        let over = !script.as_slice().iter().any(|entry| matches!(entry, Entry::Call(_)));
        ended.filter(|_| over)
    }

    /// A line of the host's about the hook. Replayed, it is said where it was said.
    pub(crate) fn note(&self, note: &str) {
        if let Mode::Record { entries, pending, left, .. } = &mut self.inner().mode
            && let Some(rest) = left.checked_sub(note.len() + 32)
        {
            *left = rest;
            entries.push(Entry::Note { note: note.to_owned(), during: pending.is_some() });
        }
    }

    /// The guest calls a host function. The answer, where there is one already; what
    /// the host has said meanwhile goes to the recorder.
    pub(crate) fn begin(
        &self,
        call: &str,
        args: Item,
        recorder: Option<&Recorder>,
    ) -> wasmtime::Result<Option<Outcome>> {
        let mut inner = self.inner();
        inner.made += 1;
        let call = Call { n: inner.made, call: call.replace('_', "-"), args, answer: None };
        match &mut inner.mode {
            Mode::Record { entries, pending, left, cut, .. } => {
                *pending = None;
                let size = call.call.len() + call.args.size() + 64;
                match left.checked_sub(size).filter(|_| cut.is_none()) {
                    Some(rest) => {
                        *left = rest;
                        *pending = Some(entries.len());
                        entries.push(Entry::Call(call));
                    }
                    None => *cut = cut.or(Some(call.n)),
                }
                Ok(None)
            }
            Mode::Replay { .. } => {
                let (outcome, notes) = inner.mode.answer(call);
                drop(inner);
                say(&notes, recorder)?;
                outcome.map(Some)
            }
        }
    }

    /// The host function has answered.
    pub(crate) fn end(&self, outcome: Outcome) {
        let mut inner = self.inner();
        let Inner { made, mode, .. } = &mut *inner;
        let Mode::Record { entries, pending, left, cut, .. } = mode else { return };
        let Some(index) = pending.take() else { return };
        let size = match &outcome {
            Outcome::Ok(item) | Outcome::Error(item) => item.size(),
            Outcome::Trap(trap) => trap.message.as_deref().map_or(0, str::len),
        };
        match left.checked_sub(size) {
            Some(rest) => {
                *left = rest;
                if let Some(Entry::Call(call)) = entries.get_mut(index) {
                    call.answer = Some(outcome);
                }
            }
            None => {
                entries.truncate(index);
                *cut = Some(*made);
            }
        }
    }

    /// What the host said after the last call of a host function.
    pub(crate) fn last_notes(&self, recorder: &Recorder) -> wasmtime::Result<()> {
        let notes = match &mut self.inner().mode {
            Mode::Replay { script, divergence: None, .. } => {
                let rest = script.as_slice();
                let only_notes = rest.iter().all(|entry| matches!(entry, Entry::Note { .. }));
                if only_notes { script.by_ref().filter_map(Entry::into_note).collect() } else { Vec::new() }
            }
            _ => Vec::new(),
        };
        say(&notes, Some(recorder))
    }

    /// What was taken down, with every secret that the mask knows hidden.
    pub(crate) fn taken(&self, mask: &Mask) -> Taken {
        let Mode::Record { entries, cut, secrets, .. } = &mut self.inner().mode else {
            return Taken { entries: Vec::new(), cut: None };
        };
        let (mut entries, secrets) = (std::mem::take(entries), std::mem::take(secrets));
        let hider = Hider::new(mask, &secrets);
        hider.hide(&mut entries);
        for entry in &mut entries {
            if let Entry::Call(call) = entry {
                call.args.shorten();
            }
        }
        Taken { entries, cut: *cut }
    }

    /// How the replay went. `finished`: the guest came to an end of its own.
    pub(crate) fn compared(&self, finished: bool) -> Compared {
        let mut inner = self.inner();
        let Inner { made, mode, .. } = &mut *inner;
        let Mode::Replay { script, pieces, mask, masked, cut, divergence, at_end, .. } = mode else {
            return Compared { divergence: None, made: *made, cut: false };
        };
        let written = differing_piece(std::mem::take(pieces), mask, *masked);
        if let Some(written) = written
            && divergence.as_ref().is_none_or(|divergence| written.call <= divergence.call)
        {
            *divergence = Some(written);
        }
        let next =
            script.as_slice().iter().find_map(|entry| if let Entry::Call(call) = entry { Some(call) } else { None });
        if let (None, true, false, Some(next)) = (&divergence, finished, *at_end, next) {
            *divergence = Some(Divergence { call: next.n, recorded: Some(next.shown()), made: None });
        }
        Compared { divergence: divergence.clone(), made: *made, cut: *at_end && cut.is_some() }
    }
}

fn say(notes: &[String], recorder: Option<&Recorder>) -> wasmtime::Result<()> {
    if let Some(recorder) = recorder {
        for note in notes {
            recorder.host(crate::log::Level::Warn, note)?;
        }
    }
    Ok(())
}

impl Mode {
    /// The recorded answer of the next call, if it is this one.
    fn answer(&mut self, mut call: Call) -> (wasmtime::Result<Outcome>, Vec<String>) {
        let mut notes = Vec::new();
        let Self::Replay { script, pieces, mask, masked, ended, cut, divergence, at_end } = self else {
            return (Err(Left.into()), notes);
        };
        if divergence.is_some() {
            return (Err(Left.into()), notes);
        }
        while let Some(Entry::Note { .. }) = script.as_slice().first() {
            notes.extend(script.next().and_then(Entry::into_note));
        }
        let Some(Entry::Call(expected)) = script.next() else {
            let end: wasmtime::Error = match ended {
                _ if cut.is_some() => {
                    *at_end = true;
                    Left.into()
                }
                Some(reason) => {
                    *at_end = true;
                    LimitHit(*reason).into()
                }
                None => {
                    Hider::new(mask, &[]).argument(&mut call.args);
                    *divergence = Some(Divergence { call: call.n, recorded: None, made: Some(call.shown()) });
                    Left.into()
                }
            };
            return (Err(end), notes);
        };
        let outcome = expected.answer.clone();
        if call.says_a_piece() && call.call == expected.call {
            pieces.push((expected, call));
        } else {
            Hider::new(mask, &[]).argument(&mut call.args);
            call.args.shorten();
            if call.call != expected.call || !alike(&call.args, &expected.args, *masked) {
                *divergence = Some(differs(&expected, &call));
                return (Err(Left.into()), notes);
            }
        }
        while let Some(Entry::Note { during: true, .. }) = script.as_slice().first() {
            notes.extend(script.next().and_then(Entry::into_note));
        }
        match (outcome, ended) {
            (Some(outcome), _) => (Ok(outcome), notes),
            (None, reason) => {
                *at_end = true;
                let reason = reason.unwrap_or(Reason::Host);
                (Err(LimitHit(reason).into()), notes)
            }
        }
    }
}

fn differs(expected: &Call, made: &Call) -> Divergence {
    Divergence { call: made.n, recorded: Some(expected.shown()), made: Some(made.shown()) }
}

/// The first piece of a stream that isn't the recorded one. Only told at the end, with
/// all pieces at hand: a secret may stand in two of them.
fn differing_piece(pieces: Vec<(Call, Call)>, mask: &Mask, masked: bool) -> Option<Divergence> {
    let (expected, made): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
    let mut made: Vec<_> = made.into_iter().map(Entry::Call).collect();
    Hider::new(mask, &[]).hide(&mut made);
    expected.iter().zip(made).find_map(|(expected, made)| {
        let Entry::Call(mut made) = made else { return None };
        made.args.shorten();
        (!alike(&made.args, &expected.args, masked)).then(|| differs(expected, &made))
    })
}
