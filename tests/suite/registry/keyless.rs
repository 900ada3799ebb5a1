//! Who has signed without a key, and what follows: a table that the test prints. The
//! certificates and the logs are the test's own.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookward_registry::signature::{Keyless, Policy, Signatory, Signature};
use hookward_tests::counterparts::{Answer, Recorder, Registry};
use hookward_tests::lab::Lab;
use serde_json::{Value, json};

use crate::keys::keys;
use crate::refusals::{refused_artifact, refused_file, row};
use crate::sigstore::{BUNDLE, SIGN, Sigstore, What, Who};
use crate::support::{
    Raw, backups, bad, configure, digest, file, fine, good, hook, json as report, manifest, push, run,
};

const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

const SUBJECT: &str = "https://git.test/acme/hooks/.ci/release.yml@refs/tags/v1";
const PATTERN: &str = "https://git.test/acme/hooks/.ci/release.yml@refs/tags/*";
const ISSUER: &str = "https://token.git.test";

/// Who has to sign.
const RIGHT: Who = Who { subject: SUBJECT, issuer: ISSUER, valid: (15, 16), logged: true };

/// The right one, in words.
fn right() -> String {
    format!("{SUBJECT} (of {ISSUER})")
}

/// What makes a table want the right one's signature.
fn policy() -> String {
    format!("identities = [{{ issuer = \"{ISSUER}\", subject = \"{PATTERN}\" }}]\ntrust-root = \"root.json\"\n")
}

fn sigstore(lab: &Lab) -> Sigstore {
    let sigstore = Sigstore::new();
    file(lab, "root.json", sigstore.trust_root().to_string().as_bytes());
    sigstore
}

/// A bundle with one of its texts in Base64 changed, so that it stays Base64.
fn altered(bundle: &Value, pointer: &str) -> Value {
    let mut bundle = bundle.clone();
    let text = bundle.pointer_mut(pointer).unwrap();
    let old = text.as_str().unwrap();
    let at = old.len() / 2;
    let other = if &old[at..=at] == "A" { "B" } else { "A" };
    *text = format!("{}{other}{}", &old[..at], &old[at + 1..]).into();
    bundle
}

/// The same with another text.
fn replaced(bundle: &Value, pointer: &str, text: &str) -> Value {
    let mut bundle = bundle.clone();
    *bundle.pointer_mut(pointer).unwrap() = text.into();
    bundle
}

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

#[test]
fn the_table_of_files() {
    let lab = Lab::new();
    let sigstore = sigstore(&lab);
    let bytes = fine("it");
    let component = file(&lab, "it.wasm", &bytes);
    let beside = lab.path("it.wasm.sigstore.json");
    configure(&lab, &format!("{}[components]\n{}", hook("h", "it.wasm"), policy()));
    let it = digest(&bytes);
    let wanted = format!("[components] wants a signature by {PATTERN} (of {ISSUER})");
    let refused = |what: &str, says: &str| refused_file(&lab, what, &[says, PATTERN]);
    let bundle = |what: &str, bundle: &Value, says: &str| {
        fs::write(&beside, bundle.to_string()).unwrap();
        refused(what, says);
    };
    let sign = |who: Who| sigstore.sign(&who, What::File(&bytes));
    println!("| a file | result |\n| --- | --- |");
    refused("unsigned", &format!("{it} is not signed, and {wanted}"));

    // All of it holds, and it is another's.
    for (what, who) in [
        ("another identity", Who { subject: "mallory@git.test", ..RIGHT }),
        (
            "a branch that is called like a tag",
            Who { subject: "https://git.test/acme/hooks/.ci/release.yml@refs/heads/x@refs/tags/v1", ..RIGHT },
        ),
        (
            "a repository that is called like ours",
            Who { subject: "https://git.test/acme/hooks-evil/.ci/release.yml@refs/tags/v1", ..RIGHT },
        ),
        ("another issuer", Who { issuer: "https://token.git.test.evil.example", ..RIGHT }),
    ] {
        let says = format!("{it} is signed by {} (of {}), and {wanted}", who.subject, who.issuer);
        bundle(what, &sign(who), &says);
    }

    // The right name, and nothing that shows it.
    let doesnt = |why: &str| format!("the bundle of {it} that says it is by {} doesn't count: {why}", right());
    let strange = Sigstore::new().sign(&RIGHT, What::File(&bytes));
    bundle("another log, and another authority", &strange, &doesnt("its entry in a log of signatures doesn't hold"));
    let stranger = Sigstore::new();
    let root = stranger.trust_root();
    let mixed = Sigstore::new().with_log_of(stranger);
    fs::write(lab.path("root.json"), {
        // The authority and the log of certificates of one, the log of signatures of another.
        let mut trusted = sigstore.trust_root();
        trusted["tlogs"] = root["tlogs"].clone();
        trusted.to_string()
    })
    .unwrap();
    bundle(
        "a certificate of another authority",
        &mixed.sign(&RIGHT, What::File(&bytes)),
        &doesnt("no authority of the trust root has given out its certificate"),
    );
    fs::write(lab.path("root.json"), sigstore.trust_root().to_string()).unwrap();
    bundle(
        "a certificate that had expired",
        &sign(Who { valid: (13, 14), ..RIGHT }),
        &doesnt("the log has it at 2024-06-15T12:00:00Z, and its certificate had expired at 2024-06-14T00:00:00Z"),
    );
    bundle(
        "a certificate of the future",
        &sign(Who { valid: (16, 17), ..RIGHT }),
        &doesnt("the log has it at 2024-06-15T12:00:00Z, and its certificate is not valid before 2024-06-16T00:00:00Z"),
    );
    bundle(
        "a certificate in no log of such",
        &sign(Who { logged: false, ..RIGHT }),
        &doesnt("its certificate is not shown to be in a log of certificates"),
    );

    // What was right, and then changed: each part of it counts.
    let good_one = sign(RIGHT);
    let doesnt_hold = doesnt("its entry in a log of signatures doesn't hold");
    for (what, changed) in [
        ("another time in the log", replaced(&good_one, &format!("{ENTRY}/integratedTime"), "1718456400")),
        ("another entry in the log", altered(&good_one, &format!("{ENTRY}/canonicalizedBody"))),
        ("another promise of the log", {
            altered(&good_one, &format!("{ENTRY}/inclusionPromise/signedEntryTimestamp"))
        }),
        ("another place in the log", altered(&good_one, &format!("{ENTRY}/inclusionProof/hashes/0"))),
        ("a state of the log that it hasn't signed", {
            let pointer = format!("{ENTRY}/inclusionProof/checkpoint/envelope");
            let note = good_one.pointer(&pointer).unwrap().as_str().unwrap();
            replaced(&good_one, &pointer, &note.replacen("log.test - 1", "log.test - 2", 1))
        }),
        ("the entry of another's signature", {
            let mut changed = good_one.clone();
            *changed.pointer_mut(ENTRY).unwrap() = sign(RIGHT).pointer(ENTRY).unwrap().clone();
            changed
        }),
    ] {
        bundle(what, &changed, &doesnt_hold);
    }
    bundle(
        "another's certificate with it",
        &replaced(
            &good_one,
            "/verificationMaterial/certificate/rawBytes",
            sign(RIGHT).pointer("/verificationMaterial/certificate/rawBytes").unwrap().as_str().unwrap(),
        ),
        &doesnt("invalid signature"),
    );
    bundle(
        "a signature of others that is logged as of these",
        &sigstore.sign(&RIGHT, What::Pretended(&bytes)),
        &doesnt("invalid signature"),
    );
    bundle("altered signature", &altered(&good_one, "/messageSignature/signature"), &doesnt("invalid signature"));
    let promised = {
        let mut changed = good_one.clone();
        changed.pointer_mut(ENTRY).unwrap().as_object_mut().unwrap().remove("inclusionPromise");
        changed
    };
    bundle("no promise, and so no time", &promised, &doesnt("no verified timestamp"));
    let alone = {
        let mut changed = good_one.clone();
        changed["verificationMaterial"]["tlogEntries"] = json!([]);
        changed
    };
    bundle("no entry in a log", &alone, &doesnt("it has no entry in a log of signatures"));
    bundle("a bundle of something else", &sigstore.sign(&RIGHT, What::File(b"else")), &{
        doesnt(&format!("it is of something else than {it}"))
    });
    bundle(
        "a statement of something else about it",
        &sigstore.sign(&RIGHT, What::Statement("https://vulnerable.test/v1", &it)),
        &doesnt("it states something else (https://vulnerable.test/v1), and is no signature"),
    );
    fs::write(&beside, "hello").unwrap();
    refused("no bundle at all where one should be", &format!("the bundle of {it} doesn't count: it is no bundle: "));

    fs::write(&beside, good_one.to_string()).unwrap();
    fs::write(&component, fine("IT")).unwrap();
    refused("altered component", &format!("it is of something else than {}", digest(&fine("IT"))));
    fs::write(&component, &bytes).unwrap();

    // A signature of another kind is none.
    fs::remove_file(&beside).unwrap();
    let pair = keys(&lab, "pair");
    good(&lab, &["hook", "sign", "it.wasm", "--key", pair.private.to_str().unwrap()]);
    refused("signed with a key", &format!("{it} is signed by a key alone, and {wanted}"));

    for (what, bundle) in [
        ("the right identity, a signature of the file", good_one),
        ("the right identity, cosign's statement", sigstore.sign(&RIGHT, What::Statement(SIGN, &it))),
    ] {
        fs::write(&beside, bundle.to_string()).unwrap();
        let finished = good(&lab, &["hook", "verify", "it.wasm"]);
        assert_eq!(finished.stdout, format!("it.wasm: {it} signed by {}\n", right()));
        let verified = report(&good(&lab, &["hook", "verify", "it.wasm", "--json"]));
        assert_eq!((verified["signed-by"].as_str(), verified["issuer"].as_str()), (Some(SUBJECT), Some(ISSUER)));
        good(&lab, &["run", "p"]);
        row(what, &format!("runs: signed by {}", right()));
    }
    assert_eq!(backups(&lab), 2);
    let explained = good(&lab, &["explain", "p"]).stdout;
    assert!(explained.contains(&format!("signed      by {}, as [components] wants it", right())), "{explained}");
    let explained = report(&good(&lab, &["explain", "p", "--json"]));
    let signature = &explained["hooks"][0]["signature"];
    assert_eq!(signature["identities"], json!([{ "subject": PATTERN, "issuer": ISSUER }]), "{explained:#}");
}

#[test]
fn a_trust_root_that_is_none() {
    let lab = Lab::new();
    let sigstore = sigstore(&lab);
    file(&lab, "it.wasm", &fine("it"));
    let bundle = sigstore.sign(&RIGHT, What::File(&fine("it")));
    file(&lab, "it.wasm.sigstore.json", bundle.to_string().as_bytes());
    configure(&lab, &format!("{}[components]\n{}", hook("h", "it.wasm"), policy()));
    good(&lab, &["run", "p"]);
    let without = |key: &str| {
        let mut root = sigstore.trust_root();
        root[key] = json!([]);
        root.to_string()
    };
    for (text, says) in [
        (None, "No such file or directory"),
        (Some("{}".to_owned()), "missing field"),
        (Some(without("certificateAuthorities")), "it names no certificate authority"),
        (Some(without("tlogs")), "it names no log of signatures"),
    ] {
        match text {
            Some(text) => fs::write(lab.path("root.json"), text).unwrap(),
            None => fs::remove_file(lab.path("root.json")).unwrap(),
        }
        bad(&lab, &["run", "p"], 78, &["cannot use the trust root ", says, "hookward.toml:16:14", "[signature]"]);
    }
    // Who runs no log of certificates has none to be in; there has to be one of signatures.
    fs::write(lab.path("root.json"), without("ctlogs")).unwrap();
    let unlogged = sigstore.sign(&Who { logged: false, ..RIGHT }, What::File(&fine("it")));
    fs::write(lab.path("it.wasm.sigstore.json"), unlogged.to_string()).unwrap();
    good(&lab, &["run", "p"]);
}

/// Puts a bundle beside an artifact, as clients do for a registry that doesn't list
/// what is about one.
fn attach(raw: &Raw, name: &str, subject: &str, bundles: &[Value]) {
    raw.blob(name, b"{}");
    let one = |bundle: &Value| {
        let bytes = bundle.to_string().into_bytes();
        raw.blob(name, &bytes);
        let mut about = manifest((EMPTY, b"{}"), (BUNDLE, &bytes));
        about["artifactType"] = BUNDLE.into();
        let digest = raw.manifest(&format!("{name}:bundle"), &about);
        json!({
            "mediaType": about["mediaType"], "digest": digest, "size": about.to_string().len(),
            "artifactType": BUNDLE,
        })
    };
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": bundles.iter().map(one).collect::<Vec<_>>(),
    });
    raw.manifest(&format!("{name}:{}", subject.replace(':', "-")), &index);
}

#[test]
fn the_table_of_what_a_registry_has() {
    let Some(mut registry) = Registry::start() else { return };
    let (lab, raw) = (Lab::new(), Raw::new(&registry));
    let sigstore = sigstore(&lab);
    let reference = registry.reference("acme/it:1");
    let subject = push(&lab, &fine("it"), &reference);
    let another = push(&lab, &fine("another"), &registry.reference("acme/another:1"));
    let origin = format!("[registry.\"{}/acme\"]", registry.host());
    let hooks = hook("h", &format!("{reference}@{subject}"));
    configure(&lab, &format!("{hooks}{origin}\n{}", policy()));
    let wanted = format!("{origin} wants a signature by {PATTERN} (of {ISSUER})");
    let refused = |what: &str, says: &str| refused_artifact(&lab, &reference, what, says);
    let statement = |who: &Who, digest: &str| sigstore.sign(who, What::Statement(SIGN, digest));
    let mallory = Who { subject: "mallory@git.test", ..RIGHT };
    println!("| what the registry has | result |\n| --- | --- |");
    refused("unsigned", &format!("{subject} is not signed, and {wanted}"));
    attach(&raw, "acme/it", &subject, &[statement(&mallory, &subject)]);
    refused("another identity", &format!("{subject} is signed by mallory@git.test (of {ISSUER}), and {wanted}"));
    attach(&raw, "acme/it", &subject, &[statement(&RIGHT, &another)]);
    refused("the right one's of another", &format!("it is of something else than {subject}"));
    let expired = statement(&Who { valid: (13, 14), ..RIGHT }, &subject);
    attach(&raw, "acme/it", &subject, &[statement(&mallory, &subject), expired.clone()]);
    refused(
        "two that don't count",
        &format!("none of the 2 signatures of {subject} is by {PATTERN} (of {ISSUER}), as {origin} wants it"),
    );
    refused(
        "and what is wrong with each",
        &format!("a bundle is by mallory@git.test (of {ISSUER}); a bundle that says"),
    );

    attach(&raw, "acme/it", &subject, &[expired, statement(&RIGHT, &subject)]);
    let finished = good(&lab, &["hook", "verify", &reference]);
    assert_eq!(finished.stdout, format!("{reference}: {subject} signed by {}\n", right()));
    let finished = good(&lab, &["lock"]);
    assert!(finished.stdout.contains(&format!("signed by {}", right())), "{finished:?}");
    good(&lab, &["run", "p"]);
    row("the right identity, beside another bundle", &format!("runs: signed by {}", right()));

    // What shows it is kept, and travels with the component.
    good(&lab, &["vendor", "copies"]);
    registry.stop();
    good(&lab, &["--offline", "--locked", "run", "p"]);
    fs::remove_dir_all(lab.path("cache")).unwrap();
    configure(&lab, &format!("{hooks}[components]\nvendor = \"copies\"\n{origin}\n{}", policy()));
    good(&lab, &["run", "p"]);
    assert_eq!(backups(&lab), 3);
    fs::remove_dir_all(lab.path("copies/signatures")).unwrap();
    bad(&lab, &["run", "p"], 78, &[&format!("{subject} is not signed, and {wanted}")]);
}

#[test]
fn a_registry_that_lists_what_is_about_an_artifact_is_asked_for_that() {
    let lab = Lab::new();
    let sigstore = sigstore(&lab);
    let bytes = fine("it");
    let artifact = manifest((hookward_registry::CONFIG, b"{}"), (hookward_registry::COMPONENT, &bytes)).to_string();
    let subject = digest(artifact.as_bytes());
    let bundle = sigstore.sign(&RIGHT, What::Statement(SIGN, &subject)).to_string();
    let mut about = manifest((EMPTY, b"{}"), (BUNDLE, bundle.as_bytes()));
    about["artifactType"] = BUNDLE.into();
    let about = about.to_string();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let one = |digest: String, of: &str, stated: &str| {
        json!({
            "mediaType": kind, "digest": digest, "size": 1000, "artifactType": of,
            "annotations": { "dev.sigstore.bundle.predicateType": stated },
        })
    };
    // Only what may be a signature is asked for.
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [
        one(digest(b"sbom"), "application/spdx+json", SIGN),
        one(digest(b"report"), BUNDLE, "https://vulnerable.test/v1"),
        one(digest(about.as_bytes()), BUNDLE, SIGN),
    ] });
    let server = Recorder::start([
        Answer::new(200, &artifact).header("content-type", kind),
        Answer::new(404, "{}"),
        Answer::new(200, index.to_string()).header("content-type", INDEX),
        Answer::new(200, &about).header("content-type", kind),
        Answer::new(200, &bundle),
        Answer::new(200, &bytes),
    ]);
    let host = server.url("").replace("http://", "");
    configure(&lab, &format!("[registry.\"{host}\"]\n{}", policy()));
    let finished = good(&lab, &["hook", "pull", &format!("oci://{host}/it:1")]);
    assert!(finished.stdout.contains(&format!("signed by {}", right())), "{finished:?}");
    let targets: Vec<_> = server.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(
        targets,
        [
            "/v2/it/manifests/1".to_owned(),
            format!("/v2/it/manifests/{}.sig", subject.replace(':', "-")),
            format!("/v2/it/referrers/{subject}"),
            format!("/v2/it/manifests/{}", digest(about.as_bytes())),
            format!("/v2/it/blobs/{}", digest(bundle.as_bytes())),
            format!("/v2/it/blobs/{}", digest(&bytes)),
        ]
    );
}

#[test]
fn a_key_or_an_identity_will_do_where_both_are_named() {
    let lab = Lab::new();
    let sigstore = sigstore(&lab);
    let bytes = fine("it");
    file(&lab, "it.wasm", &bytes);
    let (right, other) = (keys(&lab, "right"), keys(&lab, "other"));
    let beside = lab.path("it.wasm.sigstore.json");
    configure(&lab, &format!("{}[components]\nkeys = [\"right.pub\"]\n{}", hook("h", "it.wasm"), policy()));
    let wanted = format!("{PATTERN} (of {ISSUER})");
    bad(&lab, &["run", "p"], 78, &["is not signed", "wants a signature by right.pub (key sha256:", &wanted]);
    fs::write(&beside, sigstore.sign(&RIGHT, What::File(&bytes)).to_string()).unwrap();
    good(&lab, &["run", "p"]);
    // One that doesn't count takes nothing from one that does.
    good(&lab, &["hook", "sign", "it.wasm", "--key", other.private.to_str().unwrap()]);
    good(&lab, &["run", "p"]);
    fs::write(&beside, sigstore.sign(&Who { valid: (13, 14), ..RIGHT }, What::File(&bytes)).to_string()).unwrap();
    bad(&lab, &["run", "p"], 78, &["none of the 2 signatures of ", " had expired at 2024-06-14T00:00:00Z"]);
    good(&lab, &["hook", "sign", "it.wasm", "--key", right.private.to_str().unwrap()]);
    good(&lab, &["run", "p"]);

    // Keys alone: a bundle is nothing that was asked for.
    fs::remove_file(lab.path("it.wasm.sig")).unwrap();
    fs::write(&beside, sigstore.sign(&RIGHT, What::File(&bytes)).to_string()).unwrap();
    let verified = run(&lab, &["hook", "verify", "it.wasm", "--key", "right.pub"]);
    assert_eq!(verified.code, 78, "{verified:?}");
    assert!(verified.stderr.contains("is signed in a bundle alone, without a key, and --key wants"), "{verified:?}");
}

/// Whatever is written over in a bundle: nobody else has signed by that, and nothing
/// breaks. What is left of the right one's may be good: not all that stands in a bundle
/// says anything.
#[test]
fn a_bundle_that_was_written_over_is_nobody_elses() {
    let lab = Lab::new();
    let sigstore = sigstore(&lab);
    let bytes = fine("it");
    // Nobody whose name has this form is refused for it.
    let anybody = ["*@*", "https://*/*/*/*/*@*/*/*"].map(|subject| Signatory::new(subject, ISSUER).unwrap());
    let keyless = Keyless::read(&lab.path("root.json"), anybody.to_vec()).unwrap();
    let policy = Policy { keyless: Some(keyless), ..Policy::default() };
    let check = |bundle: &[u8], bytes: &[u8]| {
        let signature: Signature = serde_json::from_value(json!({ "bundle": BASE64.encode(bundle) })).unwrap();
        policy.check_file(bytes, &[signature])
    };
    for what in [What::File(&bytes), What::Statement(SIGN, &digest(&bytes))] {
        let bundle = sigstore.sign(&RIGHT, what).to_string().into_bytes();
        assert_eq!(check(&bundle, &bytes).unwrap().name(), SUBJECT);
        let (mut accepted, mut tried) = (0, 0);
        for at in (0..bundle.len()).step_by(5) {
            let mut over = bundle.clone();
            over[at] = if over[at] == b'A' { b'B' } else { b'A' };
            tried += 1;
            match check(&over, &bytes) {
                Ok(signer) => {
                    accepted += 1;
                    assert_eq!((signer.name().as_str(), signer.issuer()), (SUBJECT, Some(ISSUER)), "at {at}");
                    // And still of nothing else.
                    check(&over, b"else").unwrap_err();
                }
                Err(failure) => assert!(!failure.message.contains('\n'), "at {at}: {failure}"),
            }
            check(&bundle[..at], &bytes).unwrap_err();
        }
        assert!(accepted * 20 < tried, "{accepted} of {tried} are accepted");
    }
}
