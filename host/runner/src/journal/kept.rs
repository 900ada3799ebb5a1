//! What the journal holds of a run, and what follows from it.

use std::path::PathBuf;
use std::time::Duration;

use hookward_engine::event::{EventKind, HookFailure, HookResult, Scope, Status, Trigger, millis};
use hookward_engine::log::Record;
use hookward_engine::{Digest, Reason};
use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde::{Deserialize, Serialize};

use super::{Cause, Journal, JournalError};
use crate::config::{HookSpec, Kind};
use crate::report::{HookCall, ResticReport};

/// The part of a plan that is kept: recovery needs no configuration, and asks none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Kept {
    pub(crate) host: String,
    pub(crate) sources: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) hooks: Vec<KeptHook>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct KeptHook {
    pub(crate) spec: HookSpec,
    /// The component that it was; none of a hook that could not be called.
    pub(crate) component: Option<Digest>,
}

/// How a run has gone, once restic has ended or is known not to start.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    /// The exit code if nothing fails afterwards.
    pub(crate) exit_code: i32,
    pub(crate) error: Option<String>,
    /// None when restic was never started, or its end is not known.
    pub(crate) restic: Option<ResticReport>,
}

/// What is told of a run that is over, besides its verdict and its calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Closing {
    pub(crate) exit_code: i32,
    #[serde(rename = "duration-ms", with = "millis")]
    pub(crate) duration: Duration,
    pub(crate) warnings: Vec<String>,
}

/// A hook's call as it was kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct KeptCall {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) module: Option<String>,
    pub(crate) scope: Scope,
    pub(crate) kind: Kind,
    pub(crate) event: EventKind,
    pub(crate) attempt: u32,
    pub(crate) failure: Option<HookFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) skip: Option<String>,
    #[serde(rename = "duration-ms", with = "millis")]
    pub(crate) duration: Duration,
    pub(crate) fuel: u64,
    pub(crate) peak_memory: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) log: Vec<Record>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) plan: Vec<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<PathBuf>,
}

impl KeptCall {
    /// A call as it is told to later ones.
    pub(crate) fn of(call: &HookCall) -> Self {
        let HookCall { name, module, scope, kind, event, attempt, skip, duration, fuel, peak_memory, log, .. } =
            call.clone();
        let failure = call.result().failure;
        let (plan, record) = (Vec::new(), None);
        Self {
            name,
            module,
            scope,
            kind,
            event,
            attempt,
            failure,
            skip,
            duration,
            fuel,
            peak_memory,
            log,
            plan,
            record,
        }
    }

    pub(crate) fn result(self) -> HookResult {
        let Self { name, scope, event: kind, attempt, failure, duration, .. } = self;
        HookResult { name, scope, kind, attempt, failure, duration }
    }
}

/// One row of `call`.
#[derive(Debug, Clone)]
pub(crate) struct CallRow {
    pub(crate) hook: usize,
    pub(crate) event: EventKind,
    pub(crate) attempt: u32,
    pub(crate) recovered: bool,
    pub(crate) over: bool,
    /// None of a call that has not ended, as far as is known.
    pub(crate) result: Option<KeptCall>,
}

/// One row of `debt`.
#[derive(Debug, Clone)]
pub(crate) struct DebtRow {
    pub(crate) hook: usize,
    pub(crate) failures: u32,
    /// Milliseconds since 1970.
    pub(crate) next_try: i64,
    pub(crate) last_error: String,
    pub(crate) given_up: bool,
}

/// The restic process of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ResticProcess {
    pub(crate) pid: i32,
    /// Clock ticks since the boot.
    pub(crate) start: u64,
    pub(crate) boot: String,
}

/// A run as the journal knows it.
#[derive(Debug, Clone)]
pub(crate) struct OpenRun {
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) profile: Option<String>,
    pub(crate) operation: String,
    pub(crate) repository: String,
    pub(crate) trigger: Trigger,
    pub(crate) dry_run: bool,
    /// Milliseconds since 1970.
    pub(crate) started: i64,
    pub(crate) gate_opened: Option<i64>,
    pub(crate) restic: Option<ResticProcess>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) closing: Option<Closing>,
    pub(crate) ended: Option<i64>,
    pub(crate) plan: Kept,
    pub(crate) calls: Vec<CallRow>,
    /// Number of the last one, from 1.
    pub(crate) last_call: i64,
    pub(crate) debts: Vec<DebtRow>,
}

impl OpenRun {
    /// Places of the hooks whose `finally` is owed, in the order of the calls: of a
    /// pair, once its `before` has begun; until a call has returned ok, or a living
    /// run has told that it did not.
    pub(crate) fn owed(&self) -> Vec<usize> {
        let hooks = self.plan.hooks.iter().enumerate().rev();
        let begun = |hook, event| self.calls.iter().any(|call| call.hook == hook && call.event == event);
        let over = |hook| self.calls.iter().any(|call| call.hook == hook && is_finally(call) && call.over);
        let owed = hooks.filter(|(index, kept)| {
            kept.component.is_some()
                && kept.spec.on.contains(&EventKind::Finally)
                && (!kept.spec.on.contains(&EventKind::Before) || begun(*index, EventKind::Before))
                && !over(*index)
                && !self.debt(*index).is_some_and(|debt| debt.given_up)
        });
        owed.map(|(index, _)| index).collect()
    }

    /// Places of the hooks that are still to be told of the outcome, in the order of
    /// the calls: until a call has come to its end, and no attempt is left after it.
    /// One that was cut off may have told it; twice is better than never.
    pub(crate) fn untold(&self, outcome: EventKind) -> Vec<usize> {
        // Who has closed it has told what there was to tell, and was called off at most.
        if self.closing.is_some() {
            return Vec::new();
        }
        let hooks = self.plan.hooks.iter().enumerate().rev();
        let told = |hook, attempts| {
            self.calls.iter().any(|call| call.hook == hook && call.event == outcome && call.is_last(attempts))
        };
        let untold = hooks.filter(|(index, kept)| {
            kept.component.is_some() && kept.spec.on.contains(&outcome) && !told(*index, kept.spec.retry.attempts)
        });
        untold.map(|(index, _)| index).collect()
    }

    pub(crate) fn debt(&self, hook: usize) -> Option<&DebtRow> {
        self.debts.iter().find(|debt| debt.hook == hook)
    }
}

impl CallRow {
    /// Whether it has ended, and no other of these attempts follows: it was the last,
    /// has returned ok, or was called off.
    fn is_last(&self, attempts: u32) -> bool {
        let Some(result) = &self.result else { return false };
        let again = |failure: &HookFailure| failure.reason != Reason::Cancelled.name() && self.attempt < attempts;
        !result.failure.as_ref().is_some_and(again)
    }
}

fn is_finally(call: &CallRow) -> bool {
    call.event == EventKind::Finally
}

/// Whether nothing further is to come of a call: it was paid; or it failed in its last
/// attempt, and there is somebody who hears of it.
pub(crate) fn is_over(failure: Option<Reason>, last: bool, recovered: bool) -> bool {
    match failure {
        None => true,
        Some(Reason::Cancelled) => false,
        Some(_) => last && !recovered,
    }
}

impl Journal {
    /// All that there is about a run; none if there is no such run.
    pub(crate) fn load(&self, number: i64) -> Result<Option<OpenRun>, JournalError> {
        let texts = self.read(|transaction| {
            let run = transaction.query_row("SELECT * FROM run WHERE number = ?1", [number], Texts::of).optional()?;
            let Some(mut run) = run else { return Ok(None) };
            run.calls = calls(transaction, number)?;
            run.run.last_call =
                transaction.query_row("SELECT coalesce(max(number), 0) FROM call WHERE run = ?1", [number], |row| {
                    row.get(0)
                })?;
            run.debts = debts(transaction, number)?;
            Ok(Some(run))
        })?;
        texts.map(|texts| texts.parse().map_err(|error| JournalError(Cause::Text(error)))).transpose()
    }
}

/// A run's rows before their JSON is read.
struct Texts {
    run: OpenRun,
    plan: String,
    verdict: Option<String>,
    closing: Option<String>,
    calls: Vec<(CallRow, Option<String>)>,
    debts: Vec<DebtRow>,
}

impl Texts {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let restic = match (row.get("restic_pid")?, row.get("restic_start")?, row.get("boot_id")?) {
            (Some(pid), Some(start), Some(boot)) => Some(ResticProcess { pid, start: i64::cast_unsigned(start), boot }),
            _ => None,
        };
        let trigger: String = row.get("started_by")?;
        let run = OpenRun {
            number: row.get("number")?,
            id: row.get("id")?,
            profile: row.get("profile")?,
            operation: row.get("operation")?,
            repository: row.get("repository")?,
            trigger: parse(&trigger)?,
            dry_run: row.get("dry_run")?,
            started: row.get("started")?,
            gate_opened: row.get("gate_opened")?,
            restic,
            verdict: None,
            closing: None,
            ended: row.get("ended")?,
            plan: Kept { host: String::new(), sources: Vec::new(), tags: Vec::new(), hooks: Vec::new() },
            calls: Vec::new(),
            last_call: 0,
            debts: Vec::new(),
        };
        let (plan, verdict, closing) = (row.get("plan")?, row.get("verdict")?, row.get("report")?);
        Ok(Self { run, plan, verdict, closing, calls: Vec::new(), debts: Vec::new() })
    }

    fn parse(self) -> serde_json::Result<OpenRun> {
        let mut run = self.run;
        run.plan = serde_json::from_str(&self.plan)?;
        run.verdict = self.verdict.as_deref().map(serde_json::from_str).transpose()?;
        run.closing = self.closing.as_deref().map(serde_json::from_str).transpose()?;
        for (mut call, result) in self.calls {
            call.result = result.as_deref().map(serde_json::from_str).transpose()?;
            run.calls.push(call);
        }
        run.debts = self.debts;
        Ok(run)
    }
}

/// The first column, as a place in the plan.
fn place(row: &Row<'_>) -> rusqlite::Result<usize> {
    let place: i64 = row.get(0)?;
    usize::try_from(place).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, place))
}

/// One of our own words.
fn parse<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> rusqlite::Result<T> {
    let conversion = |error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error));
    text.parse().map_err(conversion)
}

fn calls(transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<Vec<(CallRow, Option<String>)>> {
    let mut calls = transaction
        .prepare("SELECT hook, event, attempt, recovered, over, result FROM call WHERE run = ?1 ORDER BY number")?;
    let calls = calls.query_map([run], |row| {
        let (event, result): (String, _) = (row.get(1)?, row.get(5)?);
        let (hook, attempt) = (place(row)?, row.get(2)?);
        let (recovered, over) = (row.get(3)?, row.get(4)?);
        Ok((CallRow { hook, event: parse(&event)?, attempt, recovered, over, result: None }, result))
    })?;
    calls.collect()
}

fn debts(transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<Vec<DebtRow>> {
    let mut debts = transaction
        .prepare("SELECT hook, failures, next_try, last_error, given_up FROM debt WHERE run = ?1 ORDER BY hook")?;
    let debts = debts.query_map([run], |row| {
        let (hook, failures, next_try) = (place(row)?, row.get(1)?, row.get(2)?);
        Ok(DebtRow { hook, failures, next_try, last_error: row.get(3)?, given_up: row.get(4)? })
    })?;
    debts.collect()
}
