//! What a hook is granted besides WASI: commands, secrets, changes of the plan, state.
//! These are asked for below the contract, so that every version of it is recorded.

use std::sync::Arc;

use super::answer::{Code, Reader, Value, malformed};
use super::entry::Outcome;
use super::item::Item;
use super::tape::Tape;
use super::view::View;
use crate::command::{self, CommandError, Exit, Finished, Invocation};
use crate::keyvalue::{Changes, CommitError, Permit, Snapshot, StateStore};
use crate::plan::{self, Change, PlanError, Variable};
use crate::secrets::{self, SecretError};
use crate::state::State;

/// Runs a command, or tells what came of it.
pub(crate) async fn command(
    state: &mut State,
    invocation: Invocation,
) -> wasmtime::Result<Result<Finished, CommandError>> {
    let pairs = |list: &[(String, String)]| {
        let pair = |(name, value): &(String, String)| Item::List(vec![Item::text(&**name), Item::text(&**value)]);
        Item::List(list.iter().map(pair).collect())
    };
    let args = Item::named([
        ("command", Item::text(&*invocation.command)),
        ("arguments", pairs(&invocation.arguments)),
        ("environment", pairs(&invocation.environment)),
        ("stdin", invocation.stdin.as_deref().map_or(Item::Nothing, Item::text)),
    ]);
    match View(state).begin("hookward:hook/command#run", args)? {
        Some(outcome) => View(state).replay(outcome),
        None => {
            let answer = command::run_now(state, invocation).await;
            View(state).end(answer)
        }
    }
}

impl Value for Finished {
    fn write(&self, _: &Tape) -> Item {
        let exit = match self.exit {
            Exit::Code(code) => Item::named([("code", Item::Number(code.into()))]),
            Exit::Signal(signal) => Item::named([("signal", Item::Number(signal.into()))]),
        };
        Item::named([
            ("exit", exit),
            ("stdout", Item::text(&*self.stdout)),
            ("stdout-truncated", Item::Flag(self.stdout_truncated)),
            ("stderr", Item::text(&*self.stderr)),
            ("stderr-truncated", Item::Flag(self.stderr_truncated)),
        ])
    }

    fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
        let exit = item.get("exit").ok_or_else(malformed)?;
        let number = |name: &str| match exit.get(name) {
            Some(Item::Number(number)) => u8::try_from(*number).ok(),
            _ => None,
        };
        let exit = number("code").map(Exit::Code).or_else(|| number("signal").map(Exit::Signal));
        let bytes = |name: &str| match item.get(name) {
            Some(Item::Text(bytes)) => Ok(bytes.to_vec()),
            _ => Err(malformed()),
        };
        let flag = |name: &str| if let Some(Item::Flag(flag)) = item.get(name) { Ok(*flag) } else { Err(malformed()) };
        Ok(Self {
            exit: exit.ok_or_else(malformed)?,
            stdout: bytes("stdout")?,
            stdout_truncated: flag("stdout-truncated")?,
            stderr: bytes("stderr")?,
            stderr_truncated: flag("stderr-truncated")?,
        })
    }
}

/// Errors that are a name and a sentence.
macro_rules! sentences {
    ($type:ident { $($variant:ident = $name:literal),+ }) => {
        impl Code for $type {
            fn write(&self) -> Item {
                match self {
                    $(Self::$variant(message) => Item::named([($name, Item::text(&**message))])),+
                }
            }

            fn read(item: &Item) -> Option<Self> {
                $(if let Some(message) = item.get($name) {
                    return message.as_str().map(|message| Self::$variant(message.to_owned()));
                })+
                None
            }
        }
    };
}

sentences!(CommandError {
    Unknown = "unknown",
    Refused = "refused",
    NotStarted = "not-started",
    TimedOut = "timed-out"
});
sentences!(SecretError { Unknown = "unknown", Unavailable = "unavailable" });
sentences!(PlanError { NotGranted = "not-granted", NotNow = "not-now", Invalid = "invalid" });

/// Reads a secret, or hands out what stands in its place.
pub(crate) async fn secret(state: &mut State, name: &str) -> wasmtime::Result<Result<Arc<str>, SecretError>> {
    let args = Item::named([("name", Item::text(name))]);
    if let Some(outcome) = View(state).begin(super::SECRET, args)? {
        return Ok(match outcome {
            Outcome::Ok(item) => Ok(item.as_str().ok_or_else(malformed)?.into()),
            Outcome::Error(item) => Err(Code::read(&item).ok_or_else(malformed)?),
            Outcome::Trap(trap) => return Err(trap.error()),
        });
    }
    let value = secrets::read(state, name).await;
    let tape = View(state).tape();
    tape.end(match &value {
        Ok(value) => {
            tape.secret(value);
            Outcome::Ok(Item::text(value.as_bytes()))
        }
        Err(error) => Outcome::Error(error.write()),
    });
    Ok(value)
}

/// Takes a change of the plan down, or tells whether it was.
pub(crate) async fn change(state: &mut State, change: Change) -> wasmtime::Result<Result<(), PlanError>> {
    let texts = |values: &[String]| Item::List(values.iter().map(|value| Item::text(&**value)).collect());
    let (name, values) = match &change {
        Change::SetSources(values) => ("set-sources", texts(values)),
        Change::AddSources(values) => ("add-sources", texts(values)),
        Change::AddTags(values) => ("add-tags", texts(values)),
        Change::AddExcludes(values) => ("add-excludes", texts(values)),
        Change::SetEnv(Variable { name, value }) => {
            ("set-env", Item::List(vec![Item::text(&**name), Item::text(&**value)]))
        }
    };
    let call = format!("hookward:hook/plan#{name}");
    match View(state).begin(&call, Item::named([("values", values)]))? {
        Some(outcome) => {
            let answer: wasmtime::Result<Result<(), PlanError>> = View(state).replay(outcome);
            if let Ok(Ok(())) = &answer {
                state.plan.keep(change);
            }
            answer
        }
        None => {
            let answer = plan::change_now(state, change).await;
            View(state).end(answer)
        }
    }
}

/// A hook's state on a tape: what it was, and whether its changes were kept.
#[derive(Debug)]
pub(super) struct Taped {
    pub(super) tape: Tape,
    /// None in a replay.
    pub(super) store: Option<Arc<dyn StateStore>>,
}

fn entries(snapshot: &Snapshot) -> Item {
    let entry = |(key, value): (&String, &Vec<u8>)| Item::List(vec![Item::text(&**key), Item::text(&**value)]);
    Item::List(snapshot.entries.iter().map(entry).collect())
}

impl StateStore for Taped {
    fn load(&self) -> Result<Snapshot, String> {
        let begun = self.tape.begin("wasi:keyvalue/store#open", Item::named([]), None);
        match begun.map_err(|error| error.to_string())? {
            Some(Outcome::Ok(Item::List(entries))) => {
                let mut snapshot = Snapshot::default();
                for entry in entries {
                    let Item::List(entry) = entry else { return Err(malformed().to_string()) };
                    let [key, Item::Text(value)] = entry.as_slice() else { return Err(malformed().to_string()) };
                    let key = key.as_str().ok_or_else(|| malformed().to_string())?;
                    snapshot.entries.insert(key.to_owned(), value.to_vec());
                }
                Ok(snapshot)
            }
            Some(Outcome::Error(error)) => Err(error.as_str().unwrap_or_default().to_owned()),
            Some(_) => Err(malformed().to_string()),
            None => {
                let loaded = self.store.as_ref().map_or_else(|| Ok(Snapshot::default()), |store| store.load());
                self.tape.end(match &loaded {
                    Ok(snapshot) => Outcome::Ok(entries(snapshot)),
                    Err(why) => Outcome::Error(Item::text(&**why)),
                });
                loaded
            }
        }
    }

    fn commit(&self, changes: &Changes, base: u64, permit: &Permit) -> Result<(), CommitError> {
        let failed = |error: wasmtime::Error| CommitError::Failed(error.to_string());
        let changed = |(key, value): (&String, &Option<Vec<u8>>)| {
            Item::List(vec![Item::text(&**key), value.as_deref().map_or(Item::Nothing, Item::text)])
        };
        let args = Item::named([("changes", Item::List(changes.iter().map(changed).collect()))]);
        match self.tape.begin("wasi:keyvalue/store#commit", args, None).map_err(failed)? {
            Some(Outcome::Ok(_)) => permit.take().then_some(()).ok_or(CommitError::Withdrawn),
            Some(Outcome::Error(error)) => Err(match error.get("failed").and_then(Item::as_str) {
                Some(why) => CommitError::Failed(why.to_owned()),
                None if error.as_str() == Some("conflict") => CommitError::Conflict,
                None => CommitError::Withdrawn,
            }),
            Some(Outcome::Trap(trap)) => Err(failed(trap.error())),
            None => {
                let committed = self.store.as_ref().map_or(Ok(()), |store| store.commit(changes, base, permit));
                self.tape.end(match &committed {
                    Ok(()) => Outcome::Ok(Item::Nothing),
                    Err(CommitError::Failed(why)) => Outcome::Error(Item::named([("failed", Item::text(&**why))])),
                    Err(CommitError::Conflict) => Outcome::Error(Item::text("conflict")),
                    Err(CommitError::Withdrawn) => Outcome::Error(Item::text("withdrawn")),
                });
                committed
            }
        }
    }
}
