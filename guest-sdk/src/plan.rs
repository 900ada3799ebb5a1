//! Changes of the backup that is about to start.
//!
//! They are heard in [`Before`](crate::EventKind::Before) only, and take effect
//! together when the hook returns `Ok`. Needs the grant `plan` with the part that is
//! to be changed.
//! ```
//! use hookward_sdk::prelude::*;
//!
//! // grants.plan = ["sources", "tags"]
//! #[hook]
//! fn from_the_snapshot(event: Event) -> Result<(), PlanError> {
//!     let frozen = event.sources.iter().map(|source| format!("/mnt/snapshot{source}"));
//!     plan::set_sources(frozen)?;
//!     plan::add_tags(["frozen"])
//! }
//! ```

use std::fmt;

use crate::host;

/// One change of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanChange {
    /// Back these up instead.
    SetSources(Vec<String>),
    /// Back these up too.
    AddSources(Vec<String>),
    /// Tag the snapshot with these too.
    AddTags(Vec<String>),
    /// Leave out what matches these too.
    AddExcludes(Vec<String>),
    /// Set a variable in restic's environment.
    SetEnv {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
    },
}

fn owned(texts: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

/// Backs these up instead of what the plan names so far: absolute paths of the host.
/// Part `sources`.
///
/// # Errors
/// When the host doesn't take the change.
pub fn set_sources(sources: impl IntoIterator<Item = impl Into<String>>) -> Result<(), PlanError> {
    host::change_plan(PlanChange::SetSources(owned(sources)))
}

/// Backs these up too: absolute paths of the host. Part `sources`.
///
/// # Errors
/// When the host doesn't take the change.
pub fn add_sources(sources: impl IntoIterator<Item = impl Into<String>>) -> Result<(), PlanError> {
    host::change_plan(PlanChange::AddSources(owned(sources)))
}

/// Tags the snapshot with these too. Part `tags`.
///
/// # Errors
/// When the host doesn't take the change.
pub fn add_tags(tags: impl IntoIterator<Item = impl Into<String>>) -> Result<(), PlanError> {
    host::change_plan(PlanChange::AddTags(owned(tags)))
}

/// Leaves out what matches these patterns of restic too. Part `excludes`.
///
/// # Errors
/// When the host doesn't take the change.
pub fn add_excludes(patterns: impl IntoIterator<Item = impl Into<String>>) -> Result<(), PlanError> {
    host::change_plan(PlanChange::AddExcludes(owned(patterns)))
}

/// Sets a variable in restic's environment. Part `env`.
///
/// # Errors
/// When the host doesn't take the change.
pub fn set_env(name: impl Into<String>, value: impl Into<String>) -> Result<(), PlanError> {
    host::change_plan(PlanChange::SetEnv { name: name.into(), value: value.into() })
}

/// Why the host doesn't take a change. Each carries the host's sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The grant doesn't name this part of the plan.
    NotGranted(String),
    /// The gate is passed, or the operation is no backup.
    NotNow(String),
    /// The value can't be used: a source that doesn't exist, a tag with a comma.
    Invalid(String),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted(message) | Self::NotNow(message) | Self::Invalid(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for PlanError {}
