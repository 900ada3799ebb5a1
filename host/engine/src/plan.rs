//! `hookward:hook/plan`: changes of the backup that is about to start.

use crate::state::State;

/// One change that a hook asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    SetSources(Vec<String>),
    AddSources(Vec<String>),
    AddTags(Vec<String>),
    AddExcludes(Vec<String>),
    SetEnv(String, String),
}

/// Why a change is not made. Each with a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PlanError {
    NotGranted(String),
    NotNow(String),
    Invalid(String),
}

/// Takes a change down.
pub(crate) async fn change(_state: &mut State, change: Change) -> wasmtime::Result<Result<(), PlanError>> {
    let part = match change {
        Change::SetSources(_) | Change::AddSources(_) => "sources",
        Change::AddTags(_) => "tags",
        Change::AddExcludes(_) => "excludes",
        Change::SetEnv(..) => "env",
    };
    Ok(Err(PlanError::NotGranted(format!("this hook may not change the `{part}` of the plan"))))
}
