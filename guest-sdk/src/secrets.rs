//! Secrets that the operator named. Needs the grant `secrets`.
//! ```
//! use hookward_sdk::http;
//! use hookward_sdk::prelude::*;
//!
//! #[hook]
//! fn run(_: Event) -> Result<(), Box<dyn std::error::Error>> {
//!     let token = secret("api-token")?;
//!     http::post("https://api.example.org/pause").bearer(token.expose()).send()?.error_for_status()?;
//!     Ok(())
//! }
//! ```

use std::fmt;

use zeroize::Zeroizing;

use crate::host;

/// Reads a secret, by its name in the grant. A line break at its end is not part of
/// it.
///
/// # Errors
/// When no such secret is granted, or the host can't read it.
pub fn secret(name: impl AsRef<str>) -> Result<Secret, SecretError> {
    host::secret(name.as_ref()).map(|value| Secret(Zeroizing::new(value)))
}

/// The value of a secret. It is neither displayed nor debugged, and wiped from memory
/// when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Hides the value: for the `Debug` of what holds it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why there is no secret. Each carries the host's sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretError {
    /// No secret of this name is granted.
    Unknown(String),
    /// The host can't read it.
    Unavailable(String),
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(message) | Self::Unavailable(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for SecretError {}
