//! Record and replay: one call of a hook with every answer of its host, to be run again
//! elsewhere and at any time to the same end.
//!
//! The data's path: a [`Hook`] is called with a [`Tape`], on which each host function
//! that the machine has a part in puts its answer -> [`Hider`], which takes every secret
//! out -> [`CallRecord`], a file -> a tape that answers -> [`Replay`], which says where
//! the two calls differ.
//!
//! Wasmtime has no replay of its own behind its settings, so the functions are taken
//! down here, in a linker that is only made for such calls: others pay nothing for it.

mod answer;
mod brokered;
mod entry;
mod file;
mod files;
mod hide;
mod http;
mod item;
mod sockets;
mod stage;
mod tape;
mod view;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

pub(crate) use self::brokered::{change, command, secret};
use self::entry::stand_ins;
pub use self::file::{CallRecord, RecordError};
use self::file::{End, Failed, Head, Subject};
use self::hide::Hider;
pub(crate) use self::sockets::resolve;
pub use self::stage::{Act, CommandAnswer, CommandFault, HttpAnswer, HttpFault, HttpResponse, Stage};
use self::tape::Compared;
pub use self::tape::Divergence;
pub(crate) use self::tape::Tape;
pub(crate) use self::view::link;
use crate::component::{Component, Hook, Report};
use crate::contract::Linked;
use crate::log::{Record, Sink};
use crate::reason::{Failure, Reason};
use crate::{Access, Event, Grants, Mask, StateGrant, StateQuota};

/// Bytes of the answers and arguments of one call that are kept. A hook of some use has
/// some hundred KiB; one that calls its host without end must not fill memory and disk.
pub const MAX_BYTES: usize = 16 << 20;

/// The function by which a hook gets a secret.
const SECRET: &str = "hookward:hook/secrets#get";

/// Grants that decide whether an interface may be imported.
const GATES: &[&str] = &["commands", "http", "secrets", "plan", "state"];

/// Reasons that end a call from outside of the guest: at a time that isn't the guest's.
const OUTSIDE: &[Reason] = &[Reason::Timeout, Reason::Cancelled, Reason::HttpBody, Reason::HttpRequests];

/// Reasons that a call can end for.
const REASONS: &[Reason] = &[
    Reason::Error,
    Reason::Trap,
    Reason::Panic,
    Reason::Exit,
    Reason::Timeout,
    Reason::Cancelled,
    Reason::Fuel,
    Reason::Memory,
    Reason::Tables,
    Reason::Instances,
    Reason::Stack,
    Reason::Handles,
    Reason::Output,
    Reason::LogLines,
    Reason::Transfer,
    Reason::Commands,
    Reason::HttpRequests,
    Reason::HttpBody,
    Reason::HttpHeaders,
    Reason::Directory,
    Reason::State,
    Reason::StateSize,
    Reason::Host,
];

fn reason_of(name: &str) -> Option<Reason> {
    REASONS.iter().copied().find(|reason| reason.name() == name)
}

/// What makes a call one that is recorded, replayed or staged.
pub(crate) struct Aside {
    tape: Tape,
    stage: Option<Arc<Stage>>,
    seed: [u8; 32],
    linked: Linked,
}

/// The same in the call's state.
pub(crate) struct Seat {
    pub(crate) tape: Tape,
    pub(crate) stage: Option<Arc<Stage>>,
    /// All random numbers of the call.
    chance: blake3::OutputReader,
    /// Bytes that one call of a host function may bring in.
    transfer: usize,
}

impl Aside {
    pub(crate) fn linked(&self) -> &Linked {
        &self.linked
    }

    pub(crate) fn tape(&self) -> &Tape {
        &self.tape
    }

    pub(crate) fn seat(&self, transfer: usize) -> Seat {
        let chance = blake3::Hasher::new_keyed(&self.seed).finalize_xof();
        Seat { tape: self.tape.clone(), stage: self.stage.clone(), chance, transfer }
    }
}

/// What a record says of a call besides what happened in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// The name of the hook in the configuration.
    pub hook: Option<&'a str>,
    /// The component's file.
    pub file: Option<&'a Path>,
}

/// A call that was replayed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Replay {
    /// How it went now.
    pub report: Report,
    /// What the hook said.
    pub log: Vec<Record>,
    /// Calls of host functions that were answered.
    pub calls: u64,
    /// Where the component left the record, if it did.
    pub divergence: Option<Divergence>,
    /// What came out otherwise than in the record.
    pub differences: Vec<Difference>,
    /// It came to the place where the record was cut: what was after it is not known.
    pub cut: bool,
    /// The hook was given a secret, and in this replay what stands in its place.
    pub secrets: bool,
    /// The record's call was ended from outside, by a timeout, say: it is the same as
    /// far as it goes.
    pub ended_outside: bool,
}

/// One thing that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Difference {
    /// What: `result`, `fuel`, `log`, `plan`, `skip`, `warnings`.
    pub what: &'static str,
    /// As it is in the record.
    pub recorded: String,
    /// As it is now.
    pub replayed: String,
}

impl Replay {
    /// Whether the component did the same, to the last unit of fuel.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.divergence.is_none() && self.differences.is_empty() && !self.cut
    }
}

/// Hands records on, and keeps them.
struct Tee {
    sink: Arc<dyn Sink>,
    kept: Mutex<Vec<Record>>,
}

impl Tee {
    fn new(sink: Arc<dyn Sink>) -> Arc<Self> {
        Arc::new(Self { sink, kept: Mutex::default() })
    }

    fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Tee {
    fn record(&self, record: Record) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
        self.sink.record(record);
    }
}

impl Hook {
    /// As [`call`](Self::call), and writes down all that the hook is told. The record is
    /// none where it can't be made.
    pub async fn record(
        &self,
        event: &Event,
        sink: Arc<dyn Sink>,
        cancel: &CancellationToken,
        origin: Origin<'_>,
    ) -> (Report, Result<CallRecord, Failure>) {
        let mut seed = [0; 32];
        if let Err(error) = getrandom::fill(&mut seed) {
            let failure = Failure::new(Reason::Host, format!("the system gives no random numbers: {error}"));
            return (self.call(event, sink, cancel).await, Err(failure));
        }
        let tape = Tape::record(MAX_BYTES);
        let linked = match self.component().linked_to_record() {
            Ok(linked) => linked,
            Err(failure) => return (self.call(event, sink, cancel).await, Err(failure)),
        };
        let aside = Aside { tape: tape.clone(), stage: None, seed, linked };
        let tee = Tee::new(sink);
        let report = self.taped(&tape).call_aside(event, tee.clone(), cancel, Some(&aside)).await;
        let record = self.written(event, &report, tee.take(), &aside, origin);
        (report, record)
    }

    /// As [`call`](Self::call), on a stage, which knows afterwards what the hook did.
    ///
    /// # Errors
    /// When the component can't be linked.
    pub async fn rehearse(
        &self,
        event: &Event,
        sink: Arc<dyn Sink>,
        cancel: &CancellationToken,
        stage: Arc<Stage>,
    ) -> Result<Report, Failure> {
        let tape = Tape::record(MAX_BYTES);
        let linked = self.component().linked_to_record()?;
        let aside = Aside { tape, seed: stage.seed, stage: Some(stage), linked };
        Ok(self.call_aside(event, sink, cancel, Some(&aside)).await)
    }

    /// The hook, with its state on the tape.
    fn taped(&self, tape: &Tape) -> Self {
        let Some(StateGrant { store, quota }) = self.grants().state.clone() else { return self.clone() };
        let mut grants = self.grants().clone();
        let store = brokered::Taped { tape: tape.clone(), store: Some(store) };
        grants.state = Some(StateGrant { store: Arc::new(store), quota });
        self.with_grants(grants)
    }

    fn written(
        &self,
        event: &Event,
        report: &Report,
        log: Vec<Record>,
        aside: &Aside,
        origin: Origin<'_>,
    ) -> Result<CallRecord, Failure> {
        let unwritable =
            |error: RecordError| Failure::new(Reason::Host, format!("the call can't be recorded: {error}"));
        let grants = self.grants();
        let inspection = self.component().inspection();
        let secrets = aside.tape.secrets();
        let taken = aside.tape.taken(&grants.mask);
        let began = SystemTime::now().checked_sub(report.wall).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut record = CallRecord {
            head: Head {
                hookward_record: Head::VERSION,
                hookward: env!("CARGO_PKG_VERSION").to_owned(),
                recorded: humantime::format_rfc3339_seconds(began).to_string(),
                hook: origin.hook.map(str::to_owned),
                component: Subject {
                    file: origin.file.and_then(Path::to_str).map(str::to_owned),
                    digest: inspection.digest.to_string(),
                    size: inspection.size,
                },
                event: event.clone(),
                config: grants.config.clone(),
                env: grants.env.clone(),
                granted: GATES.iter().filter(|gate| grants.cover(gate)).map(|&gate| gate.to_owned()).collect(),
                state: grants.state.as_ref().map(|state| state.quota.bytes()),
                limits: self.limits().clone(),
                seed: hex::encode(aside.seed),
            },
            entries: taken.entries,
            end: end(report, log, &grants.mask, taken.cut),
        };
        let hider = Hider::new(&grants.mask, &secrets);
        record.hide(&hider, &grants.mask).map_err(unwritable)?;
        // What is written can be read: and that is the record.
        let bytes = record.sealed(Some(&hider)).map_err(unwritable)?;
        CallRecord::parse(&bytes).map_err(unwritable)
    }
}

/// How a call went, as it is written down.
fn end(report: &Report, log: Vec<Record>, mask: &Mask, cut: Option<u64>) -> End {
    let mut plan = report.plan.clone();
    plan.iter_mut().for_each(|change| change.hide(mask));
    End {
        failure: report.result.as_ref().err().map(Failed::from),
        skip: report.skip.clone(),
        warnings: report.warnings.clone(),
        plan: serde_json::to_value(plan).unwrap_or_default(),
        log,
        fuel: report.fuel,
        peak_memory: report.peak_memory,
        duration: report.wall,
        cut,
    }
}

impl Component {
    /// Runs the component on a record: offline, with nothing of the machine behind it.
    ///
    /// # Errors
    /// When it imports what the recorded call was not granted, or can't be linked.
    pub async fn replay(
        &self,
        record: &CallRecord,
        sink: Arc<dyn Sink>,
        cancel: &CancellationToken,
    ) -> Result<Replay, Failure> {
        let CallRecord { head, entries, end: recorded } = record;
        for request in &self.inspection().requests {
            if let Access::Gated(gate) = request.access
                && !head.granted.iter().any(|granted| granted == gate)
            {
                let message =
                    format!("imports {}, which needs the grant `{gate}`: the recorded call had none", request.import);
                return Err(Failure::new(Reason::ImportNotGranted, message));
            }
        }
        let mask = Mask::default();
        stand_ins(entries).for_each(|(_, stand_in)| mask.add(stand_in));
        let reason = recorded.failure.as_ref().and_then(|failed| reason_of(&failed.reason));
        let outside = reason.filter(|reason| OUTSIDE.contains(reason));
        let tape = Tape::replay(entries.clone(), mask.clone(), outside, recorded.cut);
        let mut grants = Grants { env: head.env.clone(), config: head.config.clone(), mask, ..Grants::default() };
        if let Some(quota) = head.state {
            let quota = StateQuota::new(quota).map_err(|error| Failure::new(Reason::State, error.to_string()))?;
            let store = Arc::new(brokered::Taped { tape: tape.clone(), store: None });
            grants.state = Some(StateGrant { store, quota });
        }
        let mut seed = [0; 32];
        hex::decode_to_slice(&head.seed, &mut seed)
            .map_err(|error| Failure::new(Reason::Host, format!("the record has no seed: {error}")))?;
        let aside = Aside { tape: tape.clone(), stage: None, seed, linked: self.linked_to_record()? };
        let hook = Hook::new(self.clone(), head.limits.clone(), grants);
        let tee = Tee::new(sink);
        let report = match (reason, &recorded.failure) {
            // It had come to its end before the guest was called.
            (Some(reason @ Reason::Directory), Some(failed)) => {
                Report::not_called(Failure::new(reason, &*failed.message))
            }
            _ => hook.call_aside(&head.event, tee.clone(), cancel, Some(&aside)).await,
        };
        let Compared { divergence, made, cut } = tape.compared(true);
        let log = tee.take();
        let replayed = end(&report, log.clone(), &hook.grants().mask, None);
        let differences = if divergence.is_some() && report.result.is_err() || cut {
            // The call was stopped where it left the record.
            Vec::new()
        } else {
            differences(recorded, &replayed, outside.is_some())
        };
        let (secrets, ended_outside) = (stand_ins(entries).next().is_some(), outside.is_some());
        Ok(Replay { report, log, calls: made, divergence, differences, cut, secrets, ended_outside })
    }
}

/// With three asterisks for each longer run: a text that the mask has been over has so
/// many for a secret, and an answer of the record as many as the secret had bytes.
fn shortened(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '*' || !short.ends_with("***") {
            short.push(c);
        }
    }
    short
}

fn differences(recorded: &End, replayed: &End, outside: bool) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |what: &'static str, recorded: String, replayed: String| {
        if shortened(&recorded) != shortened(&replayed) {
            differences.push(Difference { what, recorded, replayed });
        }
    };
    let result = |end: &End| match &end.failure {
        None => "ok".to_owned(),
        Some(Failed { reason, message, .. }) => format!("{message} [{reason}]"),
    };
    compare("result", result(recorded), result(replayed));
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    compare("skip", text(&recorded.skip), text(&replayed.skip));
    compare("warnings", recorded.warnings.join("\n"), replayed.warnings.join("\n"));
    compare("plan", recorded.plan.to_string(), replayed.plan.to_string());
    let lines = |log: &[Record]| {
        let line = |record: &Record| serde_json::to_string(record).unwrap_or_default();
        log.iter().map(line).collect::<Vec<_>>()
    };
    let (mut before, mut now) = (lines(&recorded.log), lines(&replayed.log));
    if outside {
        // It was ended between two of them.
        let both = before.len().min(now.len());
        before.truncate(both);
        now.truncate(both);
    }
    let first = before.iter().zip(&now).position(|(before, now)| shortened(before) != shortened(now));
    if first.is_some() || before.len() != now.len() {
        let at = first.unwrap_or(before.len().min(now.len()));
        let line = |lines: &[String]| lines.get(at).cloned().unwrap_or_else(|| "nothing more".to_owned());
        compare("log", format!("line {}: {}", at + 1, line(&before)), format!("line {}: {}", at + 1, line(&now)));
    }
    if !outside {
        compare("fuel", recorded.fuel.to_string(), replayed.fuel.to_string());
    }
    differences
}
