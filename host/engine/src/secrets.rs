//! `hookward:hook/secrets`: secrets by name.

use crate::state::State;

/// Why there is no secret. Each with a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretError {
    Unknown(String),
    Unavailable(String),
}

/// Reads a secret.
pub(crate) async fn get(_state: &mut State, name: &str) -> wasmtime::Result<Result<String, SecretError>> {
    Ok(Err(SecretError::Unknown(format!("no secret `{name}` is granted to this hook"))))
}
