//! What authors want of the contract's types beyond their fields.

use std::fmt;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::{Event, EventKind, HookResult, Level, Outcome, Scope, Status, Summary, Trigger};

/// The one spelling of each value: that of the contract and the configuration.
macro_rules! names {
    ($($name:ident { $($variant:ident = $text:literal),+ $(,)? })+) => {$(
        impl $name {
            /// The name that the contract and the configuration use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )+};
}

names! {
    EventKind {
        Before = "before",
        Success = "success",
        Warning = "warning",
        Failure = "failure",
        Cancelled = "cancelled",
        Skipped = "skipped",
        Finally = "finally",
    }
    Scope { Global = "global", Repository = "repository", Profile = "profile" }
    Trigger { Manual = "manual", Scheduled = "scheduled", Api = "api", Shim = "shim" }
    Status {
        Success = "success",
        Warning = "warning",
        Failure = "failure",
        Cancelled = "cancelled",
        Skipped = "skipped",
    }
    Level { Trace = "trace", Debug = "debug", Info = "info", Warn = "warn", Error = "error" }
}

impl Event {
    /// restic's summary of the backup: none before the gate, and none when restic
    /// wasn't asked for JSON.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.outcome.as_ref()?.summary.as_ref()
    }

    /// How the run has ended: none before the gate.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.outcome.as_ref().map(|outcome| outcome.status)
    }

    /// Why the run has the status that it has, in one line.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.outcome.as_ref()?.error.as_deref()
    }

    /// Id of the snapshot that was made, when restic told it.
    #[must_use]
    pub fn snapshot_id(&self) -> Option<&str> {
        self.outcome.as_ref()?.snapshot_id.as_deref()
    }

    /// When the run began, in milliseconds: the same in each of its events, also in one
    /// that was owed for days. None when the run's id tells no time, which happens in
    /// tests only.
    #[must_use]
    pub fn started_at(&self) -> Option<SystemTime> {
        let (seconds, nanos) = Uuid::parse_str(&self.run_id).ok()?.get_timestamp()?.to_unix();
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
    }

    /// The profile's name for messages: `-` when there is no profile.
    #[must_use]
    pub fn profile_name(&self) -> &str {
        self.profile.as_deref().unwrap_or("-")
    }
}

impl Status {
    /// Whether restic ran to its end, so that a snapshot may exist.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Success | Self::Warning)
    }
}

impl Outcome {
    /// Time since the run began.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }

    /// The calls of hooks that failed, in order.
    pub fn failed_hooks(&self) -> impl Iterator<Item = &HookResult> {
        self.hooks.iter().filter(|hook| hook.failure.is_some())
    }
}

impl HookResult {
    /// How long the call took.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }
}

/// All zero: what restic reports of a backup that found nothing.
impl Default for Summary {
    fn default() -> Self {
        Self {
            files_new: 0,
            files_changed: 0,
            files_unmodified: 0,
            dirs_new: 0,
            dirs_changed: 0,
            dirs_unmodified: 0,
            data_blobs: 0,
            tree_blobs: 0,
            data_added: 0,
            data_added_packed: 0,
            total_files_processed: 0,
            total_bytes_processed: 0,
            total_duration: 0.0,
        }
    }
}
