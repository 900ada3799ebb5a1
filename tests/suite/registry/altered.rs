//! Bytes that are not what they were: in the registry, in the cache, in a file.

use std::fs;

use hookward_tests::counterparts::Registry;
use hookward_tests::lab::Lab;

use crate::support::{backups, bad, configure, digest, file, fine, good, hook, push};

#[test]
fn a_blob_that_was_altered_in_the_registry_is_refused() {
    let Some(registry) = Registry::start() else { return };
    let (lab, bytes) = (Lab::new(), fine("it"));
    let manifest = push(&lab, &bytes, &registry.reference("it:1"));
    configure(&lab, &hook("h", &registry.reference(&format!("it:1@{manifest}"))));

    // Of the same length: nothing but the digest tells.
    let blob = registry.blob(digest(&bytes).strip_prefix("sha256:").unwrap());
    let mut altered = fs::read(&blob).unwrap();
    assert_eq!(altered, bytes);
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&blob, &altered).unwrap();
    for args in [&["run", "p"] as &[&str], &["validate"], &["lock"], &["hook", "pull", &registry.reference("it:1")]] {
        bad(&lab, args, 78, &[&format!("instead of {}", digest(&bytes)), &digest(&altered)]);
    }
    assert_eq!(backups(&lab), 0);
    assert!(!lab.path("it.wasm").exists() && !lab.path("hookward.lock").exists());

    // A manifest, by the digest that is asked for.
    let blob = registry.blob(manifest.strip_prefix("sha256:").unwrap());
    let text = fs::read_to_string(&blob).unwrap();
    fs::write(&blob, text.replace("\"schemaVersion\":2", "\"schemaVersion\": 2")).unwrap();
    let finished = bad(&lab, &["run", "p"], 78, &[]);
    assert!(finished.stderr.contains("[digest]") || finished.stderr.contains("[registry]"), "{finished:?}");

    fs::write(&blob, text).unwrap();
    fs::write(registry.blob(digest(&bytes).strip_prefix("sha256:").unwrap()), &bytes).unwrap();
    good(&lab, &["run", "p"]);
    assert_eq!(backups(&lab), 1);
}

#[test]
fn a_cached_copy_that_was_altered_is_got_again_or_not_used() {
    let Some(mut registry) = Registry::start() else { return };
    let (lab, bytes) = (Lab::new(), fine("it"));
    push(&lab, &bytes, &registry.reference("it:1"));
    configure(&lab, &hook("h", &registry.reference("it:1")));
    good(&lab, &["lock"]);
    let cached = lab.path("cache/components-v1/blobs/sha256").join(digest(&bytes).strip_prefix("sha256:").unwrap());
    assert_eq!(fs::read(&cached).unwrap(), bytes);

    let alter = || fs::write(&cached, fine("another")).unwrap();
    alter();
    let finished = good(&lab, &["run", "p"]);
    assert!(finished.stderr.contains("was changed, and is not used"), "{finished:?}");
    assert_eq!(fs::read(&cached).unwrap(), bytes);

    alter();
    bad(&lab, &["--offline", "run", "p"], 78, &["is not in the cache, and offline no registry is asked [registry]"]);
    registry.stop();
    bad(&lab, &["run", "p"], 78, &["the registry can't be reached", "[registry]"]);
    assert_eq!(backups(&lab), 1);
}

#[test]
fn a_file_that_has_changed_since_it_was_locked_is_refused() {
    let lab = Lab::new();
    let (first, second) = (fine("first"), fine("second"));
    file(&lab, "hooks/it.wasm", &first);
    configure(&lab, &hook("h", "hooks/it.wasm"));
    good(&lab, &["lock"]);
    let lock = fs::read_to_string(lab.path("hookward.lock")).unwrap();
    assert!(lock.contains("source = \"hooks/it.wasm\"") && lock.contains(&digest(&first)), "{lock}");
    good(&lab, &["run", "p"]);

    file(&lab, "hooks/it.wasm", &second);
    let says = [
        "hooks/it.wasm has changed since it was locked",
        &format!("it is {}, and was {} [lock]", digest(&second), digest(&first)),
        "hookward.toml:12:13",
        "`hookward lock --update` takes what has changed",
    ];
    bad(&lab, &["run", "p"], 78, &says);
    bad(&lab, &["validate"], 78, &says);
    bad(&lab, &["lock"], 78, &says);
    assert_eq!(backups(&lab), 1);
    good(&lab, &["lock", "--update"]);
    good(&lab, &["--locked", "run", "p"]);
}

#[test]
fn a_lock_that_cannot_be_read_stops_everything() {
    let lab = Lab::new();
    file(&lab, "it.wasm", &fine("it"));
    configure(&lab, &hook("h", "it.wasm"));
    for (text, says) in [
        ("version = 2\n", "its version is 2, and this hookward reads 1"),
        ("version = 1\ncomponents = 3\n", "unknown field `components`"),
        ("<<<<<<< ours\n", "is not as `hookward lock` has written it"),
    ] {
        fs::write(lab.path("hookward.lock"), text).unwrap();
        bad(&lab, &["run", "p"], 78, &["hookward.lock", says]);
        bad(&lab, &["lock"], 78, &[says]);
    }
    assert_eq!(backups(&lab), 0);
}
