//! The configuration: files to plain values, or every error with its place.
//!
//! A file is read in three steps, each with errors of its own kind: text to
//! `schema` (syntax, unknown keys, types), all files together to one
//! [`Config`] (names, references, limits, variables), and later, elsewhere, the
//! components that it names. A key that is accepted here has a meaning.
//!
//! `${VAR}` is expanded in `repository.url`, `password-file`, `sources`,
//! `component`, `vendor`, `keys`, `ca-file`, `dirs.host`, a secret's `file`,
//! `record-failed` and `restic.binary`, and nowhere else; an undefined variable is an
//! error, `${VAR:-text}` takes the text then, `$$` is a dollar
//! sign. In all of these but the url, a leading `~/` is the home directory, and
//! a relative path starts at the file that has it (a `restic.binary` without a
//! slash is looked for in `PATH`).

mod alone;
mod components;
mod diagnostic;
mod find;
mod grants;
mod hook;
mod load;
mod parse;
mod resolve;
mod schema;
mod secrets;
mod source;
mod template;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hookward_engine::plan::Part;
use hookward_engine::{
    CommandGrant, Digest, DirGrant, EventKind, HttpGrant, Limits, Scope, SecretSource, StateQuota, TcpGrant, text_enum,
};
use serde::{Deserialize, Serialize};

use crate::records::Records;

pub use self::alone::{grants_from_text, grants_of_case};
pub use self::components::{ComponentSettings, KeylessSpec, SignatureSpec};
pub use self::diagnostic::{ConfigError, Diagnostic, Located, Location};
pub use self::find::{NotFound, find, places};
pub use self::hook::hook_settings;
pub use self::schema::json_schema;
pub use self::source::Source;
pub use self::template::TEMPLATE;

/// The version of the format that this version of Hookward reads.
pub const VERSION: u32 = 1;

/// The subcommands of restic, of all its versions that are in use.
pub const OPERATIONS: &[&str] = &[
    "backup",
    "cache",
    "cat",
    "check",
    "copy",
    "diff",
    "dump",
    "features",
    "find",
    "forget",
    "generate",
    "init",
    "key",
    "list",
    "ls",
    "migrate",
    "mount",
    "options",
    "prune",
    "rebuild-index",
    "recover",
    "repair",
    "restore",
    "rewrite",
    "self-update",
    "snapshots",
    "stats",
    "tag",
    "unlock",
    "version",
];

/// The configuration of all files together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The files that were read, the first one first, each before those that it includes.
    pub files: Vec<PathBuf>,
    /// How restic is called.
    pub restic: ResticSettings,
    /// Repositories by name.
    pub repositories: BTreeMap<String, Repository>,
    /// Profiles by name; the repository of each exists.
    pub profiles: BTreeMap<String, Profile>,
    /// Hooks of every run.
    pub hooks: Vec<HookSpec>,
    /// How long the journal keeps what is over.
    pub journal: Retention,
    /// Where failed calls of hooks are recorded, if they are.
    pub records: Option<Records>,
    /// How components are got.
    pub components: ComponentSettings,
}

impl Config {
    /// Reads a file and those that it includes.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with_env(path, &|name| std::env::var_os(name))
    }

    /// As [`load`](Self::load), with another environment than that of the process.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn load_with_env(path: &Path, env: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        resolve::resolve(&load::load(path)?, env)
    }

    /// A profile by its name.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn profile(&self, name: &str) -> Result<&Profile, NoSuchProfile> {
        self.profiles.get(name).ok_or_else(|| {
            let known = self.profiles.keys().map(String::as_str);
            NoSuchProfile {
                name: name.to_owned(),
                nearest: diagnostic::nearest(name, known).map(str::to_owned),
                known: self.profiles.keys().cloned().collect(),
            }
        })
    }
}

/// A profile was named that is not in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no profile `{name}` in the configuration; {}", match (nearest, known.is_empty()) {
    (Some(nearest), _) => format!("did you mean `{nearest}`?"),
    (None, false) => format!("known profiles: {}", known.join(", ")),
    (None, true) => "add a `[profile.NAME]` table".to_owned(),
})]
pub struct NoSuchProfile {
    /// The name.
    pub name: String,
    /// A known name that is near.
    pub nearest: Option<String>,
    /// All names.
    pub known: Vec<String>,
}

/// How restic is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResticSettings {
    /// Absolute path, or a name to be looked for in `PATH`.
    pub binary: PathBuf,
}

impl Default for ResticSettings {
    fn default() -> Self {
        Self { binary: PathBuf::from("restic") }
    }
}

/// How long the journal keeps runs that are over, and owe nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How old they may get.
    pub keep: Duration,
    /// How many of them there may be.
    pub keep_runs: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            // A quarter: long enough to ask when it began.
            keep: Duration::from_secs(90 * 24 * 60 * 60),
            // Some megabytes, at ten runs a day.
            keep_runs: 1000,
        }
    }
}

/// A restic repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its name here.
    pub name: String,
    /// Where it is, for restic. May hold credentials: not for messages.
    pub url: String,
    /// Where its password comes from; from restic's own environment if none.
    pub password: Option<Password>,
    /// Hooks of every run on it.
    pub hooks: Vec<HookSpec>,
}

/// Where the password of a repository comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// A file, absolute.
    File(PathBuf),
    /// A command that prints it, for restic to run.
    Command(String),
}

/// A named target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Name of its repository, which exists.
    pub repository: String,
    /// Files and directories of a backup, absolute.
    pub sources: Vec<PathBuf>,
    /// Tags of a backup.
    pub tags: Vec<String>,
    /// Arguments by subcommand of restic.
    pub args: BTreeMap<String, Vec<String>>,
    /// Exit code of a run that a hook skipped.
    pub skip_exit_code: u8,
    /// Wall clock of a run up to restic's end, after which it is cancelled.
    pub max_duration: Option<Duration>,
    /// Hooks of every run of it.
    pub hooks: Vec<HookSpec>,
    /// Where it is defined.
    pub location: Location,
}

/// One hook, with all that the files say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HookSpec {
    /// Unique in its scope.
    pub name: String,
    /// Where it stands.
    pub scope: Scope,
    /// Where the component comes from.
    pub component: Source,
    /// Where the component is named.
    pub component_location: Location,
    /// The only component that is accepted.
    pub digest: Option<Digest>,
    /// Where the digest is pinned.
    pub digest_location: Option<Location>,
    /// Events that it is called for; at least one.
    pub on: BTreeSet<EventKind>,
    /// Subcommands of restic that it is called for.
    pub operations: Operations,
    /// What its failure means.
    pub kind: Kind,
    /// What one call may use.
    pub limits: Limits,
    /// Whether and when a failed call is made again.
    pub retry: Retry,
    /// Name that is held from `before` to `finally`.
    pub exclusive: Option<String>,
    /// Its settings: texts as they are, every other value as JSON.
    pub config: Vec<(String, String)>,
    /// What it may use.
    pub grants: GrantSpec,
    /// Where it is defined.
    pub location: Location,
}

/// What a hook may use, with the place of each grant. Nothing is looked at yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct GrantSpec {
    /// Directories, absolute on the host, each guest path once.
    pub dirs: Vec<Located<DirGrant>>,
    /// Names of environment variables.
    pub env: Vec<Located<String>>,
    /// Commands of the host, by name.
    pub commands: BTreeMap<String, Located<CommandGrant>>,
    /// HTTP requests, in the order in which a grant is looked for.
    pub http: Vec<Located<HttpGrant>>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Located<SecretSource>>,
    /// Parts of the backup's plan that it may change.
    pub plan: Vec<Located<Part>>,
    /// What it may keep from run to run.
    pub state: Option<Located<StateQuota>>,
    /// Addresses that it may connect to.
    pub tcp: Vec<Located<TcpGrant>>,
    /// Keys that are written with nothing in them, as in `secrets = {}`: the hook may
    /// import what is behind them, and gets nothing of it.
    pub empty: BTreeSet<String>,
}

impl GrantSpec {
    /// Whether anything is granted under this key of the `grants` table.
    #[must_use]
    pub fn has(&self, grant: &str) -> bool {
        match grant {
            "dirs" => !self.dirs.is_empty(),
            "env" => !self.env.is_empty(),
            "commands" => !self.commands.is_empty(),
            "http" => !self.http.is_empty(),
            "secrets" => !self.secrets.is_empty(),
            "plan" => !self.plan.is_empty(),
            "state" => self.state.is_some(),
            "tcp" => !self.tcp.is_empty(),
            _ => false,
        }
    }
}

text_enum! {
    /// What a hook's failure means.
    #[derive(Default)]
    Kind {
        /// Keeps the gate shut.
        #[default]
        Required = "required",
        /// Skips the run.
        Preflight = "preflight",
        /// Is a warning.
        Optional = "optional",
    }
}

text_enum! {
    /// How the pause between the calls of a retry goes on.
    #[derive(Default)]
    Backoff {
        /// It stays as it is.
        #[default]
        Fixed = "fixed",
        /// It doubles each time.
        Exponential = "exponential",
    }
}

/// Whether and when a failed call is made again. The default never does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Retry {
    /// Calls in all; at least 1.
    pub attempts: u32,
    /// Pause before the second call.
    pub delay: Duration,
    /// How the pause goes on.
    pub backoff: Backoff,
    /// Longest pause.
    pub max_delay: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            // Enough for a service to come up, too short to be felt.
            delay: Duration::from_secs(1),
            backoff: Backoff::default(),
            // Ten doublings would make 17 minutes of one second.
            max_delay: Duration::from_secs(5 * 60),
        }
    }
}

impl Retry {
    /// The pause after the failed call `attempt`, which counts from 1; none
    /// when that was the last one.
    #[must_use]
    pub fn pause(&self, attempt: u32) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let factor = match self.backoff {
            Backoff::Fixed => 1,
            Backoff::Exponential => 2u32.saturating_pow(attempt.saturating_sub(1)),
        };
        Some(self.delay.saturating_mul(factor).min(self.max_delay))
    }
}

/// Subcommands of restic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operations {
    /// Every one.
    All,
    /// These.
    Only(BTreeSet<String>),
}

impl Default for Operations {
    fn default() -> Self {
        Self::Only(BTreeSet::from(["backup".to_owned()]))
    }
}

impl Operations {
    /// Whether a subcommand is among them.
    #[must_use]
    pub fn contains(&self, operation: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(operation),
        }
    }
}
