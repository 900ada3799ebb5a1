//! What stands on a tape: calls of host functions and how they were answered, and notes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wasmtime_wasi_http::FieldMapError;

use super::item::Item;
use crate::Mask;
use crate::keyvalue::Unreadable;
use crate::limiter::LimitHit;
use crate::reason::{Failure, Reason};
use crate::text::{clean, cut};

/// Bytes of a call that are shown where it differs.
const SHOWN: usize = 400;

/// How a host function answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Ok(Item),
    Error(Item),
    /// It ended the call.
    Trap(Trap),
}

/// Why a host function ended the call: a limit, a failure in words, or words alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Trap {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

impl Trap {
    pub(crate) fn of(error: &wasmtime::Error) -> Self {
        let limit = |reason: Reason| Self { reason: Some(reason.name().to_owned()), message: None };
        let failed = |failure: &Failure| Self {
            reason: Some(failure.reason.name().to_owned()),
            message: Some(failure.message.clone()),
        };
        for cause in error.chain() {
            if let Some(LimitHit(reason)) = cause.downcast_ref() {
                return limit(*reason);
            }
            if let Some(unreadable) = cause.downcast_ref::<Unreadable>() {
                return failed(&unreadable.failure());
            }
            if let Some(failure) = cause.downcast_ref::<Failure>() {
                return failed(failure);
            }
            if let Some(wasmtime::component::ResourceTableError::Full) = cause.downcast_ref() {
                return limit(Reason::Handles);
            }
            if let Some(FieldMapError::TotalSizeTooBig | FieldMapError::TooManyFields) = cause.downcast_ref() {
                return limit(Reason::HttpHeaders);
            }
        }
        Self { reason: None, message: Some(error.root_cause().to_string()) }
    }

    pub(crate) fn hide(&mut self, mask: &Mask) {
        if let Some(message) = &mut self.message {
            mask.apply(message);
        }
    }

    pub(crate) fn error(self) -> wasmtime::Error {
        match (self.reason.as_deref().and_then(super::reason_of), self.message) {
            (Some(reason), None) => LimitHit(reason).into(),
            (Some(reason), Some(message)) => Failure::new(reason, message).into(),
            (None, message) => wasmtime::Error::msg(message.unwrap_or_default()),
        }
    }
}

/// One call of a host function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Call {
    /// 1 for the first.
    pub(crate) n: u64,
    pub(crate) call: String,
    pub(crate) args: Item,
    /// None for a function that hadn't answered when the hook's call was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Outcome>,
}

impl Call {
    /// In a line, fit to be shown.
    pub(super) fn shown(&self) -> String {
        let args = serde_json::to_string(&self.args).unwrap_or_default();
        let line = clean(&format!("{} {args}", self.call));
        let (head, truncated) = cut(&line, SHOWN);
        format!("{head}{}", if truncated { "..." } else { "" })
    }

    /// The stream that it carries a piece of, if it does: what it reads or writes is a
    /// part of a longer text, and a secret may be cut in two by its end.
    pub(crate) fn piece_of(&self) -> Option<&Item> {
        let carries = self.args.get("bytes").is_some() || self.call.ends_with("read");
        self.args.get("this").filter(|_| carries)
    }

    pub(super) fn says_a_piece(&self) -> bool {
        self.args.get("bytes").is_some() && self.args.get("this").is_some()
    }
}

/// What stands in a record, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Entry {
    Call(Call),
    /// A line of the host's about the hook, from a task that works for it; `during`
    /// the call before it in the list, or after it.
    Note {
        note: String,
        during: bool,
    },
}

impl Entry {
    pub(super) fn into_note(self) -> Option<String> {
        if let Self::Note { note, .. } = self { Some(note) } else { None }
    }
}

/// The stand-ins that a record has handed out in the place of secrets.
pub(crate) fn stand_ins(entries: &[Entry]) -> impl Iterator<Item = (&str, &str)> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Call(Call { call, args, answer: Some(Outcome::Ok(value)), .. }) if call == super::SECRET => {
            Some((args.get("name")?.as_str()?, value.as_str()?))
        }
        _ => None,
    })
}

/// Of each host function, how often it was called.
pub(crate) fn counts(entries: &[Entry]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        if let Entry::Call(call) = entry {
            *counts.entry(call.call.as_str()).or_default() += 1;
        }
    }
    counts
}
