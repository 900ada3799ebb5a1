//! What became of a run.

use std::path::PathBuf;
use std::time::Duration;

use hookward_engine::event::{EventKind, HookFailure, HookResult, Scope, Status, Summary, Trigger, millis};
use hookward_engine::log::Record;
use hookward_engine::plan::Change;
use hookward_engine::{Failure, Mask};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Kind;

/// A run that has ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct RunReport {
    /// UUIDv7 of the run.
    pub run_id: String,
    /// The profile, if the run has one.
    pub profile: Option<String>,
    /// The restic subcommand.
    pub operation: String,
    /// Location of the repository, credentials removed.
    pub repository: String,
    /// What was to be backed up in the end, after all changes by hooks.
    pub sources: Vec<String>,
    /// The tags that the snapshot was to get in the end.
    pub tags: Vec<String>,
    /// What started the run.
    pub trigger: Trigger,
    /// Nothing was to be changed.
    pub dry_run: bool,
    /// When the run began.
    pub started: Timestamp,
    /// From its beginning to its end.
    #[serde(rename = "duration-ms", with = "millis")]
    pub duration: Duration,
    /// How it ended.
    pub status: Status,
    /// The exit code that says so.
    pub exit_code: i32,
    /// Why it ended so, in one line: none for success.
    pub error: Option<String>,
    /// restic's part: none when it was never started.
    pub restic: Option<ResticReport>,
    /// Every call of a hook, in order.
    pub hooks: Vec<HookCall>,
    /// What went wrong without ending the run.
    pub warnings: Vec<String>,
    /// Hooks whose `finally` was not called, since the run was left at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<String>,
}

impl RunReport {
    /// Hides secrets in every text that hooks or restic had a part in.
    pub(crate) fn hide(&mut self, mask: &Mask) {
        if mask.is_empty() {
            return;
        }
        let Self { error, restic, hooks, warnings, sources, tags, .. } = self;
        let tail = restic.as_mut().map(|restic| &mut restic.stderr_tail);
        error.iter_mut().chain(tail).chain(warnings).chain(sources).chain(tags).for_each(|text| mask.apply(text));
        hooks.iter_mut().for_each(|call| call.hide(mask));
    }
}

/// What became of the restic process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ResticReport {
    /// Its exit code: none when a signal killed it.
    pub exit_code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// From its start to its end.
    #[serde(rename = "duration-ms", with = "millis")]
    pub duration: Duration,
    /// The snapshot that was made, when restic told its id.
    pub snapshot_id: Option<String>,
    /// Its numbers, when it was asked for JSON.
    pub summary: Option<Summary>,
    /// The last lines of its stderr, when that was read.
    pub stderr_tail: String,
}

/// One call of a hook.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct HookCall {
    /// Name of the hook.
    pub name: String,
    /// What its component calls itself, as `name@version`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Where it stands.
    pub scope: Scope,
    /// What its failure means.
    pub kind: Kind,
    /// What it was called for.
    pub event: EventKind,
    /// 1 for the first call.
    pub attempt: u32,
    /// None for ok.
    pub failure: Option<Failure>,
    /// Why it wants the run to be skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<String>,
    /// Wall clock.
    #[serde(rename = "duration-ms", with = "millis")]
    pub duration: Duration,
    /// Fuel used.
    pub fuel: u64,
    /// The most bytes that its memories had together.
    pub peak_memory: u64,
    /// What it said, bounded by its limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Record>,
    /// How it has changed the backup: of variables, the names alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<Change>,
    /// The file that the call was recorded in, if it was.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "lossy")]
    pub record: Option<PathBuf>,
}

/// A path that isn't UTF-8 must not keep a report, or a step of the journal, from being
/// written.
fn lossy<S: serde::Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

impl HookCall {
    /// Hides secrets in all that the hook had a part in.
    pub(crate) fn hide(&mut self, mask: &Mask) {
        let Self { failure, skip, log, plan, .. } = self;
        plan.iter_mut().for_each(|change| change.hide(mask));
        let message = failure.as_mut().map(|failure| &mut failure.message);
        message.into_iter().chain(skip).for_each(|text| mask.apply(text));
        for Record { message, fields, .. } in log {
            mask.apply(message);
            fields.iter_mut().flat_map(|(key, value)| [key, value]).for_each(|text| mask.apply(text));
        }
    }

    /// The call as it is told to other hooks.
    #[must_use]
    pub fn result(&self) -> HookResult {
        HookResult {
            name: self.name.clone(),
            scope: self.scope,
            kind: self.event,
            attempt: self.attempt,
            failure: self.failure.as_ref().map(|failure| HookFailure {
                reason: failure.reason.name().to_owned(),
                message: failure.message.clone(),
            }),
            duration: self.duration,
        }
    }
}
