//! `hookward:hook/plan`: changes of the backup that is about to start.
//!
//! A change is checked when the hook asks for it, so that the hook can react, and
//! only taken down: it is made by whoever runs restic, once the call has returned ok.

mod grant;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

pub use self::grant::{InvalidPart, Part, PlanGrant};
use crate::event::{Event, EventKind};
use crate::state::State;
use crate::text::{clean, cut};
use crate::{Grants, Mask, record};

/// Sources, tags, patterns and variables that one call may name together. A command
/// line of ten thousand words is no plan of a person.
const MAX_ENTRIES: usize = 10_000;

/// Their bytes. Linux gives a new process 2 MiB for its arguments and environment.
const MAX_BYTES: usize = 1 << 20;

/// Bytes of one of them. Linux takes 128 KiB for one argument, name and NUL included.
const MAX_VALUE: usize = 64 << 10;

/// Bytes of a value that are shown in a message.
const SHOWN: usize = 200;

/// Values of one change that are shown in a line.
const SHOWN_VALUES: usize = 10;

/// One change of the backup that a hook asked for. As JSON, a variable is its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// These are backed up, and nothing else: absolute paths.
    SetSources(Vec<String>),
    /// These are backed up too: absolute paths.
    AddSources(Vec<String>),
    /// The snapshot gets these tags too.
    AddTags(Vec<String>),
    /// What matches these patterns of restic is left out too.
    AddExcludes(Vec<String>),
    /// restic's environment gets this variable.
    SetEnv(Variable),
}

/// A variable for restic's environment. Its value may be a secret: neither `Debug`
/// nor JSON shows it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(skip)]
    pub value: String,
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variable").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Change {
    /// What is changed and how, in a word and a sign: `sources +`.
    #[must_use]
    pub const fn head(&self) -> &'static str {
        match self {
            Self::SetSources(_) => "sources =",
            Self::AddSources(_) => "sources +",
            Self::AddTags(_) => "tags +",
            Self::AddExcludes(_) => "excludes +",
            Self::SetEnv(_) => "env +",
        }
    }

    /// What is set or added, fit to be shown, without the value of a variable; of many
    /// the first.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut text = self.values().take(SHOWN_VALUES).map(shown).collect::<Vec<_>>().join(", ");
        if let Some(more @ 1..) = self.values().len().checked_sub(SHOWN_VALUES) {
            text += &format!(" and {more} more");
        }
        text
    }

    /// Hides secrets in what is shown of it. It is then no longer what was asked for.
    pub fn hide(&mut self, mask: &Mask) {
        match self {
            Self::SetSources(values) | Self::AddSources(values) | Self::AddTags(values) | Self::AddExcludes(values) => {
                values.iter_mut().for_each(|value| mask.apply(value));
            }
            // Only its name is shown.
            Self::SetEnv(_) => {}
        }
    }

    fn values(&self) -> impl ExactSizeIterator<Item = &str> {
        match self {
            Self::SetSources(values) | Self::AddSources(values) | Self::AddTags(values) | Self::AddExcludes(values) => {
                values.as_slice()
            }
            Self::SetEnv(variable) => std::slice::from_ref(&variable.name),
        }
        .iter()
        .map(String::as_str)
    }

    fn sources(&self) -> Option<&[String]> {
        match self {
            Self::SetSources(sources) | Self::AddSources(sources) => Some(sources),
            _ => None,
        }
    }

    fn bytes(&self) -> usize {
        let value = if let Self::SetEnv(variable) = self { variable.value.len() } else { 0 };
        self.values().map(str::len).fold(value, usize::saturating_add)
    }

    /// What is wrong with it, as far as that can be told without a look at the host.
    fn flaw(&self) -> Option<String> {
        if self.values().any(|value| value.len() > MAX_VALUE) {
            return Some(format!("a value has more than {MAX_VALUE} bytes"));
        }
        match self {
            Self::SetSources(sources) if sources.is_empty() => Some("there would be nothing to back up".to_owned()),
            Self::SetSources(sources) | Self::AddSources(sources) => sources.iter().find_map(|path| {
                let wrong = match path {
                    path if !path.starts_with('/') => "is not an absolute path",
                    path if path.chars().any(char::is_control) => "contains a control character",
                    _ => return None,
                };
                Some(format!("the source `{}` {wrong}", shown(path)))
            }),
            Self::AddTags(tags) => tags.iter().find_map(|tag| {
                let wrong = match tag.as_str() {
                    "" => "is empty",
                    tag if tag.starts_with('-') => "begins with `-`",
                    tag if tag.contains(',') => "contains a comma, which separates tags",
                    tag if tag.chars().any(char::is_control) => "contains a control character",
                    _ => return None,
                };
                Some(format!("the tag `{}` {wrong}", shown(tag)))
            }),
            Self::AddExcludes(patterns) => patterns.iter().find_map(|pattern| {
                let wrong = match pattern.as_str() {
                    "" => "is empty",
                    pattern if pattern.starts_with('!') => "begins with `!`: it would take something in again",
                    pattern if pattern.chars().any(char::is_control) => "contains a control character",
                    _ => return None,
                };
                Some(format!("the pattern `{}` {wrong}", shown(pattern)))
            }),
            Self::SetEnv(Variable { name, value }) => {
                let wrong = match value.as_str() {
                    "" => "is empty",
                    value if value.contains('\0') => "contains the character U+0000",
                    value if value.len() > MAX_VALUE => "is too long",
                    _ => return None,
                };
                Some(format!("the value for `{name}` {wrong}"))
            }
        }
    }
}

/// Why a change is not made. Each with a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PlanError {
    NotGranted(String),
    NotNow(String),
    Invalid(String),
}

/// What one call may change, and what it has changed so far.
#[derive(Debug)]
pub(crate) struct Draft {
    grants: Arc<Grants>,
    /// Why nothing can be changed now.
    closed: Option<String>,
    changes: Vec<Change>,
    entries_left: usize,
    bytes_left: usize,
}

impl Draft {
    /// Nothing can be changed until it is [opened](Self::open).
    pub(crate) fn new(grants: &Arc<Grants>) -> Self {
        Self {
            grants: Arc::clone(grants),
            closed: Some("the call has not begun".to_owned()),
            changes: Vec::new(),
            entries_left: MAX_ENTRIES,
            bytes_left: MAX_BYTES,
        }
    }

    /// Lets changes in if the event leaves time for them.
    pub(crate) fn open(&mut self, event: &Event) {
        self.closed = if event.kind != EventKind::Before {
            Some(format!("in `{}` the gate is passed: the plan is changed in `before`", event.kind))
        } else if event.operation != "backup" {
            Some(format!("the operation is `{}`: only the plan of a `backup` can be changed", clean(&event.operation)))
        } else {
            None
        };
    }

    /// What the call has changed.
    pub(crate) fn take(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    fn check(&self, change: &Change) -> Result<(), PlanError> {
        let part = match change {
            Change::SetSources(_) | Change::AddSources(_) => Part::Sources,
            Change::AddTags(_) => Part::Tags,
            Change::AddExcludes(_) => Part::Excludes,
            Change::SetEnv(Variable { name, .. }) if self.grants.plan.covers_variable(name) => Part::Env,
            Change::SetEnv(Variable { name, .. }) => {
                let message = format!("this hook may not set the variable `{}` for restic", shown(name));
                return Err(PlanError::NotGranted(message));
            }
        };
        if part != Part::Env && !self.grants.plan.parts.contains(&part) {
            return Err(PlanError::NotGranted(format!(
                "this hook may not change the `{part}` of the plan: grant it in `grants.plan`"
            )));
        }
        if let Some(why) = &self.closed {
            return Err(PlanError::NotNow(why.clone()));
        }
        if let (Some(why), Some(_)) = (&self.grants.plan.fixed_sources, change.sources()) {
            return Err(PlanError::Invalid(format!("the sources can't be changed: {why}")));
        }
        if let Some(flaw) = change.flaw() {
            return Err(PlanError::Invalid(flaw));
        }
        if change.values().len() > self.entries_left || change.bytes() > self.bytes_left {
            let message = format!("a call may name {MAX_ENTRIES} things of {MAX_BYTES} bytes together, and no more");
            return Err(PlanError::Invalid(message));
        }
        Ok(())
    }

    pub(crate) fn keep(&mut self, change: Change) {
        self.entries_left = self.entries_left.saturating_sub(change.values().len());
        self.bytes_left = self.bytes_left.saturating_sub(change.bytes());
        // An empty list adds nothing.
        if change.values().len() > 0 {
            self.changes.push(change);
        }
    }
}

/// Takes a change down, unless the call is a replay.
pub(crate) async fn change(state: &mut State, change: Change) -> wasmtime::Result<Result<(), PlanError>> {
    if state.aside.is_some() { record::change(state, change).await } else { change_now(state, change).await }
}

/// Takes a change down.
pub(crate) async fn change_now(state: &mut State, change: Change) -> wasmtime::Result<Result<(), PlanError>> {
    if let Err(error) = state.plan.check(&change) {
        return Ok(Err(error));
    }
    let staged = state.aside.as_ref().is_some_and(|aside| aside.stage.is_some());
    if let Some(sources) = change.sources().filter(|_| !staged) {
        let sources = sources.to_vec();
        // Aside: a dead network mount never answers, and the call's deadline only ends
        // what waits.
        if let Some(flaw) = tokio::task::spawn_blocking(move || unreachable(&sources)).await? {
            return Ok(Err(PlanError::Invalid(flaw)));
        }
    }
    state.plan.keep(change);
    Ok(Ok(()))
}

/// The first source that isn't there. A link is one, wherever it leads: restic keeps
/// it as such.
fn unreachable(sources: &[String]) -> Option<String> {
    sources.iter().find_map(|path| {
        let error = std::fs::symlink_metadata(path).err()?;
        Some(format!("the source `{}` can't be backed up: {error}", shown(path)))
    })
}

/// A value of the guest's in a message.
fn shown(value: &str) -> String {
    let (head, truncated) = cut(value, SHOWN);
    format!("{}{}", clean(head), if truncated { "..." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_variable_is_never_shown() {
        let variable = Variable { name: "RESTIC_PASSWORD".to_owned(), value: "hunter2".to_owned() };
        let change = Change::SetEnv(variable);
        assert_eq!(serde_json::to_string(&change).unwrap(), r#"{"set-env":"RESTIC_PASSWORD"}"#);
        assert_eq!(format!("{change:?}"), r#"SetEnv(Variable { name: "RESTIC_PASSWORD", .. })"#);
        assert_eq!((change.head(), change.shown().as_str()), ("env +", "RESTIC_PASSWORD"));
    }

    #[test]
    fn a_change_is_shown_in_a_line_that_a_terminal_takes() {
        let many = Change::AddTags((1..=12).map(|number| number.to_string()).collect());
        assert_eq!(many.shown(), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more");
        assert_eq!(Change::AddExcludes(vec!["a\u{202e}b".to_owned()]).shown(), "ab");
        assert_eq!(Change::AddExcludes(vec!["x".repeat(300)]).shown(), format!("{}...", "x".repeat(200)));
    }
}
