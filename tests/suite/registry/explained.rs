//! `explain`: as what a component is locked, and who has signed it.

use hookward_tests::counterparts::Registry;
use hookward_tests::lab::Lab;
use serde_json::{Value, json};

use crate::keys::keys;
use crate::support::{backups, configure, digest, file, fine, good, hook, json as report, push};

/// What is told of the only hook, on its lines and for machines.
fn explained(lab: &Lab) -> (String, Value) {
    let text = good(lab, &["explain", "p"]).stdout;
    let plan = report(&good(lab, &["explain", "p", "--json"]));
    assert_eq!(backups(lab), 0);
    (text, plan["hooks"][0].clone())
}

/// Nothing is said of signatures.
fn no_signature(text: &str, hook: &Value) {
    assert!(!text.contains("\n  signed "), "{text}");
    assert!(hook["signature"].is_null() && hook["signed-by"].is_null(), "{hook:#}");
}

#[test]
fn of_a_file() {
    let (lab, bytes) = (Lab::new(), fine("it"));
    file(&lab, "it.wasm", &bytes);
    configure(&lab, &hook("h", "it.wasm"));
    let (text, hook_json) = explained(&lab);
    assert!(text.contains("\n  locked      no: there is no hookward.lock\n"), "{text}");
    assert!(hook_json["locked"].is_null(), "{hook_json:#}");
    no_signature(&text, &hook_json);

    good(&lab, &["lock"]);
    let (text, hook_json) = explained(&lab);
    let locked = format!("\n  locked      {}\n", digest(&bytes));
    assert!(text.contains(&locked) && !text.contains("manifest"), "{text}");
    assert_eq!(hook_json["locked"], json!({ "digest": digest(&bytes), "manifest": null }), "{hook_json:#}");
    no_signature(&text, &hook_json);

    // What it was locked as, and not what it is by now.
    file(&lab, "it.wasm", &fine("IT"));
    let (text, hook_json) = explained(&lab);
    assert!(text.contains("UNUSABLE") && text.contains(&locked), "{text}");
    assert_eq!(
        (&hook_json["failure"]["reason"], &hook_json["locked"]["digest"]),
        (&"lock".into(), &digest(&bytes).into())
    );

    file(&lab, "other.wasm", &fine("other"));
    configure(&lab, &hook("h", "other.wasm"));
    let (text, hook_json) = explained(&lab);
    let says = format!("\n  locked      no: it is not in {}\n", lab.path("hookward.lock").display());
    assert!(text.contains(&says), "no {says:?} in {text}");
    assert!(hook_json["locked"].is_null(), "{hook_json:#}");
}

#[test]
fn of_a_file_that_has_to_be_signed() {
    let lab = Lab::new();
    let (right, other) = (keys(&lab, "right"), keys(&lab, "other"));
    file(&lab, "it.wasm", &fine("it"));
    configure(&lab, &format!("{}[components]\nkeys = [\"right.pub\"]\n", hook("h", "it.wasm")));
    let sign = |keys: &crate::keys::Keys| {
        report(&good(&lab, &["hook", "sign", "it.wasm", "--key", keys.private.to_str().unwrap(), "--json"]))["key"]
            .clone()
    };
    sign(&other);
    let (text, hook) = explained(&lab);
    for part in ["UNUSABLE", "[signature]", "\n  signed      not known to be, and [components] wants it by right.pub\n"]
    {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert_eq!(
        (&hook["signature"]["wanted-by"], &hook["signed-by"]),
        (&"[components]".into(), &Value::Null),
        "{hook:#}"
    );

    let key = sign(&right);
    let (text, hook) = explained(&lab);
    let says = format!("\n  signed      by right.pub (key {}), as [components] wants it\n", key.as_str().unwrap());
    assert!(text.contains(&says) && !text.contains("UNUSABLE"), "no {says:?} in {text}");
    assert_eq!((&hook["signature"]["wanted-by"], &hook["signed-by"]), (&"[components]".into(), &key), "{hook:#}");
}

#[test]
fn of_what_a_registry_has() {
    let Some(mut registry) = Registry::start() else { return };
    let lab = Lab::new();
    let right = keys(&lab, "right");
    let (bytes, reference) = (fine("it"), registry.reference("acme/it:1"));
    let manifest = push(&lab, &bytes, &reference);
    let origin = format!("[registry.\"{}/acme\"]", registry.host());
    configure(&lab, &format!("{}{origin}\nkeys = [\"right.pub\"]\n", hook("h", &reference)));
    let signed = ["hook", "sign", &reference, "--key", right.private.to_str().unwrap(), "--json"];
    let key = report(&good(&lab, &signed))["key"].as_str().unwrap().to_owned();
    good(&lab, &["lock"]);
    // Of what is kept here: no registry is needed for it.
    registry.stop();
    let (text, hook) = explained(&lab);
    let says = format!(
        "\n  locked      {}\n              by its manifest {manifest}\n  signed      by right.pub (key {key}), as {origin} \
         wants it\n",
        digest(&bytes)
    );
    assert!(text.contains(&says), "no {says:?} in {text}");
    assert_eq!(hook["locked"], json!({ "digest": digest(&bytes), "manifest": manifest }), "{hook:#}");
    assert_eq!((&hook["signature"]["wanted-by"], &hook["signed-by"]), (&origin.into(), &key.into()), "{hook:#}");
}
