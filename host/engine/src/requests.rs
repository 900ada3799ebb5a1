//! What a component asks for by its imports, and which of it needs a grant.

use crate::Grants;
use crate::contract::Version;
use crate::reason::{Failure, Reason};

/// What stands behind an imported interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Access {
    /// Linked for every hook.
    Free,
    /// Linked for every hook with nothing behind it until the named grant fills it.
    Empty(&'static str),
    /// Refused without the named grant.
    Gated(&'static str),
    /// Not known to this host.
    Unknown,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Request {
    /// The import's full name: `wasi:clocks/wall-clock@0.2.6`.
    pub import: String,
    /// What stands behind it.
    pub access: Access,
    /// What the interface is for, in a few words.
    pub purpose: &'static str,
}

/// WASI packages that every language runtime imports, whether or not the hook
/// uses them, and Hookward's own gated interfaces.
const INTERFACES: &[(&str, Access, &str)] = &[
    ("wasi:cli/environment", Access::Empty("env"), "read environment variables"),
    ("wasi:filesystem/", Access::Empty("dirs"), "read and write files"),
    ("wasi:sockets/", Access::Empty("tcp"), "open TCP connections"),
    ("wasi:cli/", Access::Free, "use standard streams, exit"),
    ("wasi:clocks/", Access::Free, "tell the time and wait"),
    ("wasi:io/", Access::Free, "wait for and read streams"),
    ("wasi:random/", Access::Free, "draw random numbers"),
    ("wasi:config/store", Access::Free, "read the hook's own settings"),
    ("wasi:http/", Access::Gated("http"), "make HTTP requests"),
    ("wasi:keyvalue/store", Access::Gated("state"), "keep state from run to run"),
    ("hookward:hook/types", Access::Free, "understand the event"),
    ("hookward:hook/log", Access::Free, "write log messages"),
    ("hookward:hook/control", Access::Free, "skip the run, add warnings"),
    ("hookward:hook/command", Access::Gated("commands"), "run commands of the host"),
    ("hookward:hook/secrets", Access::Gated("secrets"), "read secrets"),
    ("hookward:hook/plan", Access::Gated("plan"), "change what is backed up"),
];

impl Request {
    /// Looks an import up.
    pub(crate) fn new(import: &str) -> Self {
        let found = INTERFACES.iter().find(|(name, _, _)| {
            let interface = import.split('@').next().unwrap_or(import);
            interface == *name || (name.ends_with('/') && interface.starts_with(name))
        });
        let (access, purpose) = found.map_or((Access::Unknown, "unknown"), |&(_, access, purpose)| (access, purpose));
        Self { import: import.to_owned(), access, purpose }
    }

    /// The version of `hookward:hook` that the import names, as written.
    fn contract_version(&self) -> Option<&str> {
        let (name, version) = self.import.split_once('@')?;
        name.starts_with("hookward:hook/").then_some(version)
    }

    /// Refuses an import that this host can't serve.
    fn check(&self) -> Result<(), Failure> {
        let import = &self.import;
        if let Some(wanted) = self.contract_version()
            && !Version::ALL.iter().any(|version| version.number() == wanted)
        {
            let served: Vec<_> = Version::ALL.iter().map(|version| version.number()).collect();
            let message = format!(
                "was built for hookward:hook@{wanted} (it imports {import}); this host serves {}: \
                 update hookward, or rebuild the hook against a version that is served",
                served.join(", ")
            );
            return Err(Failure::new(Reason::InterfaceVersion, message));
        }
        let wasi = import.strip_prefix("wasi:").filter(|_| !matches!(self.access, Access::Unknown));
        if let Some((_, version)) = wasi.and_then(|import| import.split_once('@'))
            && !version.starts_with("0.2.")
        {
            let message = format!("imports {import}; this host serves WASI 0.2: rebuild the hook for wasm32-wasip2");
            return Err(Failure::new(Reason::InterfaceVersion, message));
        }
        match self.access {
            Access::Free | Access::Empty(_) | Access::Gated(_) => Ok(()),
            Access::Unknown => {
                let message = format!(
                    "imports {import}, which is not an interface that a hook can have: \
                     hooks may import WASI 0.2, wasi:config/store, wasi:keyvalue/store, wasi:http and hookward:hook"
                );
                Err(Failure::new(Reason::UnknownImport, message))
            }
        }
    }
}

/// Refuses a hook whose component imports a gated interface that isn't granted.
pub(crate) fn check_granted(requests: &[Request], grants: &Grants) -> Result<(), Failure> {
    for request in requests {
        if let Access::Gated(grant) = request.access
            && !grants.cover(grant)
        {
            let Request { import, purpose, .. } = request;
            let message = format!("imports {import} ({purpose}), which needs the grant `{grant}`");
            return Err(Failure::new(Reason::ImportNotGranted, message));
        }
    }
    Ok(())
}

/// Refuses a component whose requests go beyond what its host can give.
pub(crate) fn check(requests: &[Request]) -> Result<Version, Failure> {
    // A version mismatch explains every other complaint, so it comes first.
    let (contract, others): (Vec<_>, Vec<_>) = requests.iter().partition(|r| r.contract_version().is_some());
    contract.into_iter().chain(others).try_for_each(Request::check)?;
    let wanted = requests.iter().find_map(Request::contract_version);
    let named = Version::ALL.iter().find(|version| Some(version.number()) == wanted);
    // A component that imports nothing of the contract is tried as the newest.
    named.or(Version::ALL.last()).copied().ok_or_else(|| Failure::new(Reason::Host, "no version of the contract"))
}
