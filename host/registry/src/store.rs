//! Blobs by their digest in a directory: the cache of what was pulled, or a copy for
//! machines without a network. What is in it is believed for its digest alone, which
//! is checked whenever it is read.

use std::fs::{self, DirBuilder};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use hookward_engine::Digest;

use crate::artifact::{self, Artifact, Manifest, Parsed};
use crate::client::MANIFEST;
use crate::signature::Signature;

/// A directory of blobs.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    mode: u32,
}

/// Why a store doesn't give, or take, a blob.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file can't be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file, or the directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what its name says.
    #[error("{} was changed: it is not {digest} any more", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        digest: Digest,
    },
    /// A file is larger than its reader allows.
    #[error("{} has {size} bytes, more than {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        size: u64,
        /// Those that are allowed.
        limit: u64,
    },
}

impl Store {
    /// What was pulled, below the cache directory; for this user alone.
    #[must_use]
    pub fn cache(dir: &Path) -> Self {
        Self { dir: dir.join("components-v1"), mode: 0o700 }
    }

    /// A directory that is carried from one machine to another.
    #[must_use]
    pub fn vendored(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), mode: 0o755 }
    }

    /// Where the blob is, or would be.
    #[must_use]
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join("blobs").join("sha256").join(digest.hex())
    }

    /// Where the signatures are that were found of it.
    fn signatures_path(&self, subject: Digest) -> PathBuf {
        self.dir.join("signatures").join(format!("{}.json", subject.hex()))
    }

    /// The bytes with this digest, if they are here.
    ///
    /// # Errors
    /// When they can't be read, were changed, or are more than `limit`.
    pub fn read(&self, digest: Digest, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(digest);
        let Some(bytes) = read(&path, limit)? else { return Ok(None) };
        if Digest::of(&bytes) == digest { Ok(Some(bytes)) } else { Err(StoreError::Changed { path, digest }) }
    }

    /// Keeps bytes, by their digest.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn write(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        let path = self.path(digest);
        self.put(&path, bytes)?;
        Ok(digest)
    }

    /// Removes a blob that was changed.
    pub fn remove(&self, digest: Digest) {
        drop(fs::remove_file(self.path(digest)));
    }

    /// The artifact that a manifest, or an index, leads to, if all of it is here.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn artifact(&self, first: Digest) -> Result<Option<Artifact>, StoreError> {
        let read = |digest| Ok::<_, StoreError>(self.read(digest, MANIFEST)?.map(Manifest::new));
        let Some(first) = read(first)? else { return Ok(None) };
        let artifact = match artifact::parse(&first.bytes) {
            Ok(Parsed::Index(chosen)) => match read(chosen)? {
                Some(chosen) => Artifact::new(Some(first), chosen),
                None => return Ok(None),
            },
            _ => Artifact::new(None, first),
        };
        // Of the right digest and no artifact's: it was never kept as one.
        Ok(artifact.ok())
    }

    /// Keeps the manifests of an artifact.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn keep(&self, artifact: &Artifact) -> Result<(), StoreError> {
        let index = artifact.index.as_ref().map(|index| self.write(&index.bytes)).transpose();
        index.and_then(|_| self.write(&artifact.manifest.bytes)).map(drop)
    }

    /// The signatures that were found of a manifest, or of a file by its digest. Nobody
    /// has checked them.
    ///
    /// # Errors
    /// When there are some that can't be read.
    pub fn signatures(&self, subject: Digest) -> Result<Vec<Signature>, StoreError> {
        let path = self.signatures_path(subject);
        let Some(bytes) = read(&path, MANIFEST)? else { return Ok(Vec::new()) };
        serde_json::from_slice(&bytes).map_err(|error| StoreError::Io { path, source: io::Error::other(error) })
    }

    /// Keeps signatures.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn keep_signatures(&self, subject: Digest, signatures: &[Signature]) -> Result<(), StoreError> {
        let path = self.signatures_path(subject);
        let text = serde_json::to_vec(signatures)
            .map_err(|error| StoreError::Io { path: path.clone(), source: io::Error::other(error) })?;
        self.put(&path, &text)
    }

    /// Writes a file so that it is there as a whole or not at all.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let dir = path.parent().unwrap_or(&self.dir);
        let write = || -> io::Result<()> {
            DirBuilder::new().recursive(true).mode(self.mode).create(dir)?;
            let mode = std::os::unix::fs::PermissionsExt::from_mode(self.mode & 0o644);
            let mut file = tempfile::Builder::new().prefix(".new-").permissions(mode).tempfile_in(dir)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|source| StoreError::Io { path: path.to_owned(), source })
    }
}

fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(io)?,
    };
    let size = file.metadata().map_err(io)?.len();
    if size > limit {
        return Err(StoreError::TooLarge { path: path.to_owned(), size, limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(limit).read_to_end(&mut bytes).map_err(io)?;
    Ok(Some(bytes))
}
