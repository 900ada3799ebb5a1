//! Whole runs under a lock: what was locked is what runs, whatever was pushed since.

use std::fs;

use hookward_tests::counterparts::Registry;
use hookward_tests::guest;
use hookward_tests::lab::Lab;
use hookward_tests::pty::Terminal;

use crate::support::{backups, bad, configure, digest, file, fine, good, hook, json, push, run, run_with};

#[test]
fn from_a_tag_to_a_run_without_the_registry() {
    let Some(mut registry) = Registry::start() else { return };
    let (lab, bytes) = (Lab::new(), fine("it"));
    let reference = registry.reference("acme/it:1.0");
    let manifest = push(&lab, &bytes, &reference);
    configure(&lab, &hook("h", &reference));

    // What a tag stands for tomorrow, nobody knows.
    let advice = [
        &format!("{reference} is not locked: there is no ") as &str,
        "hookward.lock [lock]",
        "hookward.toml:12:13",
        "`hookward lock` writes what is missing",
    ];
    for args in [&["run", "p"] as &[&str], &["validate"], &["--locked", "run", "p"]] {
        bad(&lab, args, 78, &advice);
    }
    assert_eq!(backups(&lab), 0);
    let finished = good(&lab, &["explain", "p"]);
    assert!(finished.stdout.contains("UNUSABLE") && finished.stdout.contains(&reference), "{finished:?}");

    let finished = good(&lab, &["lock"]);
    for part in [&format!("added    {reference}") as &str, &digest(&bytes), "wrote ", ": 1 locked"] {
        assert!(finished.stdout.contains(part), "no {part:?} in {}", finished.stdout);
    }
    let lock = fs::read_to_string(lab.path("hookward.lock")).unwrap();
    assert!(lock.starts_with("# Written by `hookward lock`"), "{lock}");
    for part in [
        &format!("source = \"{reference}\""),
        &format!("manifest = \"{manifest}\""),
        &format!("digest = \"{}\"", digest(&bytes)),
    ] {
        assert!(lock.contains(part.as_str()), "no {part:?} in {lock}");
    }

    good(&lab, &["run", "p"]);
    registry.stop();
    good(&lab, &["run", "p"]);
    good(&lab, &["--offline", "--locked", "run", "p"]);
    let finished = run_with(&lab, &[("HOOKWARD_OFFLINE", "1"), ("HOOKWARD_LOCKED", "1")], &["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(backups(&lab), 4);
    let finished = good(&lab, &["explain", "p"]);
    assert!(finished.stdout.contains(&format!("component   {reference}")), "{finished:?}");
    assert!(finished.stdout.contains(&digest(&bytes)), "{finished:?}");
    let report = json(&good(&lab, &["explain", "p", "--json"]));
    assert_eq!(report["hooks"][0]["component"].as_str(), Some(reference.as_str()));

    // Recovery calls its own copy.
    let kept: Vec<_> = fs::read_dir(lab.path("state/components")).unwrap().collect();
    assert!(!kept.is_empty());

    // Another machine, which has the lock and no cache.
    fs::remove_dir_all(lab.path("cache")).unwrap();
    bad(&lab, &["run", "p"], 78, &["the registry can't be reached"]);
    bad(&lab, &["--offline", "run", "p"], 78, &["is not in the cache, and offline no registry is asked"]);
    registry.restart();
    bad(&lab, &["--offline", "run", "p"], 78, &["is not in the cache, and offline no registry is asked"]);
    good(&lab, &["--locked", "run", "p"]);
    assert_eq!(backups(&lab), 5);
}

#[test]
fn a_tag_that_was_moved_changes_nothing_until_it_is_looked_at() {
    let Some(registry) = Registry::start() else { return };
    let lab = Lab::new();
    let (first, second) = (fine("first"), fine("second"));
    let reference = registry.reference("it:1");
    let manifest = push(&lab, &first, &reference);
    configure(&lab, &hook("h", &reference));
    good(&lab, &["lock"]);
    let before = fs::read_to_string(lab.path("hookward.lock")).unwrap();
    let moved = push(&lab, &second, &reference);
    assert_ne!(manifest, moved);

    // Not the cache's doing either.
    fs::remove_dir_all(lab.path("cache")).unwrap();
    let report = json(&good(&lab, &["explain", "p", "--json"]));
    assert_eq!(report["hooks"][0]["digest"].as_str(), Some(digest(&first).as_str()));
    let finished = good(&lab, &["lock"]);
    assert!(finished.stdout.contains("is up to date: 1 locked"), "{finished:?}");
    assert_eq!(fs::read_to_string(lab.path("hookward.lock")).unwrap(), before);

    // A lock that was edited, so that it says the moved one under the old manifest.
    fs::write(lab.path("hookward.lock"), before.replace(&digest(&first), &digest(&second))).unwrap();
    bad(&lab, &["run", "p"], 78, &[&format!("is {}, the lock says {} [lock]", digest(&first), digest(&second))]);
    fs::write(lab.path("hookward.lock"), &before).unwrap();

    let finished = good(&lab, &["lock", "--update", "--dry-run"]);
    assert!(finished.stdout.contains("would be written"), "{finished:?}");
    assert_eq!(fs::read_to_string(lab.path("hookward.lock")).unwrap(), before);
    // It asks for nothing more: nobody needs to be asked.
    let finished = good(&lab, &["lock", "--update"]);
    for part in [&format!("updated  {reference}"), &digest(&first), &format!("-> {}", digest(&second))] {
        assert!(finished.stdout.contains(part.as_str()), "no {part:?} in {}", finished.stdout);
    }
    let report = json(&good(&lab, &["explain", "p", "--json"]));
    assert_eq!(report["hooks"][0]["digest"].as_str(), Some(digest(&second).as_str()));
}

#[test]
fn an_update_that_asks_for_more_is_confirmed_or_not_written() {
    let Some(registry) = Registry::start() else { return };
    let lab = Lab::new();
    let (hello, http) = (fs::read(guest("hello")).unwrap(), fs::read(guest("http")).unwrap());
    let (one, two) = (registry.reference("one:1"), registry.reference("two:1"));
    push(&lab, &hello, &one);
    push(&lab, &fine("two"), &two);
    configure(&lab, &format!("{}{}", hook("a", &one), hook("b", &two)));
    good(&lab, &["lock"]);
    let before = fs::read_to_string(lab.path("hookward.lock")).unwrap();
    push(&lab, &http, &one);
    push(&lab, &fine("two, again"), &two);

    // Who is not named stays as he is.
    good(&lab, &["lock", "--update", "b"]);
    let after_b = fs::read_to_string(lab.path("hookward.lock")).unwrap();
    assert!(after_b.contains(&digest(&hello)) && after_b.contains(&digest(&fine("two, again"))), "{after_b}");
    fs::write(lab.path("hookward.lock"), &before).unwrap();

    let finished = bad(&lab, &["lock", "--update"], 1, &["nothing was written", "--yes"]);
    for part in ["ASKS FOR MORE: ", "make HTTP requests (grant `http`)"] {
        assert!(finished.stdout.contains(part), "no {part:?} in {}", finished.stdout);
    }
    assert_eq!(fs::read_to_string(lab.path("hookward.lock")).unwrap(), before);
    let finished = run(&lab, &["lock", "--update", "--json"]);
    let report = json(&finished);
    assert_eq!((finished.code, &report["written"], &report["asks-for-more"]), (1, &false.into(), &true.into()));
    let change = &report["components"][0]["changes"];
    assert!(change["imports"].to_string().contains("wasi:http/outgoing-handler@"), "{report:#}");

    // A person can be asked.
    for (answer, code) in [("n\n", 1), ("\n", 1), ("y\n", 0)] {
        let mut command = lab.on_terminal(hookward_tests::lab::hookward());
        command.args(["lock", "--update", "a"]).env("HOOKWARD_CACHE_DIR", lab.path("cache"));
        let mut terminal = Terminal::start(command);
        terminal.expect("Lock it all the same? [y/N]");
        terminal.send(answer);
        assert_eq!(terminal.wait(), code, "{answer:?}");
        assert_eq!(fs::read_to_string(lab.path("hookward.lock")).unwrap() == before, code == 1, "{answer:?}");
    }
    fs::write(lab.path("hookward.lock"), &before).unwrap();
    good(&lab, &["lock", "--update", "--yes"]);
    let lock = fs::read_to_string(lab.path("hookward.lock")).unwrap();
    assert!(lock.contains(&digest(&http)), "{lock}");
    // Back to what asks for less needs no word.
    push(&lab, &hello, &one);
    let finished = good(&lab, &["lock", "--update"]);
    assert!(finished.stdout.contains("no longer asks for"), "{finished:?}");
    bad(&lab, &["lock", "--update", "c"], 2, &["no hook of the configuration is named `c`"]);
}

#[test]
fn hosts_in_its_urls_are_told_too() {
    let lab = Lab::new();
    file(&lab, "it.wasm", &fine("see https://example.com/docs"));
    configure(&lab, &hook("h", "it.wasm"));
    let finished = good(&lab, &["lock"]);
    assert!(finished.stdout.contains("has URLs of example.com\n"), "{finished:?}");
    file(&lab, "it.wasm", &fine("see https://example.com/docs and http://evil.example:8080/collect"));
    let finished = bad(&lab, &["lock", "--update"], 1, &["nothing was written"]);
    assert!(finished.stdout.contains("HAS NEW URLS OF evil.example:8080"), "{finished:?}");
    good(&lab, &["lock", "--update", "--yes"]);
}

#[test]
fn what_is_not_in_the_lock() {
    let Some(registry) = Registry::start() else { return };
    let lab = Lab::new();
    let manifest = push(&lab, &fine("pinned"), &registry.reference("pinned:1"));
    let pinned = registry.reference(&format!("pinned@{manifest}"));
    file(&lab, "a.wasm", &fine("a"));
    file(&lab, "b.wasm", &fine("b"));

    // Without a lock: files, and what is pinned, but not under --locked.
    let hooks = format!("{}{}", hook("a", "a.wasm"), hook("pinned", &pinned));
    configure(&lab, &hooks);
    bad(
        &lab,
        &["--locked", "run", "p"],
        78,
        &["hook \"a\"", "hook \"pinned\"", "is not locked: there is no", "[lock]"],
    );
    bad(&lab, &["--offline", "run", "p"], 78, &["hook \"pinned\"", "is not in the cache"]);
    good(&lab, &["run", "p"]);
    good(&lab, &["--offline", "run", "p"]);

    // With one: a file that it lacks is told, and refused under --locked.
    good(&lab, &["lock"]);
    good(&lab, &["--locked", "run", "p"]);
    configure(&lab, &format!("{hooks}{}", hook("b", "b.wasm")));
    let finished = good(&lab, &["run", "p"]);
    assert!(
        finished.stderr.contains("b.wasm is not in ") && finished.stderr.contains("`hookward lock` adds it"),
        "{finished:?}"
    );
    bad(&lab, &["--locked", "run", "p"], 78, &["hook \"b\"", "b.wasm is not in ", "[lock]"]);
    bad(&lab, &["lock", "--locked"], 78, &["is not up to date, and --locked keeps it as it is"]);
    let finished = good(&lab, &["lock"]);
    good(&lab, &["lock", "--locked"]);
    assert!(finished.stdout.contains("added    b.wasm") && finished.stdout.contains(": 3 locked"), "{finished:?}");
    good(&lab, &["--locked", "run", "p"]);

    // What nobody names any more goes.
    configure(&lab, &hook("a", "a.wasm"));
    let finished = good(&lab, &["lock"]);
    assert!(finished.stdout.contains("removed  b.wasm") && finished.stdout.contains(": 1 locked"), "{finished:?}");
    assert_eq!(backups(&lab), 5);
}

#[test]
fn an_optional_hook_that_cannot_be_had_is_a_warning() {
    let lab = Lab::new();
    let optional = hook("h", "oci://registry.invalid/x:1").replace("on =", "kind = \"optional\"\non =");
    configure(&lab, &optional);
    let finished = good(&lab, &["run", "p"]);
    assert!(finished.stderr.contains("is not locked"), "{finished:?}");
    assert_eq!(backups(&lab), 1);
}
