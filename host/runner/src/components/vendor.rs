//! A copy of every component, for machines without a network.

use std::path::Path;

use hookward_engine::{Digest, Failure};
use hookward_registry::signature::Signature;
use hookward_registry::{Store, StoreError};

use super::{Components, Wanted, about, unreadable};
use crate::config::Source;

/// A component that was copied.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Vendored {
    /// Where it comes from.
    pub source: Source,
    /// What it is.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// Why a component wasn't copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VendorError {
    /// It isn't in the lock, can't be had, or is not what it has to be.
    #[error("{0}")]
    Component(Failure),
    /// The copy can't be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Components {
    /// Copies components into a directory, by their digests in the lock, with what shows
    /// who has signed them.
    ///
    /// # Errors
    /// At the first that can't be copied.
    pub async fn vendor(&self, wanted: &[Wanted], dir: &Path) -> Result<Vec<Vendored>, VendorError> {
        let to = Store::vendored(dir);
        let mut vendored = Vec::new();
        for Wanted { source, limit, .. } in wanted {
            let locked = self.find(source).ok_or_else(|| VendorError::Component(self.not_locked(source)))?;
            let got = self.get(source, *limit).await.map_err(VendorError::Component)?;
            let digest = to.write(&got.bytes)?;
            match source {
                Source::File(path) => {
                    let signatures =
                        Signature::beside(path).map_err(|failure| VendorError::Component(about(source, &failure)))?;
                    if !signatures.is_empty() {
                        to.keep_signatures(digest, &signatures)?;
                    }
                }
                Source::Registry(_) => {
                    let from = self.store();
                    let artifact = locked.manifest.map(|first| from.artifact(first)).transpose()?.flatten();
                    // It was there a moment ago, for it was got by it.
                    let artifact = artifact.ok_or_else(|| VendorError::Component(self.absent(source)))?;
                    to.keep(&artifact)?;
                    for subject in artifact.subjects() {
                        let signatures = from.signatures(subject);
                        let signatures =
                            signatures.map_err(|error| VendorError::Component(about(source, &unreadable(&error))))?;
                        if !signatures.is_empty() {
                            to.keep_signatures(subject, &signatures)?;
                        }
                    }
                }
            }
            vendored.push(Vendored { source: source.clone(), digest, size: got.bytes.len() as u64 });
        }
        Ok(vendored)
    }
}
