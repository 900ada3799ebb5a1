//! The event as JSON, spelled as `hookward_engine::Event` spells it: a test can
//! read it back and compare.

use hookward_sdk::{Event, HookResult, Outcome, Summary};
use serde_json::{Value, json};

pub(crate) fn event(event: &Event) -> Value {
    json!({
        "run-id": event.run_id,
        "kind": event.kind.as_str(),
        "operation": event.operation,
        "profile": event.profile,
        "scope": event.scope.as_str(),
        "repository": event.repository,
        "host": event.host,
        "sources": event.sources,
        "tags": event.tags,
        "trigger": event.trigger.as_str(),
        "dry-run": event.dry_run,
        "attempt": event.attempt,
        "recovered": event.recovered,
        "outcome": event.outcome.as_ref().map(outcome),
    })
}

fn outcome(outcome: &Outcome) -> Value {
    json!({
        "status": outcome.status.as_str(),
        "exit-code": outcome.exit_code,
        "error": outcome.error,
        "duration-ms": outcome.duration_ms,
        "snapshot-id": outcome.snapshot_id,
        "summary": outcome.summary.as_ref().map(summary),
        "stderr-tail": outcome.stderr_tail,
        "hooks": outcome.hooks.iter().map(hook).collect::<Vec<_>>(),
    })
}

fn summary(summary: &Summary) -> Value {
    json!({
        "files-new": summary.files_new,
        "files-changed": summary.files_changed,
        "files-unmodified": summary.files_unmodified,
        "dirs-new": summary.dirs_new,
        "dirs-changed": summary.dirs_changed,
        "dirs-unmodified": summary.dirs_unmodified,
        "data-blobs": summary.data_blobs,
        "tree-blobs": summary.tree_blobs,
        "data-added": summary.data_added,
        "data-added-packed": summary.data_added_packed,
        "total-files-processed": summary.total_files_processed,
        "total-bytes-processed": summary.total_bytes_processed,
        "total-duration": summary.total_duration,
    })
}

fn hook(hook: &HookResult) -> Value {
    json!({
        "name": hook.name,
        "scope": hook.scope.as_str(),
        "kind": hook.kind.as_str(),
        "attempt": hook.attempt,
        "failure": hook.failure.as_ref().map(|failure| {
            json!({ "reason": failure.reason, "message": failure.message })
        }),
        "duration-ms": hook.duration_ms,
    })
}
