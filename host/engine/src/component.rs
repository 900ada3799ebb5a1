//! A loaded component, and the hook that it becomes with limits and grants.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use wasmtime::component::ResourceTableError;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::FieldMapError;

use crate::command::{Commands, Crew};
use crate::contract::{Linked, Version};
use crate::engine::Engine;
use crate::inspect::Inspection;
use crate::keyvalue::{CommitError, Kept, Permit, Unreadable};
use crate::limiter::LimitHit;
use crate::log::Sink;
use crate::plan::Change;
use crate::reason::{Failure, Reason};
use crate::record::Aside;
use crate::recorder::{Recorder, Said};
use crate::state::State;
use crate::stop::Stop;
use crate::text::{clean, cut, shown};
use crate::{Access, Event, Grants, Limits, Request, requests};

/// A compiled component that can be a hook. Cheap to clone.
#[derive(Clone)]
pub struct Component {
    engine: Engine,
    linked: Linked,
    version: Version,
    inspection: Arc<Inspection>,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("inspection", &self.inspection).finish_non_exhaustive()
    }
}

impl Component {
    pub(crate) fn new(engine: Engine, linked: Linked, version: Version, inspection: Inspection) -> Self {
        Self { engine, linked, version, inspection: Arc::new(inspection) }
    }

    /// What it exports and asks for.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// The version of the contract that it is called by.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The component, linked for a call that is recorded or replayed.
    pub(crate) fn linked_to_record(&self) -> Result<Linked, Failure> {
        let linked = self.linked.relinked(self.engine.0.linkers.recording()?);
        linked.map_err(|error| Failure::new(Reason::UnknownImport, clean(&format!("cannot be linked: {error:#}"))))
    }

    /// Makes a hook of it.
    ///
    /// # Errors
    /// When it imports a gated interface that isn't granted, or that this host has
    /// nothing for.
    pub fn hook(&self, limits: Limits, grants: Grants) -> Result<Hook, Failure> {
        requests::check_granted(&self.inspection.requests, &grants)?;
        let commands = self.inspection.requests.iter().find(|request| request.access == Access::Gated("commands"));
        if let Some(Request { import, .. }) = commands
            && self.engine.0.supervisor.is_none()
        {
            let message = format!("imports {import}, and this host has no supervisor to run commands under");
            return Err(Failure::new(Reason::Host, message));
        }
        Ok(Hook { component: self.clone(), limits, grants: Arc::new(grants) })
    }
}

/// A component with what it may use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hook {
    component: Component,
    limits: Limits,
    grants: Arc<Grants>,
}

/// How one call went.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// Ok only when the hook itself returned ok, within all of its limits.
    pub result: Result<(), Failure>,
    /// Why the hook wants the run to be skipped; set only if it returned ok.
    pub skip: Option<String>,
    /// What it warned of.
    pub warnings: Vec<String>,
    /// Wall clock of the call.
    pub wall: Duration,
    /// Fuel used. The same for the same call; of a call that was stopped in a loop,
    /// only what it had used when it last called a function.
    pub fuel: u64,
    /// The most bytes that its memories had together.
    pub peak_memory: u64,
    /// How it wants the backup to be changed, in the order of its wishes; only if it
    /// returned ok.
    pub plan: Vec<Change>,
}

impl Report {
    /// That of a call that failed before the guest was called.
    pub(crate) fn not_called(failure: Failure) -> Self {
        Self {
            result: Err(failure),
            skip: None,
            warnings: Vec::new(),
            wall: Duration::ZERO,
            fuel: 0,
            peak_memory: 0,
            plan: Vec::new(),
        }
    }
}

/// What a call has used, and what it leaves behind.
#[derive(Debug, Default)]
struct Usage {
    fuel: u64,
    peak_memory: u64,
    plan: Vec<Change>,
}

impl Hook {
    /// A hook whose grants are known to cover what it imports.
    pub(crate) fn new(component: Component, limits: Limits, grants: Grants) -> Self {
        Self { component, limits, grants: Arc::new(grants) }
    }

    pub(crate) fn with_grants(&self, grants: Grants) -> Self {
        Self::new(self.component.clone(), self.limits.clone(), grants)
    }

    /// The component.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// What a call may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What a call is given.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Calls the hook once, in a fresh instance.
    ///
    /// The clock starts now. Returns soon after the first of: the hook's return, a
    /// limit, the cancellation. Nothing of the guest runs on afterwards, nor of the
    /// commands that it has started, which have two seconds to end; a file
    /// operation that the system doesn't give back is left to its thread.
    pub async fn call(&self, event: &Event, sink: Arc<dyn Sink>, cancel: &CancellationToken) -> Report {
        self.call_aside(event, sink, cancel, None).await
    }

    /// The same for a call that is recorded, replayed or staged.
    pub(crate) async fn call_aside(
        &self,
        event: &Event,
        sink: Arc<dyn Sink>,
        cancel: &CancellationToken,
        aside: Option<&Aside>,
    ) -> Report {
        let started = Instant::now();
        let recorder = Recorder::new(&self.limits, &self.grants.mask, sink);
        let mut usage = Usage::default();
        let (crew, roll) = Crew::new();
        let mut ended = self.run(event, &recorder, crew, (started, cancel), &mut usage, aside).await;
        if let Some(aside) = aside {
            ended = replayed(aside, &recorder, ended);
        }
        // What the call was waiting for when it was dropped ends by itself, soon.
        roll.all_gone().await;
        let wall = started.elapsed();
        let said = recorder.finish();
        let mut result = match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(message)) => Err(self.error(&message)),
            Err(Ended::Failed(failure)) => Err(failure),
            Err(Ended::Limit(reason)) => Err(self.limit(reason)),
            Err(Ended::Trapped(error)) => Err(self.trapped(&error, &said)),
        };
        if let Err(failure) = &mut result {
            self.grants.mask.apply(&mut failure.message);
        }
        Report {
            skip: said.skip.filter(|_| result.is_ok()),
            plan: if result.is_ok() { usage.plan } else { Vec::new() },
            warnings: said.warnings,
            result,
            wall,
            fuel: usage.fuel,
            peak_memory: usage.peak_memory,
        }
    }

    async fn run(
        &self,
        event: &Event,
        recorder: &Recorder,
        crew: Crew,
        (started, cancel): (Instant, &CancellationToken),
        usage: &mut Usage,
        aside: Option<&Aside>,
    ) -> Result<Result<(), String>, Ended> {
        let timeout = self.limits.timeout;
        let mut state = if self.grants.dirs.is_empty() {
            State::new(&self.grants, &self.limits, recorder.clone())
        } else {
            bounded(started, timeout, cancel, self.state_with_dirs(recorder)).await?
        }
        .map_err(Ended::Failed)?;
        state.plan.open(event);
        let engine = &self.component.engine.0;
        let supervisor = engine.supervisor.clone();
        state.commands = Commands::new(&self.grants, supervisor, crew, self.limits.commands);
        state.aside = aside.map(|aside| Box::new(aside.seat(self.limits.transfer)));
        let linked = aside.map_or(&self.component.linked, Aside::linked);
        let mut store = Store::new(&engine.wasmtime, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(self.limits.transfer);
        store.set_max_component_handles(self.limits.handles as usize);
        store.set_fuel(self.limits.fuel).map_err(Ended::Trapped)?;
        // Looks at the clock at each tick, and yields, so that a cancellation of
        // the call finds a guest that never waits.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            if started.elapsed() >= timeout {
                return Err(LimitHit(Reason::Timeout).into());
            }
            Ok(UpdateDeadline::Yield(1))
        });
        let running = engine.ticker.run();
        let State { http, aside, .. } = store.data_mut();
        http.set_up(engine.options.resolver.clone(), aside.as_deref());
        let stop = store.data().stop.clone();
        let called = stoppable(&stop, linked.run(&mut store, event));
        let ended = bounded(started, timeout, cancel, called).await;
        drop(running);
        usage.fuel = self.limits.fuel - store.get_fuel().unwrap_or_default().min(self.limits.fuel);
        usage.peak_memory = store.data().limiter.peak_memory();
        let returned = ended??.map_err(Ended::Trapped)?;
        // Late is too late, however the guest got past the checks.
        if started.elapsed() >= timeout {
            return Err(Ended::Limit(Reason::Timeout));
        }
        usage.plan = store.data_mut().plan.take();
        if let (Ok(()), Some(kept)) = (&returned, store.into_data().kept) {
            commit(kept, started, timeout, cancel).await?;
        }
        Ok(returned)
    }

    /// Opens directories, too: that of a dead network mount for ever.
    async fn state_with_dirs(&self, recorder: &Recorder) -> Result<State, Failure> {
        let (grants, limits, recorder) = (Arc::clone(&self.grants), self.limits.clone(), recorder.clone());
        tokio::task::spawn_blocking(move || State::new(&grants, &limits, recorder))
            .await
            .unwrap_or_else(|error| Err(Failure::new(Reason::Host, format!("cannot open directories: {error}"))))
    }

    /// The hook's own error string, made fit to be shown.
    fn error(&self, message: &str) -> Failure {
        let (message, truncated) = shown(message, &self.grants.mask, self.limits.error_length);
        let mut failure = Failure::new(Reason::Error, message);
        if failure.message.is_empty() {
            failure.message = "failed without saying why".to_owned();
        }
        failure.truncated = truncated;
        failure
    }

    fn limit(&self, reason: Reason) -> Failure {
        let limits = &self.limits;
        let message = match reason {
            Reason::Timeout => format!("still running after {:?} (limit `timeout`)", limits.timeout),
            Reason::Fuel => format!("used up {} units of fuel (limit `fuel`)", limits.fuel),
            Reason::Memory => format!("needs more than {} bytes of memory (limit `memory`)", limits.memory),
            Reason::Tables => {
                format!("needs more than {} table elements (limit `table-elements`)", limits.table_elements)
            }
            Reason::Instances => {
                format!("needs more than {} core instances, memories or tables (limit `instances`)", limits.instances)
            }
            Reason::Stack => {
                format!("used up {} bytes of stack, most likely by endless recursion", crate::limits::STACK)
            }
            Reason::Handles => format!("holds more than {} resource handles (limit `handles`)", limits.handles),
            Reason::Output => format!("wrote more than {} bytes of output (limit `output`)", limits.output),
            Reason::LogLines => format!("wrote more than {} log messages (limit `log-lines`)", limits.log_lines),
            Reason::Transfer => {
                format!("passed more than {} bytes to or from the host at once (limit `transfer`)", limits.transfer)
            }
            Reason::StateSize => {
                let quota = self.grants.state.as_ref().map_or(0, |grant| grant.quota.bytes());
                format!("keeps more than {quota} bytes of state (`max-bytes` of the grant `state`)")
            }
            Reason::Commands => format!("asked for more than {} commands (limit `commands`)", limits.commands),
            Reason::HttpRequests => {
                format!("made more than {} HTTP requests (limit `http-requests`)", limits.http_requests)
            }
            Reason::HttpBody => {
                format!("has an HTTP request or response of more than {} bytes (limit `http-body`)", limits.http_body)
            }
            Reason::HttpHeaders => {
                format!("made HTTP headers of more than {} bytes (limit `http-headers`)", limits.http_headers)
            }
            Reason::Cancelled => "was called off".to_owned(),
            other => format!("was stopped ({other})"),
        };
        Failure::new(reason, message)
    }

    /// Reads the reason back from the error that ended the guest.
    fn trapped(&self, error: &wasmtime::Error, said: &Said) -> Failure {
        for cause in error.chain() {
            if let Some(LimitHit(reason)) = cause.downcast_ref() {
                return self.limit(*reason);
            }
            if let Some(unreadable) = cause.downcast_ref::<Unreadable>() {
                return unreadable.failure();
            }
            if let Some(failure) = cause.downcast_ref::<Failure>() {
                return failure.clone();
            }
            if let Some(I32Exit(code)) = cause.downcast_ref() {
                let message = format!("called exit({code}) instead of returning from `run`");
                return Failure::new(Reason::Exit, message);
            }
            if let Some(ResourceTableError::Full) = cause.downcast_ref() {
                return self.limit(Reason::Handles);
            }
            if let Some(FieldMapError::TotalSizeTooBig | FieldMapError::TooManyFields) = cause.downcast_ref() {
                return self.limit(Reason::HttpHeaders);
            }
            match cause.downcast_ref() {
                Some(Trap::OutOfFuel) => return self.limit(Reason::Fuel),
                Some(Trap::StackOverflow) => return self.limit(Reason::Stack),
                Some(Trap::Interrupt) => return self.limit(Reason::Timeout),
                _ => {}
            }
        }
        let cause = error.root_cause().to_string();
        if let Some((_, reason)) = UNTYPED.iter().find(|(text, _)| cause.contains(text)) {
            return self.limit(*reason);
        }
        let cut = |words| cut(words, self.limits.error_length).0;
        if let Some(panic) = &said.panic {
            return Failure::new(Reason::Panic, format!("panicked at {}", cut(panic)));
        }
        // Compilers put a guest's stack below its data: recursion without end runs
        // off the memory as often as off the stack that the host gives.
        let hint = match error.downcast_ref() {
            Some(Trap::MemoryOutOfBounds) => " (endless recursion ends so, too)",
            _ => "",
        };
        let cause = format!("{}{hint}", clean(&cause));
        let message = match &said.last_words {
            Some(words) => format!("trapped: {cause}; its last words: {}", cut(words)),
            None => format!("trapped: {cause}"),
        };
        Failure::new(Reason::Trap, message)
    }
}

/// Limits that Wasmtime 48 enforces with an error of no type of its own. The tests
/// of hostile guests fail when a patch release changes the words.
const UNTYPED: &[(&str, Reason)] = &[
    ("store handle limit exceeded", Reason::Handles),
    ("resource limit exceeded", Reason::Instances),
    ("too much data", Reason::Transfer),
    ("requested len", Reason::Transfer),
];

/// A replay ends where and as its record does.
fn replayed(
    aside: &Aside,
    recorder: &Recorder,
    ended: Result<Result<(), String>, Ended>,
) -> Result<Result<(), String>, Ended> {
    if let Some(reason) = aside.tape().ended_outside() {
        return Err(Ended::Limit(reason));
    }
    match aside.tape().last_notes(recorder) {
        Ok(()) => ended,
        Err(error) => Err(Ended::Trapped(error)),
    }
}

/// How a guest came to its end without a result.
enum Ended {
    Failed(Failure),
    Limit(Reason),
    Trapped(wasmtime::Error),
}

/// Waits for a part of a call: until the deadline or the cancellation. Either
/// drops the part, which ends a guest that is waiting in a host call.
async fn bounded<T>(
    started: Instant,
    timeout: Duration,
    cancel: &CancellationToken,
    part: impl Future<Output = T>,
) -> Result<T, Ended> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Ended::Limit(Reason::Cancelled)),
        () = tokio::time::sleep(timeout.saturating_sub(started.elapsed())) => Err(Ended::Limit(Reason::Timeout)),
        ended = part => Ok(ended),
    }
}

/// How long a commit may go on that was under way when the call's time was over. It
/// can't be undone then, and whether it was made must be known.
const COMMIT_GRACE: Duration = Duration::from_secs(10);

/// Commits what a call has changed of its state, as a part of the call.
async fn commit(kept: Kept, started: Instant, timeout: Duration, cancel: &CancellationToken) -> Result<(), Ended> {
    let Some((grant, changes, base)) = kept.changes() else { return Ok(()) };
    let permit = Permit::default();
    let theirs = permit.clone();
    let mut commit = tokio::task::spawn_blocking(move || grant.store.commit(&changes, base, &theirs));
    let failed = |message: String| Ended::Failed(Failure::new(Reason::State, clean(&message)));
    let ended = match bounded(started, timeout, cancel, &mut commit).await {
        Err(limit) if permit.withdraw() => return Err(limit),
        Err(_) => tokio::time::timeout(COMMIT_GRACE, commit)
            .await
            .map_err(|_| failed("whether its state was kept is not known: the disk does not answer".to_owned()))?,
        Ok(ended) => ended,
    };
    ended
        .unwrap_or_else(|error| Err(CommitError::Failed(format!("writing it has crashed: {error}"))))
        .map_err(|error| failed(error.to_string()))
}

/// Waits for the guest, until something that works for it ends the call. What it
/// returned meanwhile is of no account.
async fn stoppable<T>(stop: &Stop, guest: impl Future<Output = T>) -> Result<T, Ended> {
    let ended = tokio::select! {
        biased;
        () = stop.stopped() => None,
        ended = guest => Some(ended),
    };
    match stop.reason() {
        Some(reason) => Err(Ended::Limit(reason)),
        None => ended.ok_or(Ended::Limit(Reason::Host)),
    }
}
