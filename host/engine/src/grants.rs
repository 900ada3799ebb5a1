//! What the operator granted to one hook, with every name already resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::command::CommandGrant;
use crate::http::HttpGrant;
use crate::keyvalue::StateGrant;
use crate::plan::PlanGrant;
use crate::tcp::TcpGrant;
use crate::{Mask, SecretSource};

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
    /// Commands by the names that the hook calls them by.
    pub commands: BTreeMap<String, CommandGrant>,
    /// Requests that `wasi:http` may make; the first that covers one says how.
    pub http: Vec<HttpGrant>,
    /// Secrets by name, read when the hook first asks for them.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Hides every secret that was read: of this hook, and of those that it is shared
    /// with.
    pub mask: Mask,
    /// Parts of the backup's plan that `hookward:hook/plan` may change.
    pub plan: PlanGrant,
    /// What the hook keeps from call to call, by `wasi:keyvalue/store`.
    pub state: Option<StateGrant>,
    /// Addresses that `wasi:sockets` may connect to.
    pub tcp: Vec<TcpGrant>,
    /// Grants whose interfaces may be imported though nothing is granted of them:
    /// `commands`, `http`, `secrets`, `plan`. A component that can do without a
    /// capability imports it all the same.
    pub empty: BTreeSet<String>,
}

impl Grants {
    /// Whether a gated interface may be imported, by the name of its grant.
    pub(crate) fn cover(&self, grant: &str) -> bool {
        match grant {
            "commands" if !self.commands.is_empty() => true,
            "http" if !self.http.is_empty() => true,
            "secrets" if !self.secrets.is_empty() => true,
            "plan" if !self.plan.parts.is_empty() => true,
            "state" => self.state.is_some(),
            _ => self.empty.contains(grant),
        }
    }
}

/// One directory of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DirGrant {
    /// Directory on the host. Opened at each call; a link is followed here, and
    /// never again below it.
    #[serde(with = "crate::event::path")]
    pub host: PathBuf,
    /// Path at which the guest sees it.
    pub guest: String,
    /// Whether the guest may change what is below it.
    pub write: bool,
}
