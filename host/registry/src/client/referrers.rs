//! What a registry has about an artifact by the rules of OCI 1.1: here, bundles.

use hookward_engine::Digest;
use oci_client::manifest::{ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OciImageIndex, OciImageManifest};

use super::door::{Door, Kind};
use super::{MANIFEST, SIGNATURES, blob, manifest};
use crate::artifact;
use crate::failure::{Failure, Reason};
use crate::signature::{BUNDLE, Bundle, is_signature};

/// Bytes of all bundles of one artifact together that are read. What is kept of them
/// fits in what the store reads.
const BUNDLES: u64 = 2 << 20;

/// The annotation with the type of what a bundle states.
const PREDICATE: &str = "dev.sigstore.bundle.predicateType";

/// Whether a descriptor may lead to a bundle that is a signature. Some clients write
/// neither its type nor what it states.
fn may_sign(one: &ImageIndexEntry) -> bool {
    let stated = one.annotations.as_ref().and_then(|all| all.get(PREDICATE));
    one.artifact_type.as_ref().is_none_or(|kind| kind == BUNDLE) && stated.is_none_or(|stated| is_signature(stated))
}

/// The bundles that the registry has about a digest.
pub(super) async fn bundles(door: &Door, subject: Digest) -> Result<Vec<Bundle>, Failure> {
    let mut found = Vec::new();
    let Some(index) = index(door, subject).await? else { return Ok(found) };
    let index: OciImageIndex = serde_json::from_slice(&index).map_err(|error| unreadable(&error))?;
    let mut left = BUNDLES;
    for one in index.manifests.iter().filter(|one| may_sign(one)).take(SIGNATURES) {
        let digest = artifact::digest(&one.digest)?;
        let about = manifest(door, &digest.to_string(), Some(digest)).await?;
        let about: OciImageManifest = serde_json::from_slice(&about.bytes).map_err(|error| unreadable(&error))?;
        for layer in about.layers.iter().filter(|layer| layer.media_type == BUNDLE) {
            let size = artifact::size(layer)?;
            // Who attaches that much states it, and doesn't sign.
            let Some(rest) = left.checked_sub(size) else { continue };
            left = rest;
            found.push(Bundle::new(blob(door, artifact::digest(&layer.digest)?, size).await?));
        }
    }
    Ok(found)
}

/// What is about a digest: what the registry says, or, if it doesn't keep that itself,
/// what clients have put under a tag.
async fn index(door: &Door, subject: Digest) -> Result<Option<Vec<u8>>, Failure> {
    let path = format!("referrers/{subject}");
    match door.get(Kind::Manifest, &path, OCI_IMAGE_INDEX_MEDIA_TYPE, MANIFEST).await {
        Err(error) if error.reason == Reason::NotFound => {}
        index => return index.map(Some),
    }
    match manifest(door, &format!("sha256-{}", subject.hex()), None).await {
        Err(error) if error.reason == Reason::NotFound => Ok(None),
        index => index.map(|index| Some(index.bytes)),
    }
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::new(Reason::Signature, format!("its bundles can't be read: {error}"))
}
