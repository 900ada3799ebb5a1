//! Recovery: what a run owes whose process is gone is paid before anything new.
//!
//! With the components and the grants that the run had, never with those of today's
//! configuration, which is not asked. A `finally` is paid when its call has returned
//! ok; until then it is owed, tried again, and told of. It may come twice: when the
//! process died between the call's end and its writing down.

mod duty;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hookward_engine::event::{Event, EventKind, Outcome, Status};
use hookward_engine::{CancellationToken, Engine, Mask, Reason};
use jiff::Timestamp;
use serde::Serialize;

pub use self::duty::GiveUpError;
use crate::call::{Keep, call};
use crate::config::{HookSpec, Kind, Source};
use crate::exit;
use crate::fault;
use crate::interrupt::{Interrupts, Step};
use crate::journal::{Closing, Durable, Entry, Journal, JournalError, KeptCall, OpenRun, Verdict, now};
use crate::lock::Locks;
use crate::observer::{Happening, Observer};
use crate::prepare::{Ready, restore};
use crate::process;
use crate::records::Records;
use crate::report::HookCall;
use crate::start::RunError;
use crate::state::States;

/// Recoveries that may fail before a debt no longer keeps backups of its profile from
/// starting: no backup at all, night after night, is worse.
const BLOCKING: u32 = 3;

/// Pause after the first recovery that failed; it doubles each time.
const PAUSE: Duration = Duration::from_secs(60);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// A `finally` that is still to be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Owed {
    /// The run that owes it.
    pub run_id: String,
    /// Its profile.
    pub profile: Option<String>,
    /// The hook.
    pub hook: String,
    /// What the hook's failure means.
    pub kind: Kind,
    /// Recoveries that have failed.
    pub failures: u32,
    /// Why the last one has.
    pub last_error: String,
}

impl std::fmt::Display for Owed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { run_id, profile, hook, failures, last_error, .. } = self;
        write!(f, "hook \"{hook}\" is owed its `finally` since run {run_id}")?;
        if let Some(profile) = profile {
            write!(f, " of profile `{profile}`")?;
        }
        if *failures > 0 {
            write!(f, ", and has failed to be paid {failures} times: {last_error}")?;
        }
        write!(f, "; `hookward recover` tries it now, `hookward recover --give-up {run_id}` gives it up")
    }
}

impl Owed {
    /// Whether it keeps this profile's backups from starting.
    pub(crate) fn blocks(&self, profile: Option<&str>) -> bool {
        self.is_required_of(profile) && (1..BLOCKING).contains(&self.failures)
    }

    pub(crate) fn is_required_of(&self, profile: Option<&str>) -> bool {
        self.kind == Kind::Required && self.profile.as_deref() == profile
    }
}

/// What a recovery has come to.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// Run and hook of each `finally` that was paid.
    pub paid: Vec<(String, String)>,
    /// What is still owed, as far as this recovery has met it.
    pub owed: Vec<Owed>,
    /// What else went wrong.
    pub warnings: Vec<String>,
    /// A required hook's `finally` was called, and failed.
    pub failed: bool,
}

/// Whose duty is done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Duty<'a> {
    /// That of a run of this profile, which holds its lock.
    Start { profile: Option<&'a str>, held: &'a BTreeSet<String> },
    /// That of whoever asks for it.
    All { wait: bool },
}

/// Pays what runs owe whose processes are gone.
#[derive(Clone)]
pub struct Recovery<'a> {
    /// Where runs are written.
    pub journal: &'a Journal,
    /// Calls hooks.
    pub engine: &'a Engine,
    /// What hooks keep.
    pub states: &'a States,
    /// Where locks stand.
    pub locks: &'a Locks,
    /// Ends the recovery.
    pub interrupts: &'a Interrupts,
    /// Watches it.
    pub observer: &'a Arc<dyn Observer>,
    /// Where calls of hooks are recorded, if they are.
    pub records: Option<&'a Records>,
}

impl Recovery<'_> {
    /// Pays all that is owed, whatever was tried before; with `wait`, after whoever
    /// holds a profile or an exclusive name that is needed for it.
    ///
    /// # Errors
    /// When the journal or a lock can't be used.
    pub async fn all(&self, wait: bool) -> Result<Recovered, RunError> {
        let recovered = self.recover(Duty::All { wait }).await?;
        self.journal.tidy()?;
        Ok(recovered)
    }

    /// Pays what is due and can be paid without waiting for anybody: for whoever was
    /// about to start something, and can't.
    ///
    /// # Errors
    /// When the journal or a lock can't be used.
    pub async fn due(&self) -> Result<Recovered, RunError> {
        self.recover(Duty::Start { profile: None, held: &BTreeSet::new() }).await
    }

    /// The oldest first: what they have stopped may be the same.
    pub(crate) async fn recover(&self, duty: Duty<'_>) -> Result<Recovered, RunError> {
        let mut recovered = Recovered::default();
        for (number, id, profile) in self.journal.open_runs()? {
            if self.interrupts.step(Step::Stop).is_cancelled() {
                break;
            }
            let Some(held) = self.hold(number, &id, profile.as_deref(), duty).await? else { continue };
            let run = match held {
                Ok(run) => run,
                // Told each time: something is owed, and nobody knows what.
                Err(error) => {
                    recovered.failed = true;
                    recovered.warnings.push(format!("run {id} can't be recovered: {error}"));
                    continue;
                }
            };
            let at_once = matches!(duty, Duty::All { .. });
            recovered.warnings.extend(run.lost.iter().map(|hook| {
                format!("the journal had lost that run {id} has called the `before` of hook \"{hook}\": it is damaged")
            }));
            self.pay(run, at_once, &mut recovered).await?;
        }
        for lost in self.journal.lost()? {
            recovered.failed = true;
            recovered.warnings.push(lost.to_string());
        }
        Ok(recovered)
    }

    async fn pay(&self, held: duty::Held, at_once: bool, recovered: &mut Recovered) -> Result<(), RunError> {
        // Its locks are held to the end.
        let duty::Held { run, entry, part, locks: _locks, .. } = held;
        let known = run.verdict.is_some();
        let verdict = match &run.verdict {
            Some(verdict) => verdict.clone(),
            None => self.judge(&run, &entry).await?,
        };
        let (owed, untold) = (run.owed(), run.untold(verdict.status.event()));
        let all = (owed.len(), untold.len());
        let owed: Vec<_> = owed.into_iter().filter(|hook| part.has_finally(&run, *hook)).collect();
        let untold: Vec<_> = untold.into_iter().filter(|hook| part.has_outcome(&run, *hook)).collect();
        let (is_whole, tells_all) = (all == (owed.len(), untold.len()), all.1 == untold.len());
        let is_due = |hook: &usize| at_once || run.debt(*hook).is_none_or(|debt| is_due(debt.next_try));
        let due: Vec<_> = owed.iter().copied().filter(is_due).collect();
        let (profile, error) = (run.profile.as_deref(), verdict.error.as_deref());
        if !known || !due.is_empty() || !untold.is_empty() {
            self.observer.notice(&Happening::Recovering { run_id: &run.id, profile, error });
        }
        let mask = Mask::default();
        let hooks = self.hooks(&run, untold.iter().chain(&due).copied(), &mask).await;
        let mut calls = Calls {
            recovery: self,
            told: run.calls.iter().filter_map(|call| call.result.clone()).collect(),
            run,
            entry,
            verdict,
            mask,
            warnings: Vec::new(),
        };
        for hook in untold {
            let Some(ready) = ready(&hooks, hook) else { continue };
            let kind = calls.verdict.status.event();
            let called = calls.call(hook, ready, kind, self.interrupts.next()).await?;
            if let Some(failure) = called.failure {
                calls.warnings.push(format!("hook \"{}\" failed in `{kind}`: {failure}", called.name));
            }
        }
        let (mut paid, mut failures) = (Vec::new(), Vec::new());
        for hook in due {
            let leave = self.interrupts.step(Step::Leave);
            let Some(ready) = ready(&hooks, hook).filter(|_| !leave.is_cancelled()) else { continue };
            let called = calls.call(hook, ready, EventKind::Finally, leave).await?;
            match called.failure {
                None => {
                    recovered.paid.push((calls.run.id.clone(), called.name.clone()));
                    paid.push((hook, called.name));
                }
                // Called off, not refused.
                Some(failure) if failure.reason == Reason::Cancelled => {}
                Some(failure) => {
                    let tried = calls.run.debt(hook).map_or(0, |debt| debt.failures);
                    let error = format!("{failure} [{}]", failure.reason);
                    calls.entry.not_paid(hook, now() + pause(tried), &error)?;
                    recovered.failed |= called.kind == Kind::Required;
                    calls.warnings.push(format!("hook \"{}\" failed in `finally`: {failure}", called.name));
                    failures.push((hook, tried + 1, error));
                }
            }
        }
        let still = owed.into_iter().filter(|hook| !paid.iter().any(|(paid, _)| paid == hook));
        let still: Vec<_> = still.filter_map(|hook| calls.run.owes(hook, &failures)).collect();
        let paid: Vec<_> = paid.into_iter().map(|(_, name)| name).collect();
        let id = &calls.run.id;
        recovered
            .warnings
            .extend(calls.warnings.iter().map(|warning| format!("in the recovery of run {id}: {warning}")));
        self.observer.notice(&Happening::Recovered { run_id: id, paid: &paid, owed: &still });
        calls.finish(is_whole && still.is_empty(), tells_all)?;
        recovered.owed.extend(still);
        Ok(())
    }

    /// How the run has gone, as far as it can be known: a restic that goes on is ended
    /// first.
    async fn judge(&self, run: &OpenRun, entry: &Entry) -> Result<Verdict, RunError> {
        let (exit_code, error) = if run.gate_opened.is_some() {
            if let Some(restic) = process::outlived(run.restic.as_ref(), &run.id) {
                self.observer.notice(&Happening::ResticOutlived { pid: restic.pid });
                process::end(&restic, self.interrupts).await;
            }
            let error = "the process that ran this was gone while restic ran: whether it made a snapshot is not known";
            (exit::NOT_STARTED, error)
        } else {
            (exit::GATE_SHUT, "the process that ran this was gone before restic was started")
        };
        let error = Some(error.to_owned());
        let verdict = Verdict { status: Status::Failure, exit_code, error, restic: None };
        entry.put(&verdict.judged()?, Durable::No)?;
        Ok(verdict)
    }

    /// The hooks of these places, by the components that are kept.
    async fn hooks(&self, run: &OpenRun, places: impl Iterator<Item = usize>, mask: &Mask) -> Vec<(usize, Ready)> {
        let places: BTreeSet<_> = places.collect();
        let kept = |place: &usize| -> Option<(usize, HookSpec)> {
            let kept = run.plan.hooks.get(*place)?;
            let digest = kept.component?;
            let component = Source::File(self.journal.component(&digest));
            Some((*place, HookSpec { component, digest: Some(digest), ..kept.spec.clone() }))
        };
        let (places, specs): (Vec<_>, Vec<_>) = places.iter().filter_map(kept).unzip();
        let hooks = restore(&specs, run.profile.as_deref(), self.engine, self.states, mask, self.records).await;
        places.into_iter().zip(hooks).collect()
    }
}

fn ready(hooks: &[(usize, Ready)], place: usize) -> Option<&Ready> {
    hooks.iter().find(|(at, _)| *at == place).map(|(_, ready)| ready)
}

/// Milliseconds until the next try, after so many that had failed before this one.
fn pause(failed: u32) -> i64 {
    let pause = PAUSE.saturating_mul(2u32.saturating_pow(failed)).min(LONGEST_PAUSE);
    i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)
}

/// Whether that time has come. One further off than any pause was written under
/// another clock.
fn is_due(next_try: i64) -> bool {
    let now = now();
    let longest = i64::try_from(LONGEST_PAUSE.as_millis()).unwrap_or(i64::MAX);
    next_try <= now || next_try > now.saturating_add(longest)
}

impl OpenRun {
    fn owes(&self, hook: usize, failures: &[(usize, u32, String)]) -> Option<Owed> {
        let spec = &self.plan.hooks.get(hook)?.spec;
        let now = failures.iter().find(|(failed, ..)| *failed == hook);
        let before = self.debt(hook).map(|debt| (debt.failures, debt.last_error.clone()));
        let (failures, last_error) =
            now.map(|(_, count, error)| (*count, error.clone())).or(before).unwrap_or_default();
        Some(Owed {
            run_id: self.id.clone(),
            profile: self.profile.clone(),
            hook: spec.name.clone(),
            kind: spec.kind,
            failures,
            last_error,
        })
    }
}

/// The calls of one recovery.
struct Calls<'a> {
    recovery: &'a Recovery<'a>,
    run: OpenRun,
    entry: Entry,
    verdict: Verdict,
    /// Every call so far that has ended.
    told: Vec<KeptCall>,
    mask: Mask,
    warnings: Vec<String>,
}

impl Calls<'_> {
    async fn call(
        &mut self,
        hook: usize,
        ready: &Ready,
        kind: EventKind,
        stop: &CancellationToken,
    ) -> Result<HookCall, JournalError> {
        let event = self.event(ready, kind);
        let mut written =
            Written { entry: &self.entry, hook, kind, mask: &self.mask, number: 0, calls: Vec::new(), error: None };
        let last = call(ready, event, stop, self.recovery.observer, &mut written).await;
        let Written { calls, error, .. } = written;
        self.told.extend(calls);
        match (error, last) {
            (None, Some(last)) => Ok(last),
            (Some(error), _) => Err(error),
            // Not made, and yet no error: there is no such case.
            (None, None) => Err(std::io::Error::other("a call was not made").into()),
        }
    }

    fn event(&self, ready: &Ready, kind: EventKind) -> Event {
        let Self { run, verdict, .. } = self;
        let restic = verdict.restic.as_ref();
        let outcome = Outcome {
            status: verdict.status,
            exit_code: restic.and_then(|restic| restic.exit_code),
            error: verdict.error.clone(),
            duration: since(run.started),
            snapshot_id: restic.and_then(|restic| restic.snapshot_id.clone()),
            summary: restic.and_then(|restic| restic.summary.clone()),
            stderr_tail: restic.map(|restic| restic.stderr_tail.clone()).unwrap_or_default(),
            hooks: self.told.iter().cloned().map(KeptCall::result).collect(),
        };
        Event {
            run_id: run.id.clone(),
            kind,
            operation: run.operation.clone(),
            profile: run.profile.clone(),
            scope: ready.spec.scope,
            repository: run.repository.clone(),
            host: run.plan.host.clone(),
            sources: run.plan.sources.clone(),
            tags: run.plan.tags.clone(),
            trigger: run.trigger,
            dry_run: run.dry_run,
            attempt: 1,
            recovered: true,
            outcome: Some(outcome),
        }
    }

    /// Writes what is to be told, and that nothing is owed if that is so.
    fn finish(self, paid: bool, tells_all: bool) -> Result<(), JournalError> {
        let Self { run, entry, verdict, mut warnings, .. } = self;
        // Later recoveries of the same debt tell nothing that its row doesn't.
        if tells_all && run.closing.is_none() {
            warnings.insert(0, format!("recovered by another process at {}", Timestamp::now()));
            entry.told(&Closing { exit_code: verdict.exit_code, duration: since(run.started), warnings })?;
        }
        fault::point("recovery done");
        if paid { entry.close() } else { Ok(()) }
    }
}

/// How long ago that was; nothing if the clock was set back.
fn since(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(now().saturating_sub(millis)).unwrap_or_default())
}

/// Writes the calls of a recovery down. What can't be written ends it.
struct Written<'a> {
    entry: &'a Entry,
    hook: usize,
    kind: EventKind,
    mask: &'a Mask,
    number: i64,
    calls: Vec<KeptCall>,
    error: Option<JournalError>,
}

impl Keep for Written<'_> {
    fn begun(&mut self, _: &str, attempt: u32) -> Result<(), ()> {
        let (number, write) = self.entry.call_begun(self.hook, self.kind, attempt);
        self.number = number;
        self.entry.put(&write, Durable::No).map_err(|error| self.error = Some(error))
    }

    fn ended(&mut self, call: &HookCall, last: bool) {
        let mut call = call.clone();
        call.hide(self.mask);
        let write = self.entry.call_ended(self.number, &call, last);
        if let Err(error) = write.and_then(|write| self.entry.put(&write, Durable::No)) {
            self.error = Some(error);
        }
        self.calls.push(KeptCall::of(&call));
    }
}
