//! The lifecycle of a run: `before`, the gate, restic, the outcome, `finally`.
//!
//! The invariants that this module keeps: restic starts only when every required
//! `before` has returned ok; a hook with `before` and `finally` gets its `finally`
//! exactly when its `before` was started; outcome hooks and `finally` are called
//! whatever came before; and what they do never changes the outcome.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use hookward_engine::event::{Event, EventKind, Outcome, Status};
use hookward_engine::log::Source;
use hookward_engine::{CancellationToken, Failure};
use jiff::Timestamp;
use nix::sys::signal::Signal;
use uuid::Uuid;

use crate::call::call;
use crate::config::{HookSpec, Kind};
use crate::exit;
use crate::interrupt::{Interrupts, Step};
use crate::lock::{Holder, Lock, LockError, Locks, Name};
use crate::observer::{Happening, Observer};
use crate::plan::Plan;
use crate::prepare::{Prepared, Ready};
use crate::report::{HookCall, ResticReport, RunReport};
use crate::restic::process::{self, Ended, Exit, Said};

/// What a run needs besides its plan.
#[derive(Clone)]
pub struct Context {
    /// Where locks stand.
    pub locks: Locks,
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
    Shut { hook: String, failure: Failure },
    Skipped { reason: String },
    Cancelled,
}

/// How the run has gone, once restic has ended or is known not to start.
#[derive(Debug, Clone)]
struct Verdict {
    status: Status,
    /// The exit code if nothing fails afterwards.
    exit_code: i32,
    error: Option<String>,
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
    calls: Vec<HookCall>,
    warnings: Vec<String>,
    /// Places in the plan of the hooks whose `before` was started.
    begun: BTreeSet<usize>,
    /// A required hook has failed after the gate, retries included.
    failed_afterwards: bool,
}

/// Carries a run out.
///
/// # Errors
/// When a lock can't be got: nothing was started then.
pub async fn run(prepared: &Prepared, context: &Context) -> Result<RunReport, LockError> {
    let id = Uuid::now_v7().to_string();
    let locks = lock(prepared, context, &id).await?;
    let mut run = Run {
        id,
        began: Instant::now(),
        started: Timestamp::now(),
        prepared,
        plan: Cow::Borrowed(&prepared.plan),
        context,
        calls: Vec::new(),
        warnings: Vec::new(),
        begun: BTreeSet::new(),
        failed_afterwards: false,
    };
    let report = run.carry_out().await;
    drop(locks);
    context.observer.notice(&Happening::Ended(&report));
    Ok(report)
}

/// Takes the locks of the run: the profile's, then the exclusive names in their
/// order, so that no two runs can wait for each other. The latter are always waited
/// for: two profiles that share a database are planned to take turns.
async fn lock(prepared: &Prepared, context: &Context, id: &str) -> Result<Vec<Lock>, LockError> {
    let holder = Holder { pid: std::process::id(), run: id.to_owned(), profile: prepared.plan.profile.clone() };
    let mut held = Vec::new();
    for name in prepared.plan.locks() {
        let lock = if context.wait || matches!(name, Name::Exclusive(_)) {
            let stop = context.interrupts.step(Step::Stop);
            let waiting = |name: &Name, holder: &Holder| {
                context.observer.notice(&Happening::Waiting { name, holder });
            };
            context.locks.wait(&name, &holder, stop, waiting).await?
        } else {
            context.locks.take(&name, &holder)?
        };
        held.push(lock);
    }
    Ok(held)
}

impl<'a> Run<'a> {
    async fn carry_out(&mut self) -> RunReport {
        let plan = &self.prepared.plan;
        let observer = &self.context.observer;
        observer.notice(&Happening::Begun { run_id: &self.id, plan });
        for (hook, failure) in self.prepared.hooks().filter_map(|(spec, hook)| Some((spec, hook.err()?))) {
            observer.notice(&Happening::Unusable { hook, failure });
        }
        let gate = self.before().await;
        let (verdict, restic) = match gate {
            Gate::Open => self.restic().await,
            shut => (self.not_started(shut), None),
        };
        self.outcome_hooks(&verdict, restic.as_ref()).await;
        let owed = self.finally(&verdict, restic.as_ref()).await;
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
            error: verdict.error,
            restic,
            hooks: std::mem::take(&mut self.calls),
            warnings: std::mem::take(&mut self.warnings),
            owed: owed.into_iter().map(|hook| hook.name.clone()).collect(),
        };
        // Again: a secret may have been read after it was printed.
        report.hide(&self.prepared.mask);
        report
    }

    /// Calls the `before` hooks, up to the first that keeps the gate shut.
    async fn before(&mut self) -> Gate {
        let prepared = self.prepared;
        let stop = self.context.interrupts.step(Step::Stop);
        for (index, ready) in prepared.hooks_on(EventKind::Before) {
            let spec = &ready.spec;
            if stop.is_cancelled() {
                return Gate::Cancelled;
            }
            self.begun.insert(index);
            let call = self.call(ready, EventKind::Before, None, stop).await;
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

    fn not_started(&self, gate: Gate) -> Verdict {
        match gate {
            Gate::Shut { hook, failure } => Verdict {
                status: Status::Failure,
                exit_code: exit::GATE_SHUT,
                error: Some(format!("hook \"{hook}\": {failure}")),
            },
            Gate::Skipped { reason } => {
                Verdict { status: Status::Skipped, exit_code: self.prepared.plan.skip_exit_code, error: Some(reason) }
            }
            Gate::Open | Gate::Cancelled => {
                let signal = self.signal();
                Verdict {
                    status: Status::Cancelled,
                    exit_code: 128 + signal as i32,
                    error: Some(format!("cancelled by {signal} before restic was started")),
                }
            }
        }
    }

    fn signal(&self) -> Signal {
        self.context.interrupts.first().map_or(Signal::SIGTERM, |interrupt| interrupt.signal)
    }

    /// The gate is open: runs restic.
    async fn restic(&mut self) -> (Verdict, Option<ResticReport>) {
        let plan = &*self.plan.clone();
        let observer = &self.context.observer;
        observer.notice(&Happening::GateOpened { plan });
        let began = Instant::now();
        let listen = |said: Said<'_>| match said {
            Said::Message(message) => observer.notice(&Happening::ResticMessage(message)),
            Said::Line(line) => observer.notice(&Happening::ResticLine(line)),
        };
        let Ended { exit, heard } =
            match process::run(&plan.restic, &self.context.interrupts, &self.prepared.mask, &listen).await {
                Ok(ended) => ended,
                Err(error) => {
                    let error = Some(format!("cannot start {}: {error}", plan.restic.program.display()));
                    return (Verdict { status: Status::Failure, exit_code: exit::NOT_STARTED, error }, None);
                }
            };
        observer.notice(&Happening::ResticEnded { exit });
        let verdict = self.judge(exit, &heard);
        let stderr_tail = heard.stderr_tail();
        // Old versions name a snapshot that a dry run has not made.
        let (summary, snapshot_id) = match heard.finished {
            Some(finished) => {
                (Some(finished.numbers), finished.snapshot_id.filter(|id| !id.is_empty() && !plan.dry_run))
            }
            None => (None, None),
        };
        if exit.finished() && summary.is_none() && plan.is_shown() {
            self.warnings.push("restic ended well, but told of no snapshot".to_owned());
        }
        let report = ResticReport {
            exit_code: if let Exit::Code(code) = exit { Some(code) } else { None },
            signal: if let Exit::Signal(signal) = exit { Some(signal) } else { None },
            duration: began.elapsed(),
            snapshot_id,
            summary,
            stderr_tail,
        };
        (verdict, Some(report))
    }

    /// What restic's end means. A signal that came too late to stop it changes
    /// nothing: the snapshot is there.
    fn judge(&self, exit: Exit, heard: &crate::restic::messages::Heard) -> Verdict {
        let exit_code = exit.shell_code();
        let interrupted = self.context.interrupts.first().is_some();
        let cancelled = |exit| match exit {
            Exit::Code(code) => code == 130,
            Exit::Signal(signal) => {
                [Signal::SIGINT as i32, Signal::SIGTERM as i32, Signal::SIGHUP as i32].contains(&signal)
            }
        };
        let (status, error) = match exit {
            Exit::Code(0) => (Status::Success, None),
            Exit::Code(3) => {
                let first = match &heard.item_errors {
                    (Some(error), count) => format!(": {} ({}; {count} in all)", error.item, error.message()),
                    (None, _) => String::new(),
                };
                (Status::Warning, Some(format!("restic could not read some of the data{first}")))
            }
            exit if interrupted => (Status::Cancelled, Some(format!("cancelled by {}; restic {exit}", self.signal()))),
            exit if cancelled(exit) => (Status::Cancelled, Some(format!("restic {exit}"))),
            exit => {
                let complaint = heard.complaint().map(|complaint| format!(": {complaint}")).unwrap_or_default();
                (Status::Failure, Some(format!("restic {exit}{complaint}")))
            }
        };
        Verdict { status, exit_code, error }
    }

    /// Tells of the outcome. The next signal stops the hook that it meets, and no
    /// other: a notification is never lost.
    async fn outcome_hooks(&mut self, verdict: &Verdict, restic: Option<&ResticReport>) {
        let prepared = self.prepared;
        let kind = verdict.status.event();
        for (_, ready) in prepared.hooks_on(kind) {
            let stop = self.context.interrupts.step(self.context.interrupts.next());
            let outcome = self.outcome(verdict, restic);
            if let Some(failure) = self.call(ready, kind, Some(outcome), stop).await.failure {
                self.failed_afterwards |= ready.spec.kind == Kind::Required;
                self.warn_of(&ready.spec.name, kind, &failure);
            }
        }
    }

    /// Cleans up. Only the third signal keeps a `finally` from being called or ends
    /// it: what `before` has stopped must be started again. Returns what is owed.
    async fn finally(&mut self, verdict: &Verdict, restic: Option<&ResticReport>) -> Vec<&'a HookSpec> {
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
            let outcome = self.outcome(verdict, restic);
            if let Some(failure) = self.call(ready, EventKind::Finally, Some(outcome), leave).await.failure {
                self.failed_afterwards |= spec.kind == Kind::Required;
                if leave.is_cancelled() {
                    owed.push(spec);
                }
                self.warn_of(&spec.name, EventKind::Finally, &failure);
            }
        }
        owed
    }

    /// Calls one hook, retries included, and keeps every call.
    async fn call(
        &mut self,
        ready: &Ready,
        kind: EventKind,
        outcome: Option<Outcome>,
        stop: &CancellationToken,
    ) -> HookCall {
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
        let (calls, warnings) = (&mut self.calls, &mut self.warnings);
        let last = call(ready, event, stop, &self.context.observer, |call| {
            let warned = call.log.iter().filter(|record| record.source == Source::Warning);
            warnings.extend(warned.map(|record| format!("hook \"{}\": {}", call.name, record.message)));
            calls.push(call.clone());
        })
        .await;
        if let (Some(reason), true) = (&last.skip, kind != EventKind::Before) {
            let name = &last.name;
            self.warnings.push(format!("hook \"{name}\" asked in `{kind}` to skip the run, too late: {reason}"));
        }
        last
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
        self.context.observer.notice(&Happening::PlanChanged { hook, changes: &changes, plan: &self.plan });
    }

    fn warn_of(&mut self, hook: &str, kind: EventKind, failure: &Failure) {
        self.warnings.push(format!("hook \"{hook}\" failed in `{kind}`: {failure}"));
    }

    fn outcome(&self, verdict: &Verdict, restic: Option<&ResticReport>) -> Outcome {
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
