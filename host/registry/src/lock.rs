//! `hookward.lock`: what the components of a configuration were when they were locked.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use hookward_engine::{Access, Digest, Inspection, Metadata, Request};
use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

/// Its name, beside the configuration.
pub const NAME: &str = "hookward.lock";

/// The version of its format.
const VERSION: u32 = 1;

const HEADER: &str = "\
# Written by `hookward lock`: what each component was. It is checked whenever one is
# loaded. Keep it with the configuration, and don't edit it.
";

/// Hosts of one component that are written down.
const MAX_HOSTS: usize = 100;

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// By what the configuration calls them, in its order.
    #[serde(default, rename = "component")]
    components: Vec<Locked>,
}

/// One component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Locked {
    /// What the configuration calls it: a reference, or a file relative to the lock.
    pub source: String,
    /// What the reference stands for: the manifest, or an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// The component.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The version that it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it asks for.
    #[serde(default)]
    pub imports: BTreeSet<String>,
    /// Hosts that stand in it in URLs. It may make up others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<String>,
}

/// Why there is no lock to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockFileError {
    /// The file can't be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It isn't what `hookward lock` writes.
    #[error("{} is not as `hookward lock` has written it: {why}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl Lock {
    /// A lock of these components.
    #[must_use]
    pub fn new(mut components: Vec<Locked>) -> Self {
        components.sort_by(|a, b| a.source.cmp(&b.source));
        components.dedup_by(|a, b| a.source == b.source);
        Self { version: VERSION, components }
    }

    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// When it can't be read, or is not what was written.
    pub fn read(path: &Path) -> Result<Option<Self>, LockFileError> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| LockFileError::Io { path: path.to_owned(), source })?,
        };
        let broken = |why: String| LockFileError::Broken { path: path.to_owned(), why };
        let lock: Self = toml::from_str(&text).map_err(|error| broken(error.to_string().trim_end().to_owned()))?;
        if lock.version != VERSION {
            let why = format!("its version is {}, and this hookward reads {VERSION}", lock.version);
            return Err(broken(why));
        }
        let mut sources = BTreeSet::new();
        match lock.components.iter().find(|locked| !sources.insert(&locked.source)) {
            Some(twice) => Err(broken(format!("it has {} twice", twice.source))),
            None => Ok(Some(lock)),
        }
    }

    /// Writes the file, as a whole or not at all.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, path: &Path) -> Result<(), LockFileError> {
        let text = toml::to_string_pretty(self)
            .map_err(|error| LockFileError::Broken { path: path.to_owned(), why: error.to_string() })?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || -> io::Result<()> {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            let mut file = tempfile::Builder::new().prefix(".hookward-lock-").permissions(mode).tempfile_in(dir)?;
            file.write_all(HEADER.as_bytes())?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|source| LockFileError::Io { path: path.to_owned(), source })
    }

    /// What the configuration calls this.
    #[must_use]
    pub fn find(&self, source: &str) -> Option<&Locked> {
        self.components.iter().find(|locked| locked.source == source)
    }

    /// All of them, sorted.
    #[must_use]
    pub fn components(&self) -> &[Locked] {
        &self.components
    }
}

impl Locked {
    /// What is to be written of a component.
    ///
    /// # Errors
    /// When the bytes are no hook.
    pub fn of(source: String, manifest: Option<Digest>, bytes: &[u8]) -> Result<Self, hookward_engine::Failure> {
        let inspection = Inspection::of(bytes)?;
        let metadata = Metadata::of(bytes)?;
        Ok(Self {
            source,
            manifest,
            digest: inspection.digest,
            size: inspection.size,
            name: metadata.name,
            version: metadata.version,
            imports: inspection.requests.into_iter().map(|request| request.import).collect(),
            hosts: hosts(bytes),
        })
    }

    /// What `bytes`, of which `new` was written, ask for more and less than this.
    #[must_use]
    pub fn changes(&self, new: &Self, requests: &[Request]) -> Changes {
        let known = |imports: &BTreeSet<String>, import: &str| imports.iter().any(|other| name(other) == name(import));
        Changes {
            imports: requests.iter().filter(|request| !known(&self.imports, &request.import)).cloned().collect(),
            hosts: new.hosts.difference(&self.hosts).cloned().collect(),
            gone_imports: self.imports.iter().filter(|import| !known(&new.imports, import)).cloned().collect(),
            gone_hosts: self.hosts.difference(&new.hosts).cloned().collect(),
        }
    }
}

/// What one version of a component asks for that another didn't.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Changes {
    /// Imports that are new.
    pub imports: Vec<Request>,
    /// Hosts in its URLs that are new.
    pub hosts: Vec<String>,
    /// Imports that are gone.
    pub gone_imports: Vec<String>,
    /// Hosts that are gone.
    pub gone_hosts: Vec<String>,
}

impl Changes {
    /// Whether it asks for anything that could do harm, and has not asked before.
    #[must_use]
    pub fn ask_for_more(&self) -> bool {
        !self.hosts.is_empty() || self.imports.iter().any(|request| request.access != Access::Free)
    }
}

/// An interface's name: a newer version of it is no new request.
fn name(import: &str) -> &str {
    import.split('@').next().unwrap_or(import)
}

/// The hosts of all URLs that stand in a component.
fn hosts(bytes: &[u8]) -> BTreeSet<String> {
    static URL: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i-u)https?://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?)").ok());
    let found = URL.iter().flat_map(|url| url.captures_iter(bytes)).filter_map(|captures| captures.get(1));
    found.map(|host| String::from_utf8_lossy(host.as_bytes()).to_ascii_lowercase()).take(MAX_HOSTS).collect()
}
