//! The host of this thread's call.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::mock::{CommandMock, HttpMock, PlanGate};
use super::{Log, Request};
use crate::command::Invocation;
use crate::{PlanChange, StateError};

/// What the host knows before the call, and what it has heard since.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) config: Result<Vec<(String, String)>, String>,
    pub(crate) logs: Vec<Log>,
    pub(crate) warnings: Vec<String>,
    pub(crate) skip: Option<String>,
    /// What the host would be told of the error that a `#[hook]` returned last.
    pub(crate) error: Option<String>,
    pub(crate) command_mocks: BTreeMap<String, CommandMock>,
    pub(crate) commands: Vec<Invocation>,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) plan: PlanGate,
    pub(crate) changes: Vec<PlanChange>,
    pub(crate) http_mocks: Vec<HttpMock>,
    pub(crate) requests: Vec<Request>,
    pub(crate) state: Result<BTreeMap<String, Vec<u8>>, StateError>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            config: Ok(Vec::new()),
            logs: Vec::new(),
            warnings: Vec::new(),
            skip: None,
            error: None,
            command_mocks: BTreeMap::new(),
            commands: Vec::new(),
            secrets: BTreeMap::new(),
            plan: PlanGate::default(),
            changes: Vec::new(),
            http_mocks: Vec::new(),
            requests: Vec::new(),
            state: Ok(BTreeMap::new()),
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Hands `input` to the recorder of this thread, or back when there is no call.
pub(crate) fn with<I, R>(input: I, use_it: impl FnOnce(&mut Recorder, I) -> R) -> Result<R, I> {
    CURRENT.with_borrow_mut(|current| match current {
        Some(recorder) => Ok(use_it(recorder, input)),
        None => Err(input),
    })
}

/// Makes `recorder` the host of this thread while `body` runs.
pub(crate) fn during<R>(recorder: Recorder, body: impl FnOnce() -> R) -> (R, Recorder) {
    /// Puts the outer call back, also when a test fails inside.
    struct Restore(Option<Recorder>);

    impl Drop for Restore {
        fn drop(&mut self) {
            // What is dropped here holds closures of the test, which may call the SDK
            // when they are dropped: the cell is free by then.
            drop(CURRENT.replace(self.0.take()));
        }
    }

    let restore = Restore(CURRENT.replace(Some(recorder)));
    let returned = body();
    let recorder = CURRENT.take().unwrap_or_default();
    drop(restore);
    (returned, recorder)
}
