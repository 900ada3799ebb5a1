//! What isn't signed by who has to: refused on every way to it, before anything is
//! downloaded or compiled. Each case is a line of a table that the test prints.

use std::fs;

use hookward_tests::lab::Lab;

use crate::support::{backups, bad, digest, fine};

/// A table that prints itself, a line a case.
pub(crate) fn row(what: &str, result: &str) {
    println!("| {what} | {result} |");
}

/// The file `it.wasm` is refused, with each of these words: the first are the table's.
#[track_caller]
pub(crate) fn refused_file(lab: &Lab, what: &str, says: &[&str]) {
    for args in [&["run", "p"] as &[&str], &["validate"], &["lock"], &["hook", "verify", "it.wasm"]] {
        bad(lab, args, 78, says);
    }
    assert_eq!(backups(lab), 0, "{what}");
    row(what, says[0]);
}

/// `fine("it")` is refused, which a registry has under this reference.
#[track_caller]
pub(crate) fn refused_artifact(lab: &Lab, reference: &str, what: &str, says: &str) {
    fs::remove_dir_all(lab.path("cache")).unwrap_or_default();
    for args in [&["run", "p"] as &[&str], &["lock"], &["hook", "pull", reference], &["hook", "verify", reference]] {
        bad(lab, args, 78, &[says]);
    }
    bad(lab, &["validate"], 78, &[says, "[signature]", "hookward.toml:12:13"]);
    let images =
        fs::read_dir(lab.path("cache/images-v1")).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "key");
    assert_eq!((images.count(), backups(lab)), (0, 0), "{what}");
    let blob = digest(&fine("it"));
    let pulled = lab.path("cache/components-v1/blobs/sha256").join(blob.strip_prefix("sha256:").unwrap());
    assert!(!pulled.exists(), "{what}: it was downloaded");
    row(what, says);
}
