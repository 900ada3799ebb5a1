//! Component files that were found good before, known again without being read.
//!
//! Reading and hashing an interpreter of 18 MB and its image of 32 MB takes longer than
//! the rest of a start. So once both were checked, a record keeps what was found: the
//! digest and the outside of the component, and that its image carried the right tag.
//! Each of the two files is known by what the system says of it.
//!
//! A record only ever chooses an image that was checked, of the component that it names
//! by its digest. Whatever has become of the component's file, where a digest is pinned
//! nothing else is run than the component of that digest: what a wrong record could
//! hide is that the file was changed, not what runs. So that it hides not even that, a
//! record counts only
//!
//! - while device, inode, size and both times of the file are the same to the
//!   nanosecond: that of the last change of the inode, `ctime`, is the kernel's to set
//! - if that change was older than the steps in which times are kept, and isn't in the
//!   future of a clock that was set back
//! - in the boot in which it was made: what happens to a disk between two boots, be it a
//!   loss of power, leaves no times that could be trusted
//! - for the same compiler, and with the tag that only the cache's key can make

use std::fs::{self, Metadata};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Cache, Id, TAG};
use crate::image::TrustedImage;
use crate::requests::Request;
use crate::{Digest, Inspection};

/// Age of a change from which on the next one has another time: the coarsest file
/// systems keep it in steps of two seconds.
const SETTLED: Duration = Duration::from_secs(3);

/// What a file is known by, as long as it isn't changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last change of the contents, and of the inode.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    /// The identity of a file at `now`, which was looked at before its metadata were;
    /// none of a file that could change without it.
    pub(crate) fn of(metadata: &Metadata, now: SystemTime) -> Option<Self> {
        let identity = Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        identity.is_settled(now).then_some(identity)
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(self.changed.0), u32::try_from(self.changed.1)) else {
            return false;
        };
        // An error: in the future, which the clock may come to once more.
        let age = now.duration_since(UNIX_EPOCH + Duration::new(seconds, nanoseconds));
        // Whole seconds are those of a file system that knows no others: the same one
        // may come again after the clock was set back.
        nanoseconds != 0 && age.is_ok_and(|age| age >= SETTLED)
    }
}

/// What was found in a component's file.
#[derive(Serialize, Deserialize)]
struct Record {
    boot: String,
    compiler: u64,
    file: Identity,
    image: Identity,
    digest: Digest,
    imports: Vec<String>,
    exports: Vec<String>,
    name: Option<String>,
    version: Option<String>,
}

impl Cache {
    /// What the file holds, and its image, if both are as they were when they were
    /// checked.
    pub(crate) fn recall(&self, path: &Path, file: Identity, compiler: u64) -> Option<(Inspection, TrustedImage)> {
        let record = self.record(path)?;
        if record.file != file || record.compiler != compiler || Some(record.boot.as_str()) != self.boot() {
            return None;
        }
        let image = self.dir.join(Id { digest: record.digest, compiler }.file_name());
        let now = SystemTime::now();
        let metadata = fs::metadata(&image).ok()?;
        // An unmarked one is read once more, and marked then.
        if Identity::of(&metadata, now) != Some(record.image) || !super::is_marked(&metadata, now) {
            return None;
        }
        let inspection = Inspection {
            size: file.size,
            digest: record.digest,
            requests: record.imports.iter().map(|import| Request::new(import)).collect(),
            exports: record.exports,
            name: record.name,
            version: record.version,
        };
        Some((inspection, TrustedImage::authenticated(image, Some(record.image))))
    }

    /// The record of the file at this path; none that wasn't written here.
    fn record(&self, path: &Path) -> Option<Record> {
        let bytes = fs::read(self.record_path(path)).ok()?;
        let (tag, text) = bytes.split_first_chunk::<TAG>()?;
        // Compares in constant time, as `blake3::Hash` does.
        (self.record_tag(text) == *tag).then(|| serde_json::from_slice(text).ok()).flatten()
    }

    /// Keeps what was found in a file. A failure costs time, never a run.
    pub(crate) fn remember(&self, path: &Path, file: Identity, image: Identity, compiler: u64, found: &Inspection) {
        let Some(boot) = self.boot() else { return };
        let record = Record {
            boot: boot.to_owned(),
            compiler,
            file,
            image,
            digest: found.digest,
            imports: found.requests.iter().map(|request| request.import.clone()).collect(),
            exports: found.exports.clone(),
            name: found.name.clone(),
            version: found.version.clone(),
        };
        if let Err(error) = self.write_record(path, &record) {
            tracing::debug!("cannot remember the component {}: {error}", path.display());
        }
    }

    fn write_record(&self, path: &Path, record: &Record) -> io::Result<()> {
        let text = serde_json::to_vec(record)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.dir)?;
        file.write_all(self.record_tag(&text).as_bytes())?;
        file.write_all(&text)?;
        file.persist(self.record_path(path))?;
        Ok(())
    }

    /// One for each path: a file that takes the place of another takes its record's.
    fn record_path(&self, path: &Path) -> PathBuf {
        let name = blake3::hash(path.as_os_str().as_bytes()).to_hex();
        self.dir.join(format!("{name}.known"))
    }

    /// Made with a key of its own, derived from that of the images: nothing that is one
    /// of the two can be taken for the other.
    fn record_tag(&self, text: &[u8]) -> blake3::Hash {
        let key = blake3::derive_key("hookward 2026-11 records of component files", &self.key);
        blake3::keyed_hash(&key, text)
    }

    /// What this boot is called; none without /proc.
    fn boot(&self) -> Option<&str> {
        let read = || fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        self.boot.get_or_init(read).as_deref().map(str::trim)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn changed_at(seconds: i64, nanoseconds: i64) -> Identity {
        Identity { device: 1, inode: 2, size: 3, modified: (0, 0), changed: (seconds, nanoseconds) }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_change_counts_once_another_would_show() {
        assert!(changed_at(1000, 1).is_settled(at(1004)));
        assert!(changed_at(1000, 999_999_999).is_settled(at(1004)));
        // In the same step of the clock, another change could have the same time.
        assert!(!changed_at(1000, 1).is_settled(at(1003)));
        assert!(!changed_at(1000, 1).is_settled(at(1001)));
    }

    #[test]
    fn a_clock_that_was_set_back_is_not_trusted() {
        assert!(!changed_at(1000, 1).is_settled(at(1000)));
        assert!(!changed_at(1000, 1).is_settled(at(10)));
        assert!(!changed_at(-5, 1).is_settled(at(1000)));
    }

    #[test]
    fn a_time_without_nanoseconds_is_not_trusted() {
        assert!(!changed_at(1000, 0).is_settled(at(1_000_000)));
    }

    #[test]
    fn what_the_system_says_of_a_file_is_all_of_its_identity() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let later = SystemTime::now() + 2 * SETTLED;
        let identity = || Identity::of(&file.as_file().metadata().unwrap(), later);
        let first = identity();
        assert!(first.is_some());
        assert_eq!(identity(), first);
        let touched = SystemTime::now() - Duration::from_secs(100);
        file.as_file().set_modified(touched).unwrap();
        assert_ne!(identity(), first);
    }
}
