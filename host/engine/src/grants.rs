//! What the operator granted to one hook, with every name already resolved.

use std::path::PathBuf;

use crate::http::HttpGrant;

/// Everything that a call is given besides its event. The default grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grants {
    /// Directories of the host, seen by `wasi:filesystem`.
    pub dirs: Vec<DirGrant>,
    /// Variables seen by `wasi:cli/environment`, with their values.
    pub env: Vec<(String, String)>,
    /// The hook's own settings, seen by `wasi:config/store`.
    pub config: Vec<(String, String)>,
    /// Requests that `wasi:http` may make; the first that covers one says how.
    pub http: Vec<HttpGrant>,
}

impl Grants {
    /// Whether anything is granted under this name of a gated interface's grant.
    pub(crate) fn cover(&self, grant: &str) -> bool {
        match grant {
            "http" => !self.http.is_empty(),
            _ => false,
        }
    }
}

/// One directory of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirGrant {
    /// Directory on the host. Opened at each call; a link is followed here, and
    /// never again below it.
    pub host: PathBuf,
    /// Path at which the guest sees it.
    pub guest: String,
    /// Whether the guest may change what is below it.
    pub write: bool,
}
