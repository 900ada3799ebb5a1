//! One case: the hook is called on a stage, or a record is replayed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hookward_engine::log::{Record, Sink};
use hookward_engine::{
    Act, CallRecord, CancellationToken, CommandAnswer, Component, DirGrant, Event, Exit, Grants, HttpAnswer,
    HttpResponse, Limits, MemoryStore, Replay, Report, SecretSource, Snapshot, Stage, StateGrant, StateQuota,
    StateStore as _,
};
use hookward_runner::config::grants_of_case;
use hookward_runner::prepare;

use super::super::{hook_settings, made_up};
use super::case::{Case, Command, Http};
use crate::session::Problem;

/// When a case happens that doesn't say.
const TIME: u64 = 1_767_236_400;

/// What happened in a case.
pub(super) enum Happened {
    Called(Box<Called>),
    Replayed(Box<Replay>),
}

/// A call on a stage.
pub(super) struct Called {
    pub(super) report: Report,
    pub(super) log: Vec<Record>,
    pub(super) acts: Vec<Act>,
    /// What the hook keeps now.
    pub(super) state: Option<BTreeMap<String, Vec<u8>>>,
    /// Files of writable directories that are new, or other than before; none: gone.
    pub(super) files: BTreeMap<String, Option<Vec<u8>>>,
    /// All files of granted directories, as they are now.
    pub(super) all_files: BTreeMap<String, Vec<u8>>,
}

impl Happened {
    pub(super) fn fuel(&self) -> u64 {
        match self {
            Self::Called(called) => called.report.fuel,
            Self::Replayed(replay) => replay.report.fuel,
        }
    }
}

pub(super) async fn run(case: &Case, component: &Component) -> anyhow::Result<Happened> {
    let cancel = CancellationToken::new();
    let log = Arc::new(Mutex::new(Vec::<Record>::new()));
    let sink: Arc<dyn Sink> = log.clone();
    let unusable = |failure| case.wrong(format!("the hook can't be used: {failure}"));
    if let Some(record) = &case.written.record {
        let file = case.base.join(record);
        let record = CallRecord::load(&file).map_err(|error| case.wrong(format!("{}: {error}", file.display())))?;
        let replay = component.replay(&record, sink, &cancel).await.map_err(unusable)?;
        return Ok(Happened::Replayed(Box::new(replay)));
    }
    let event = event(case)?;
    let (mut grants, room) = grants(case)?;
    let store = case.written.state.as_ref().map(|state| {
        let entries = state.iter().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
        entries.collect::<BTreeMap<_, _>>()
    });
    let store = (grants.state.is_some() || store.is_some())
        .then(|| Arc::new(MemoryStore::new(Snapshot { entries: store.unwrap_or_default(), version: 0 })));
    if let Some(store) = &store {
        let quota = grants.state.map_or_else(StateQuota::default, |state| state.quota);
        grants.state = Some(StateGrant { store: store.clone(), quota });
    } else {
        grants.state = None;
    }
    let dirs = grants.dirs.clone();
    let before = files(&dirs)?;
    let stage = Arc::new(stage(case)?);
    let hook = component.hook(limits(case), grants).map_err(unusable)?;
    let report = hook.rehearse(&event, sink, &cancel, Arc::clone(&stage)).await.map_err(unusable)?;
    let now = files(&dirs)?;
    drop(room);
    let changed = now.iter().filter(|(path, contents)| before.get(*path) != Some(contents));
    let mut changed: BTreeMap<_, _> = changed.map(|(path, contents)| (path.clone(), Some(contents.clone()))).collect();
    changed.extend(before.into_keys().filter(|path| !now.contains_key(path)).map(|path| (path, None)));
    let state = store.map(|store| store.load().map(|snapshot| snapshot.entries).unwrap_or_default());
    let log = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
    let called = Called { report, log, acts: stage.acts(), state, files: changed, all_files: now };
    Ok(Happened::Called(Box::new(called)))
}

/// The event: made up, but the same every time, and as the case says.
fn event(case: &Case) -> anyhow::Result<Event> {
    let mut event = match &case.written.event_file {
        Some(file) => {
            let text = case.contents(None, Some(file))?;
            serde_json::from_slice(&text).map_err(|error| case.wrong(format!("{}: {error}", file.display())))?
        }
        None => {
            let mut event = made_up(case.kind()?);
            event.run_id = "00000000-0000-7000-8000-000000000000".to_owned();
            event.host = "test".to_owned();
            serde_json::to_value(event)?
        }
    };
    overlay(&mut event, &serde_json::to_value(&case.written.event)?);
    let event: Event = serde_json::from_value(event).map_err(|error| case.wrong(format!("[event]: {error}")))?;
    Ok(event)
}

fn overlay(base: &mut serde_json::Value, over: &serde_json::Value) {
    match (base, over) {
        (serde_json::Value::Object(base), serde_json::Value::Object(over)) => {
            for (key, value) in over {
                overlay(base.entry(key.clone()).or_insert(serde_json::Value::Null), value);
            }
        }
        (base, over) => base.clone_from(over),
    }
}

fn limits(case: &Case) -> Limits {
    let mut limits = Limits::default();
    let written = &case.written.limits;
    limits.timeout = written.timeout.unwrap_or(limits.timeout);
    limits.fuel = written.fuel.unwrap_or(limits.fuel);
    limits.memory = written.memory.map_or(limits.memory, |memory| memory.0);
    limits
}

/// What the hook is granted. Directories are copies in a room of their own: the hook
/// may change them, and the case stays as it is.
fn grants(case: &Case) -> anyhow::Result<(Grants, tempfile::TempDir)> {
    let spec = grants_of_case(&case.file, &case.text, &case.base).map_err(Problem::from)?;
    let mut grants = prepare::grants(&spec);
    let room = tempfile::tempdir().context("cannot make a directory for the case")?;
    for (number, dir) in grants.dirs.iter_mut().enumerate() {
        let copy = room.path().join(number.to_string());
        let host = std::mem::replace(&mut dir.host, copy.clone());
        copy_tree(&host, &copy).map_err(|error| case.wrong(format!("cannot copy {}: {error}", host.display())))?;
    }
    let quota = spec.state.map(|quota| quota.value);
    grants.state = quota.map(|quota| StateGrant { store: Arc::new(MemoryStore::default()), quota });
    grants.env = case.written.env.clone().into_iter().collect();
    grants.config = hook_settings(&case.written.config);
    for name in case.written.secrets.keys() {
        if !grants.secrets.contains_key(name) {
            // Never read: the stage has its value.
            grants.secrets.insert(name.clone(), SecretSource::env("HOOKWARD_TEST_SECRET".to_owned())?);
        }
    }
    Ok((grants, room))
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.exists() {
        // Git keeps no empty directories.
        return std::fs::create_dir_all(to);
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, target)?;
        } else if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if entry.file_name() != ".gitkeep" {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The files of granted directories, by the paths at which the hook sees them.
fn files(dirs: &[DirGrant]) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    fn walk(dir: &Path, guest: &str, found: &mut BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let path = format!("{}/{}", guest.trim_end_matches('/'), entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                walk(&entry.path(), &path, found)?;
            } else if kind.is_file() {
                found.insert(path, std::fs::read(entry.path())?);
            }
        }
        Ok(())
    }
    let mut found = BTreeMap::new();
    for dir in dirs {
        walk(&dir.host, &dir.guest, &mut found).context("cannot read what the hook has left")?;
    }
    Ok(found)
}

fn stage(case: &Case) -> anyhow::Result<Stage> {
    let written = &case.written;
    let mut stage = Stage::default();
    stage.time = match written.time {
        Some(time) => Duration::try_from(time.as_duration()).map_err(|_| case.wrong("`time` is before 1970"))?,
        None => Duration::from_secs(TIME),
    };
    for (byte, seed) in stage.seed.iter_mut().zip(written.seed.to_le_bytes()) {
        *byte = seed;
    }
    stage.secrets.clone_from(&written.secrets);
    let http = written.http.iter().map(|http| answer(case, http)).collect::<Result<Vec<_>, _>>()?;
    let commands = written.command.iter().map(|command| end(case, command)).collect::<Result<Vec<_>, _>>()?;
    stage.http = Mutex::new(http);
    stage.commands = Mutex::new(commands);
    Ok(stage)
}

fn answer(case: &Case, http: &Http) -> Result<HttpAnswer, Problem> {
    let response = match http.error {
        Some(fault) => Err(fault),
        None => Ok(HttpResponse {
            status: http.status,
            headers: http.headers.clone().into_iter().collect(),
            body: case.contents(http.body.as_ref(), http.body_file.as_ref())?,
        }),
    };
    Ok(HttpAnswer { method: http.method.clone(), url: http.url.clone(), response })
}

fn end(case: &Case, command: &Command) -> Result<CommandAnswer, Problem> {
    let end = match (command.error, command.signal) {
        (Some(fault), _) => Err(fault),
        (None, Some(signal)) => Ok(Exit::Signal(signal)),
        (None, None) => Ok(Exit::Code(command.exit)),
    };
    Ok(CommandAnswer {
        command: command.name.clone(),
        end,
        stdout: case.contents(command.stdout.as_ref(), command.stdout_file.as_ref())?,
        stderr: command.stderr.clone().into_bytes(),
    })
}
