//! The `grants` table of a hook, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Size};

/// What a hook may use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Grants {
    /// Directories of the host.
    #[serde(default)]
    pub(in crate::config) dirs: Vec<At<Dir>>,
    /// Names of environment variables.
    #[serde(default)]
    pub(in crate::config) env: Vec<At<String>>,
    /// State of its own, kept from run to run.
    pub(in crate::config) state: Option<At<State>>,
    /// Addresses that it may connect to: `127.0.0.1:5432`, `db.internal:5432`, `[::1]:5432`.
    #[serde(default)]
    pub(in crate::config) tcp: Vec<At<String>>,
}

/// One directory of the host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Dir {
    /// Directory on the host, relative to this file. `${VAR}` is expanded.
    pub(in crate::config) host: At<String>,
    /// Path at which the hook sees it; that of the host when not given.
    pub(in crate::config) guest: Option<At<String>>,
    /// Whether the hook may change what is below it.
    #[serde(default)]
    pub(in crate::config) write: bool,
}

/// State that a hook keeps from run to run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct State {
    /// Bytes of all keys and values together, 1 MiB when not given.
    pub(in crate::config) max_bytes: Option<At<Size>>,
}
