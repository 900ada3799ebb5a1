//! Secrets in files.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use super::source::{LONGEST, Unavailable};

/// Opens a file that holds a secret, if it is one that nobody else may read. With
/// `guarded` its directory keeps them out.
///
/// What is checked is what is read: the open file, not its name.
pub(super) fn open(path: &Path, guarded: bool) -> Result<File, Unavailable> {
    let refused = |why: String| Unavailable(format!("the file {} {why}", path.display()));
    // A pipe would wait for its writer, a terminal would become ours.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = File::options().read(true).custom_flags(flags.bits()).open(path);
    let file = opened.map_err(|error| Unavailable(format!("cannot open the file {}: {error}", path.display())))?;
    let metadata = file.metadata().map_err(|error| refused(format!("can't be looked at: {error}")))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "is a directory" } else { "is a pipe or a device" };
        return Err(refused(format!("{what}, not a file")));
    }
    if !guarded && !is_private(&metadata) {
        let mode = metadata.mode() & 0o7777;
        return Err(refused(format!("may be read by others (mode {mode:04o}): run `chmod 600 {}`", path.display())));
    }
    Ok(file)
}

/// No right for anybody but the owner. A file of root's may be read by one group: so
/// root gives a secret to a service that it doesn't trust to change it.
fn is_private(metadata: &Metadata) -> bool {
    let others = metadata.mode() & 0o077;
    others == 0 || (others == 0o040 && metadata.uid() == 0)
}

/// The bytes of the file, one line break more than a secret may have, or so many that
/// they are too many.
pub(super) async fn read(path: PathBuf, guarded: bool) -> Result<Zeroizing<Vec<u8>>, Unavailable> {
    // A file on a dead network mount must not hold the executor up.
    let read = tokio::task::spawn_blocking(move || {
        let file = open(&path, guarded)?;
        let most = LONGEST + "\r\n".len() + 1;
        // With room to spare, since a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(most * 2));
        file.take(most as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| Unavailable(format!("cannot read the file {}: {error}", path.display())))?;
        Ok(bytes)
    });
    read.await.unwrap_or_else(|error| Err(Unavailable(format!("reading has crashed: {error}"))))
}
