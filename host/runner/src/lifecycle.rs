//! The lifecycle of a run: `before`, the gate, restic, the outcome, `finally`.
//!
//! The invariants that this module keeps: restic starts only when every required
//! `before` has returned ok; a hook with `before` and `finally` gets its `finally`
//! exactly when its `before` was started; outcome hooks and `finally` are called
//! whatever came before; and what they do never changes the outcome.

mod verdict;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use hookward_engine::event::{Event, EventKind, Outcome, Status};
use hookward_engine::log::Source;
use hookward_engine::{CancellationToken, Failure, Reason};
use jiff::Timestamp;
use uuid::Uuid;

use crate::call::call;
use crate::config::{HookSpec, Kind};
use crate::exit;
use crate::interrupt::{Interrupts, Step};
use crate::journal::{Entry, Journal, Verdict};
use crate::lock::Locks;
use crate::observer::{Happening, Observer};
use crate::plan::Plan;
use crate::prepare::{Prepared, Ready};
use crate::record::Record;
use crate::recovery::Owed;
use crate::report::{HookCall, RunReport};
use crate::start::{RunError, Start, start};

/// What a run needs besides its plan.
#[derive(Clone)]
pub struct Context {
    /// Where locks stand.
    pub locks: Locks,
    /// Where runs that call hooks are written.
    pub journal: Journal,
    /// Whether to wait for another run of the profile; else it is an error.
    pub wait: bool,
    /// Ends the run.
    pub interrupts: Interrupts,
    /// Watches the run.
    pub observer: Arc<dyn Observer>,
}

/// How the `before` hooks left the gate.
enum Gate {
    Open,
    Shut {
        hook: String,
        failure: Failure,
    },
    Skipped {
        reason: String,
    },
    Cancelled,
    /// Something else keeps it shut than a hook.
    Barred {
        reason: String,
    },
}

/// A run on its way.
struct Run<'a> {
    id: String,
    began: Instant,
    started: Timestamp,
    prepared: &'a Prepared,
    /// The plan, as the hooks have changed it so far.
    plan: Cow<'a, Plan>,
    context: &'a Context,
    /// What ends this run, and not those behind it.
    interrupts: Interrupts,
    record: Record,
    calls: Vec<HookCall>,
    warnings: Vec<String>,
    /// Places in the plan of the hooks whose `before` was started.
    begun: BTreeSet<usize>,
    /// A required hook has failed after the gate, retries included; or what another run
    /// owes is still owed.
    failed_afterwards: bool,
    /// Why the gate stays shut, whatever the hooks say.
    barred: Option<String>,
}

/// Carries a run out. What others have left to be done is done before it.
///
/// # Errors
/// When a lock can't be got, or the journal can't be used: nothing was started then.
pub async fn run(prepared: &Prepared, context: &Context) -> Result<RunReport, RunError> {
    let id = Uuid::now_v7().to_string();
    let Start { locks, recovered } = start(prepared, context, &id).await?;
    let plan = &prepared.plan;
    let (began, started) = (Instant::now(), Timestamp::now());
    let entry = if plan.calls_hooks() { Some(context.journal.begin(&id, prepared, started)?) } else { None };
    let owed = recovered.owed.iter();
    let mut run = Run {
        id,
        began,
        started,
        prepared,
        plan: Cow::Borrowed(plan),
        context,
        interrupts: context.interrupts.child(),
        record: Record::new(entry),
        calls: Vec::new(),
        warnings: recovered.warnings.into_iter().chain(owed.clone().map(Owed::to_string)).collect(),
        begun: BTreeSet::new(),
        failed_afterwards: recovered.failed || owed.clone().any(|owed| owed.is_required_of(plan.profile.as_deref())),
        barred: owed
            .clone()
            .find(|owed| plan.operation == "backup" && owed.blocks(plan.profile.as_deref()))
            .map(Owed::to_string),
    };
    let report = run.carry_out().await;
    // The run's own lock goes first: who has the profile's finds no other held.
    drop(run);
    drop(locks);
    context.observer.notice(&Happening::Ended(&report));
    Ok(report)
}

impl<'a> Run<'a> {
    async fn carry_out(&mut self) -> RunReport {
        let plan = &self.prepared.plan;
        let observer = &self.context.observer;
        observer.notice(&Happening::Begun { run_id: &self.id, plan });
        for (hook, failure) in self.prepared.hooks().filter_map(|(spec, hook)| Some((spec, hook.err()?))) {
            observer.notice(&Happening::Unusable { hook, failure });
        }
        let deadline = self.deadline();
        let mut gate = self.before().await;
        if let Gate::Open = gate {
            self.record.write(Entry::gate_opened);
            // Before the gate, what can't be written down isn't done.
            if let Some(trouble) = self.record.trouble() {
                gate = Gate::Barred { reason: trouble.to_owned() };
            }
        }
        let verdict = match gate {
            Gate::Open => self.restic().await,
            shut => self.not_started(shut),
        };
        // From here on, nothing is late.
        drop(deadline);
        let hidden = self.hidden(&verdict);
        self.record.put(|_| hidden.judged().map(Some));
        self.outcome_hooks(&verdict).await;
        let owed = self.finally(&verdict).await;
        let mut report = RunReport {
            run_id: self.id.clone(),
            profile: plan.profile.clone(),
            operation: plan.operation.clone(),
            repository: plan.repository.clone(),
            sources: self.plan.sources.clone(),
            tags: self.plan.tags.clone(),
            trigger: plan.trigger,
            dry_run: plan.dry_run,
            started: self.started,
            duration: self.began.elapsed(),
            exit_code: self.exit_code(&verdict, &owed),
            status: verdict.status,
            error: verdict.error.clone(),
            restic: verdict.restic.clone(),
            hooks: std::mem::take(&mut self.calls),
            warnings: std::mem::take(&mut self.warnings),
            owed: owed.into_iter().map(|hook| hook.name.clone()).collect(),
        };
        // Again: a secret may have been read after it was printed.
        report.hide(&self.prepared.mask);
        let hide = !self.prepared.mask.is_empty();
        let warning = std::mem::take(&mut self.record).close(&report, &self.hidden(&verdict), hide);
        report.warnings.extend(warning);
        report
    }

    /// The verdict as it may be kept.
    fn hidden(&self, verdict: &Verdict) -> Verdict {
        let mut verdict = verdict.clone();
        let tail = verdict.restic.as_mut().map(|restic| &mut restic.stderr_tail);
        verdict.error.iter_mut().chain(tail).for_each(|text| self.prepared.mask.apply(text));
        verdict
    }

    /// Ends the run when its time is up, until it is dropped.
    fn deadline(&self) -> Option<Deadline> {
        let after = self.prepared.plan.max_duration?;
        let (interrupts, observer) = (self.interrupts.clone(), Arc::clone(&self.context.observer));
        Some(Deadline(tokio::spawn(async move {
            tokio::time::sleep(after).await;
            if let Some(interrupt) = interrupts.overdue(after) {
                observer.notice(&Happening::Interrupted { interrupt, step: Step::Stop });
            }
        })))
    }

    /// Calls the `before` hooks, up to the first that keeps the gate shut.
    async fn before(&mut self) -> Gate {
        let prepared = self.prepared;
        if let Some(reason) = self.barred.take() {
            return Gate::Barred { reason };
        }
        let interrupts = self.interrupts.clone();
        let stop = interrupts.step(Step::Stop);
        for (index, ready) in prepared.hooks_on(EventKind::Before) {
            let spec = &ready.spec;
            if stop.is_cancelled() {
                return Gate::Cancelled;
            }
            let called = self.call(index, ready, EventKind::Before, None, stop).await;
            let Some(call) = called.filter(|_| self.record.trouble().is_none()) else {
                let reason = self.record.trouble().unwrap_or_default().to_owned();
                return Gate::Barred { reason };
            };
            if stop.is_cancelled() {
                return Gate::Cancelled;
            }
            self.change_plan(spec, &call);
            match (call.failure, spec.kind) {
                (None, _) => {
                    if let Some(reason) = call.skip {
                        return Gate::Skipped { reason: format!("hook \"{}\": {reason}", spec.name) };
                    }
                }
                (Some(failure), Kind::Required) => return Gate::Shut { hook: spec.name.clone(), failure },
                (Some(failure), Kind::Preflight) => {
                    return Gate::Skipped { reason: format!("hook \"{}\": {failure}", spec.name) };
                }
                (Some(failure), Kind::Optional) => self.warn_of(&spec.name, EventKind::Before, &failure),
            }
        }
        if stop.is_cancelled() { Gate::Cancelled } else { Gate::Open }
    }

    /// Tells of the outcome. The next signal stops the hook that it meets, and no
    /// other: a notification is never lost.
    async fn outcome_hooks(&mut self, verdict: &Verdict) {
        let prepared = self.prepared;
        let kind = verdict.status.event();
        for (index, ready) in prepared.hooks_on(kind) {
            let stop = self.context.interrupts.next();
            let outcome = self.outcome(verdict);
            let called = self.call(index, ready, kind, Some(outcome), stop).await;
            if let Some(failure) = called.and_then(|call| call.failure) {
                self.failed_afterwards |= ready.spec.kind == Kind::Required;
                self.warn_of(&ready.spec.name, kind, &failure);
            }
        }
    }

    /// Cleans up. Only the third signal keeps a `finally` from being called or ends
    /// it: what `before` has stopped must be started again. Returns what is owed.
    async fn finally(&mut self, verdict: &Verdict) -> Vec<&'a HookSpec> {
        let prepared = self.prepared;
        let leave = self.context.interrupts.step(Step::Leave);
        let mut owed = Vec::new();
        for (index, ready) in prepared.hooks_on(EventKind::Finally) {
            let spec = &*ready.spec;
            let paired = spec.on.contains(&EventKind::Before);
            if paired && !self.begun.contains(&index) {
                continue;
            }
            if leave.is_cancelled() {
                owed.push(spec);
                continue;
            }
            let outcome = self.outcome(verdict);
            let called = self.call(index, ready, EventKind::Finally, Some(outcome), leave).await;
            if let Some((failure, attempt)) = called.and_then(|call| Some((call.failure?, call.attempt))) {
                self.failed_afterwards |= spec.kind == Kind::Required;
                let called_off = failure.reason == Reason::Cancelled || attempt < spec.retry.attempts;
                if leave.is_cancelled() && called_off {
                    owed.push(spec);
                }
                self.warn_of(&spec.name, EventKind::Finally, &failure);
            }
        }
        owed
    }

    /// Calls one hook, retries included, and keeps every call; none if the first could
    /// not be written down.
    async fn call(
        &mut self,
        index: usize,
        ready: &Ready,
        kind: EventKind,
        outcome: Option<Outcome>,
        stop: &CancellationToken,
    ) -> Option<HookCall> {
        let plan = &self.plan;
        let event = Event {
            run_id: self.id.clone(),
            kind,
            operation: plan.operation.clone(),
            profile: plan.profile.clone(),
            scope: ready.spec.scope,
            repository: plan.repository.clone(),
            host: plan.host.clone(),
            sources: plan.sources.clone(),
            tags: plan.tags.clone(),
            trigger: plan.trigger,
            dry_run: plan.dry_run,
            attempt: 1,
            recovered: false,
            outcome,
        };
        // From here on its `finally` is owed.
        let owes = kind == EventKind::Before && ready.spec.on.contains(&EventKind::Finally);
        let mut calls = self.record.calls(index, kind, owes, &self.prepared.mask);
        let last = call(ready, event, stop, &self.context.observer, &mut calls).await;
        let ended = calls.ended;
        for call in &ended {
            let warned = call.log.iter().filter(|record| record.source == Source::Warning);
            self.warnings.extend(warned.map(|record| format!("hook \"{}\": {}", call.name, record.message)));
        }
        self.calls.extend(ended);
        let last = last?;
        if kind == EventKind::Before {
            self.begun.insert(index);
        } else if let Some(reason) = &last.skip {
            let name = &last.name;
            self.warnings.push(format!("hook \"{name}\" asked in `{kind}` to skip the run, too late: {reason}"));
        }
        Some(last)
    }

    /// Makes the changes of a `before` that returned ok; those of any other call are
    /// none.
    fn change_plan(&mut self, hook: &HookSpec, call: &HookCall) {
        if call.plan.is_empty() {
            return;
        }
        self.plan.to_mut().change(&call.plan);
        let mut changes = call.plan.clone();
        changes.iter_mut().for_each(|change| change.hide(&self.prepared.mask));
        let hide = |texts: &[String]| -> Vec<_> {
            texts.iter().map(|text| self.prepared.mask.mask(text).into_owned()).collect()
        };
        let (sources, tags) = (hide(&self.plan.sources), hide(&self.plan.tags));
        self.record.write(|entry| entry.plan_changed(&sources, &tags));
        self.context.observer.notice(&Happening::PlanChanged { hook, changes: &changes, plan: &self.plan });
    }

    fn warn_of(&mut self, hook: &str, kind: EventKind, failure: &Failure) {
        self.warnings.push(format!("hook \"{hook}\" failed in `{kind}`: {failure}"));
    }

    fn outcome(&self, verdict: &Verdict) -> Outcome {
        let restic = verdict.restic.as_ref();
        let mut outcome = Outcome {
            status: verdict.status,
            exit_code: restic.and_then(|restic| restic.exit_code),
            error: verdict.error.clone(),
            duration: self.began.elapsed(),
            snapshot_id: restic.and_then(|restic| restic.snapshot_id.clone()),
            summary: restic.and_then(|restic| restic.summary.clone()),
            stderr_tail: restic.map(|restic| restic.stderr_tail.clone()).unwrap_or_default(),
            hooks: self.calls.iter().map(HookCall::result).collect(),
        };
        // A hook isn't told the secrets of another, whenever they were read.
        let mask = &self.prepared.mask;
        let Outcome { error, stderr_tail, hooks, .. } = &mut outcome;
        let failures = hooks.iter_mut().filter_map(|hook| hook.failure.as_mut()).map(|failure| &mut failure.message);
        failures.chain(error).chain([stderr_tail]).for_each(|text| mask.apply(text));
        outcome
    }

    /// A failure that stands is never masked; a run that ended well isn't reported as
    /// such when a required hook failed after it, or is still owed its call.
    fn exit_code(&self, verdict: &Verdict, owed: &[&HookSpec]) -> i32 {
        let ended_well = matches!(verdict.status, Status::Success | Status::Skipped);
        let owes = owed.iter().any(|hook| hook.kind == Kind::Required);
        if ended_well && (owes || self.failed_afterwards) { exit::FAILED_AFTERWARDS } else { verdict.exit_code }
    }
}

/// A task that ends the run, unless it is dropped before.
struct Deadline(tokio::task::JoinHandle<()>);

impl Drop for Deadline {
    fn drop(&mut self) {
        self.0.abort();
    }
}
