//! `hookward vendor`: a machine without a network, and without a cache.

use std::fs;

use hookward_tests::counterparts::Registry;
use hookward_tests::lab::Lab;

use crate::keys::keys;
use crate::support::{backups, bad, configure, digest, file, fine, good, hook, json, push};

#[test]
fn a_copy_of_every_component_is_all_that_is_needed() {
    let Some(mut registry) = Registry::start() else { return };
    let lab = Lab::new();
    let right = keys(&lab, "right");
    let (remote, local) = (fine("remote"), fine("local"));
    let reference = registry.reference("acme/remote:1");
    push(&lab, &remote, &reference);
    file(&lab, "hooks/local.wasm", &local);
    let key = right.private.to_str().unwrap();
    for what in [reference.as_str(), "hooks/local.wasm"] {
        good(&lab, &["hook", "sign", what, "--key", key]);
    }
    let hooks = format!("{}{}", hook("a", &reference), hook("b", "hooks/local.wasm"));
    let keys = "[components]\nkeys = [\"right.pub\"]\n";
    configure(&lab, &format!("{hooks}{keys}"));
    bad(&lab, &["vendor", "copies"], 78, &["is not locked", "[lock]", "`hookward lock` writes what is missing"]);
    good(&lab, &["lock"]);
    let finished = good(&lab, &["vendor", "copies"]);
    assert!(
        finished.stdout.ends_with("to take them from there:\n\n[components]\nvendor = \"copies\"\n"),
        "{finished:?}"
    );
    let report = json(&good(&lab, &["vendor", "copies", "--json"]));
    let digests: Vec<_> =
        report["components"].as_array().unwrap().iter().map(|one| one["digest"].as_str().unwrap()).collect();
    assert_eq!(digests.len(), 2);
    assert!(digests.contains(&digest(&remote).as_str()) && digests.contains(&digest(&local).as_str()));

    // Nothing is left but the copies, the lock, the configuration and the key.
    registry.stop();
    fs::remove_dir_all(lab.path("cache")).unwrap();
    fs::remove_dir_all(lab.path("hooks")).unwrap();
    configure(&lab, &format!("{hooks}{keys}vendor = \"copies\"\n"));
    for args in [&["run", "p"] as &[&str], &["--offline", "--locked", "run", "p"], &["validate"]] {
        good(&lab, args);
    }
    assert_eq!(backups(&lab), 2);

    // A copy that was changed, or is missing, is not replaced by anything.
    for (bytes, name) in [(&remote, &reference), (&local, &"hooks/local.wasm".to_owned())] {
        let copy = lab.path("copies/blobs/sha256").join(digest(bytes).strip_prefix("sha256:").unwrap());
        fs::write(&copy, fine("evil")).unwrap();
        bad(&lab, &["run", "p"], 78, &["was changed: it is not", &digest(bytes), "[digest]"]);
        fs::remove_file(&copy).unwrap();
        bad(&lab, &["run", "p"], 78, &[name, "is not in ", "copies, from which all components come (`vendor`)"]);
        fs::write(&copy, bytes).unwrap();
        good(&lab, &["run", "p"]);
    }

    // Nor is what the lock lacks.
    configure(&lab, &format!("{hooks}{}{keys}vendor = \"copies\"\n", hook("c", "right.pub")));
    bad(&lab, &["run", "p"], 78, &["right.pub is not in ", "hookward.lock [lock]"]);
    fs::remove_file(lab.path("hookward.lock")).unwrap();
    bad(&lab, &["run", "p"], 78, &["hook \"a\"", "hook \"b\"", "is not locked: there is no"]);
    assert_eq!(backups(&lab), 4);
}

#[test]
fn signatures_travel_with_what_they_are_for() {
    let lab = Lab::new();
    let right = keys(&lab, "right");
    file(&lab, "it.wasm", &fine("it"));
    good(&lab, &["hook", "sign", "it.wasm", "--key", right.private.to_str().unwrap()]);
    configure(&lab, &hook("h", "it.wasm"));
    good(&lab, &["lock"]);
    good(&lab, &["vendor", "copies"]);
    configure(&lab, &format!("{}[components]\nvendor = \"copies\"\nkeys = [\"right.pub\"]\n", hook("h", "it.wasm")));
    good(&lab, &["run", "p"]);
    fs::remove_dir_all(lab.path("copies/signatures")).unwrap();
    bad(&lab, &["run", "p"], 78, &["is not signed", "[signature]"]);
}
