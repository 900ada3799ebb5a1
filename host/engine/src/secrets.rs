//! `hookward:hook/secrets`: secrets by name.
//!
//! The data's path: [`SecretSource`] (where a value comes from) -> a text that is
//! wiped when it is dropped, known to the [`Mask`](crate::Mask) from then on -> the
//! guest's memory.

mod capture;
mod file;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroize as _;

pub use self::source::{InvalidSource, SecretSource, Unavailable};
use crate::state::State;
use crate::{Grants, Mask, record};

/// Why there is no secret. Each with a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretError {
    Unknown(String),
    Unavailable(String),
}

/// The secrets of one call. Each source is read once, whatever comes of it.
pub(crate) struct Secrets {
    grants: Arc<Grants>,
    read: BTreeMap<String, Result<Value, Unavailable>>,
    pub(crate) mask: Mask,
}

/// A value in a form that can be passed to a guest without a copy that stays behind.
struct Value(Arc<str>);

impl Drop for Value {
    fn drop(&mut self) {
        // Alone by now: what was passed to the guest is gone once it is there.
        if let Some(text) = Arc::get_mut(&mut self.0) {
            text.zeroize();
        }
    }
}

impl Secrets {
    pub(crate) fn new(grants: &Arc<Grants>) -> Self {
        Self { grants: Arc::clone(grants), read: BTreeMap::new(), mask: grants.mask.clone() }
    }
}

/// Reads a secret, unless the call is a replay.
pub(crate) async fn get(state: &mut State, name: &str) -> wasmtime::Result<Result<Arc<str>, SecretError>> {
    if state.aside.is_some() { record::secret(state, name).await } else { Ok(read(state, name).await) }
}

/// Reads a secret.
pub(crate) async fn read(state: &mut State, name: &str) -> Result<Arc<str>, SecretError> {
    if let Some(stage) = state.aside.as_ref().and_then(|aside| aside.stage.as_ref()) {
        let value = stage.secrets.get(name).filter(|_| state.secrets.grants.secrets.contains_key(name));
        let value = value
            .ok_or_else(|| SecretError::Unavailable(format!("the secret `{name}` can't be read: there is none")))?;
        state.secrets.mask.add(value);
        return Ok(Arc::from(value.as_str()));
    }
    let under = state.commands.under.as_ref().map(|(supervisor, crew)| (&**supervisor, crew));
    let Secrets { grants, read, mask } = &mut state.secrets;
    let source = grants
        .secrets
        .get(name)
        .ok_or_else(|| SecretError::Unknown(format!("no secret `{name}` is granted to this hook")))?;
    if !read.contains_key(name) {
        let value = source.read(mask, under).await.map(|text| Value(Arc::from(text.as_str())));
        read.insert(name.to_owned(), value);
    }
    match read.get(name) {
        Some(Ok(value)) => Ok(Arc::clone(&value.0)),
        Some(Err(why)) => Err(SecretError::Unavailable(format!("the secret `{name}` can't be read: {why}"))),
        None => Err(SecretError::Unknown(format!("no secret `{name}` is granted to this hook"))),
    }
}
