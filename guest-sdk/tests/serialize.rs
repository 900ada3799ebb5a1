//! Events as JSON: as the contract spells them.

use hookward_sdk::prelude::*;
use hookward_sdk::{Level, testing};
use serde_json::json;

#[test]
fn a_whole_event_is_spelled_as_in_the_contract() {
    let summary = Summary {
        files_new: 1,
        files_changed: 2,
        files_unmodified: 3,
        dirs_new: 4,
        dirs_changed: 5,
        dirs_unmodified: 6,
        data_blobs: 7,
        tree_blobs: 8,
        data_added: 9,
        data_added_packed: 10,
        total_files_processed: 11,
        total_bytes_processed: 12,
        total_duration: 1.5,
    };
    let event = testing::event(EventKind::Finally)
        .run_id("id")
        .tags(["t"])
        .dry_run(true)
        .recovered(true)
        .attempt(2)
        .summary(summary)
        .hook("stop", EventKind::Before, None)
        .hook("ping", EventKind::Success, Some(("timeout", "after 5 s")))
        .build();
    let expected = json!({
        "run-id": "id",
        "kind": "finally",
        "operation": "backup",
        "profile": "test",
        "scope": "profile",
        "repository": "/srv/restic",
        "host": "test-host",
        "sources": ["/srv/data"],
        "tags": ["t"],
        "trigger": "manual",
        "dry-run": true,
        "attempt": 2,
        "recovered": true,
        "outcome": {
            "status": "success",
            "exit-code": 0,
            "error": null,
            "duration-ms": 1500,
            "snapshot-id": "4f3c7a1e".repeat(8),
            "summary": {
                "files-new": 1,
                "files-changed": 2,
                "files-unmodified": 3,
                "dirs-new": 4,
                "dirs-changed": 5,
                "dirs-unmodified": 6,
                "data-blobs": 7,
                "tree-blobs": 8,
                "data-added": 9,
                "data-added-packed": 10,
                "total-files-processed": 11,
                "total-bytes-processed": 12,
                "total-duration": 1.5,
            },
            "stderr-tail": "",
            "hooks": [
                {
                    "name": "stop",
                    "scope": "profile",
                    "kind": "before",
                    "attempt": 1,
                    "failure": null,
                    "duration-ms": 20,
                },
                {
                    "name": "ping",
                    "scope": "profile",
                    "kind": "success",
                    "attempt": 1,
                    "failure": { "reason": "timeout", "message": "after 5 s" },
                    "duration-ms": 20,
                },
            ],
        },
    });
    assert_eq!(serde_json::to_value(&event).unwrap(), expected);
}

#[test]
fn what_is_not_there_is_null() {
    let event = testing::event(EventKind::Before).no_profile().scope(Scope::Global).build();
    let value = serde_json::to_value(&event).unwrap();
    assert_eq!(value["profile"], json!(null));
    assert_eq!(value["outcome"], json!(null));
    assert_eq!(value["scope"], "global");
    assert_eq!(value.as_object().unwrap().len(), 14);
}

#[test]
fn enumerations_are_their_names() {
    let values = (EventKind::Cancelled, Scope::Repository, Trigger::Shim, Status::Warning, Level::Debug);
    assert_eq!(serde_json::to_value(values).unwrap(), json!(["cancelled", "repository", "shim", "warning", "debug"]));
}
