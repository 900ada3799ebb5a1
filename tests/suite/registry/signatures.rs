//! Who has signed what, and what follows: a table that the test prints.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use hookward_tests::counterparts::Registry;
use hookward_tests::lab::Lab;
use serde_json::{Value, json};

use crate::keys::{Keys, ed25519, encrypted, keys};
use crate::refusals::{refused_artifact, refused_file, row};
use crate::support::{
    Raw, backups, bad, configure, digest, file, fine, good, hook, json as report, manifest, push, run, run_with,
};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn sign(lab: &Lab, what: &str, keys: &Keys) {
    good(lab, &["hook", "sign", what, "--key", path(&keys.private)]);
}

/// The manifest of the signatures of a digest, as the registry keeps it.
fn signatures(registry: &Registry, name: &str, subject: &str) -> Value {
    let links = registry.storage().join(format!("storage/docker/registry/v2/repositories/{name}/_manifests/tags"));
    let tag = format!("{}.sig", subject.replace(':', "-"));
    let link = fs::read_to_string(links.join(tag).join("current/link")).unwrap();
    serde_json::from_slice(&fs::read(registry.blob(link.strip_prefix("sha256:").unwrap())).unwrap()).unwrap()
}

/// Puts signatures in place of those that are there.
fn replace(raw: &Raw, name: &str, subject: &str, payload: &[u8], signature: &str) {
    let mut all = manifest((CONFIG, b"{}"), (PAYLOAD, payload));
    all["layers"][0]["annotations"] = json!({ "dev.cosignproject.cosign/signature": signature });
    raw.blob(name, b"{}");
    raw.blob(name, payload);
    raw.manifest(&format!("{name}:{}.sig", subject.replace(':', "-")), &all);
}

#[test]
fn the_table_of_what_a_registry_has() {
    let Some(registry) = Registry::start() else { return };
    let (lab, raw) = (Lab::new(), Raw::new(&registry));
    let (right, other) = (keys(&lab, "right"), keys(&lab, "other"));
    let reference = registry.reference("acme/it:1");
    let subject = push(&lab, &fine("it"), &reference);
    let another = push(&lab, &fine("another"), &registry.reference("acme/another:1"));
    let policy = format!("[registry.\"{}/acme\"]\nkeys = [\"right.pub\"]\n", registry.host());
    configure(&lab, &format!("{}{policy}", hook("h", &format!("{reference}@{subject}"))));
    let fingerprint = report(&good(
        &lab,
        &["hook", "sign", &registry.reference("acme/another:1"), "--key", path(&right.private), "--json"],
    ))["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let key = format!("right.pub (key {fingerprint})");
    let origin = format!("[registry.\"{}/acme\"]", registry.host());

    let refused = |what: &str, says: &str| refused_artifact(&lab, &reference, what, says);
    println!("| what the registry has | result |\n| --- | --- |");
    refused("unsigned", &format!("{subject} is not signed, and {origin} wants a signature by {key}"));

    let changed =
        format!("the signature of {subject} is not by {key}, as {origin} wants it: it is another's, or was changed");
    sign(&lab, &reference, &other);
    refused("signed by another key", &changed);

    sign(&lab, &reference, &other);
    refused("signed twice by another key", &format!("none of the 2 signatures of {subject} is by {key}"));

    // The right key's signature of another artifact, moved here.
    let theirs = signatures(&registry, "acme/another", &another);
    let layer = &theirs["layers"][0];
    let payload = fs::read(registry.blob(layer["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap())).unwrap();
    let signature = layer["annotations"]["dev.cosignproject.cosign/signature"].as_str().unwrap();
    replace(&raw, "acme/it", &subject, &payload, signature);
    refused(
        "the right key's signature of another",
        &format!("its signature by {key} is for {another}, and not for this manifest, {subject}"),
    );

    // The right key's payload, with our digest written over.
    let altered = String::from_utf8(payload.clone()).unwrap().replace(&another, &subject);
    replace(&raw, "acme/it", &subject, altered.as_bytes(), signature);
    refused("altered payload", &changed);

    sign(&lab, &registry.reference("acme/it:1"), &right);
    let own = signatures(&registry, "acme/it", &subject);
    let last = own["layers"].as_array().unwrap().last().unwrap();
    let payload = fs::read(registry.blob(last["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap())).unwrap();
    let signature = last["annotations"]["dev.cosignproject.cosign/signature"].as_str().unwrap().to_owned();
    let at = signature.len() / 2;
    let flipped = if &signature[at..=at] == "A" { "B" } else { "A" };
    replace(&raw, "acme/it", &subject, &payload, &format!("{}{flipped}{}", &signature[..at], &signature[at + 1..]));
    refused("altered signature", &changed);
    replace(&raw, "acme/it", &subject, &payload, "not Base64");
    refused("no signature at all where one should be", &format!("{subject} is not signed"));

    // What was signed, and then altered: the digest tells before the signature does.
    replace(&raw, "acme/it", &subject, &payload, &signature);
    let blob = registry.blob(digest(&fine("it")).strip_prefix("sha256:").unwrap());
    let bytes = fs::read(&blob).unwrap();
    fs::write(&blob, fine("IT")).unwrap();
    bad(&lab, &["run", "p"], 78, &[&format!("instead of {}", digest(&bytes)), "[digest]"]);
    row("altered component", "the registry has sent another blob than it was asked for [digest]");
    fs::write(&blob, bytes).unwrap();

    let finished = good(&lab, &["hook", "verify", &reference]);
    assert_eq!(finished.stdout, format!("{reference}: {subject} signed by {key}\n"));
    let finished = good(&lab, &["lock"]);
    assert!(finished.stdout.contains(&format!("signed by {key}")), "{finished:?}");
    good(&lab, &["run", "p"]);
    assert_eq!(backups(&lab), 1);
    row("signed by the right key", &format!("runs: signed by {key}"));
}

#[test]
fn the_table_of_files() {
    let lab = Lab::new();
    let (right, other) = (keys(&lab, "right"), keys(&lab, "other"));
    let component = file(&lab, "it.wasm", &fine("it"));
    let sig = lab.path("it.wasm.sig");
    configure(
        &lab,
        &format!("{}[components]\nrequire-signature = true\nkeys = [\"right.pub\"]\n", hook("h", "it.wasm")),
    );
    let refused = |what: &str, says: &str| refused_file(&lab, what, &[says]);
    println!("| a file | result |\n| --- | --- |");
    let changed = "is not by right.pub (key sha256:";
    refused("unsigned", "is not signed, and [components] wants a signature by right.pub (key sha256:");
    sign(&lab, "it.wasm", &other);
    refused("signed by another key", changed);
    sign(&lab, "it.wasm", &right);
    assert_eq!(fs::read_to_string(&sig).unwrap().lines().count(), 2);
    let good_signatures = fs::read_to_string(&sig).unwrap();
    // Again adds nothing.
    sign(&lab, "it.wasm", &right);
    assert_eq!(fs::read_to_string(&sig).unwrap(), good_signatures);

    fs::write(&component, fine("IT")).unwrap();
    refused("altered component", "none of the 2 signatures of sha256:");
    fs::write(&component, fine("it")).unwrap();
    fs::write(&sig, good_signatures.lines().next().unwrap()).unwrap();
    refused("the other signature alone", changed);
    fs::write(&sig, "hello\u{7f}").unwrap();
    refused("altered signature file", "cannot read the signature");
    fs::write(&sig, &good_signatures).unwrap();

    fs::rename(lab.path("right.pub"), lab.path("away.pub")).unwrap();
    bad(
        &lab,
        &["run", "p"],
        78,
        &["cannot use the key ", "right.pub: No such file", "hookward.toml:16:9", "[signature]"],
    );
    row("the key's file is missing", "cannot use the key right.pub: No such file or directory [signature]");
    fs::copy(&right.private, lab.path("right.pub")).unwrap();
    bad(&lab, &["run", "p"], 78, &["right.pub: it holds a private key, not a PUBLIC KEY"]);
    fs::rename(lab.path("away.pub"), lab.path("right.pub")).unwrap();

    let finished = good(&lab, &["hook", "verify", "it.wasm"]);
    assert!(finished.stdout.contains("signed by right.pub (key sha256:"), "{finished:?}");
    good(&lab, &["run", "p"]);
    row("signed by the right key", "runs");
    bad(&lab, &["hook", "verify", "it.wasm", "--key", "other.pub"], 0, &[]);
    let third = keys(&lab, "third");
    bad(&lab, &["hook", "verify", "it.wasm", "--key", path(&third.public)], 78, &["none of the 2 signatures"]);
}

#[test]
fn every_kind_of_key_that_is_made_elsewhere() {
    let lab = Lab::new();
    file(&lab, "it.wasm", &fine("it"));
    let verify = |keys: &Keys| good(&lab, &["hook", "verify", "it.wasm", "--key", path(&keys.public)]);
    let edwards = ed25519(&lab, "edwards");
    sign(&lab, "it.wasm", &edwards);
    verify(&edwards);

    // cosign's own encryption, the password from a variable or a file.
    let pair = keys(&lab, "pair");
    let locked = file(&lab, "cosign.key", encrypted(&pair.pair.serialize_der(), "sésame").as_bytes());
    let with_it = ["hook", "sign", "it.wasm", "--key", path(&locked)];
    bad(&lab, &with_it, 78, &["cosign.key: it is encrypted, and there is no password"]);
    let wrong = run_with(&lab, &[("COSIGN_PASSWORD", "other")], &with_it);
    assert!(wrong.code == 78 && wrong.stderr.contains("the password is not its own"), "{wrong:?}");
    bad(
        &lab,
        &[&with_it as &[&str], &["--password-file", "nowhere"]].concat(),
        78,
        &["cosign.key: its password can't be read"],
    );
    assert_eq!(fs::read_to_string(lab.path("it.wasm.sig")).unwrap().lines().count(), 1);
    assert_eq!(run_with(&lab, &[("COSIGN_PASSWORD", "sésame")], &with_it).code, 0);
    verify(&pair);
    fs::remove_file(lab.path("it.wasm.sig")).unwrap();
    file(&lab, "password", "sésame\n".as_bytes());
    good(&lab, &[&with_it as &[&str], &["--password-file", "password"]].concat());
    verify(&pair);

    let other = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
    file(&lab, "sec1.key", other.as_bytes());
    bad(&lab, &["hook", "sign", "it.wasm", "--key", "sec1.key"], 78, &["openssl pkcs8 -topk8"]);
    file(&lab, "text.key", b"hello");
    bad(&lab, &["hook", "sign", "it.wasm", "--key", "text.key"], 78, &["text.key: it is no PEM"]);
    bad(&lab, &["hook", "verify", "it.wasm"], 2, &["name the keys with --key"]);
}

/// OpenSSL makes the same signatures that `cosign sign-blob --key` makes.
#[test]
fn openssl_and_we_are_of_one_mind() {
    let openssl = |lab: &Lab, args: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(args).current_dir(lab.path("")).stdin(Stdio::null()).output()
    };
    let lab = Lab::new();
    if openssl(&lab, &["version"]).is_err() {
        eprintln!("left out: openssl is not installed");
        return;
    }
    let done = |args: &[&str]| {
        let output = openssl(&lab, args).unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        output.stdout
    };
    file(&lab, "it.wasm", &fine("it"));
    done(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "theirs.key"]);
    done(&["pkey", "-in", "theirs.key", "-pubout", "-out", "theirs.pub"]);
    done(&["dgst", "-sha256", "-sign", "theirs.key", "-out", "it.sig", "it.wasm"]);
    let base64 = done(&["base64", "-A", "-in", "it.sig"]);
    fs::write(lab.path("it.wasm.sig"), base64).unwrap();
    let verified = good(&lab, &["hook", "verify", "it.wasm", "--key", "theirs.pub", "--json"]);
    let der = done(&["pkey", "-pubin", "-in", "theirs.pub", "-outform", "DER"]);
    assert_eq!(report(&verified)["signed-by"].as_str(), Some(digest(&der).as_str()));

    // And the other way round.
    fs::remove_file(lab.path("it.wasm.sig")).unwrap();
    good(&lab, &["hook", "sign", "it.wasm", "--key", "theirs.key"]);
    done(&["base64", "-d", "-A", "-in", "it.wasm.sig", "-out", "ours.sig"]);
    done(&["dgst", "-sha256", "-verify", "theirs.pub", "-signature", "ours.sig", "it.wasm"]);
}

#[test]
fn a_signature_is_kept_with_what_it_is_for() {
    let Some(mut registry) = Registry::start() else { return };
    let lab = Lab::new();
    let right = keys(&lab, "right");
    let reference = registry.reference("it:1");
    push(&lab, &fine("it"), &reference);
    let hook = hook("h", &reference);
    configure(&lab, &hook);
    good(&lab, &["lock"]);
    good(&lab, &["run", "p"]);

    // A policy that comes later: the registry is asked once, for the signature alone.
    configure(&lab, &format!("{hook}[components]\nkeys = [\"right.pub\"]\n"));
    bad(&lab, &["--offline", "run", "p"], 78, &["is not signed", "among the signatures that are kept", "[signature]"]);
    bad(&lab, &["run", "p"], 78, &["is not signed"]);
    sign(&lab, &reference, &right);
    good(&lab, &["run", "p"]);
    registry.stop();
    good(&lab, &["run", "p"]);
    good(&lab, &["--offline", "--locked", "run", "p"]);
    assert_eq!(run(&lab, &["--offline", "hook", "verify", &reference]).code, 78);
    assert_eq!(backups(&lab), 4);
}
