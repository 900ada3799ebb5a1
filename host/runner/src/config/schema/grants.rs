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
    /// HTTP requests.
    #[serde(default)]
    pub(in crate::config) http: Vec<At<Http>>,
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

/// HTTP requests to one host, or to the hosts below one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Http {
    /// Scheme, host, port and path: `https://hc-ping.com/*`. The host may begin with
    /// `*.`; in the path, `*` stands for text of one segment, and at its end for
    /// everything below. Without a path it is everything of the host.
    pub(in crate::config) url: At<String>,
    /// Methods; GET and HEAD when not given.
    #[schemars(extend("minItems" = 1))]
    pub(in crate::config) methods: Option<At<Vec<At<String>>>>,
    /// Requests, each a method and a path: `POST /containers/db/stop`. Instead of
    /// `methods` and of a path in `url`.
    #[schemars(extend("minItems" = 1))]
    pub(in crate::config) allow: Option<At<Vec<At<String>>>>,
    /// Unix socket that stands behind the host, relative to this file. `${VAR}` is
    /// expanded.
    pub(in crate::config) unix: Option<At<String>>,
    /// File of certificate authorities (PEM) that are trusted besides the system's,
    /// relative to this file. `${VAR}` is expanded.
    pub(in crate::config) ca_file: Option<At<String>>,
    /// Whether the host may be at a private or loopback address.
    pub(in crate::config) private: Option<At<bool>>,
}
