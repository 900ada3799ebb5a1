//! Mistakes in the configuration: where, what, what to do, and nothing is started.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hookward_tests::lab::{Finished, Lab};

use crate::support::{anything_started, hook, json, lab, run};

const HEAD: &str =
    "version = 1\n[repository.r]\nurl = \"/srv/repo\"\n[profile.p]\nrepository = \"r\"\nsources = [\"/x\"]\n";
const HOOK: &str = "[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\n";

/// A mistake, where it stands, and what is said of it.
struct Mistake {
    name: &'static str,
    text: String,
    at: &'static str,
    says: &'static [&'static str],
}

fn mistakes() -> Vec<Mistake> {
    let below = |head: &str, text: &str| format!("{head}{text}");
    let hook = |line: &str| format!("{HEAD}{HOOK}{line}\n");
    vec![
        Mistake {
            name: "unknown key",
            text: below(HEAD, "tag = [\"a\"]\nsuorces = [\"/y\"]\n"),
            at: "8:1",
            says: &["unknown key `suorces`", "did you mean `sources`?"],
        },
        Mistake {
            name: "unknown table",
            text: below(HEAD, "[profil.q]\nrepository = \"r\"\n"),
            at: "7:2",
            says: &["unknown key `profil`", "did you mean `profile`?"],
        },
        Mistake {
            name: "wrong type",
            text: below(HEAD, "tags = \"daily\"\n"),
            at: "7:8",
            says: &["expected an array, found string \"daily\"", "write a list in brackets"],
        },
        Mistake {
            name: "bad duration",
            text: hook("on = [\"before\"]\ntimeout = \"5 parsecs\""),
            at: "11:11",
            says: &["`5 parsecs` is not a duration: unknown unit `parsecs`", "such as `30s`"],
        },
        Mistake {
            name: "bad size",
            text: hook("on = [\"before\"]\nmemory = \"64 monkeys\""),
            at: "11:10",
            says: &["`64 monkeys` is not a size", "such as `64MiB`"],
        },
        Mistake {
            name: "two hooks of one name",
            text: format!("{HEAD}{HOOK}on = [\"before\"]\n{HOOK}on = [\"finally\"]\n"),
            at: "12:8",
            says: &["two hooks of this scope are named `h`", "rename one; the first is at"],
        },
        Mistake {
            name: "no such repository",
            text: "version = 1\n[repository.nas]\nurl = \"/srv\"\n[profile.p]\nrepository = \"nsa\"\n".to_owned(),
            at: "5:14",
            says: &["no repository `nsa`", "did you mean `nas`?"],
        },
        Mistake {
            name: "no event",
            text: hook("on = []"),
            at: "10:6",
            says: &["`on` is empty", "name the events that it is for"],
        },
        Mistake {
            name: "unknown event",
            text: hook("on = [\"befor\"]"),
            at: "10:7",
            says: &["no event `befor`", "did you mean `before`?"],
        },
        Mistake {
            name: "unknown kind",
            text: hook("on = [\"before\"]\nkind = \"mandatory\""),
            at: "11:8",
            says: &["`mandatory` is no value of `kind`", "`required`, `preflight`, `optional`"],
        },
        Mistake {
            name: "empty sources",
            text: "version = 1\n[repository.r]\nurl = \"/srv\"\n[profile.p]\nrepository = \"r\"\nsources = []\n"
                .to_owned(),
            at: "6:11",
            says: &["an empty list of sources", "name what to back up"],
        },
        Mistake {
            name: "include that is not there",
            text: below("include = [\"more.toml\"]\n", HEAD),
            at: "1:12",
            says: &["cannot read", "more.toml", "check the path"],
        },
        Mistake {
            name: "include loop",
            text: below("include = [\"hookward.toml\"]\n", HEAD),
            at: "1:12",
            says: &["files include each other", "remove one of these includes"],
        },
        Mistake {
            name: "not TOML",
            text: below(HEAD, "tags = [\"a\"\nargs = 1\n"),
            at: "8:",
            says: &["invalid TOML", "correct the TOML here"],
        },
        Mistake {
            name: "no version",
            text: HEAD.replace("version = 1\n", ""),
            at: "1:1",
            says: &["`version` is missing", "add `version = 1`"],
        },
        Mistake {
            name: "version of the future",
            text: HEAD.replace("version = 1", "version = 2"),
            at: "1:11",
            says: &["version 2 of the format is not known", "reads `version = 1`"],
        },
        Mistake {
            name: "password in the file",
            text: HEAD.replace("url = ", "password = \"secret\"\nurl = "),
            at: "3:1",
            says: &["unknown key `password`", "did you mean `password-file`?"],
        },
        Mistake {
            name: "grant that is none",
            text: hook("on = [\"before\"]\ngrants = { dir = [] }"),
            at: "11:12",
            says: &["unknown key `dir`", "did you mean `dirs`?"],
        },
    ]
}

#[test]
fn every_mistake_is_shown_with_its_place_and_what_to_do() {
    let lab = Lab::new();
    for Mistake { name, text, at, says } in mistakes() {
        fs::write(lab.path("hookward.toml"), text).unwrap();
        for args in [&["validate"] as &[&str], &["run", "p"], &["explain", "p"], &["exec", "--", "restic", "check"]] {
            let finished = lab.run(args);
            assert_eq!((finished.code, finished.stdout.as_str()), (78, ""), "{name}: {finished:?}");
            let place = format!("hookward.toml:{at}");
            for part in [place.as_str(), "help: "].iter().chain(says) {
                assert!(finished.stderr.contains(part), "{name}: no {part:?} in\n{}", finished.stderr);
            }
        }
        assert!(!anything_started(&lab), "{name}");
    }
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let lab = Lab::new();
    let text = format!("{HEAD}{HOOK}on = [\"befor\"]\ntimeout = \"x\"\nkind = \"odd\"\n");
    fs::write(lab.path("hookward.toml"), text).unwrap();
    let finished = lab.run(["validate"]);
    assert_eq!(finished.stderr.matches("error: ").count(), 3, "{}", finished.stderr);
}

#[test]
fn a_report_has_the_places_of_mistakes_for_machines() {
    let lab = Lab::new();
    fs::write(lab.path("hookward.toml"), format!("{HEAD}{HOOK}on = [\"befor\"]\n")).unwrap();
    let finished = lab.run(["run", "p", "--json"]);
    let report = json(&finished);
    assert_eq!((finished.code, report["exit-code"].as_i64()), (78, Some(78)), "{report:#}");
    let place = &report["diagnostics"][0];
    assert_eq!(
        (place["file"].as_str(), place["line"].as_u64(), place["column"].as_u64()),
        (Some("hookward.toml"), Some(10), Some(7)),
        "{report:#}"
    );
    assert_eq!(place["help"], "did you mean `before`?");
}

#[test]
fn a_file_that_is_not_text_is_told_by_its_first_wrong_byte() {
    let lab = Lab::new();
    fs::write(lab.path("hookward.toml"), b"version = 1\n# caf\xe9\n").unwrap();
    let finished = lab.run(["validate"]);
    assert_eq!(finished.code, 78);
    assert!(finished.stderr.contains("not UTF-8: byte 0xe9"), "{}", finished.stderr);
    assert!(finished.stderr.contains("hookward.toml:2:6"), "{}", finished.stderr);
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let lab = Lab::new();
    fs::create_dir(lab.path("hookward.toml")).unwrap();
    let finished = lab.run(["validate"]);
    assert_eq!(finished.code, 78);
    assert!(finished.stderr.contains("hookward.toml") && finished.stderr.contains("directory"), "{}", finished.stderr);
    assert!(finished.stderr.contains("help: "), "{}", finished.stderr);
    if nix::unistd::geteuid().is_root() {
        return;
    }
    fs::remove_dir(lab.path("hookward.toml")).unwrap();
    fs::write(lab.path("hookward.toml"), HEAD).unwrap();
    fs::set_permissions(lab.path("hookward.toml"), fs::Permissions::from_mode(0o000)).unwrap();
    let finished = lab.run(["validate"]);
    assert!(finished.code == 78 && finished.stderr.contains("ermission"), "{finished:?}");
}

#[test]
fn two_files_that_include_each_other_are_told_in_a_row() {
    let lab = Lab::new();
    fs::write(lab.path("hookward.toml"), format!("include = [\"b.toml\"]\n{HEAD}")).unwrap();
    fs::write(lab.path("b.toml"), "version = 1\ninclude = [\"hookward.toml\"]\n").unwrap();
    let finished = lab.run(["validate"]);
    assert!(finished.stderr.contains("hookward.toml -> b.toml -> hookward.toml"), "{}", finished.stderr);
    assert!(finished.stderr.contains("b.toml:2:12"), "{}", finished.stderr);
}

fn refused(lab: &Lab, finished: &Finished, says: &[&str]) {
    assert_eq!(finished.code, 78, "{finished:?}");
    for part in says {
        assert!(finished.stderr.contains(part), "no {part:?} in\n{}", finished.stderr);
    }
    assert!(!anything_started(lab));
}

#[test]
fn a_profile_that_is_not_there_is_told_with_the_nearest() {
    let lab = lab(&[]);
    fs::write(
        lab.path("hookward.toml"),
        fs::read_to_string(lab.path("hookward.toml")).unwrap().replace("profile.p]", "profile.documents]"),
    )
    .unwrap();
    for args in [
        &["run", "docuemnts"] as &[&str],
        &["backup", "docuemnts"],
        &["explain", "docuemnts"],
        &["exec", "--profile", "docuemnts", "--", "restic", "check"],
        // Before the first of them is run.
        &["run", "documents", "docuemnts"],
    ] {
        let finished = run(&lab, &[], args);
        refused(&lab, &finished, &["no profile `docuemnts`", "did you mean `documents`?"]);
    }
    let finished = run(&lab, &[], &["run", "zzz"]);
    refused(&lab, &finished, &["no profile `zzz`", "known profiles: documents"]);
}

#[test]
fn a_component_that_is_missing_or_another_one_is_told_with_its_line() {
    let broken = hook("absent", &["before"], "", "").replace("@probe@", "absent.wasm");
    let pin = format!("digest = \"sha256:{}\"", "0".repeat(64));
    let lab = lab(&[broken, hook("swapped", &["before"], &pin, ""), hook("fine", &["before"], "", "")]);
    let finished = run(&lab, &[], &["run", "p"]);
    refused(
        &lab,
        &finished,
        &[
            "nothing was started",
            "hook \"absent\": cannot read ",
            "absent.wasm: No such file",
            "[unreadable]\n  --> hookward.toml:12:13\n  help: correct the path",
            "hook \"swapped\": ",
            "not the component that was pinned",
            "[digest]\n  --> hookward.toml:21:10\n  help: if the new component is meant, pin its digest",
        ],
    );
    assert!(!finished.stderr.contains("fine"), "{finished:?}");
    // The path of the file once, however the failure says it.
    assert_eq!(finished.stderr.matches("absent.wasm").count(), 1, "{finished:?}");
}

#[test]
fn a_restic_that_is_not_there_is_told() {
    let lab = Lab::new();
    fs::write(lab.path("hookward.toml"), format!("{HEAD}[restic]\nbinary = \"/nonexistent/restic\"\n")).unwrap();
    for args in [&["run", "p"] as &[&str], &["validate"], &["explain", "p"]] {
        let finished = lab.run(args);
        refused(&lab, &finished, &["cannot find the program `/nonexistent/restic`: install restic, or set `binary`"]);
    }
}
