//! Talking to a registry, and what a registry may not make us do:
//!
//! - Plain HTTP is spoken to this machine's own addresses and to registries that the
//!   configuration names, HTTPS to all others.
//! - A manifest is cut off at [`MANIFEST`]; a component that is too large by its
//!   manifest is not asked for, and none is read further than its manifest says.
//! - Every answer has its time.
//! - A registry may send us elsewhere for a blob, which is known by its digest: to
//!   another host by HTTPS, never to this machine, and without credentials. For a
//!   manifest it may not.
//! - Credentials go to the registry, and to whom it names for its tokens: never in the
//!   clear, unless the registry itself is plain.

mod door;
mod referrers;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use hookward_engine::Digest;
use oci_client::manifest::{IMAGE_CONFIG_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use serde_json::json;

use self::door::{Door, Kind};
use crate::artifact::{self, Artifact, MANIFESTS, Manifest, Parsed};
use crate::failure::{Failure, Reason};
use crate::reference::Reference;
use crate::settings::Registries;
use crate::signature::{ANNOTATION, PAYLOAD, PairSignature, Policy, Signature};

/// Bytes of a manifest, of an index, and of all that is no component: what the
/// specification has registries accept at the least.
pub const MANIFEST: u64 = 4 << 20;

/// Bytes of what was signed: a few names and a digest.
const SIGNED: u64 = 64 << 10;

/// Signatures of one artifact that are looked at.
const SIGNATURES: usize = 100;

/// Talks to registries. One is asked when it is needed, and not before.
#[derive(Debug, Default)]
pub struct Client {
    registries: Registries,
    /// By host and repository, each with the token that it was given.
    doors: Mutex<HashMap<String, Arc<Door>>>,
}

/// What a push has made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pushed {
    /// The manifest: what the tag stands for, and what is signed.
    pub manifest: Digest,
    /// The component.
    pub component: Digest,
    /// Its bytes.
    pub size: u64,
}

impl Client {
    /// One that talks to registries as the configuration says.
    #[must_use]
    pub fn new(registries: Registries) -> Self {
        Self { registries, doors: Mutex::default() }
    }

    fn door(&self, reference: &Reference) -> Result<Arc<Door>, Failure> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = doors.get(&reference.place()) {
            return Ok(Arc::clone(door));
        }
        let door = Door::new(reference, &self.registries.connection(reference.host()));
        let door = Arc::new(door.map_err(|error| named(reference, error))?);
        doors.insert(reference.place(), Arc::clone(&door));
        Ok(door)
    }

    /// What a reference stands for, without the component itself.
    ///
    /// # Errors
    /// When the registry can't say, or when it is no component.
    pub async fn resolve(&self, reference: &Reference) -> Result<Artifact, Failure> {
        let door = self.door(reference)?;
        let resolve = async {
            let first = manifest(&door, &reference.wanted(), reference.digest()).await?;
            match artifact::parse(&first.bytes)? {
                Parsed::Component(..) => Artifact::new(None, first),
                Parsed::Index(digest) => {
                    let chosen = manifest(&door, &digest.to_string(), Some(digest)).await?;
                    Artifact::new(Some(first), chosen)
                }
            }
        };
        resolve.await.map_err(|error| named(reference, error))
    }

    /// The bytes of the component, which has no more of them than `limit`.
    ///
    /// # Errors
    /// When it is larger, can't be had, or is not what its digest says.
    pub async fn component(&self, reference: &Reference, artifact: &Artifact, limit: u64) -> Result<Vec<u8>, Failure> {
        let Artifact { component, size, .. } = artifact;
        if *size > limit {
            let message = format!(
                "its component has {size} bytes, more than {limit} (limit `component-size`): it was not downloaded"
            );
            return Err(named(reference, Failure::new(Reason::TooLarge, message)));
        }
        let door = self.door(reference)?;
        blob(&door, *component, *size).await.map_err(|error| named(reference, error))
    }

    /// Pushes a component under the reference's tag. The same bytes make the same
    /// manifest.
    ///
    /// # Errors
    /// When it is no hook, the reference has no tag, or the registry doesn't take it.
    pub async fn push(&self, reference: &Reference, bytes: Vec<u8>) -> Result<Pushed, Failure> {
        if reference.tag().is_none() || reference.digest().is_some() {
            let message = "a push is to a tag alone: `oci://host/name:tag`";
            return Err(named(reference, Failure::new(Reason::NotFound, message)));
        }
        let size = bytes.len() as u64;
        let component = Digest::of(&bytes);
        let packed = artifact::pack(bytes).map_err(|error| Failure::new(Reason::NotAComponent, error.message))?;
        let door = self.door(reference)?;
        let push = async {
            door.push_blob(packed.layer.data, &component.to_string()).await?;
            door.push_blob(packed.config.data, &packed.manifest.config.digest).await?;
            door.push_manifest(reference, &packed.manifest).await
        };
        let manifest = push.await.map_err(|error| named(reference, error))?;
        Ok(Pushed { manifest, component, size })
    }

    /// The signatures of these digests that the registry has: by keys, in the layout of
    /// cosign, under the tag `sha256-....sig` of the same repository; and bundles, if
    /// the policy has a use for them.
    ///
    /// # Errors
    /// When the registry can't say. None at all is no error.
    pub async fn signatures(
        &self,
        reference: &Reference,
        subjects: &[Digest],
        policy: &Policy,
    ) -> Result<Vec<Signature>, Failure> {
        let door = self.door(reference)?;
        let look = async {
            let mut found = Vec::new();
            for subject in subjects {
                found.extend(pairs(&door, *subject).await?.into_iter().map(Signature::Pair));
                if policy.keyless.is_some() {
                    found.extend(referrers::bundles(&door, *subject).await?.into_iter().map(Signature::Bundle));
                }
            }
            Ok(found)
        };
        look.await.map_err(|error| named(reference, error))
    }

    /// Adds a signature to those that the registry has of this digest.
    ///
    /// # Errors
    /// When the registry doesn't take it.
    pub async fn push_signature(
        &self,
        reference: &Reference,
        subject: Digest,
        signature: &PairSignature,
    ) -> Result<(), Failure> {
        let (door, tag) = (self.door(reference)?, reference.tagged(signature_tag(subject)));
        let push = async {
            let payload = signature.payload().unwrap_or_default().to_vec();
            let mut layers = signed(&door, subject).await?.map(|manifest| manifest.layers).unwrap_or_default();
            let digest = Digest::of(&payload).to_string();
            let annotations = BTreeMap::from([(ANNOTATION.to_owned(), signature.to_base64())]);
            layers.push(OciDescriptor {
                media_type: PAYLOAD.to_owned(),
                digest: digest.clone(),
                size: i64::try_from(payload.len()).unwrap_or(i64::MAX),
                annotations: Some(annotations),
                ..OciDescriptor::default()
            });
            door.push_blob(payload, &digest).await?;
            let diff_ids: Vec<_> = layers.iter().map(|layer| &layer.digest).collect();
            // The config of an image, of which nobody reads more than its type.
            let config = json!({
                "architecture": "", "os": "", "config": {}, "rootfs": { "type": "layers", "diff_ids": diff_ids },
            });
            let config = config.to_string().into_bytes();
            let digest = Digest::of(&config).to_string();
            let size = i64::try_from(config.len()).unwrap_or(i64::MAX);
            let media_type = IMAGE_CONFIG_MEDIA_TYPE.to_owned();
            let descriptor = OciDescriptor { media_type, digest: digest.clone(), size, ..OciDescriptor::default() };
            door.push_blob(config, &digest).await?;
            let media_type = Some(OCI_IMAGE_MEDIA_TYPE.to_owned());
            let manifest = OciImageManifest { media_type, config: descriptor, layers, ..OciImageManifest::default() };
            door.push_manifest(&tag, &manifest).await
        };
        push.await.map(drop).map_err(|error| named(reference, error))
    }
}

/// The tag under which the signatures of a digest stand.
fn signature_tag(subject: Digest) -> String {
    format!("sha256-{}.sig", subject.hex())
}

/// The signatures of a digest by keys.
async fn pairs(door: &Door, subject: Digest) -> Result<Vec<PairSignature>, Failure> {
    let mut found = Vec::new();
    let Some(manifest) = signed(door, subject).await? else { return Ok(found) };
    for layer in manifest.layers.iter().filter(|layer| layer.media_type == PAYLOAD).take(SIGNATURES) {
        let Some(signature) = layer.annotations.as_ref().and_then(|all| all.get(ANNOTATION)) else { continue };
        found.extend(PairSignature::of_payload(payload(door, layer).await?, signature));
    }
    Ok(found)
}

/// The manifest of the signatures of a digest, if there are any.
async fn signed(door: &Door, subject: Digest) -> Result<Option<OciImageManifest>, Failure> {
    let manifest = match manifest(door, &signature_tag(subject), None).await {
        Err(error) if error.reason == Reason::NotFound => return Ok(None),
        manifest => manifest?,
    };
    let broken = |error| Failure::new(Reason::Signature, format!("its signatures can't be read: {error}"));
    serde_json::from_slice(&manifest.bytes).map(Some).map_err(broken)
}

async fn payload(door: &Door, layer: &OciDescriptor) -> Result<Vec<u8>, Failure> {
    let size = artifact::size(layer)?;
    if size > SIGNED {
        return Err(Failure::new(
            Reason::TooLarge,
            format!("a signature of it is for {size} bytes, more than {SIGNED}"),
        ));
    }
    blob(door, artifact::digest(&layer.digest)?, size).await
}

async fn manifest(door: &Door, wanted: &str, digest: Option<Digest>) -> Result<Manifest, Failure> {
    let accept = MANIFESTS.join(", ");
    let bytes = door.get(Kind::Manifest, &format!("manifests/{wanted}"), &accept, MANIFEST).await?;
    let manifest = Manifest::new(bytes);
    match digest {
        Some(digest) if digest != manifest.digest => Err(other_bytes("manifest", digest, manifest.digest)),
        _ => Ok(manifest),
    }
}

async fn blob(door: &Door, digest: Digest, size: u64) -> Result<Vec<u8>, Failure> {
    let bytes = door.get(Kind::Blob, &format!("blobs/{digest}"), "*/*", size).await?;
    match Digest::of(&bytes) {
        is if is != digest => Err(other_bytes("blob", digest, is)),
        _ => Ok(bytes),
    }
}

fn other_bytes(what: &str, wanted: Digest, is: Digest) -> Failure {
    let message = format!("the registry has sent another {what} than it was asked for: {is} instead of {wanted}");
    Failure::new(Reason::Digest, message)
}

/// A failure that says what it is about.
fn named(reference: &Reference, mut failure: Failure) -> Failure {
    failure.message = format!("{reference}: {}", failure.message);
    failure
}
