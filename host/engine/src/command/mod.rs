//! `hookward:hook/command`: commands of the host.
//!
//! The data's path: an [`Invocation`] of the guest's -> the [`CommandGrant`] of its
//! name, which makes a [`Job`] of it or refuses -> a [`Supervisor`], which runs it.

mod descendants;
mod grant;
mod protocol;
mod run;
mod start;
mod supervisor;
mod template;
mod variables;
mod written;

use std::sync::Arc;

use self::grant::Granted;
pub use self::grant::{ArgvError, CommandGrant, InvalidVariable};
pub(crate) use self::run::Crew;
pub use self::run::{Exit, Finished, Job, JobError, Supervisor};
pub(crate) use self::start::find;
pub use self::supervisor::supervise_child;
use crate::limiter::LimitHit;
use crate::reason::{Failure, Reason};
use crate::state::State;
use crate::text::{clean, cut};
use crate::{Grants, record};

/// Bytes of a name of the guest's that are repeated in a message.
const SHOWN: usize = 100;

/// What a hook asks to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) command: String,
    pub(crate) arguments: Vec<(String, String)>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) stdin: Option<Vec<u8>>,
}

/// Why there is no output. Each with a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandError {
    Unknown(String),
    Refused(String),
    NotStarted(String),
    TimedOut(String),
}

/// What a call needs to run commands. The default runs none.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    grants: Arc<Grants>,
    pub(crate) under: Option<(Arc<Supervisor>, Crew)>,
    left: u32,
}

impl Commands {
    /// At most `most` commands, each under a supervisor of this crew.
    pub(crate) fn new(grants: &Arc<Grants>, supervisor: Option<Arc<Supervisor>>, crew: Crew, most: u32) -> Self {
        Self { grants: Arc::clone(grants), under: supervisor.map(|supervisor| (supervisor, crew)), left: most }
    }
}

/// Text of the guest's, fit for a message.
fn shown(text: &str) -> String {
    clean(cut(text, SHOWN).0)
}

/// Runs a command to its end, unless the call is a replay.
pub(crate) async fn run(state: &mut State, invocation: Invocation) -> wasmtime::Result<Result<Finished, CommandError>> {
    if state.aside.is_some() { record::command(state, invocation).await } else { run_now(state, invocation).await }
}

/// Runs a command to its end.
pub(crate) async fn run_now(
    state: &mut State,
    invocation: Invocation,
) -> wasmtime::Result<Result<Finished, CommandError>> {
    let mask = &state.secrets.mask;
    let Commands { grants, under, left } = &mut state.commands;
    *left = left.checked_sub(1).ok_or(LimitHit(Reason::Commands))?;
    let Some((name, grant)) = grants.commands.get_key_value(&invocation.command) else {
        let message = format!("no command `{}` is granted to this hook", shown(&invocation.command));
        return Ok(Err(CommandError::Unknown(message)));
    };
    let said = |message: &dyn std::fmt::Display| format!("command `{name}`: {message}");
    let Granted { mut job, secrets } = match grant.grant(invocation) {
        Ok(granted) => granted,
        Err(refusal) => return Ok(Err(CommandError::Refused(said(&refusal)))),
    };
    if let Some(stage) = state.aside.as_ref().and_then(|aside| aside.stage.as_ref()) {
        return Ok(stage.run(name, &job));
    }
    let Some((supervisor, crew)) = under else {
        return Err(Failure::new(Reason::Host, said(&"this host has no supervisor for commands")).into());
    };
    for (variable, source) in secrets {
        match source.read(mask, Some((supervisor, crew))).await {
            Ok(value) => job.env.push((variable, value)),
            Err(why) => {
                let message = said(&format_args!("its variable `{variable}` can't be read: {why}"));
                return Ok(Err(CommandError::NotStarted(message)));
            }
        }
    }
    tracing::debug!("running the command `{name}`, {}", job.program);
    let ended = supervisor.run_in(crew, &job).await;
    tracing::debug!("the command `{name}`: {:?}", ended.as_ref().map(|finished| finished.exit));
    Ok(Err(match ended {
        Ok(finished) => return Ok(Ok(finished)),
        Err(error @ JobError::NotStarted(_)) => CommandError::NotStarted(said(&clean(&error.to_string()))),
        Err(error @ JobError::TimedOut(_)) => CommandError::TimedOut(said(&error)),
        Err(error @ JobError::Supervisor(_)) => {
            return Err(Failure::new(Reason::Host, said(&clean(&error.to_string()))).into());
        }
    }))
}

/// The arguments that a wish leads to, for fuzzers.
#[cfg(feature = "fuzzing")]
pub(crate) fn args(grant: &CommandGrant, invocation: Invocation) -> Result<Vec<String>, String> {
    grant.grant(invocation).map(|granted| granted.job.args).map_err(|refusal| refusal.to_string())
}
