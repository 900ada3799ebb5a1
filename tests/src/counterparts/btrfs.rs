//! A btrfs file system on a loop device.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::Uid;
use tempfile::TempDir;

use super::{left_out, output, program};

/// A mounted file system with a subvolume `data`.
#[derive(Debug)]
pub struct Btrfs {
    dir: TempDir,
}

impl Btrfs {
    /// Makes and mounts one.
    #[must_use]
    pub fn start() -> Option<Self> {
        let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        if !Uid::effective().is_root() || program("mkfs.btrfs").is_none() || !known.contains("btrfs") {
            left_out("btrfs takes root, btrfs-progs and a kernel that knows it");
            return None;
        }
        let fs = Self { dir: TempDir::with_prefix("hookward-btrfs-").unwrap() };
        let image = fs.dir.path().join("image");
        fs::File::create(&image).unwrap().set_len(200 << 20).unwrap();
        fs::create_dir(fs.root()).unwrap();
        output(Command::new("mkfs.btrfs").arg("-q").arg(&image));
        let mounted = Command::new("mount").args(["-o", "loop"]).arg(&image).arg(fs.root()).output().unwrap();
        if !mounted.status.success() {
            left_out(&format!("no loop device can be mounted here: {}", String::from_utf8_lossy(&mounted.stderr)));
            return None;
        }
        output(Command::new("btrfs").args(["-q", "subvolume", "create"]).arg(fs.data()));
        Some(fs)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("mnt")
    }

    /// Its subvolume.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    /// The subvolumes at any depth, as paths below the root.
    #[must_use]
    pub fn subvolumes(&self) -> Vec<String> {
        let list = output(Command::new("btrfs").args(["subvolume", "list"]).arg(self.root()));
        let name = |line: &str| Some(line.rsplit_once(" path ")?.1.to_owned());
        list.lines().filter_map(name).collect()
    }

    /// The directory that holds it all.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Btrfs {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.root()).output());
    }
}
