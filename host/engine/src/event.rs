//! What a hook is told, independent of any version of the contract.
//!
//! The types mirror `wit/`: see there for the meaning of each field. A version
//! of the contract converts from them in its own module under
//! [`contract`](crate::contract).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Declares an enumeration of unit variants with its one spelling in text, used by
/// configuration, JSON and messages alike. The crate that calls it needs serde.
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// Every value, in the order of its declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The spelling used in configuration, JSON and messages.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::event::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| Self::Err {
                    given: text.to_owned(),
                    known: Self::ALL.iter().map(|value| value.as_str()).collect(),
                })
            }
        }
    };
}

/// A text that names none of the values of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not one of {}", known.join(", "))]
pub struct UnknownName {
    /// The text.
    pub given: String,
    /// The names that would have been known.
    pub known: Vec<&'static str>,
}

text_enum! {
    /// The point of a run at which a hook is called.
    EventKind {
        /// Before restic starts.
        Before = "before",
        /// restic exited 0.
        Success = "success",
        /// restic exited 3: a snapshot was made, some data was not read.
        Warning = "warning",
        /// restic failed, or a required hook kept the gate shut.
        Failure = "failure",
        /// The user, a signal or a deadline ended the run.
        Cancelled = "cancelled",
        /// A hook skipped the run.
        Skipped = "skipped",
        /// Last, after every one of the above.
        Finally = "finally",
    }
}

text_enum! {
    /// Where a hook stands in the configuration.
    Scope {
        /// For every run.
        Global = "global",
        /// For every run on one repository.
        Repository = "repository",
        /// For the runs of one profile.
        Profile = "profile",
    }
}

text_enum! {
    /// What started the run.
    Trigger {
        /// A person, at a command line.
        Manual = "manual",
        /// A timer.
        Scheduled = "scheduled",
        /// A program that uses Hookward as a library or a service.
        Api = "api",
        /// Another backup tool, which found Hookward in the place of restic.
        Shim = "shim",
    }
}

text_enum! {
    /// How a run has ended.
    Status {
        /// restic exited 0.
        Success = "success",
        /// restic exited 3.
        Warning = "warning",
        /// restic failed or was never started.
        Failure = "failure",
        /// Ended by a signal, the user or a deadline.
        Cancelled = "cancelled",
        /// Skipped by a hook.
        Skipped = "skipped",
    }
}

impl Status {
    /// The event whose hooks are told of this status.
    #[must_use]
    pub const fn event(self) -> EventKind {
        match self {
            Self::Success => EventKind::Success,
            Self::Warning => EventKind::Warning,
            Self::Failure => EventKind::Failure,
            Self::Cancelled => EventKind::Cancelled,
            Self::Skipped => EventKind::Skipped,
        }
    }
}

/// One call of a hook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Event {
    /// UUIDv7 of the run.
    pub run_id: String,
    /// The point of the run.
    pub kind: EventKind,
    /// The restic subcommand.
    pub operation: String,
    /// Name of the profile.
    #[serde(default)]
    pub profile: Option<String>,
    /// Where the called hook stands.
    pub scope: Scope,
    /// Location of the repository, credentials removed; empty when not known.
    #[serde(default)]
    pub repository: String,
    /// Name of this machine.
    #[serde(default)]
    pub host: String,
    /// Files and directories of a backup.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Tags of a backup.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What started the run.
    pub trigger: Trigger,
    /// Nothing may be changed.
    #[serde(default)]
    pub dry_run: bool,
    /// 1 for the first call.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// This call pays what a dead process owed.
    #[serde(default)]
    pub recovered: bool,
    /// None in `before`.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}

fn first_attempt() -> u32 {
    1
}

/// How the run has gone so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Outcome {
    /// How it has ended.
    pub status: Status,
    /// restic's exit code.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// Why the run has this status.
    #[serde(default)]
    pub error: Option<String>,
    /// Since the run began.
    #[serde(default, rename = "duration-ms", with = "millis")]
    pub duration: Duration,
    /// The snapshot that was made.
    #[serde(default)]
    pub snapshot_id: Option<String>,
    /// restic's numbers.
    #[serde(default)]
    pub summary: Option<Summary>,
    /// The last lines of restic's stderr.
    #[serde(default)]
    pub stderr_tail: String,
    /// Every call of a hook so far.
    #[serde(default)]
    pub hooks: Vec<HookResult>,
}

/// restic's summary of a backup. Reads restic's own spelling (`files_new`) too,
/// ignores what it doesn't know, and takes 0 for what is missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are restic's, one to one; units stand in wit/")]
pub struct Summary {
    #[serde(alias = "files_new")]
    pub files_new: u64,
    #[serde(alias = "files_changed")]
    pub files_changed: u64,
    #[serde(alias = "files_unmodified")]
    pub files_unmodified: u64,
    #[serde(alias = "dirs_new")]
    pub dirs_new: u64,
    #[serde(alias = "dirs_changed")]
    pub dirs_changed: u64,
    #[serde(alias = "dirs_unmodified")]
    pub dirs_unmodified: u64,
    #[serde(alias = "data_blobs")]
    pub data_blobs: u64,
    #[serde(alias = "tree_blobs")]
    pub tree_blobs: u64,
    #[serde(alias = "data_added")]
    pub data_added: u64,
    #[serde(alias = "data_added_packed")]
    pub data_added_packed: u64,
    #[serde(alias = "total_files_processed")]
    pub total_files_processed: u64,
    #[serde(alias = "total_bytes_processed")]
    pub total_bytes_processed: u64,
    #[serde(alias = "total_duration")]
    pub total_duration: f64,
}

/// One call of a hook that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HookResult {
    /// Name of the hook.
    pub name: String,
    /// Where it stands.
    pub scope: Scope,
    /// What it was called for.
    pub kind: EventKind,
    /// 1 for the first call.
    pub attempt: u32,
    /// None for ok.
    #[serde(default)]
    pub failure: Option<HookFailure>,
    /// Wall clock of the call.
    #[serde(default, rename = "duration-ms", with = "millis")]
    pub duration: Duration,
}

/// Why a hook's call failed, as it is told to other hooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HookFailure {
    /// [`Reason::name`](crate::Reason::name) of the failure.
    pub reason: String,
    /// What happened, cleaned and cut.
    pub message: String,
}

/// Paths as texts where they are UTF-8, else as lists of their bytes, for serde's `with`.
pub mod path {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Bytes(Vec<u8>),
    }

    /// Writes the path.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => path.as_os_str().as_bytes().serialize(serializer),
        }
    }

    /// Reads a path.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Text(text) => text.into(),
            Written::Bytes(bytes) => OsString::from_vec(bytes).into(),
        })
    }
}

/// Durations as whole milliseconds: for serde's `with`, and as a number.
pub mod millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    /// The duration, rounded down.
    #[must_use]
    pub fn of(duration: Duration) -> u64 {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }

    /// Writes the duration, rounded down.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        of(*duration).serialize(serializer)
    }

    /// Reads a whole number of milliseconds.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
