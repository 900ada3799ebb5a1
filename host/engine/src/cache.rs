//! Compiled images on disk.
//!
//! An image is machine code: who can forge one runs code as the host. So the
//! directory belongs to this user alone, and every image carries a keyed hash
//! over itself and over what it was made from, by a key that stands beside it
//! with mode 0600. A file that doesn't check is dropped and compiled again.

mod known;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

pub(crate) use self::known::Identity;
use crate::Digest;
use crate::image::TrustedImage;

/// Layout of the files. A change of it is a new folder.
const LAYOUT: &str = "images-v1";
const TAG: usize = blake3::OUT_LEN;
/// A hundred Python components, or thousands of others.
const MAX_BYTES: u64 = 1 << 30;
/// How often an image in use is marked as such, for the eviction: a mark is a change of
/// the file, which is checked anew after it.
const MARK: Duration = Duration::from_hours(7 * 24);

/// A directory of compiled images.
#[derive(Debug)]
pub struct Cache {
    dir: PathBuf,
    key: [u8; blake3::KEY_LEN],
    /// What this boot is called, once it was looked up; none if it has no name.
    boot: OnceLock<Option<String>>,
}

/// Why a directory can't serve as a cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// It can't be created, read or written.
    #[error("cannot use the cache directory {}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others could plant files in it.
    #[error("the cache directory {} is not this user's alone: chown it and chmod it to 0700", path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
    },
}

/// What an image was made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id {
    /// The component.
    pub(crate) digest: Digest,
    /// Version and configuration of the compiler.
    pub(crate) compiler: u64,
}

impl Id {
    fn file_name(&self) -> String {
        format!("{}-{:016x}", self.digest.hex(), self.compiler)
    }
}

impl Cache {
    /// Opens the cache below `dir`, and makes it when it is missing.
    ///
    /// # Errors
    /// When the directory can't be used, or when others can write to it.
    pub fn open(dir: &Path) -> Result<Self, CacheError> {
        let dir = dir.join(LAYOUT);
        let io = |source| CacheError::Io { path: dir.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(io)?;
        let metadata = fs::metadata(&dir).map_err(io)?;
        if metadata.uid() != nix::unistd::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
            return Err(CacheError::Exposed { path: dir });
        }
        let key = key(&dir).map_err(io)?;
        Ok(Self { dir, key, boot: OnceLock::new() })
    }

    /// The image, if it is there and nobody has touched it.
    pub(crate) fn load(&self, id: Id) -> Option<TrustedImage> {
        let path = self.dir.join(id.file_name());
        match self.check(id, path.clone()) {
            Ok(Some(image)) => Some(image),
            Ok(None) => {
                tracing::warn!("the cached image {} is damaged or forged: compiling again", path.display());
                drop(fs::remove_file(&path));
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!("cannot read the cached image {}: {error}", path.display());
                None
            }
        }
    }

    /// The image, if the file carries the right tag. Reads it once, and keeps none of it.
    fn check(&self, id: Id, path: PathBuf) -> io::Result<Option<TrustedImage>> {
        let mut file = File::open(&path)?;
        let now = SystemTime::now();
        let metadata = file.metadata()?;
        let Some(size) = metadata.len().checked_sub(TAG as u64) else { return Ok(None) };
        let mut hasher = self.hasher(id);
        hasher.update_reader((&file).take(size))?;
        let mut tag = [0; TAG];
        file.read_exact(&mut tag)?;
        // Compares in constant time, as `blake3::Hash` does.
        if hasher.finalize() != tag {
            return Ok(None);
        }
        let mut identity = Identity::of(&metadata, now);
        if !is_marked(&metadata, now) {
            identity = None;
            // It may fail: the image still serves.
            drop(file.set_modified(now));
        }
        Ok(Some(TrustedImage::authenticated(path, identity)))
    }

    /// Keeps an image that was compiled just now. A failure costs time, never a run.
    pub(crate) fn store(&self, id: Id, image: &TrustedImage) {
        let Some(image) = image.compiled_bytes() else { return };
        if let Err(error) = self.write(id, image).and_then(|()| self.evict()) {
            tracing::warn!("cannot cache a compiled image in {}: {error}", self.dir.display());
        }
    }

    fn write(&self, id: Id, image: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.dir)?;
        file.write_all(image)?;
        // Behind the image, which has to begin with the file to be mapped.
        file.write_all(self.hasher(id).update(image).finalize().as_bytes())?;
        file.persist(self.dir.join(id.file_name()))?;
        Ok(())
    }

    /// Drops the images that were not used for longest, down to the bound.
    fn evict(&self) -> io::Result<()> {
        let mut images = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name() != "key" {
                let metadata = entry.metadata()?;
                images.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        images.sort();
        let mut total: u64 = images.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in images {
            if total <= MAX_BYTES {
                break;
            }
            fs::remove_file(path)?;
            total -= bytes;
        }
        Ok(())
    }

    /// Begins a tag: it covers what the image was made from, too.
    fn hasher(&self, id: Id) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(id.digest.bytes()).update(&id.compiler.to_le_bytes());
        hasher
    }
}

/// Whether an image was marked as used, not long ago.
fn is_marked(metadata: &fs::Metadata, now: SystemTime) -> bool {
    // An error: in the future.
    metadata.modified().is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age < MARK))
}

/// Reads the key, or makes one. Of several that do so at once, one wins.
fn key(dir: &Path) -> io::Result<[u8; blake3::KEY_LEN]> {
    let path = dir.join("key");
    let mut key = [0; blake3::KEY_LEN];
    match File::open(&path) {
        Ok(mut file) => {
            // A key that is short, or that others could read, is no key.
            let sound = file.metadata()?.mode() & 0o077 == 0 && file.read_exact(&mut key).is_ok();
            if sound {
                return Ok(key);
            }
            fs::remove_file(&path)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Made with mode 0600.
    let mut new = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    new.write_all(&key)?;
    match new.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => {
            File::open(&path)?.read_exact(&mut key)?;
            Ok(key)
        }
        Err(failed) => Err(failed.error),
    }
}
