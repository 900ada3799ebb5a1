//! One hook, called for one event, with its retries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hookward_engine::event::Event;
use hookward_engine::log::{Record, Sink};
use hookward_engine::{CancellationToken, Reason};

use crate::fault;
use crate::observer::{Happening, Observer};
use crate::prepare::Ready;
use crate::records::Kept;
use crate::report::HookCall;

/// Shows what a hook says, and keeps it for the report.
struct Tape {
    hook: String,
    module: Option<String>,
    observer: Arc<dyn Observer>,
    kept: Mutex<Vec<Record>>,
}

impl Sink for Tape {
    fn record(&self, record: Record) {
        self.observer.notice(&Happening::HookSaid {
            hook: &self.hook,
            module: self.module.as_deref(),
            record: &record,
        });
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }
}

/// Writes calls down.
pub(crate) trait Keep {
    /// The hook is about to be called. An error, which is kept here, means that it must
    /// not be: nobody would know of it.
    fn begun(&mut self, hook: &str, attempt: u32) -> Result<(), ()>;

    /// A call has ended; `last` if there is no further attempt.
    fn ended(&mut self, call: &HookCall, last: bool);
}

/// Calls the hook until it succeeds, is out of attempts, or is called off, and returns
/// the last call; none if the first was not to be made.
pub(crate) async fn call(
    ready: &Ready,
    mut event: Event,
    stop: &CancellationToken,
    observer: &Arc<dyn Observer>,
    keep: &mut impl Keep,
) -> Option<HookCall> {
    let spec = &ready.spec;
    let mut last = None;
    loop {
        if keep.begun(&spec.name, event.attempt).is_err() {
            return last;
        }
        fault::point("before call");
        observer.notice(&Happening::HookBegun { hook: spec, event: event.kind, attempt: event.attempt });
        let call = once(ready, &event, stop, observer).await;
        fault::point("after call");
        let called_off = call.failure.as_ref().is_some_and(|failure| failure.reason == Reason::Cancelled);
        // What can't be loaded now can't be loaded in a minute.
        let pause = match (&call.failure, &ready.hook) {
            (Some(_), Ok(_)) if !called_off => spec.retry.pause(event.attempt),
            _ => None,
        };
        keep.ended(&call, pause.is_none());
        observer.notice(&Happening::HookEnded { call: &call, again_in: pause });
        let Some(pause) = pause else { return Some(call) };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Some(call);
        }
        last = Some(call);
        event.attempt += 1;
    }
}

async fn once(ready: &Ready, event: &Event, stop: &CancellationToken, observer: &Arc<dyn Observer>) -> HookCall {
    let spec = &ready.spec;
    let mut call = HookCall {
        name: spec.name.clone(),
        module: ready.hook.as_ref().ok().and_then(|hook| hook.component().inspection().label()),
        scope: spec.scope,
        kind: spec.kind,
        event: event.kind,
        attempt: event.attempt,
        failure: None,
        skip: None,
        duration: Duration::ZERO,
        fuel: 0,
        peak_memory: 0,
        log: Vec::new(),
        plan: Vec::new(),
        record: None,
    };
    match &ready.hook {
        Ok(hook) => {
            let tape = Arc::new(Tape {
                hook: spec.name.clone(),
                module: call.module.clone(),
                observer: Arc::clone(observer),
                kept: Mutex::default(),
            });
            let sink: Arc<dyn Sink> = tape.clone();
            let report = match &ready.records {
                None => hook.call(event, sink, stop).await,
                Some(records) => {
                    let (report, kept) = records.call(ready, hook, event, sink, stop).await;
                    match kept {
                        Kept::File(file) => call.record = Some(file),
                        Kept::Nothing => {}
                        Kept::Failed(why) => observer.notice(&Happening::NotRecorded { hook: spec, why: &why }),
                    }
                    report
                }
            };
            call.failure = report.result.err();
            call.skip = report.skip;
            call.plan = report.plan;
            call.duration = report.wall;
            call.fuel = report.fuel;
            call.peak_memory = report.peak_memory;
            call.log = std::mem::take(&mut *tape.kept.lock().unwrap_or_else(PoisonError::into_inner));
        }
        Err(failure) => call.failure = Some(failure.clone()),
    }
    call
}
