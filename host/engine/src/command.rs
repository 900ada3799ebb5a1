//! `hookward:hook/command`: commands of the host.

use crate::state::State;

/// What a hook asks to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) command: String,
    pub(crate) arguments: Vec<(String, String)>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) stdin: Option<Vec<u8>>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(u8),
    Signal(u8),
}

/// What a command has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) exit: Exit,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stdout_truncated: bool,
    pub(crate) stderr: Vec<u8>,
    pub(crate) stderr_truncated: bool,
}

/// Why there is no output. Each with a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandError {
    Unknown(String),
    Refused(String),
    NotStarted(String),
    TimedOut(String),
}

/// Runs a command to its end.
pub(crate) async fn run(_state: &mut State, invocation: Invocation) -> wasmtime::Result<Result<Output, CommandError>> {
    Ok(Err(CommandError::Unknown(format!("no command `{}` is granted to this hook", invocation.command))))
}
