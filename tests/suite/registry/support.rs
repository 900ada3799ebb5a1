//! A lab with a profile `p` whose hooks come from registries, and a restic that does
//! nothing.

use std::fs;
use std::path::PathBuf;

use hookward_engine::Digest;
use hookward_tests::lab::{Finished, Lab, stand_in};
use hookward_tests::{component, core_module};
use serde_json::Value;

/// What hooks are called for here.
const ON: &str = "on = [\"before\", \"finally\"]";

/// A component that returns ok, and is another for each name.
pub(crate) fn fine(name: &str) -> Vec<u8> {
    component(&core_module(&format!(
        "(data (i32.const 16) \"this is {name}\")
         (func (export \"run\") (param i32) (result i32) (i32.const 0))"
    )))
}

/// Writes a component into the lab, and returns its path.
pub(crate) fn file(lab: &Lab, name: &str, bytes: &[u8]) -> PathBuf {
    let path = lab.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// A hook of the profile with this component.
pub(crate) fn hook(name: &str, component: &str) -> String {
    format!("[[profile.p.hook]]\nname = \"{name}\"\ncomponent = \"{component}\"\n{ON}\n")
}

/// Writes the lab's configuration: a profile, and more.
pub(crate) fn configure(lab: &Lab, more: &str) {
    let restic = stand_in().display();
    lab.configure(&format!(
        "version = 1\n[restic]\nbinary = \"{restic}\"\n[repository.r]\nurl = \"/srv/repo\"\n\
         password-file = \"@lab@/password\"\n[profile.p]\nrepository = \"r\"\nsources = [\"@lab@/source\"]\n{more}"
    ));
}

/// Runs `hookward`, with a cache of the lab's own.
pub(crate) fn run(lab: &Lab, args: &[&str]) -> Finished {
    run_with(lab, &[], args)
}

/// The same with more variables.
pub(crate) fn run_with(lab: &Lab, env: &[(&str, &str)], args: &[&str]) -> Finished {
    let mut command = lab.hookward(args);
    command.env("HOOKWARD_CACHE_DIR", lab.path("cache")).envs(env.iter().copied());
    command.output().unwrap().into()
}

/// The same, which goes well.
#[track_caller]
pub(crate) fn good(lab: &Lab, args: &[&str]) -> Finished {
    let finished = run(lab, args);
    assert_eq!(finished.code, 0, "{args:?}: {finished:?}");
    finished
}

/// The same, which ends so and says all of this on stderr.
#[track_caller]
pub(crate) fn bad(lab: &Lab, args: &[&str], code: i32, says: &[&str]) -> Finished {
    let finished = run(lab, args);
    assert_eq!(finished.code, code, "{args:?}: {finished:?}");
    for part in says {
        assert!(finished.stderr.contains(part), "no {part:?} in\n{}", finished.stderr);
    }
    finished
}

/// Pushes bytes under a reference; the digest of the manifest.
pub(crate) fn push(lab: &Lab, bytes: &[u8], reference: &str) -> String {
    let path = file(lab, "pushed.wasm", bytes);
    let report = json(&good(lab, &["hook", "push", path.to_str().unwrap(), reference, "--json"]));
    assert_eq!(report["component"].as_str(), Some(digest(bytes).as_str()), "{report:#}");
    report["manifest"].as_str().unwrap().to_owned()
}

pub(crate) fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// How often restic was started.
pub(crate) fn backups(lab: &Lab) -> usize {
    lab.lines("notes/restic").iter().filter(|line| line.starts_with("started ")).count()
}

/// Puts manifests and blobs into a registry as they are, whatever they are.
pub(crate) struct Raw {
    client: oci_client::Client,
    runtime: tokio::runtime::Runtime,
    host: String,
}

impl Raw {
    pub(crate) fn new(registry: &hookward_tests::counterparts::Registry) -> Self {
        use oci_client::client::{ClientConfig, ClientProtocol};
        drop(rustls::crypto::ring::default_provider().install_default());
        let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
        let client = oci_client::Client::new(config);
        Self { client, runtime: tokio::runtime::Runtime::new().unwrap(), host: registry.host() }
    }

    pub(crate) fn blob(&self, name: &str, bytes: &[u8]) {
        let image = format!("{}/{name}:x", self.host).parse().unwrap();
        self.runtime.block_on(self.client.push_blob(&image, bytes.to_vec(), &digest(bytes))).unwrap();
    }

    /// Puts a manifest, by its type, under a name and a tag; its digest.
    pub(crate) fn manifest(&self, name_and_tag: &str, manifest: &Value) -> String {
        let image = format!("{}/{name_and_tag}", self.host).parse().unwrap();
        let bytes = manifest.to_string().into_bytes();
        let kind = manifest["mediaType"].as_str().unwrap().parse().unwrap();
        let digest = digest(&bytes);
        self.runtime.block_on(self.client.push_manifest_raw(&image, bytes, kind)).unwrap();
        digest
    }
}

/// A manifest with these types, and one layer.
pub(crate) fn manifest(config: (&str, &[u8]), layer: (&str, &[u8])) -> Value {
    let descriptor = |(kind, bytes): (&str, &[u8])| serde_json::json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() });
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor(config),
        "layers": [descriptor(layer)],
    })
}
