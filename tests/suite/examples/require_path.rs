use std::fs;

use hookward_tests::lab::Lab;
use hookward_tests::repository::snapshots;

use crate::page::{example, lab_of, skipped};

/// Both of its hooks: the disk is a preflight, the dump is required.
fn disk_and_dump() -> Lab {
    lab_of(&example(
        "require-path",
        "usb-disk",
        &[
            ("host = \"/mnt/usb\"", "host = \"@lab@/usb\""),
            ("/var/lib/postgresql-dumps", "@lab@/dumps"),
            ("min-size = \"1MiB\"", "min-size = \"1KiB\""),
        ],
    ))
}

#[test]
fn require_path_skips_the_run_when_the_disk_is_not_there() {
    let lab = disk_and_dump();
    fs::create_dir(lab.path("dumps")).unwrap();
    skipped(&lab, &lab.run(["run", "p"]), "hook \"usb-disk\"");
    // The mount point alone won't do.
    fs::create_dir(lab.path("usb")).unwrap();
    skipped(&lab, &lab.run(["run", "p"]), ".backup-disk");
}

#[test]
fn require_path_keeps_the_gate_shut_without_a_fresh_dump() {
    let lab = disk_and_dump();
    for dir in ["usb", "usb/.backup-disk", "dumps"] {
        fs::create_dir(lab.path(dir)).unwrap();
    }
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (80, 0), "{finished:?}");
    assert!(finished.stderr.contains("hook \"fresh-dump\""), "{finished:?}");
    fs::write(lab.path("dumps/db.sql"), vec![b'x'; 2048]).unwrap();
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (0, 1), "{finished:?}");
}
