//! The verbs of a hook's author. Here: `hook call`, one component without a
//! configuration.

mod cases;
mod inspect;
mod new;
mod replay;

use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail};
use hookward_engine::event::{Outcome, millis};
use hookward_engine::log::{Record, Sink};
use hookward_engine::{
    DirGrant, Event, EventKind, Grants, Limits, MemoryStore, Origin, Report, Scope, StateGrant, Status, Trigger,
};
use hookward_runner::config::{grants_from_text, hook_settings};
use hookward_runner::interrupt::{Interrupts, Step};
use hookward_runner::prepare;
use serde_json::json;

pub(crate) use self::cases::test;
pub(crate) use self::inspect::inspect;
pub(crate) use self::new::{build, new};
pub(crate) use self::replay::replay;
use crate::args::Call;
use crate::output;
use crate::session::{NO_SIGNALS, Problem, Session};
use crate::show::{Show, Voice};

pub(crate) fn call(session: &Session, call: &Call) -> anyhow::Result<i32> {
    let event = event(session, call)?;
    let limits = limits(call);
    let grants = grants(call)?;
    let mask = grants.mask.clone();
    let show = session.show(Voice::Hook);
    let kept = Arc::new(Both::new(&show));
    let interrupts = Interrupts::default();
    let listener = interrupts.listen(|_, _| {}).context(NO_SIGNALS)?;
    let runtime = session.runtime()?;
    let unusable = |failure| Problem::Component { file: call.file.clone(), failure };
    let mut unrecorded = None;
    let mut report = runtime.block_on(async {
        let component = session.engine()?.load_file(&call.file, None, &limits).await.map_err(unusable)?;
        let sink: Arc<dyn Sink> = kept.clone();
        let hook = component.hook(limits, grants).map_err(unusable)?;
        let stop = interrupts.step(Step::Stop);
        let Some(file) = &call.record else { return Ok(hook.call(&event, sink, stop).await) };
        let path = std::path::absolute(&call.file).ok();
        let (report, record) = hook.record(&event, sink, stop, Origin { hook: None, file: path.as_deref() }).await;
        let saved = record.map_err(anyhow::Error::from).and_then(|record| Ok(record.save(file)?));
        if let Err(error) = saved {
            unrecorded = Some(error.context(format!("cannot record the call in {}", file.display())));
        }
        anyhow::Ok(report)
    })?;
    runtime.shutdown_background();
    drop(listener);
    report.plan.iter_mut().for_each(|change| change.hide(&mask));
    if session.global.json {
        let log = kept.take();
        output::result(format_args!("{:#}", report_json(&report, &log)))?;
    } else {
        show.call_ended(&report);
    }
    if let Some(error) = unrecorded {
        return Err(error);
    }
    Ok(i32::from(report.result.is_err()))
}

/// Shows what the hook says, and keeps it for the report.
struct Both {
    kept: Mutex<Vec<Record>>,
    show: Arc<Show>,
}

impl Both {
    fn new(show: &Arc<Show>) -> Self {
        Self { kept: Mutex::default(), show: Arc::clone(show) }
    }

    fn take(&self) -> Vec<Record> {
        self.kept.lock().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default()
    }
}

impl Sink for Both {
    fn record(&self, record: Record) {
        self.show.record(None, &record);
        self.kept.record(record);
    }
}

fn report_json(report: &Report, log: &[Record]) -> serde_json::Value {
    json!({
        "version": 1,
        "ok": report.result.is_ok(),
        "failure": report.result.as_ref().err(),
        "skip": report.skip,
        "warnings": report.warnings,
        "duration-ms": millis::of(report.wall),
        "fuel": report.fuel,
        "peak-memory": report.peak_memory,
        "plan": report.plan,
        "log": log,
    })
}

/// The event: from a file, or made up; single options win over both.
fn event(session: &Session, call: &Call) -> anyhow::Result<Event> {
    let mut event = match &call.event_file {
        Some(file) => {
            let mut text = String::new();
            let read = if file.as_os_str() == "-" {
                std::io::stdin().read_to_string(&mut text)
            } else {
                std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
            };
            read.with_context(|| format!("cannot read {}", file.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} holds no event", file.display()))?
        }
        None => made_up(call.event.unwrap_or(EventKind::Before)),
    };
    if let Some(kind) = call.event {
        event.kind = kind;
    }
    event.dry_run |= session.global.dry_run;
    for (field, value) in [(&mut event.operation, &call.operation), (&mut event.repository, &call.repository)] {
        if let Some(value) = value {
            field.clone_from(value);
        }
    }
    if call.profile.is_some() {
        event.profile.clone_from(&call.profile);
        event.scope = Scope::Profile;
    }
    if !call.sources.is_empty() {
        event.sources.clone_from(&call.sources);
    }
    if !call.tags.is_empty() {
        event.tags.clone_from(&call.tags);
    }
    event.attempt = call.attempt.unwrap_or(event.attempt);
    if call.status.is_some() || call.error.is_some() {
        let kind = event.kind;
        let outcome = event.outcome.get_or_insert_with(|| outcome(status_of(kind)));
        outcome.status = call.status.unwrap_or(outcome.status);
        outcome.error = call.error.clone().or(outcome.error.take());
    }
    Ok(event)
}

fn made_up(kind: EventKind) -> Event {
    Event {
        run_id: uuid::Uuid::now_v7().to_string(),
        kind,
        operation: "backup".to_owned(),
        profile: None,
        scope: Scope::Global,
        repository: String::new(),
        host: gethostname::gethostname().to_string_lossy().into_owned(),
        sources: Vec::new(),
        tags: Vec::new(),
        trigger: Trigger::Manual,
        dry_run: false,
        attempt: 1,
        recovered: false,
        outcome: (kind != EventKind::Before).then(|| outcome(status_of(kind))),
    }
}

/// The status that the event tells of; `finally` follows any, so a good one.
fn status_of(kind: EventKind) -> Status {
    Status::ALL.iter().copied().find(|status| status.event() == kind).unwrap_or(Status::Success)
}

fn outcome(status: Status) -> Outcome {
    let exit_code = match status {
        Status::Success => Some(0),
        Status::Warning => Some(3),
        Status::Failure => Some(1),
        Status::Cancelled | Status::Skipped => None,
    };
    Outcome {
        status,
        exit_code,
        error: None,
        duration: std::time::Duration::ZERO,
        snapshot_id: None,
        summary: None,
        stderr_tail: String::new(),
        hooks: Vec::new(),
    }
}

fn limits(call: &Call) -> Limits {
    let mut limits = Limits::default();
    limits.timeout = call.timeout.unwrap_or(limits.timeout);
    limits.fuel = call.fuel.unwrap_or(limits.fuel);
    limits.memory = call.memory.map_or(limits.memory, |memory| memory.0);
    limits
}

fn grants(call: &Call) -> anyhow::Result<Grants> {
    let mut grants = call.grants.as_deref().map(granted).transpose()?.unwrap_or_default();
    for dir in &call.dirs {
        let parts: Vec<_> = dir.split(':').collect();
        let (host, guest, write) = match parts.as_slice() {
            [host] => (*host, *host, false),
            [host, guest] => (*host, *guest, false),
            [host, guest, "rw"] => (*host, *guest, true),
            _ => bail!("--dir {dir}: write HOST, HOST:GUEST or HOST:GUEST:rw"),
        };
        grants.dirs.push(DirGrant { host: host.into(), guest: guest.to_owned(), write });
    }
    for name in &call.env {
        let value = std::env::var(name).with_context(|| format!("--env {name}: the variable can't be granted"))?;
        grants.env.push((name.clone(), value));
    }
    let mut table = toml::Table::new();
    if let Some(file) = &call.config_file {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        table = text.parse().with_context(|| format!("{} is not TOML", file.display()))?;
    }
    for (key, text) in &call.settings {
        // `5`, `true`, `["a"]` as in a configuration; anything else is a text.
        let value = format!("value = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
        table.insert(key.clone(), value.unwrap_or_else(|| toml::Value::String(text.clone())));
    }
    grants.config = hook_settings(&table);
    Ok(grants)
}

/// What `--grants` says: TOML, or the file that holds it.
fn granted(given: &str) -> anyhow::Result<Grants> {
    let spec = if given.contains('=') {
        grants_from_text(Path::new("--grants"), given, Path::new("."))
    } else {
        let text = std::fs::read_to_string(given).with_context(|| format!("--grants: cannot read {given}"))?;
        let file = Path::new(given);
        grants_from_text(file, &text, file.parent().unwrap_or(Path::new("")))
    };
    let spec = spec.map_err(Problem::from)?;
    let mut grants = prepare::grants(&spec);
    // There is no run whose state it would be: trying a hook changes nothing.
    grants.state = spec.state.map(|quota| StateGrant { store: Arc::new(MemoryStore::default()), quota: quota.value });
    Ok(grants)
}
