//! `hook push` and `hook pull` against a real registry, and what other tools make of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::counterparts::{Registry, USER};
use hookward_tests::lab::Lab;

use crate::support::{bad, digest, file, fine, good, json, push, run, run_with};

#[test]
fn what_was_pushed_is_pulled() {
    let Some(registry) = Registry::start() else { return };
    let (lab, bytes) = (Lab::new(), fine("it"));
    let reference = registry.reference("acme/hooks/it:1.0.0");
    let manifest = push(&lab, &bytes, &reference);
    assert_eq!(push(&lab, &bytes, &reference), manifest, "the same bytes make the same manifest");

    good(&lab, &["hook", "pull", &reference]);
    assert_eq!(fs::read(lab.path("it.wasm")).unwrap(), bytes);
    let pinned = registry.reference(&format!("acme/hooks/it@{manifest}"));
    let report = json(&good(&lab, &["pull", &pinned, "-o", "other.wasm", "--json"]));
    assert_eq!(fs::read(lab.path("other.wasm")).unwrap(), bytes);
    assert_eq!(report["component"].as_str(), Some(digest(&bytes).as_str()));
    assert_eq!(report["manifest"].as_str(), Some(manifest.as_str()));
    // Both, as `hook push` prints it.
    let said = good(&lab, &["push", "pushed.wasm", &reference]).stdout;
    assert_eq!(said.trim_end(), format!("{reference}@{manifest}"));
    good(&lab, &["hook", "pull", said.trim_end(), "-o", "third.wasm"]);
}

#[test]
fn what_is_no_hook_is_not_pushed() {
    let Some(registry) = Registry::start() else { return };
    let lab = Lab::new();
    file(&lab, "text.wasm", b"no wasm");
    let reference = registry.reference("x:1");
    bad(&lab, &["hook", "push", "text.wasm", &reference], 78, &["text.wasm: the file is not WebAssembly [not-wasm]"]);
    file(&lab, "it.wasm", &fine("it"));
    let pinned = registry.reference(&format!("x@{}", digest(b"")));
    bad(&lab, &["hook", "push", "it.wasm", &pinned], 78, &["a push is to a tag alone"]);
    bad(&lab, &["hook", "push", "it.wasm", "oci://acme/x:1"], 2, &["begins with the registry's host"]);
    bad(&lab, &["hook", "pull", &reference], 78, &["the registry has no such thing (404"]);
    bad(&lab, &["--offline", "hook", "pull", &reference], 78, &["offline no registry is asked"]);
}

#[test]
fn credentials_come_from_docker() {
    use base64::Engine as _;
    let Some(registry) = Registry::start_with_users() else { return };
    let lab = Lab::new();
    file(&lab, "it.wasm", &fine("it"));
    let reference = registry.reference("it:1");
    let push = ["hook", "push", "it.wasm", &reference];
    let pull = ["hook", "pull", &reference, "-o", "pulled.wasm"];
    let denied = "the registry doesn't let us in (401";
    for args in [&push as &[&str], &pull] {
        bad(&lab, args, 78, &[denied]);
    }
    let configure = |text: &str| file(&lab, "home/.docker/config.json", text.as_bytes());
    let login = |password: &str| {
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{}:{password}", USER.0));
        format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", registry.host())
    };
    configure(&login("wrong"));
    for args in [&push as &[&str], &pull] {
        let finished = bad(&lab, args, 78, &[denied]);
        assert!(!finished.stderr.contains("wrong"), "{finished:?}");
    }
    configure(&login(USER.1));
    good(&lab, &push);
    good(&lab, &pull);
    assert_eq!(fs::read(lab.path("pulled.wasm")).unwrap(), fine("it"));

    // A helper, as Docker calls it.
    let helper = file(
        &lab,
        "bin/docker-credential-test",
        format!("#!/bin/sh\nread server\necho \"$1 $server\" >> helper.log\necho '{{\"Username\": \"{}\", \"Secret\": \"{}\"}}'\n", USER.0, USER.1)
            .as_bytes(),
    );
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    configure(&format!("{{\"credHelpers\": {{\"{}\": \"test\"}}}}", registry.host()));
    let path = format!("{}:{}", lab.path("bin").display(), std::env::var("PATH").unwrap());
    let finished = run_with(&lab, &[("PATH", &path)], &pull);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(lab.lines("helper.log"), [format!("get {}", registry.host())]);

    // Podman's login is one, too.
    fs::remove_file(lab.path("home/.docker/config.json")).unwrap();
    let auth = file(&lab, "auth.json", login(USER.1).as_bytes());
    let finished = run_with(&lab, &[("REGISTRY_AUTH_FILE", auth.to_str().unwrap())], &pull);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(run(&lab, &pull).code, 78);
}

#[test]
fn nothing_is_pushed_in_a_dry_run() {
    let Some(registry) = Registry::start() else { return };
    let lab = Lab::new();
    file(&lab, "it.wasm", &fine("it"));
    let reference = registry.reference("it:1");
    good(&lab, &["--dry-run", "hook", "push", "it.wasm", &reference]);
    bad(&lab, &["hook", "pull", &reference], 78, &["the registry has no such thing"]);
}

#[test]
fn only_this_machine_is_talked_to_in_the_clear() {
    let lab = Lab::new();
    // A name that leads nowhere: what is said shows how it would have been asked.
    let finished = bad(&lab, &["hook", "pull", "oci://registry.invalid/x:1"], 78, &["the registry can't be reached"]);
    assert!(finished.stderr.contains("https://registry.invalid/v2/x/manifests/1"), "{finished:?}");
    fs::write(lab.path("hookward.toml"), "version = 1\n[registry.\"registry.invalid\"]\ninsecure = true\n").unwrap();
    let finished = bad(&lab, &["hook", "pull", "oci://registry.invalid/x:1"], 78, &["the registry can't be reached"]);
    assert!(finished.stderr.contains("http://registry.invalid/v2/x/manifests/1"), "{finished:?}");
}
