//! State that can't be used as it stands: the hook fails, with the reason `state` and
//! a word that helps, and the file is left as it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use hookward_tests::lab::{Finished, Lab};
use nix::unistd::geteuid;

use super::state_kept::{WITHOUT, keeper, told, told_by};
use super::support::{BASE, configure, lab, only_run, run};

const STEPS: &str = "steps = [\"get a\", \"set-many k 100 1000\", \"set a old\"]";

/// A lab whose hook, which is called in runs without a profile, has kept something.
fn kept() -> (Lab, PathBuf) {
    let lab = lab(&[keeper("hook", "h", &["before"], "", STEPS)]);
    assert_eq!(told_by(&lab, WITHOUT)[0], "h get a: none");
    let file = lab.path("state/state.sqlite");
    assert!(file.is_file());
    (lab, file)
}

/// What the hook's failure says.
#[track_caller]
fn failure(finished: &Finished) -> String {
    let run = only_run(finished);
    let failure = &run["hooks"][0]["failure"];
    assert_eq!(failure["reason"], "state", "{finished:?}");
    assert_eq!(finished.code, 80, "{finished:?}");
    failure["message"].as_str().unwrap().to_owned()
}

/// Puts these bytes in a place of the file.
fn patch(file: &std::path::Path, at: usize, bytes: &[u8]) {
    let mut contents = fs::read(file).unwrap();
    contents[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(file, contents).unwrap();
}

#[test]
fn a_damaged_file_fails_the_hook_and_stays_as_it_is() {
    let (lab, file) = kept();
    let whole = fs::read(&file).unwrap();
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage, &str); 7] = [
        ("cut to nothing", |bytes| bytes.clear(), "is empty, but no database ever is"),
        ("cut in the middle", |bytes| bytes.truncate(bytes.len() / 2), "it is damaged"),
        ("no header", |bytes| bytes[..16].fill(0), "it is not a database"),
        ("text", |bytes| *bytes = b"not a database at all".repeat(1000), "it is not a database"),
        ("zeros but for the first page", |bytes| bytes[4096..].fill(0), "it is damaged"),
        // Numbers in SQLite's header: `user_version` and `application_id`.
        ("a newer form", |bytes| bytes[60..64].copy_from_slice(&9u32.to_be_bytes()), "was written by a newer hookward"),
        ("another's", |bytes| bytes[68..72].fill(7), "is a database of another program"),
    ];
    for (what, damage, expected) in damages {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        let message = failure(&run(&lab, &[], WITHOUT));
        assert!(message.starts_with("its state can't be ") && message.contains(expected), "{what}: {message}");
        assert!(message.contains(file.to_str().unwrap()), "{what}: {message}");
        assert!(fs::read(&file).unwrap() == bytes, "{what}");
    }
    // The copy that somebody puts back serves again.
    fs::write(&file, &whole).unwrap();
    assert_eq!(told_by(&lab, WITHOUT)[0], "h get a: old");
}

#[test]
fn damage_in_any_page_is_an_error_or_does_no_harm() {
    let (lab, file) = kept();
    let whole = fs::read(&file).unwrap();
    configure(&lab, BASE, &[keeper("hook", "h", &["before"], "", "steps = [\"get a\", \"list\"]")]);
    for page in (0..whole.len() / 4096).step_by(5) {
        fs::write(&file, &whole).unwrap();
        patch(&file, page * 4096, &[0xff; 200]);
        let finished = run(&lab, &[], WITHOUT);
        let told = told(&only_run(&finished));
        let unharmed = ["h get a: old", "h list: 100+1 a..k00099 sorted=true"];
        assert!(told == unharmed || told == ["h state"], "page {page}: {finished:?}");
    }
}

#[test]
fn what_is_not_a_file_is_refused() {
    let (lab, file) = kept();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(failure(&run(&lab, &[], WITHOUT)).contains("is not a file"));
}

/// Runs `hookward` behind a shell command, in a mount namespace of its own. None
/// where that is not allowed.
fn mounted(lab: &Lab, script: &str) -> Option<Finished> {
    let allowed = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    if !geteuid().is_root() || !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: mounting needs root");
        return None;
    }
    let mut command = lab.command("unshare");
    command.args(["-m", "sh", "-ec", &format!("{script}\nexec \"$@\""), "sh"]);
    command.arg(hookward_tests::lab::hookward()).args(WITHOUT);
    command.env("STAND_IN_LOG", lab.path("notes/journal")).env("STATE", lab.path("state"));
    Some(command.output().unwrap().into())
}

#[test]
fn in_a_directory_that_is_read_only_nothing_is_started() {
    for first in [true, false] {
        let (lab, file) = kept();
        if first {
            fs::remove_file(&file).unwrap();
        }
        let finished = if geteuid().is_root() {
            let Some(finished) =
                mounted(&lab, "mount --bind \"$STATE\" \"$STATE\"; mount -o remount,ro,bind \"$STATE\"")
            else {
                return;
            };
            finished
        } else {
            fs::set_permissions(lab.path("state"), Permissions::from_mode(0o500)).unwrap();
            let finished = run(&lab, &[], WITHOUT);
            fs::set_permissions(lab.path("state"), Permissions::from_mode(0o700)).unwrap();
            finished
        };
        assert_eq!(finished.code, 78, "{finished:?}");
        assert!(finished.stderr.contains("the journal can't be used"), "{finished:?}");
        assert_eq!(file.exists(), !first);
        let expected = if first { "h get a: none" } else { "h get a: old" };
        assert_eq!(told_by(&lab, WITHOUT)[0], expected);
    }
}

#[test]
fn a_disk_that_is_full_fails_the_call_and_nothing_else() {
    let steps = "first = [\"set-size big 3000000\"], steps = [\"get-size big\", \"add n\"]";
    let more = "retry = { attempts = 2, delay = \"1ms\" }";
    let lab = lab(&[keeper("hook", "h", &["before"], more, steps)]);
    fs::create_dir(lab.path("state")).unwrap();
    let Some(finished) = mounted(&lab, "mount -t tmpfs -o size=400k none \"$STATE\"") else { return };
    let run = only_run(&finished);
    let message = run["hooks"][0]["failure"]["message"].as_str().unwrap();
    assert!(message.starts_with("its state can't be kept: ") && message.contains("its disk is full"), "{message}");
    // What fits is kept, by the same process and on the same disk; `n` is 1 again.
    let told = told(&run);
    assert_eq!(told[told.len() - 3..], ["h state", "h get-size big: 0", "h add n: 1"]);
    assert_eq!(finished.code, 0);
}

#[test]
fn a_disk_without_room_for_the_file_is_told_and_kills_nobody() {
    let lab = lab(&[keeper("hook", "h", &["before"], "", "steps = [\"add n\"]")]);
    fs::create_dir(lab.path("state")).unwrap();
    for pages in [1, 2, 4, 8, 12, 16, 20, 24] {
        let script = format!("mount -t tmpfs -o size={}k none \"$STATE\"", 4 * pages);
        let Some(finished) = mounted(&lab, &script) else { return };
        match finished.code {
            0 => {}
            // The journal needs room first.
            78 => assert!(finished.stderr.contains("the journal can't be used"), "{finished:?}"),
            _ => assert!(!failure(&finished).is_empty()),
        }
    }
}
