//! The interfaces of `hookward:hook@0.1.0` that need a grant.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker};

use super::bindings::hookward::hook::{command as wit_command, plan as wit_plan, secrets as wit_secrets};
use crate::command::{self, CommandError, Exit, Finished, Invocation};
use crate::plan::{self, Change, PlanError, Variable};
use crate::secrets::{self, SecretError};
use crate::state::State;

/// Links what needs a grant.
pub(in crate::contract) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wit_command::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    link_secrets(linker)?;
    wit_plan::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl wit_command::Host for State {
    async fn run(
        &mut self,
        invocation: wit_command::Invocation,
    ) -> wasmtime::Result<Result<wit_command::Output, wit_command::Error>> {
        let entries = |list: Vec<wit_command::Entry>| list.into_iter().map(|entry| (entry.name, entry.value)).collect();
        let invocation = Invocation {
            command: invocation.command,
            arguments: entries(invocation.arguments),
            environment: entries(invocation.environment),
            stdin: invocation.stdin,
        };
        let ended = command::run(self, invocation).await?;
        Ok(ended.map(Into::into).map_err(Into::into))
    }
}

impl From<Finished> for wit_command::Output {
    fn from(output: Finished) -> Self {
        Self {
            exit: match output.exit {
                Exit::Code(code) => wit_command::Exit::Code(code),
                Exit::Signal(signal) => wit_command::Exit::Signal(signal),
            },
            stdout: output.stdout,
            stdout_truncated: output.stdout_truncated,
            stderr: output.stderr,
            stderr_truncated: output.stderr_truncated,
        }
    }
}

impl From<CommandError> for wit_command::Error {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Unknown(message) => Self::Unknown(message),
            CommandError::Refused(message) => Self::Refused(message),
            CommandError::NotStarted(message) => Self::NotStarted(message),
            CommandError::TimedOut(message) => Self::TimedOut(message),
        }
    }
}

/// By hand, since the bindings would have each value as a `String` of their own, which
/// nobody wipes.
fn link_secrets(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("hookward:hook/secrets@0.1.0")?;
    interface.func_wrap_async("get", |mut store, (name,): (String,)| {
        Box::new(async move {
            let value: Result<Arc<str>, _> = secrets::get(store.data_mut(), &name).await?;
            let value = value.map_err(|error| match error {
                SecretError::Unknown(message) => wit_secrets::Error::Unknown(message),
                SecretError::Unavailable(message) => wit_secrets::Error::Unavailable(message),
            });
            Ok((value,))
        })
    })
}

impl State {
    async fn change(&mut self, change: Change) -> wasmtime::Result<Result<(), wit_plan::Error>> {
        Ok(plan::change(self, change).await?.map_err(|error| match error {
            PlanError::NotGranted(message) => wit_plan::Error::NotGranted(message),
            PlanError::NotNow(message) => wit_plan::Error::NotNow(message),
            PlanError::Invalid(message) => wit_plan::Error::Invalid(message),
        }))
    }
}

impl wit_plan::Host for State {
    async fn set_sources(&mut self, sources: Vec<String>) -> wasmtime::Result<Result<(), wit_plan::Error>> {
        self.change(Change::SetSources(sources)).await
    }

    async fn add_sources(&mut self, sources: Vec<String>) -> wasmtime::Result<Result<(), wit_plan::Error>> {
        self.change(Change::AddSources(sources)).await
    }

    async fn add_tags(&mut self, tags: Vec<String>) -> wasmtime::Result<Result<(), wit_plan::Error>> {
        self.change(Change::AddTags(tags)).await
    }

    async fn add_excludes(&mut self, patterns: Vec<String>) -> wasmtime::Result<Result<(), wit_plan::Error>> {
        self.change(Change::AddExcludes(patterns)).await
    }

    async fn set_env(&mut self, name: String, value: String) -> wasmtime::Result<Result<(), wit_plan::Error>> {
        self.change(Change::SetEnv(Variable { name, value })).await
    }
}
