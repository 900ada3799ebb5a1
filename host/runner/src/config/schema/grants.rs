//! The `grants` table of a hook, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::At;

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
    /// Parts of the backup's plan that the hook may change before restic starts:
    /// `sources`, `tags`, `excludes`, `env`, or `env:NAME` for one variable.
    #[serde(default)]
    pub(in crate::config) plan: Vec<At<String>>,
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
