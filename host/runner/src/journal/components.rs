//! Copies of the components that open runs may need: what was stopped by one is not
//! started again by another.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hookward_engine::Digest;

use super::{Cause, Journal, JournalError, io};
use crate::fault;

impl Journal {
    fn components(&self) -> PathBuf {
        self.0.state_dir.join("components")
    }

    /// Where the copy of a component is, or would be.
    pub(crate) fn component(&self, digest: &Digest) -> PathBuf {
        self.components().join(format!("sha256-{}.wasm", digest.hex()))
    }

    /// Keeps others from removing copies until the lock is dropped: a copy is made
    /// before its run is in the journal.
    pub(super) fn hold_components(&self) -> Result<File, JournalError> {
        let dir = self.components();
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(io(&dir))?;
        let path = dir.join("lock");
        let file = self.components_lock().map_err(io(&path))?;
        file.lock_shared().map_err(io(&path))?;
        Ok(file)
    }

    fn components_lock(&self) -> std::io::Result<File> {
        let path = self.components().join("lock");
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
    }

    /// Copies the component, which is checked against the digest that was loaded. No
    /// link: a file that is edited in place would change with it.
    pub(super) fn keep_component(&self, from: &Path, digest: &Digest) -> Result<(), JournalError> {
        let to = self.component(digest);
        let size = |path: &Path| fs::metadata(path).map(|metadata| metadata.len());
        if let (Ok(there), Ok(wanted)) = (size(&to), size(from))
            && there == wanted
        {
            return Ok(());
        }
        let bytes = fs::read(from).map_err(io(from))?;
        if Digest::of(&bytes) != *digest {
            return Err(JournalError(Cause::Changed(from.to_owned())));
        }
        fault::point("before component copy");
        let dir = self.components();
        let mut aside = tempfile::NamedTempFile::new_in(&dir).map_err(io(&dir))?;
        aside.write_all(&bytes).and_then(|()| aside.as_file().sync_all()).map_err(io(&to))?;
        fault::point("component written");
        aside.persist(&to).map_err(|error| io(&to)(error.error))?;
        File::open(&dir).and_then(|dir| dir.sync_all()).map_err(io(&dir))?;
        fault::point("after component copy");
        Ok(())
    }

    /// Removes the copies that no open run refers to, unless a run is just beginning.
    pub(super) fn clean_components(&self) -> Result<(), JournalError> {
        let dir = self.components();
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(io(&dir))?,
        };
        let lock = self.components_lock().map_err(io(&dir))?;
        if lock.try_lock().is_err() {
            return Ok(());
        }
        let needed: Vec<String> = self.read(|transaction| {
            let mut digests = transaction
                .prepare("SELECT DISTINCT digest FROM component JOIN run ON run = run.number WHERE ended IS NULL")?;
            digests.query_map([], |row| row.get(0))?.collect()
        })?;
        let needed: Vec<_> = needed.iter().filter_map(|digest| digest.parse().ok()).collect();
        let needed: Vec<_> = needed.iter().map(|digest| self.component(digest)).collect();
        for entry in entries {
            let path = entry.map_err(io(&dir))?.path();
            if path.file_name().is_some_and(|name| name != "lock") && !needed.contains(&path) {
                fault::point("before component removal");
                drop(fs::remove_file(&path));
            }
        }
        Ok(())
    }
}
