//! Reading: what has become of runs.

use std::path::PathBuf;

use hookward_engine::event::{EventKind, HookFailure, Scope, Status, Trigger, millis};
use hookward_engine::log::Record;
use jiff::Timestamp;
use rusqlite::params;
use serde::Serialize;

use super::kept::{CallRow, OpenRun, Verdict};
use super::{Journal, JournalError};
use crate::config::Kind;
use crate::report::ResticReport;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RunState {
    /// Its process is there, or one that recovers it.
    Running,
    /// Its process is gone, and something of it is still to be done.
    Open,
    /// It is over.
    Ended,
}

/// One run in a line.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct RunSummary {
    /// UUIDv7 of the run.
    pub run_id: String,
    /// The profile, if the run has one.
    pub profile: Option<String>,
    /// The restic subcommand.
    pub operation: String,
    /// Location of the repository, credentials removed.
    pub repository: String,
    /// What started the run.
    pub trigger: Trigger,
    /// Nothing was to be changed.
    pub dry_run: bool,
    /// When it began.
    pub started: Timestamp,
    /// Where it stands.
    pub state: RunState,
    /// How it went, once that is known.
    pub status: Option<Status>,
    /// Its exit code; none of a run whose process could not tell one.
    pub exit_code: Option<i32>,
    /// From its beginning to its end, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Hooks whose `finally` is still to be called; of a run that goes on, none.
    pub owed: Vec<String>,
}

/// All that is known of a run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct RunDetail {
    /// What the list has of it.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// The machine.
    pub host: String,
    /// What was to be backed up in the end.
    pub sources: Vec<String>,
    /// The tags that the snapshot was to get in the end.
    pub tags: Vec<String>,
    /// When restic was about to be started.
    pub gate_opened: Option<Timestamp>,
    /// Why it ended so.
    pub error: Option<String>,
    /// restic's part.
    pub restic: Option<ResticReport>,
    /// What went wrong without ending the run.
    pub warnings: Vec<String>,
    /// Every call of a hook, in order.
    pub hooks: Vec<CallDetail>,
    /// What a recovery has failed to pay, or was told not to.
    pub debts: Vec<Debt>,
}

/// One call of a hook, as it was kept.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct CallDetail {
    /// Name of the hook.
    pub name: String,
    /// What its component called itself, as `name@version`.
    pub module: Option<String>,
    /// Where it stands.
    pub scope: Scope,
    /// What its failure means.
    pub kind: Kind,
    /// What it was called for.
    pub event: EventKind,
    /// 1 for the first call.
    pub attempt: u32,
    /// It was called by another process than the run's own.
    pub recovered: bool,
    /// Whether its end is known: not that of a call in which the process died.
    pub ended: bool,
    /// None for ok.
    pub failure: Option<HookFailure>,
    /// Why it wanted the run to be skipped.
    pub skip: Option<String>,
    /// Wall clock, in milliseconds.
    pub duration_ms: u64,
    /// Fuel used.
    pub fuel: u64,
    /// The most bytes that its memories had together.
    pub peak_memory: u64,
    /// The end of what it said.
    pub log: Vec<Record>,
    /// How it has changed the backup: of variables, the names alone.
    pub plan: Vec<serde_json::Value>,
    /// The file that it was recorded in, if it was. It may be gone since.
    pub record: Option<PathBuf>,
}

/// A `finally` that a recovery could not pay.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Debt {
    /// Name of the hook.
    pub hook: String,
    /// Recoveries that have failed.
    pub failures: u32,
    /// Why the last one has.
    pub last_error: String,
    /// When it is tried again at the earliest; none if it isn't.
    pub next_try: Option<Timestamp>,
    /// The operator has given it up.
    pub given_up: bool,
}

/// No run, or more than one, is meant by a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoSuchRun {
    /// There is none.
    #[error("the journal has no run `{0}`; `hookward runs list` shows those that it has")]
    Unknown(String),
    /// There are several.
    #[error("`{0}` is the beginning of several runs; write more of it")]
    Ambiguous(String),
}

impl Journal {
    /// The newest runs, the newest first, of one profile or of all.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn runs(&self, profile: Option<&str>, limit: usize) -> Result<Vec<RunSummary>, JournalError> {
        if !self.exists() {
            return Ok(Vec::new());
        }
        let numbers: Vec<i64> = self.read(|transaction| {
            let mut numbers = transaction
                .prepare("SELECT number FROM run WHERE ?1 IS NULL OR profile = ?1 ORDER BY number DESC LIMIT ?2")?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            numbers.query_map(params![profile, limit], |row| row.get(0))?.collect()
        })?;
        let mut runs = Vec::new();
        for number in numbers {
            // One that was removed meanwhile is none.
            runs.extend(self.load(number)?.map(|run| self.summary(&run)));
        }
        Ok(runs)
    }

    /// The runs that are open, living ones included, the oldest first.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn open(&self) -> Result<Vec<RunSummary>, JournalError> {
        if !self.exists() {
            return Ok(Vec::new());
        }
        let mut runs = Vec::new();
        for (number, ..) in self.open_runs()? {
            runs.extend(self.load(number)?.map(|run| self.summary(&run)));
        }
        Ok(runs)
    }

    /// The id of the run whose id begins so.
    ///
    /// # Errors
    /// The inner one when there isn't exactly one; the outer one when the journal can't
    /// be read.
    pub fn find_run(&self, prefix: &str) -> Result<Result<String, NoSuchRun>, JournalError> {
        let unknown = || Err(NoSuchRun::Unknown(prefix.to_owned()));
        if !self.exists() || prefix.is_empty() {
            return Ok(unknown());
        }
        let found: Vec<String> = self.read(|transaction| {
            let mut ids = transaction.prepare("SELECT id FROM run WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2")?;
            ids.query_map([prefix.to_ascii_lowercase()], |row| row.get(0))?.collect()
        })?;
        Ok(match found.as_slice() {
            [] => unknown(),
            [id] => Ok(id.clone()),
            _ => Err(NoSuchRun::Ambiguous(prefix.to_owned())),
        })
    }

    /// All that is known of a run; none if there is no run of this id.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn run(&self, id: &str) -> Result<Option<RunDetail>, JournalError> {
        let Some(number) = self.number(id)? else { return Ok(None) };
        Ok(self.load(number)?.map(|run| self.detail(run)))
    }

    fn summary(&self, run: &OpenRun) -> RunSummary {
        let state = match run.ended {
            Some(_) => RunState::Ended,
            None if self.is_held(&run.id) => RunState::Running,
            None => RunState::Open,
        };
        let owed = if state == RunState::Open { run.owed() } else { Vec::new() };
        RunSummary {
            run_id: run.id.clone(),
            profile: run.profile.clone(),
            operation: run.operation.clone(),
            repository: run.repository.clone(),
            trigger: run.trigger,
            dry_run: run.dry_run,
            started: timestamp(run.started),
            state,
            status: run.verdict.as_ref().map(|verdict| verdict.status),
            exit_code: run.closing.as_ref().map(|closing| closing.exit_code),
            duration_ms: run.closing.as_ref().map(|closing| millis::of(closing.duration)),
            owed: owed.into_iter().filter_map(|hook| Some(run.plan.hooks.get(hook)?.spec.name.clone())).collect(),
        }
    }

    fn detail(&self, run: OpenRun) -> RunDetail {
        let summary = self.summary(&run);
        let hooks = run.calls.iter().filter_map(|call| CallDetail::of(call, &run)).collect();
        let debts = run.debts.iter().filter_map(|debt| {
            let next = Some(debt.next_try).filter(|_| !debt.given_up && run.ended.is_none());
            Some(Debt {
                hook: run.plan.hooks.get(debt.hook)?.spec.name.clone(),
                failures: debt.failures,
                last_error: debt.last_error.clone(),
                next_try: next.map(timestamp),
                given_up: debt.given_up,
            })
        });
        let debts = debts.collect();
        let (error, restic) = match run.verdict {
            Some(Verdict { error, restic, .. }) => (error, restic),
            None => (None, None),
        };
        RunDetail {
            summary,
            host: run.plan.host,
            sources: run.plan.sources,
            tags: run.plan.tags,
            gate_opened: run.gate_opened.map(timestamp),
            error,
            restic,
            warnings: run.closing.map(|closing| closing.warnings).unwrap_or_default(),
            hooks,
            debts,
        }
    }
}

impl CallDetail {
    fn of(call: &CallRow, run: &OpenRun) -> Option<Self> {
        let spec = &run.plan.hooks.get(call.hook)?.spec;
        let result = call.result.clone();
        let ended = result.is_some();
        let mut detail = Self {
            name: spec.name.clone(),
            module: None,
            scope: spec.scope,
            kind: spec.kind,
            event: call.event,
            attempt: call.attempt,
            recovered: call.recovered,
            ended,
            failure: None,
            skip: None,
            duration_ms: 0,
            fuel: 0,
            peak_memory: 0,
            log: Vec::new(),
            plan: Vec::new(),
            record: None,
        };
        if let Some(result) = result {
            detail.module = result.module;
            detail.failure = result.failure;
            detail.skip = result.skip;
            detail.duration_ms = millis::of(result.duration);
            detail.fuel = result.fuel;
            detail.peak_memory = result.peak_memory;
            detail.log = result.log;
            detail.plan = result.plan;
            detail.record = result.record;
        }
        Some(detail)
    }
}

/// A time that the journal wrote; the beginning of all time for one that it can't have.
fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MIN)
}
