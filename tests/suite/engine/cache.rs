//! Compiled images on disk: used again, never trusted unchecked, never missed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hookward_engine::{Cache, CacheError, Compiler, Engine, Limits, Options, Reason};
use hookward_tests::{component, core_module_saying};

use crate::support::{Call, started};

/// A cache in a directory of its own, and the engines that use it.
struct Images {
    root: tempfile::TempDir,
}

impl Images {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Result<Cache, CacheError> {
        Cache::open(self.root.path())
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("images-v1")
    }

    /// An engine as a new process would have it.
    fn engine(&self) -> Engine {
        let mut options = Options::default();
        options.cache = Some(self.open().unwrap());
        started(options).0
    }

    /// An engine that can't compile: what it loads came from the cache.
    fn engine_without_compiler(&self) -> Engine {
        let mut options = Options::default();
        options.cache = Some(self.open().unwrap());
        options.compiler = Compiler::Child { program: "/nowhere/compiler".into(), args: Vec::new() };
        started(options).0
    }

    /// The files in the directory besides the key.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.file_name().unwrap() != "key").collect()
    }

    fn only_file(&self) -> PathBuf {
        let files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }
}

/// Loads the component that says `error`, and has it say so.
async fn says(engine: &Engine, error: &str) {
    let component = engine.load(component(&core_module_saying(error)), None, &Limits::default()).await.unwrap();
    assert_eq!(Call::new().of(&component).await.error(), error);
}

/// Whether the engine has to compile this component.
async fn misses(engine: &Engine, error: &str) -> bool {
    match engine.load(component(&core_module_saying(error)), None, &Limits::default()).await {
        Ok(component) => {
            assert_eq!(Call::new().of(&component).await.error(), error);
            false
        }
        Err(failure) => {
            assert_eq!(failure.reason, Reason::Compile, "{failure:?}");
            true
        }
    }
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[tokio::test]
async fn the_second_load_finds_the_image() {
    let images = Images::new();
    says(&images.engine(), "one").await;
    let path = images.only_file();
    let (bytes, inode) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().ino());
    let long_ago = SystemTime::now() - Duration::from_secs(1_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();

    assert!(!misses(&images.engine_without_compiler(), "one").await);
    assert_eq!(images.only_file(), path);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    // Marked as used.
    assert!(modified(&path) > long_ago + Duration::from_secs(900_000));

    // Another component has an image of its own.
    assert!(misses(&images.engine_without_compiler(), "two").await);
    says(&images.engine(), "two").await;
    assert_eq!(images.files().len(), 2);
}

#[tokio::test]
async fn one_engine_finds_its_own_image() {
    let images = Images::new();
    let engine = images.engine();
    says(&engine, "one").await;
    let inode = fs::metadata(images.only_file()).unwrap().ino();
    says(&engine, "one").await;
    assert_eq!(fs::metadata(images.only_file()).unwrap().ino(), inode);
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_compiled_again() {
    let images = Images::new();
    let engine = images.engine();
    says(&engine, "one").await;
    let path = images.only_file();
    let sound = fs::read(&path).unwrap();
    let blind = images.engine_without_compiler();
    let step = sound.len() / 40;
    // Every byte of the tag, and a spread over the image to its last byte.
    for at in (0..32).chain((32..sound.len()).step_by(step)).chain([sound.len() - 1]) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x40;
        fs::write(&path, &damaged).unwrap();
        assert!(misses(&blind, "one").await, "byte {at}");
        assert!(!path.exists(), "the damaged image is gone");
        // Both at once would be slow: most are only refused.
        if at.is_multiple_of(8) {
            fs::write(&path, &damaged).unwrap();
            says(&engine, "one").await;
            assert_ne!(fs::read(&path).unwrap(), damaged);
            assert!(!misses(&blind, "one").await);
        }
    }
}

#[tokio::test]
async fn a_truncated_image_is_compiled_again() {
    let images = Images::new();
    says(&images.engine(), "one").await;
    let path = images.only_file();
    let sound = fs::read(&path).unwrap();
    let blind = images.engine_without_compiler();
    for length in [0, 1, 31, 32, 33, sound.len() / 2, sound.len() - 1] {
        fs::write(&path, &sound[..length]).unwrap();
        assert!(misses(&blind, "one").await, "{length} bytes");
        says(&images.engine(), "one").await;
        assert!(!misses(&blind, "one").await, "{length} bytes");
    }
    let longer = [sound.as_slice(), b"x"].concat();
    fs::write(&path, longer).unwrap();
    assert!(misses(&blind, "one").await);
}

/// A sound image under another name: its tag says what it was made from.
#[tokio::test]
async fn the_image_of_another_component_is_refused() {
    let images = Images::new();
    says(&images.engine(), "one").await;
    let one = images.only_file();
    says(&images.engine(), "two").await;
    let two = images.files().into_iter().find(|path| *path != one).unwrap();

    fs::copy(&one, &two).unwrap();
    assert!(misses(&images.engine_without_compiler(), "two").await);
    fs::copy(&one, &two).unwrap();
    says(&images.engine(), "two").await;
    assert_ne!(fs::read(&one).unwrap(), fs::read(&two).unwrap());

    // The same for the version of the compiler, which stands in the name's end.
    let name = one.file_name().unwrap().to_str().unwrap();
    let other = images.dir().join(name.replace(name.split('-').next_back().unwrap(), "0123456789abcdef"));
    fs::rename(&one, &other).unwrap();
    assert!(misses(&images.engine_without_compiler(), "one").await);
}

/// An image from another cache is as sound as can be, and still not ours.
#[tokio::test]
async fn an_image_with_the_tag_of_another_key_is_refused() {
    let (ours, theirs) = (Images::new(), Images::new());
    says(&theirs.engine(), "one").await;
    ours.open().unwrap();
    let planted = ours.dir().join(theirs.only_file().file_name().unwrap());
    fs::copy(theirs.only_file(), planted).unwrap();
    assert!(misses(&ours.engine_without_compiler(), "one").await);
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    for mode in [0o755, 0o750, 0o701, 0o770, 0o777] {
        let images = Images::new();
        images.open().unwrap();
        fs::set_permissions(images.dir(), fs::Permissions::from_mode(mode)).unwrap();
        let error = images.open().unwrap_err();
        assert!(matches!(&error, CacheError::Exposed { path } if *path == images.dir()), "{mode:o}: {error:?}");
        assert!(error.to_string().contains("0700"));
    }
}

#[test]
fn the_directory_and_the_key_are_the_users_alone() {
    let images = Images::new();
    images.open().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&images.dir()), 0o700);
    assert_eq!(mode(&images.dir().join("key")), 0o600);
    assert!(images.files().is_empty(), "no trace of how the key was made");
}

#[tokio::test]
async fn a_key_that_others_could_read_is_replaced() {
    let images = Images::new();
    says(&images.engine(), "one").await;
    let key = images.dir().join("key");
    let old = fs::read(&key).unwrap();
    images.open().unwrap();
    assert_eq!(fs::read(&key).unwrap(), old, "a sound key stays");

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let blind = images.engine_without_compiler();
    assert_ne!(fs::read(&key).unwrap(), old);
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    assert!(misses(&blind, "one").await, "whoever read the key may have made the image");
}

#[tokio::test]
async fn a_key_that_is_short_is_replaced() {
    let images = Images::new();
    images.open().unwrap();
    let key = images.dir().join("key");
    for length in [0, 31] {
        fs::write(&key, vec![7; length]).unwrap();
        says(&images.engine(), "one").await;
        assert_eq!(fs::metadata(&key).unwrap().len(), 32);
    }
}

/// Of many that open a new cache at once, all have the same key.
#[test]
fn a_new_cache_opened_by_many_has_one_key() {
    for _ in 0..20 {
        let images = Images::new();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let open = || {
                images.open().unwrap();
                fs::read(images.dir().join("key")).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 32), "{keys:?}");
        assert!(images.files().is_empty());
    }
}

/// A cache saves time: without one, a hook still runs.
#[tokio::test]
async fn a_directory_that_is_gone_costs_only_time() {
    let images = Images::new();
    let engine = images.engine();
    fs::remove_dir_all(images.dir()).unwrap();
    says(&engine, "one").await;
    // In the way of the image: it can be neither read nor written.
    let images = Images::new();
    let engine = images.engine();
    says(&engine, "one").await;
    let path = images.only_file();
    fs::remove_file(&path).unwrap();
    fs::create_dir_all(path.join("full")).unwrap();
    says(&engine, "one").await;
}

#[test]
fn a_directory_that_cannot_be_made_has_its_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Cache::open(file.path()).unwrap_err();
    assert!(matches!(error, CacheError::Io { .. }), "{error:?}");
}
