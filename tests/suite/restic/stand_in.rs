//! Bytes, directory, environment and umask, by a restic whose output is known.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::process::Command;

use hookward_tests::lab::{Lab, code, stand_in};

use crate::support::{Way, lab, witness};

/// What the stand-in is told, word by word.
fn told(command: &mut Command, words: &[&str]) {
    command.env("STAND_IN", words.join("\u{1f}"));
}

/// A lab in which the stand-in is restic.
fn known_restic() -> Lab {
    let lab = lab(&[witness()]);
    for file in ["hookward.toml", "bare.toml"] {
        let config = std::fs::read_to_string(lab.path(file)).unwrap();
        let binary = format!("[restic]\nbinary = \"{}\"\n", stand_in().display());
        std::fs::write(lab.path(file), format!("{config}\n{binary}")).unwrap();
    }
    lab
}

#[test]
fn every_byte_of_a_backup_with_json_arrives() {
    let lab = known_restic();
    // A message in two pieces, bytes that are no text, and no line break at the end.
    let message = r#"{"message_type":"summary","snapshot_id":"abcd1234","files_new":1}"#;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (head, tail) = message.split_at(30);
    let words = [
        format!("bytes={}", hex(head.as_bytes())),
        "sleep=100".to_owned(),
        format!("bytes={}", hex(tail.as_bytes())),
        format!("bytes={}", hex(b"\r\n\xff\xfe\x00 not text\nand no end")),
        format!("error-bytes={}", hex(b"\x80 on stderr\r\nand no end")),
    ];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for &way in Way::BEHIND {
        let mut command = way.command(&lab, &["backup", "--json", "/x"]);
        told(&mut command, &words);
        let output = command.output().unwrap();
        assert_eq!(output.stdout, [message.as_bytes(), b"\r\n\xff\xfe\x00 not text\nand no end"].concat(), "{way:?}");
        assert_eq!(output.stderr, b"\x80 on stderr\r\nand no end", "{way:?}");
        assert!(output.status.success());
    }
    assert_eq!(lab.journal().iter().filter(|line| line.contains("snapshot=abcd1234")).count(), 4);
}

#[test]
fn a_flood_arrives_whole() {
    let lab = known_restic();
    for &way in Way::BEHIND {
        let mut command = way.command(&lab, &["backup", "--json", "/x"]);
        told(&mut command, &["flood=30000000"]);
        let output = command.output().unwrap();
        assert_eq!(output.stdout.len(), 30_000_001, "{way:?}");
    }
}

#[test]
fn arguments_directory_environment_and_umask_pass_through() {
    let lab = known_restic();
    std::fs::create_dir(lab.path("source/deep down")).unwrap();
    for &way in Way::BEHIND {
        let words = way.words(&lab);
        let mut command = lab.command("sh");
        command.args(["-c", "umask 027; exec \"$@\"", "sh"]).args(&words).args(["backup", "--tag", "a b", "--", "-x"]);
        command.arg(OsString::from_vec(b"no text \xff".to_vec()));
        way.env(&lab, &mut command);
        command.current_dir(lab.path("source/deep down")).env("AWS_SECRET_ACCESS_KEY", "key").env("EMPTY", "");
        told(&mut command, &["place", "env=AWS_SECRET_ACCESS_KEY", "env=EMPTY", "env=RESTIC_REPOSITORY"]);
        let output = command.output().unwrap();
        assert_eq!(code(output.status), 0, "{way:?}: {output:?}");
        let place = format!("{} 027\n", lab.path("source/deep down").display());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), place, "{way:?}");
        let notes = lab.lines("notes/restic").join("\n");
        assert!(notes.contains("AWS_SECRET_ACCESS_KEY") && notes.contains("key"), "{way:?}: {notes}");
        std::fs::remove_file(lab.path("notes/restic")).unwrap();
    }
}

#[test]
fn exit_codes_and_signals_pass_through() {
    let lab = known_restic();
    for (word, expected) in [("exit=3", 3), ("exit=12", 12), ("exit=200", 200), ("die=9", 137), ("die=11", 139)] {
        for &way in Way::BEHIND {
            let mut command = way.command(&lab, &["check"]);
            told(&mut command, &[word]);
            assert_eq!(code(command.output().unwrap().status), expected, "{word}, {way:?}");
        }
    }
}

#[test]
fn a_copy_named_restic_does_not_start_itself_to_compile_for_ever() {
    let lab = known_restic();
    std::fs::remove_file(lab.path("bin/restic")).unwrap();
    std::fs::copy(hookward_tests::lab::hookward(), lab.path("bin/restic")).unwrap();
    let mut command = Way::StandIn.command(&lab, &["check"]);
    // Nothing compiled yet: the copy starts itself to compile the hook.
    command.env("HOOKWARD_CACHE_DIR", lab.path("cache"));
    told(&mut command, &["stdout=checked"]);
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "checked\n");
    assert_eq!(lab.journal().len(), 3);
}
