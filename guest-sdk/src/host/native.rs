//! The host that a test stands in for. The closures of a test are called while
//! nothing of the recorder is borrowed: they may call the SDK themselves.

use crate::command::{self, Invocation, Output};
use crate::http::{ErrorKind, Incoming, Outgoing, Problem};
use crate::testing::{Log, Request, recorder};
use crate::{Level, PlanChange, PlanError, SecretError, StateError};

const NOBODY: &str = "there is no host here: call the hook through `hookward_sdk::testing::Call`";

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, String)]) {
    let log = Log::new(level, message, fields);
    if let Err(log) = recorder::with(log, |recorder, log| recorder.logs.push(log)) {
        eprintln!("{log}");
    }
}

pub(crate) fn skip(reason: &str) {
    let heard = recorder::with(reason, |recorder, reason| {
        // The first reason is why; a later one finds the run skipped already.
        recorder.skip.get_or_insert_with(|| reason.to_owned());
    });
    if heard.is_err() {
        eprintln!("skip (outside of a `testing::Call`, so nobody hears it): {reason}");
    }
}

pub(crate) fn warn(message: &str) {
    let heard = recorder::with(message, |recorder, message| {
        recorder.warnings.push(message.to_owned());
    });
    if heard.is_err() {
        eprintln!("warning (outside of a `testing::Call`, so nobody hears it): {message}");
    }
}

pub(crate) fn config_entries() -> Result<Vec<(String, String)>, String> {
    recorder::with((), |recorder, ()| recorder.config.clone()).unwrap_or_else(|()| Err(NOBODY.into()))
}

pub(crate) fn run_command(invocation: Invocation) -> Result<Output, command::Error> {
    let name = invocation.command.clone();
    let found = recorder::with(invocation, |recorder, invocation| {
        recorder.commands.push(invocation.clone());
        (recorder.command_mocks.get(&invocation.command).cloned(), invocation)
    });
    match found {
        Err(_) => Err(command::Error::NotStarted(NOBODY.to_owned())),
        Ok((None, _)) => Err(command::Error::Unknown(format!(
            "no command `{name}` is granted: grant it in `grants.commands.{name}`"
        ))),
        Ok((Some(mock), invocation)) => mock.call(|run| run(&invocation)).unwrap_or_else(|| {
            Err(command::Error::NotStarted(format!("the test's command `{name}` was called by itself")))
        }),
    }
}

pub(crate) fn secret(name: &str) -> Result<String, SecretError> {
    match recorder::with((), |recorder, ()| recorder.secrets.get(name).cloned()) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => {
            Err(SecretError::Unknown(format!("no secret `{name}` is granted: grant it in `grants.secrets.{name}`")))
        }
        Err(()) => Err(SecretError::Unavailable(NOBODY.to_owned())),
    }
}

pub(crate) fn change_plan(change: PlanChange) -> Result<(), PlanError> {
    recorder::with(change, |recorder, change| {
        recorder.plan.check(&change)?;
        recorder.changes.push(change);
        Ok(())
    })
    .unwrap_or_else(|_| Err(PlanError::NotNow(NOBODY.to_owned())))
}

pub(crate) fn http(outgoing: &Outgoing) -> Result<Incoming, Problem> {
    let request = Request::new(outgoing);
    let mocks = recorder::with(request.clone(), |recorder, request| {
        recorder.requests.push(request);
        recorder.http_mocks.clone()
    });
    let Ok(mocks) = mocks else {
        return Err(Problem::new(ErrorKind::Connection, NOBODY));
    };
    for mock in mocks {
        let answered = mock
            .call(|route| route(&request))
            .ok_or_else(|| Problem::new(ErrorKind::Connection, "the test's `http` closure was called by itself"))?;
        if let Some(response) = answered {
            let incoming = response.into_incoming()?;
            return if incoming.body.len() > outgoing.max_body {
                Err(Problem::too_large(outgoing.max_body))
            } else {
                Ok(incoming)
            };
        }
    }
    Err(Problem::denied())
}

/// Does something with the state of the call.
fn with_state<R>(use_it: impl FnOnce(&mut std::collections::BTreeMap<String, Vec<u8>>) -> R) -> Result<R, StateError> {
    recorder::with(use_it, |recorder, use_it| match &mut recorder.state {
        Ok(state) => Ok(use_it(state)),
        Err(error) => Err(error.clone()),
    })
    .unwrap_or_else(|_| Err(StateError::Host(NOBODY.to_owned())))
}

pub(crate) fn state_get(key: &str) -> Result<Option<Vec<u8>>, StateError> {
    with_state(|state| state.get(key).cloned())
}

pub(crate) fn state_set(key: &str, value: &[u8]) -> Result<(), StateError> {
    with_state(|state| state.insert(key.to_owned(), value.to_owned())).map(drop)
}

pub(crate) fn state_delete(key: &str) -> Result<(), StateError> {
    with_state(|state| state.remove(key)).map(drop)
}

pub(crate) fn state_keys() -> Result<Vec<String>, StateError> {
    with_state(|state| state.keys().cloned().collect())
}

/// Notes what the host would be told of the error that the hook now returns.
pub fn note_error(text: String) {
    // Outside of a call there is nobody to ask for it.
    let _ = recorder::with(text, |recorder, text| recorder.error = Some(text));
}
