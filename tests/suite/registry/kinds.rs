//! What a reference may stand for, and what it may not.

use hookward_registry::{COMPONENT, CONFIG};
use hookward_tests::counterparts::Registry;
use hookward_tests::lab::Lab;
use serde_json::{Value, json};

use crate::support::{Raw, bad, configure, digest, fine, good, hook, manifest};

const IMAGE: &str = "application/vnd.oci.image.config.v1+json";
const TAR: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Puts a manifest with these types into the registry.
fn put(raw: &Raw, name_and_tag: &str, config: (&str, &[u8]), layer: (&str, &[u8])) -> String {
    let name = name_and_tag.split(':').next().unwrap();
    raw.blob(name, config.1);
    raw.blob(name, layer.1);
    raw.manifest(name_and_tag, &manifest(config, layer))
}

fn index(entries: &[(&str, Option<(&str, &str)>)]) -> Value {
    let entries = entries.iter().map(|(digest, platform)| {
        let mut entry =
            json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 0 });
        if let Some((os, architecture)) = platform {
            entry["platform"] = json!({ "os": os, "architecture": architecture });
        }
        entry
    });
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": entries.collect::<Vec<_>>(),
    })
}

#[test]
fn manifests_of_another_type_are_refused_by_their_name() {
    let Some(registry) = Registry::start() else { return };
    let (lab, raw, bytes) = (Lab::new(), Raw::new(&registry), fine("it"));
    put(&raw, "image:1", (IMAGE, b"{}"), (TAR, b"tar"));
    put(&raw, "artifact:1", ("application/vnd.acme.config+json", b"{}"), (COMPONENT, &bytes));
    put(&raw, "layer:1", (CONFIG, b"{}"), ("application/vnd.wasm.content.layer.v1+wasm", &bytes));
    let mut several = manifest((CONFIG, b"{}"), (COMPONENT, &bytes));
    let layer = several["layers"][0].clone();
    several["layers"].as_array_mut().unwrap().push(layer);
    for (kind, name) in [(CONFIG, "several"), (COMPONENT, "several")] {
        raw.blob(name, if kind == CONFIG { b"{}" } else { &bytes });
    }
    raw.manifest("several:1", &several);
    for (name, says) in [
        (
            "image",
            "it is a container image: its config is application/vnd.oci.image.config.v1+json, not application/vnd.wasm.config.v0+json",
        ),
        (
            "artifact",
            "it is something else than a WebAssembly component: its config is application/vnd.acme.config+json",
        ),
        ("layer", "its layer is application/vnd.wasm.content.layer.v1+wasm, not application/wasm"),
        ("several", "it has 2 layers, where a component is one"),
    ] {
        let reference = registry.reference(&format!("{name}:1"));
        bad(&lab, &["hook", "pull", &reference], 78, &[&format!("{reference}: {says}")]);
        configure(&lab, &hook("h", &reference));
        let finished = bad(&lab, &["lock"], 78, &[says, "nothing was written", "hookward.toml:12:13"]);
        assert!(finished.stderr.contains("[registry]"), "{finished:?}");
    }
}

#[test]
fn an_index_is_looked_through_for_the_one_that_is_wasm() {
    let Some(registry) = Registry::start() else { return };
    let (lab, raw, bytes) = (Lab::new(), Raw::new(&registry), fine("it"));
    let wasm = put(&raw, "many:wasm", (CONFIG, b"{}"), (COMPONENT, &bytes));
    let old = put(&raw, "many:old", (CONFIG, b"{ }"), (COMPONENT, &fine("old")));
    let amd64 = put(&raw, "many:amd64", (IMAGE, b"{}"), (TAR, b"amd64"));
    let arm64 = put(&raw, "many:arm64", (IMAGE, b"{ }"), (TAR, b"arm64"));
    let (linux, arm) = (Some(("linux", "amd64")), Some(("linux", "arm64")));
    let (p1, p2) = (Some(("wasip1", "wasm")), Some(("wasip2", "wasm")));
    let all = [(amd64.as_str(), linux), (&arm64, arm), (&old, p1), (&wasm, p2)];
    let first = raw.manifest("many:all", &index(&all));
    raw.manifest("many:images", &index(&all[..2]));
    raw.manifest("many:two", &index(&[(&wasm, p2), (&old, p2)]));
    raw.manifest("many:one", &index(&[(&amd64, linux), (&wasm, p2)]));

    for (tag, says) in [
        ("images", "it is an index without exactly one WebAssembly component; its platforms: linux/amd64, linux/arm64"),
        ("two", "it is an index of 2 components for wasip2/wasm"),
    ] {
        bad(&lab, &["hook", "pull", &registry.reference(&format!("many:{tag}"))], 78, &[says]);
    }
    for rest in ["many:all".to_owned(), "many:one".to_owned(), format!("many@{first}")] {
        good(&lab, &["hook", "pull", &registry.reference(&rest)]);
        assert_eq!(std::fs::read(lab.path("many.wasm")).unwrap(), bytes, "{rest}");
    }

    // The lock has the index, from which all else follows, without a network too.
    configure(&lab, &hook("h", &registry.reference("many:all")));
    good(&lab, &["lock"]);
    let lock = std::fs::read_to_string(lab.path("hookward.lock")).unwrap();
    assert!(lock.contains(&format!("manifest = \"{first}\"")) && lock.contains(&digest(&bytes)), "{lock}");
    good(&lab, &["--offline", "--locked", "run", "p"]);
}
