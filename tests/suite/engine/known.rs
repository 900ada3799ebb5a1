//! Component files that are known again without being read: noticed whenever they or
//! their images have changed, by whatever trick.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hookward_engine::{Cache, Component, Digest, Engine, Failure, Limits, Options, Reason};
use hookward_tests::{component, core_module_saying};
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::support::{Call, started};

/// Until a change of a file is old enough for the file to be known by its times.
const SETTLED: Duration = Duration::from_millis(3200);

/// A component's file, and a cache that has its image.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    /// With the component that says `error` in it, compiled.
    async fn with(error: &str) -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        place.write(error);
        assert_eq!(place.says().await, error);
        place
    }

    /// The same, known from its last load on.
    async fn known(error: &str) -> Self {
        let place = Self::with(error).await;
        tokio::time::sleep(SETTLED).await;
        let reads = Reads::of(&place.file());
        assert_eq!(place.says().await, error);
        assert!(reads.any(), "checked once more, and written down");
        place
    }

    fn file(&self) -> PathBuf {
        self.root.path().join("hook.wasm")
    }

    fn write(&self, error: &str) {
        fs::write(self.file(), component(&core_module_saying(error))).unwrap();
    }

    fn cache(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    fn images(&self) -> PathBuf {
        self.cache().join("images-v1")
    }

    /// The only file of the cache with, or without, the ending of a record.
    fn only(&self, record: bool) -> PathBuf {
        let files = fs::read_dir(self.images()).unwrap().map(|entry| entry.unwrap().path());
        let is_record = |path: &Path| path.extension().is_some_and(|extension| extension == "known");
        let files: Vec<_> =
            files.filter(|path| path.file_name().unwrap() != "key" && is_record(path) == record).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    fn record(&self) -> PathBuf {
        self.only(true)
    }

    fn image(&self) -> PathBuf {
        self.only(false)
    }

    /// An engine as a new process would have it.
    fn engine(&self) -> Engine {
        let mut options = Options::default();
        options.cache = Some(Cache::open(&self.cache()).unwrap());
        started(options).0
    }

    async fn load(&self, pin: Option<Digest>) -> Result<Component, Failure> {
        self.engine().load_file(&self.file(), pin, &Limits::default()).await
    }

    /// What the hook says, loaded by a new engine.
    async fn says(&self) -> String {
        said(&self.load(None).await.unwrap()).await
    }

    /// Whether the next load is spared the reading of the file and of its image.
    async fn is_known(&self, error: &str) -> bool {
        let (file, image) = (Reads::of(&self.file()), Reads::of(&self.image()));
        assert_eq!(self.says().await, error);
        let (file, image) = (file.any(), image.any());
        assert!(file || !image, "an image of a known file is known, too");
        !file
    }
}

async fn said(component: &Component) -> String {
    Call::new().of(component).await.error().to_owned()
}

fn digest(error: &str) -> Digest {
    Digest::of(&component(&core_module_saying(error)))
}

/// Hears of whoever reads a file.
struct Reads(Inotify);

impl Reads {
    fn of(path: &Path) -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).unwrap();
        inotify.add_watch(path, AddWatchFlags::IN_ACCESS).unwrap();
        Self(inotify)
    }

    fn any(&self) -> bool {
        match self.0.read_events() {
            Ok(events) => !events.is_empty(),
            Err(Errno::EAGAIN) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_file_that_is_known_is_not_read_and_neither_is_its_image() {
    let place = Place::known("one").await;
    assert!(place.is_known("one").await);
    assert!(place.is_known("one").await);
    // What is known of it is what was read.
    let (known, read) = (place.load(None).await.unwrap(), place.engine());
    let bytes = fs::read(place.file()).unwrap();
    let read = read.load(bytes, None, &Limits::default()).await.unwrap();
    assert_eq!(known.inspection(), read.inspection());
    assert_eq!(known.version(), read.version());
}

#[tokio::test]
async fn a_file_that_was_just_written_is_not_known() {
    let place = Place::with("one").await;
    assert!(!place.is_known("one").await);
    // In the same step of a coarse clock, maybe: of the same size, at the same place.
    for error in ["two", "six", "ten"] {
        place.write(error);
        assert!(place.says().await == error);
        assert_eq!(place.says().await, error);
    }
}

#[tokio::test]
async fn a_file_in_the_place_of_a_known_one_is_read() {
    let place = Place::known("one").await;
    let other = place.root.path().join("other.wasm");
    fs::write(&other, component(&core_module_saying("two"))).unwrap();
    let times = fs::metadata(place.file()).unwrap();
    File::options().write(true).open(&other).unwrap().set_modified(times.modified().unwrap()).unwrap();
    assert_eq!(fs::metadata(&other).unwrap().len(), times.len());
    fs::rename(&other, place.file()).unwrap();
    assert_eq!(place.says().await, "two");
    // And back, by a link.
    place.write("one");
    let elsewhere = place.root.path().join("elsewhere.wasm");
    fs::write(&elsewhere, component(&core_module_saying("six"))).unwrap();
    fs::remove_file(place.file()).unwrap();
    symlink(&elsewhere, place.file()).unwrap();
    assert_eq!(place.says().await, "six");
}

#[tokio::test]
async fn a_change_in_place_shows_though_its_time_was_set_back() {
    let place = Place::known("one").await;
    let before = fs::metadata(place.file()).unwrap();
    let file = File::options().write(true).open(place.file()).unwrap();
    std::io::Write::write_all(&mut &file, &component(&core_module_saying("two"))).unwrap();
    let times = FileTimes::new().set_modified(before.modified().unwrap()).set_accessed(before.accessed().unwrap());
    file.set_times(times).unwrap();
    let after = fs::metadata(place.file()).unwrap();
    let known = |metadata: &fs::Metadata| (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    assert_eq!(known(&after), known(&before), "all that its writer can set is as it was");

    let failure = place.load(Some(digest("one"))).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Digest, "{failure:?}");
    assert_eq!(place.says().await, "two");
}

#[tokio::test]
async fn a_pin_is_held_against_what_is_known() {
    let place = Place::known("one").await;
    let reads = Reads::of(&place.file());
    assert_eq!(said(&place.load(Some(digest("one"))).await.unwrap()).await, "one");
    assert!(!reads.any());
    let failure = place.load(Some(digest("two"))).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Digest, "{failure:?}");
    assert!(reads.any(), "nothing is refused for what a record says");
    assert!(place.is_known("one").await);

    // Nor is a limit forgotten.
    let mut limits = Limits::default();
    limits.component_size = fs::metadata(place.file()).unwrap().len() - 1;
    let failure = place.engine().load_file(&place.file(), None, &limits).await.unwrap_err();
    assert_eq!(failure.reason, Reason::ComponentSize, "{failure:?}");
}

#[tokio::test]
async fn a_record_that_was_touched_is_none() {
    let place = Place::known("one").await;
    let path = place.record();
    let sound = fs::read(&path).unwrap();
    let step = sound.len() / 12;
    for at in (0..32).step_by(8).chain((32..sound.len()).step_by(step)).chain([sound.len() - 1]) {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert!(!place.is_known("one").await, "byte {at}");
        assert!(place.is_known("one").await, "and is written anew");
    }
    for length in [0, 31, 32, sound.len() - 1] {
        fs::write(&path, &sound[..length]).unwrap();
        assert!(!place.is_known("one").await, "{length} bytes");
    }
    // The digest of another component, in a record that is sound but for its tag.
    let forged = String::from_utf8_lossy(&sound[32..]).replace(&digest("one").hex(), &digest("two").hex());
    fs::write(&path, [&sound[..32], forged.as_bytes()].concat()).unwrap();
    assert!(!place.is_known("one").await);
    fs::remove_file(&path).unwrap();
    assert!(!place.is_known("one").await);
    assert!(place.is_known("one").await);
}

#[tokio::test]
async fn a_record_says_nothing_of_another_file_and_nothing_elsewhere() {
    let (ours, theirs) = tokio::join!(Place::known("one"), Place::known("two"));
    // Under the name that it would have here, with the tag of another cache's key.
    let sound = fs::read(ours.record()).unwrap();
    fs::copy(theirs.record(), ours.record()).unwrap();
    assert!(!ours.is_known("one").await);
    // A cache that was copied with its key knows its images by other inodes.
    fs::write(ours.record(), &sound).unwrap();
    let image = ours.image();
    let aside = image.with_extension("aside");
    fs::copy(&image, &aside).unwrap();
    fs::rename(&aside, &image).unwrap();
    assert!(!ours.is_known("one").await);
    // A record of this cache, for another file of it.
    let other = ours.root.path().join("other.wasm");
    fs::write(&other, component(&core_module_saying("six"))).unwrap();
    fs::write(ours.record(), &sound).unwrap();
    let engine = ours.engine();
    let loaded = engine.load_file(&other, None, &Limits::default()).await.unwrap();
    assert_eq!(said(&loaded).await, "six");
    fs::rename(&other, ours.file()).unwrap();
    assert_eq!(ours.says().await, "six");
}

#[tokio::test]
async fn an_image_that_was_changed_since_is_checked_and_made_anew() {
    let place = Place::known("one").await;
    let path = place.image();
    let sound = fs::read(&path).unwrap();
    let before = fs::metadata(&path).unwrap();
    let mut damaged = sound.clone();
    let middle = sound.len() / 2;
    damaged[middle] ^= 0x40;
    // In place, with its time set back.
    let file = File::options().write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut &file, &damaged).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    assert!(!place.is_known("one").await);
    assert_eq!(fs::read(place.image()).unwrap(), sound, "compiled anew");
    // Away.
    fs::remove_file(place.image()).unwrap();
    assert_eq!(place.says().await, "one");
    assert_eq!(fs::read(place.image()).unwrap(), sound);
}

/// The mark for the eviction changes an image's times: it is checked anew then, once.
#[tokio::test]
async fn an_image_is_marked_as_used_while_its_file_is_known() {
    let place = Place::known("one").await;
    let long_ago = SystemTime::now() - Duration::from_secs(30 * 24 * 60 * 60);
    let modified = || fs::metadata(place.image()).unwrap().modified().unwrap();
    File::options().write(true).open(place.image()).unwrap().set_modified(long_ago).unwrap();
    tokio::time::sleep(SETTLED).await;
    assert!(!place.is_known("one").await);
    assert!(modified() > long_ago + Duration::from_secs(1000));
    tokio::time::sleep(SETTLED).await;
    assert!(!place.is_known("one").await);
    assert!(place.is_known("one").await);
}

#[tokio::test]
async fn what_others_could_write_to_is_not_believed() {
    let place = Place::known("one").await;
    fs::set_permissions(place.images(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(Cache::open(&place.cache()).is_err());
    fs::set_permissions(place.images(), fs::Permissions::from_mode(0o700)).unwrap();
    // Who could read the key could make a record.
    let key = place.images().join("key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(!place.is_known("one").await);
}
