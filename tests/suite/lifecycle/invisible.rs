//! Rule 12: a run that calls no hook leaves no trace; and what calls restic through
//! Hookward finds restic.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use hookward_tests::lab::{Finished, Lab, finish, hookward, stand_in};

use super::support::{assert_order, command, hook, lab, noted_pid, order};

/// A hook for backups whose component isn't there.
fn missing() -> String {
    hook("h", &["before", "finally"]).replace("@probe@", "missing.wasm")
}

/// `hookward` with state and cache of the lab's own.
fn traced(lab: &Lab, restic: &[&str], args: &[&str]) -> Command {
    let mut command = command(lab, restic, args);
    command.env("HOOKWARD_CACHE_DIR", lab.path("cache"));
    command
}

#[track_caller]
fn assert_no_trace(lab: &Lab) {
    let mut names: Vec<_> = std::fs::read_dir(lab.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !["bin", "home", "hookward.toml", "notes", "real", "source"].contains(&name.as_str()));
    assert_eq!(names, [""; 0]);
    assert_eq!(std::fs::read_dir(lab.path("home")).unwrap().count(), 0);
}

#[test]
fn a_command_that_calls_no_hook_becomes_restic() {
    for (restic, code) in [(&[][..], 0), (&["exit=12"][..], 12)] {
        let lab = lab(&[missing()]);
        let mut command = traced(&lab, restic, &["exec", "--profile", "p", "--", "restic", "snapshots", "--json"]);
        let child = command.spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let finished = finish(child);
        assert_eq!((finished.code, finished.stdout.as_str(), finished.stderr.as_str()), (code, "", ""));
        assert_eq!(noted_pid(&lab, "started snapshots --json"), pid);
        assert_no_trace(&lab);
    }
}

#[test]
fn a_run_that_calls_no_hook_takes_no_lock_and_loads_nothing() {
    for args in [&["snapshots", "p"][..], &["run", "q"], &["run", "p", "--", "unlock"], &["--json", "snapshots", "p"]] {
        let lab = lab(&[missing()]);
        let finished: Finished = traced(&lab, &[], args).output().unwrap().into();
        assert_eq!(finished.code, 0, "{finished:?}");
        assert_order(&lab, &["restic"]);
        assert_no_trace(&lab);
    }
}

/// A lab in which `bin/restic` is Hookward and `real/restic` is restic, in this order
/// of the search path.
fn shim(hooks: &[String]) -> Lab {
    let base = super::support::BASE.replace("binary = \"@stand-in@\"", "binary = \"restic\"");
    let lab = super::support::lab_with(&base, hooks);
    symlink(hookward(), lab.path("bin/restic")).unwrap();
    std::fs::create_dir(lab.path("real")).unwrap();
    symlink(stand_in(), lab.path("real/restic")).unwrap();
    lab
}

fn restic(lab: &Lab, restic: &[&str], args: &[&str]) -> Command {
    let plain = traced(lab, restic, &[]);
    let mut command = lab.command(lab.path("bin/restic"));
    command.args(args).envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let path = std::env::join_paths([lab.path("bin"), lab.path("real")]).unwrap();
    command.env("PATH", path).env("HOOKWARD_CONFIG", lab.path("hookward.toml")).env("HOOKWARD_PROFILE", "p");
    command
}

#[test]
fn under_the_name_of_restic_a_command_that_calls_no_hook_becomes_restic() {
    let lab = shim(&[missing()]);
    let child = restic(&lab, &["stdout=out", "stderr=err", "exit=3"], &["mount", "/mnt"]).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let finished = finish(child);
    assert_eq!((finished.code, finished.stdout.as_str(), finished.stderr.as_str()), (3, "out\n", "err\n"));
    assert_eq!(noted_pid(&lab, "started mount /mnt"), pid);
    assert_no_trace(&lab);
}

#[test]
fn copies_in_the_search_path_do_not_call_the_hooks_twice() {
    let lab = shim(&[hook("h", &["before", "finally"]), Lab::probe("hook", "g", &["before"], "", "")]);
    std::fs::create_dir(lab.path("home/bin")).unwrap();
    std::fs::copy(hookward(), lab.path("home/bin/restic")).unwrap();
    let path = ["home/bin", "bin", "real"].map(|dir| lab.path(dir));
    let mut command = restic(&lab, &[], &["backup", "/data"]);
    command.env("PATH", std::env::join_paths(path).unwrap());
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    assert_order(&lab, &["g before", "h before", "restic", "h finally"]);
}

#[test]
fn under_the_name_of_restic_a_backup_calls_the_hooks_of_the_profile() {
    let told = super::support::hook_with("h", &["before", "success", "finally"], "", "dump = \"/notes/{kind}.json\"");
    let lab = shim(&[told]);
    let finished: Finished =
        restic(&lab, &["stdout=out", "stderr=err"], &["backup", "--json", "/data"]).output().unwrap().into();
    assert_eq!(
        (finished.code, finished.stdout.as_str(), finished.stderr.as_str()),
        (0, "out\n", "err\n"),
        "{finished:?}"
    );
    assert_order(&lab, &["h before", "restic", "h success", "h finally"]);
    assert!(super::support::text(&lab, "notes/before.json").contains("\"trigger\":\"shim\""));
    assert!(
        lab.journal().iter().any(|line| line.starts_with("started backup --json /data pid=")),
        "{:?}",
        lab.journal()
    );
}

#[test]
fn under_the_name_of_restic_a_shut_gate_is_told_and_has_its_code() {
    let lab = shim(&[super::support::hook_with("h", &["before"], "", "fail-on = [\"before\"]")]);
    let finished: Finished = restic(&lab, &[], &["backup", "/data"]).output().unwrap().into();
    assert_eq!((finished.code, finished.stdout.as_str()), (80, ""), "{finished:?}");
    assert!(finished.stderr.contains("hook \"h\": told to fail"), "{finished:?}");
}

#[test]
fn restic_starts_with_the_signals_that_hookward_got() {
    // Rust ignores SIGPIPE in its own programs, the stand-in too: this one is none.
    const SIGPIPE: u64 = 1 << 12;
    let grep = ["SigIgn:", "/proc/self/status"];
    let base = super::support::BASE.replace("@stand-in@", "grep");
    let every = super::support::hook_with("h", &["before"], "operations = [\"*\"]", "");
    for hooks in [vec![], vec![every]] {
        let lab = super::support::lab_with(&base, &hooks);
        for args in [&["exec", "--profile", "p", "--", "restic"][..], &["run", "p", "--"]] {
            let finished = lab.run([args, &grep].concat());
            let mask = finished.stdout.trim_start_matches("SigIgn:").trim();
            let mask = u64::from_str_radix(mask, 16).unwrap_or_else(|_| panic!("{finished:?}"));
            assert_eq!(mask & SIGPIPE, 0, "{args:?} {mask:x}");
        }
    }
}

#[test]
fn streams_pass_through_byte_for_byte() {
    let odd: Vec<u8> = (0..=255).chain(*b"\n\r\n\0no line break at the end").collect();
    for (hooks, args) in [
        (vec![], &["exec", "--profile", "p", "--", "restic", "backup", "--json", "--stdin"][..]),
        (
            vec![hook("h", &["before", "success"])],
            &["exec", "--profile", "p", "--", "restic", "backup", "--json", "--stdin"],
        ),
        (vec![hook("h", &["before", "success"])], &["exec", "--profile", "p", "--", "restic", "backup", "--stdin"]),
        (vec![hook("h", &["before", "success"])], &["run", "p", "--", "backup", "--json", "--stdin"]),
        (vec![hook("h", &["before", "success"])], &["run", "p", "--", "backup", "--stdin"]),
    ] {
        let lab = lab(&hooks);
        let mut child = command(&lab, &["stdin"], args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&odd).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout == odd, "{args:?}: {:?}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn arguments_reach_restic_as_they_are() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let odd = OsStr::from_bytes(b"/not \xff utf8");
    for before in [&["exec", "--profile", "p", "--", "restic"][..], &["run", "p", "--"], &["exec", "--"]] {
        let lab = lab(&[hook("h", &["before"])]);
        let program = if before == ["exec", "--"] { vec![stand_in().as_os_str()] } else { vec![] };
        let mut command = command(&lab, &["args"], before);
        command
            .args(program)
            .args(["backup", "--stdin-from-command", "", " a  b ", "--", "sh", "-c", "echo $HOME; --json", "--"])
            .arg(odd);
        let finished: Finished = command.output().unwrap().into();
        let expected = r#"["backup", "--stdin-from-command", "", " a  b ", "--", "sh", "-c", "echo $HOME; --json", "--", "/not \xFF utf8"]"#;
        assert_eq!((finished.code, finished.stdout.trim_end()), (0, expected), "{finished:?}");
    }
}

#[test]
fn the_environment_of_a_foreign_command_is_its_own() {
    for hooks in [vec![], vec![hook("h", &["before"])]] {
        let lab = lab(&hooks);
        let words = [
            "RESTIC_REPOSITORY",
            "RESTIC_PASSWORD",
            "RESTIC_REPOSITORY_FILE",
            "AWS_SECRET_ACCESS_KEY",
            "RESTIC_PROGRESS_FPS",
        ]
        .map(|name| format!("env={name}"));
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut command = command(&lab, &words, &["exec", "--profile", "p", "--", "restic", "backup", "/"]);
        command.env("RESTIC_PASSWORD", "pw").env("RESTIC_REPOSITORY_FILE", "/file").env("AWS_SECRET_ACCESS_KEY", "key");
        assert_eq!(command.output().unwrap().status.code(), Some(0));
        let noted: Vec<_> = lab.journal().into_iter().filter(|line| line.starts_with("env ")).collect();
        assert_eq!(
            noted,
            [
                "env RESTIC_REPOSITORY is not set",
                "env RESTIC_PASSWORD=pw",
                "env RESTIC_REPOSITORY_FILE=/file",
                "env AWS_SECRET_ACCESS_KEY=key",
                "env RESTIC_PROGRESS_FPS is not set"
            ]
        );
        assert_eq!(order(&lab).last().map(String::as_str), Some("restic"));
    }
}
