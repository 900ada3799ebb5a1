//! The host behind the imports. An import is called in one place, so that a component
//! in which nothing calls that place doesn't have it.

use crate::bindings::hookward::hook::log::Field;
use crate::bindings::hookward::hook::{command as wit_command, control, log, plan as wit_plan, secrets as wit_secrets};
use crate::bindings::wasi::config::store;
use crate::bindings::wasi::keyvalue::store as keyvalue;
use crate::command::{self, Exit, Invocation, Output};
use crate::{Level, PlanChange, PlanError, SecretError, StateError};

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, String)]) {
    let fields: Vec<Field> =
        fields.iter().map(|(key, value)| Field { key: (*key).to_owned(), value: value.clone() }).collect();
    log::write(level, message, &fields);
}

pub(crate) fn skip(reason: &str) {
    control::skip(reason);
}

pub(crate) fn warn(message: &str) {
    control::warn(message);
}

pub(crate) fn config_entries() -> Result<Vec<(String, String)>, String> {
    store::get_all().map_err(|error| match error {
        store::Error::Upstream(message) | store::Error::Io(message) => message,
    })
}

pub(crate) fn run_command(invocation: Invocation) -> Result<Output, command::Error> {
    let entries = |pairs: Vec<(String, String)>| {
        pairs.into_iter().map(|(name, value)| wit_command::Entry { name, value }).collect()
    };
    let invocation = wit_command::Invocation {
        command: invocation.command,
        arguments: entries(invocation.arguments),
        environment: entries(invocation.environment),
        stdin: invocation.stdin,
    };
    match wit_command::run(&invocation) {
        Ok(output) => Ok(Output {
            exit: match output.exit {
                wit_command::Exit::Code(code) => Exit::Code(code),
                wit_command::Exit::Signal(signal) => Exit::Signal(signal),
            },
            stdout: output.stdout,
            stdout_truncated: output.stdout_truncated,
            stderr: output.stderr,
            stderr_truncated: output.stderr_truncated,
        }),
        Err(error) => Err(match error {
            wit_command::Error::Unknown(message) => command::Error::Unknown(message),
            wit_command::Error::Refused(message) => command::Error::Refused(message),
            wit_command::Error::NotStarted(message) => command::Error::NotStarted(message),
            wit_command::Error::TimedOut(message) => command::Error::TimedOut(message),
        }),
    }
}

pub(crate) fn secret(name: &str) -> Result<String, SecretError> {
    wit_secrets::get(name).map_err(|error| match error {
        wit_secrets::Error::Unknown(message) => SecretError::Unknown(message),
        wit_secrets::Error::Unavailable(message) => SecretError::Unavailable(message),
    })
}

pub(crate) fn change_plan(change: PlanChange) -> Result<(), PlanError> {
    let answer = match change {
        PlanChange::SetSources(sources) => wit_plan::set_sources(&sources),
        PlanChange::AddSources(sources) => wit_plan::add_sources(&sources),
        PlanChange::AddTags(tags) => wit_plan::add_tags(&tags),
        PlanChange::AddExcludes(patterns) => wit_plan::add_excludes(&patterns),
        PlanChange::SetEnv { name, value } => wit_plan::set_env(&name, &value),
    };
    answer.map_err(|error| match error {
        wit_plan::Error::NotGranted(message) => PlanError::NotGranted(message),
        wit_plan::Error::NotNow(message) => PlanError::NotNow(message),
        wit_plan::Error::Invalid(message) => PlanError::Invalid(message),
    })
}

/// The one bucket that a hook has.
fn bucket() -> Result<keyvalue::Bucket, StateError> {
    keyvalue::open("").map_err(state_error)
}

fn state_error(error: keyvalue::Error) -> StateError {
    match error {
        keyvalue::Error::AccessDenied => StateError::Denied,
        keyvalue::Error::NoSuchStore => StateError::Host("the host keeps none for this hook".to_owned()),
        keyvalue::Error::Other(message) => StateError::Host(message),
    }
}

pub(crate) fn state_get(key: &str) -> Result<Option<Vec<u8>>, StateError> {
    bucket()?.get(key).map_err(state_error)
}

pub(crate) fn state_set(key: &str, value: &[u8]) -> Result<(), StateError> {
    bucket()?.set(key, value).map_err(state_error)
}

pub(crate) fn state_delete(key: &str) -> Result<(), StateError> {
    bucket()?.delete(key).map_err(state_error)
}

pub(crate) fn state_keys() -> Result<Vec<String>, StateError> {
    let bucket = bucket()?;
    let mut keys = Vec::new();
    let mut cursor = None;
    loop {
        let page = bucket.list_keys(cursor).map_err(state_error)?;
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(keys);
        }
    }
}
