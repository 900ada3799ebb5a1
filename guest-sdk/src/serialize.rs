//! Events as JSON, as the contract spells them: what `hookward hook call --event`
//! reads.

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use crate::{Event, EventKind, HookFailure, HookResult, Level, Outcome, Scope, Status, Summary, Trigger};

/// Writes an enumeration as its one spelling.
macro_rules! as_text {
    ($($name:ty),+ $(,)?) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )+};
}

/// Writes a record. It is taken apart, so that no field is forgotten.
macro_rules! as_record {
    ($($name:ident { $($field:ident = $text:literal),+ $(,)? })+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Self { $($field),+ } = self;
                let mut record = serializer.serialize_struct(stringify!($name), [$($text),+].len())?;
                $(record.serialize_field($text, $field)?;)+
                record.end()
            }
        }
    )+};
}

as_text!(EventKind, Scope, Trigger, Status, Level);

as_record! {
    Event {
        run_id = "run-id",
        kind = "kind",
        operation = "operation",
        profile = "profile",
        scope = "scope",
        repository = "repository",
        host = "host",
        sources = "sources",
        tags = "tags",
        trigger = "trigger",
        dry_run = "dry-run",
        attempt = "attempt",
        recovered = "recovered",
        outcome = "outcome",
    }
    Outcome {
        status = "status",
        exit_code = "exit-code",
        error = "error",
        duration_ms = "duration-ms",
        snapshot_id = "snapshot-id",
        summary = "summary",
        stderr_tail = "stderr-tail",
        hooks = "hooks",
    }
    Summary {
        files_new = "files-new",
        files_changed = "files-changed",
        files_unmodified = "files-unmodified",
        dirs_new = "dirs-new",
        dirs_changed = "dirs-changed",
        dirs_unmodified = "dirs-unmodified",
        data_blobs = "data-blobs",
        tree_blobs = "tree-blobs",
        data_added = "data-added",
        data_added_packed = "data-added-packed",
        total_files_processed = "total-files-processed",
        total_bytes_processed = "total-bytes-processed",
        total_duration = "total-duration",
    }
    HookResult {
        name = "name",
        scope = "scope",
        kind = "kind",
        attempt = "attempt",
        failure = "failure",
        duration_ms = "duration-ms",
    }
    HookFailure {
        reason = "reason",
        message = "message",
    }
}
