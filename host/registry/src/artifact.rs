//! The standard layout of a WebAssembly component in a registry: a manifest with a
//! config of the type [`CONFIG`], and one layer of the type [`COMPONENT`].
//!
//! See <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>; `wkg` and
//! others write and read the same.

use std::collections::BTreeMap;

use hookward_engine::{Digest, Inspection, Metadata};
use oci_client::client::{Config, ImageLayer};
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    OciDescriptor, OciImageIndex, OciImageManifest,
};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Reason, clean};

/// Media type of the config.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// Media type of the component.
pub const COMPONENT: &str = "application/wasm";

/// The architecture of a component, in a config and in an index.
const ARCHITECTURE: &str = "wasm";

/// Its operating system: WASI 0.2.
const OS: &str = "wasip2";

/// When a component was packed. Always the same, so that the same file has the same
/// manifest wherever and whenever it is pushed.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// Types of manifests that are asked for.
pub(crate) const MANIFESTS: &[&str] =
    &[OCI_IMAGE_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE];

/// What a reference stands for, down to the digest of the component.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Artifact {
    /// The index that the reference names, if it names one, and chooses the manifest.
    pub index: Option<Manifest>,
    /// The manifest that names the component.
    pub manifest: Manifest,
    /// The component.
    pub component: Digest,
    /// Its bytes, as the manifest says.
    pub size: u64,
}

/// A manifest or an index, as it was signed and hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Of these bytes.
    pub digest: Digest,
    /// Its JSON.
    pub bytes: Vec<u8>,
}

impl Manifest {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }
}

/// What a manifest turned out to be.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// It names these others; this one is for us.
    Index(Digest),
    /// It names a component, and its bytes.
    Component(Digest, u64),
}

impl Artifact {
    /// Puts together what was kept: an index that leads to the manifest, and the
    /// manifest, which leads to the component.
    ///
    /// # Errors
    /// When one of them is not what the other leads to, or no component's.
    pub fn new(index: Option<Manifest>, manifest: Manifest) -> Result<Self, Failure> {
        let other = || Failure::new(Reason::NotAComponent, "its index and its manifest don't belong together");
        if let Some(index) = &index
            && !matches!(parse(&index.bytes)?, Parsed::Index(chosen) if chosen == manifest.digest)
        {
            return Err(other());
        }
        match parse(&manifest.bytes)? {
            Parsed::Component(component, size) => Ok(Self { index, manifest, component, size }),
            Parsed::Index(_) => Err(other()),
        }
    }

    /// The digests that a signature can be for, the widest first.
    #[must_use]
    pub fn subjects(&self) -> Vec<Digest> {
        self.index.iter().map(|index| index.digest).chain([self.manifest.digest]).collect()
    }
}

fn refused(message: impl Into<String>) -> Failure {
    Failure::new(Reason::NotAComponent, message)
}

/// The part that tells one kind of manifest from another.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
}

/// Reads a manifest or an index.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, Failure> {
    let broken =
        |error: serde_json::Error| refused(format!("its manifest can't be read: {}", clean(&error.to_string())));
    let outline: Outline = serde_json::from_slice(bytes).map_err(broken)?;
    let known = outline.media_type.as_deref().is_none_or(|kind| MANIFESTS.contains(&kind));
    if outline.schema_version != 2 || !known || outline.manifests.is_some() == outline.layers.is_some() {
        let kind = outline.media_type.unwrap_or_else(|| format!("schema version {}", outline.schema_version));
        return Err(refused(format!("its manifest is of another type ({}), not that of a component", clean(&kind))));
    }
    if outline.manifests.is_some() {
        choose(&serde_json::from_slice(bytes).map_err(broken)?).map(Parsed::Index)
    } else {
        let manifest = serde_json::from_slice(bytes).map_err(broken)?;
        component(&manifest).map(|(digest, size)| Parsed::Component(digest, size))
    }
}

/// The one manifest of an index that is for WebAssembly.
fn choose(index: &OciImageIndex) -> Result<Digest, Failure> {
    let platform = |entry: &oci_client::manifest::ImageIndexEntry| {
        entry.platform.as_ref().map(|platform| (platform.architecture.to_string(), platform.os.to_string()))
    };
    let wasm = |entry: &&_| platform(entry).is_some_and(|(architecture, _)| architecture == ARCHITECTURE);
    let mut found: Vec<_> = index.manifests.iter().filter(wasm).collect();
    // Another may be for WASI 0.1, or for a browser.
    if found.len() > 1 {
        found.retain(|entry| platform(entry).is_some_and(|(_, os)| os == OS));
    }
    match found.as_slice() {
        [one] => digest(&one.digest),
        [] => {
            let platforms: Vec<_> = index
                .manifests
                .iter()
                .map(|entry| platform(entry).map_or_else(|| "none".to_owned(), |(arch, os)| format!("{os}/{arch}")))
                .collect();
            let there = clean(&platforms.join(", "));
            Err(refused(format!("it is an index without exactly one WebAssembly component; its platforms: {there}")))
        }
        several => Err(refused(format!("it is an index of {} components for {OS}/{ARCHITECTURE}", several.len()))),
    }
}

fn component(manifest: &OciImageManifest) -> Result<(Digest, u64), Failure> {
    let kind = &manifest.config.media_type;
    if kind != CONFIG {
        let what = if kind.contains("image.config") || kind.contains("container.image") {
            "a container image"
        } else {
            "something else than a WebAssembly component"
        };
        return Err(refused(format!("it is {what}: its config is {}, not {CONFIG}", clean(kind))));
    }
    match manifest.layers.as_slice() {
        [layer] if layer.media_type == COMPONENT => Ok((digest(&layer.digest)?, size(layer)?)),
        [layer] => Err(refused(format!("its layer is {}, not {COMPONENT}", clean(&layer.media_type)))),
        layers => Err(refused(format!("it has {} layers, where a component is one", layers.len()))),
    }
}

pub(crate) fn digest(text: &str) -> Result<Digest, Failure> {
    text.parse().map_err(|_| refused(format!("its manifest names {}, which is no SHA-256 digest", clean(text))))
}

pub(crate) fn size(descriptor: &OciDescriptor) -> Result<u64, Failure> {
    u64::try_from(descriptor.size).map_err(|_| refused("its manifest gives a size below zero"))
}

/// The config of a component.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig {
    created: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    architecture: &'static str,
    os: &'static str,
    layer_digests: Vec<String>,
    component: Imports,
}

#[derive(Debug, Serialize)]
struct Imports {
    exports: Vec<String>,
    imports: Vec<String>,
}

/// A component, packed for a registry.
pub(crate) struct Packed {
    pub(crate) layer: ImageLayer,
    pub(crate) config: Config,
    pub(crate) manifest: OciImageManifest,
}

/// Packs a component. The same bytes make the same manifest.
pub(crate) fn pack(bytes: Vec<u8>) -> Result<Packed, hookward_engine::Failure> {
    let inspection = Inspection::of(&bytes)?;
    let metadata = Metadata::of(&bytes)?;
    let annotations: BTreeMap<_, _> = [
        ("title", metadata.name),
        ("version", metadata.version),
        ("description", metadata.description),
        ("authors", metadata.authors.clone()),
        ("licenses", metadata.licenses),
        ("source", metadata.source),
        ("url", metadata.homepage),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((format!("org.opencontainers.image.{key}"), value?)))
    .collect();
    let config = WasmConfig {
        created: CREATED,
        author: metadata.authors,
        architecture: ARCHITECTURE,
        os: OS,
        layer_digests: vec![inspection.digest.to_string()],
        component: Imports {
            exports: inspection.exports,
            imports: inspection.requests.into_iter().map(|request| request.import).collect(),
        },
    };
    // Texts and lists of texts: nothing of it can fail to be JSON.
    let config = serde_json::to_vec(&config).unwrap_or_default();
    let config = Config::new(config, CONFIG.to_owned(), None);
    let layer = ImageLayer::new(bytes, COMPONENT.to_owned(), None);
    let annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
    let mut manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, annotations);
    manifest.media_type = Some(OCI_IMAGE_MEDIA_TYPE.to_owned());
    Ok(Packed { layer, config, manifest })
}
