//! Where the configuration is looked for, and where state and caches go.

use std::fs;
use std::path::PathBuf;

use hookward_tests::lab::{Finished, Lab};

use crate::support::{EVENTS, configure, hook, hookward_in, lab, run};

/// A configuration with one profile of this name.
fn profile(lab: &Lab, file: &str, name: &str) {
    let path = lab.path(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = format!(
        "version = 1\n[repository.r]\nurl = \"/srv\"\n[profile.{name}]\nrepository = \"r\"\nsources = [\"/x\"]\n"
    );
    fs::write(path, text).unwrap();
}

#[test]
fn the_nearest_configuration_wins() {
    let lab = Lab::new();
    for (file, name) in [
        ("home/.config/hookward/hookward.toml", "of-home"),
        ("xdg/hookward/hookward.toml", "of-xdg"),
        ("work/hookward.toml", "of-work"),
        ("variable.toml", "of-variable"),
        ("option.toml", "of-option"),
    ] {
        profile(&lab, file, name);
    }
    // What it is, as the files that were read tell.
    let known = |dir: &str, env: &[(&str, PathBuf)], args: &[&str]| {
        let mut command = hookward_in(&lab, dir, &[args, &["explain", "?"]].concat());
        let finished: Finished = command.envs(env.iter().cloned()).output().unwrap().into();
        finished.stderr.rsplit("known profiles: ").next().unwrap().trim().to_owned()
    };
    let xdg = ("XDG_CONFIG_HOME", lab.path("xdg"));
    let variable = ("HOOKWARD_CONFIG", lab.path("variable.toml"));
    let nothing = ("HOOKWARD_CONFIG", PathBuf::new());
    let option = lab.path("option.toml");
    assert_eq!(known("elsewhere", &[], &[]), "of-home");
    assert_eq!(known("elsewhere", std::slice::from_ref(&xdg), &[]), "of-xdg");
    assert_eq!(known("work", std::slice::from_ref(&xdg), &[]), "of-work");
    assert_eq!(known("work", std::slice::from_ref(&variable), &[]), "of-variable");
    assert_eq!(known("work", &[nothing], &[]), "of-work", "a variable that is set to nothing is not set");
    assert_eq!(known("work", &[variable], &["--config", option.to_str().unwrap()]), "of-option");
}

#[test]
fn without_a_configuration_every_place_is_named() {
    let lab = Lab::new();
    for args in [&["run", "p"] as &[&str], &["validate"], &["exec", "--", "restic", "version"]] {
        let finished = lab.run(args);
        assert_eq!(finished.code, 78, "{finished:?}");
        let user = lab.path("home/.config/hookward/hookward.toml");
        for part in
            ["hookward.toml", user.to_str().unwrap(), "/etc/hookward/hookward.toml", "`hookward init`", "--config"]
        {
            assert!(finished.stderr.contains(part), "no {part:?} in {finished:?}");
        }
    }
    let finished = lab.run(["--config", "other.toml", "validate"]);
    assert!(finished.stderr.contains("other.toml") && !finished.stderr.contains("/etc/"), "{finished:?}");
}

#[test]
fn locks_and_compiled_components_go_where_they_are_told() {
    let lab = lab(&[hook("h", EVENTS, "", "")]);
    let options = ["--state-dir", "s", "--cache-dir", "c"];
    assert_eq!(run(&lab, &[], &[&options as &[&str], &["run", "p"]].concat()).code, 0);
    assert!(lab.path("s/locks/profile-p.lock").is_file());
    assert!(fs::read_dir(lab.path("c")).unwrap().next().is_some());
    assert!(!lab.path("state").exists());
    // The variables, and what follows from those of XDG when they are empty.
    let mut command = lab.hookward(["run", "p"]);
    command.env("HOOKWARD_STATE_DIR", "").env("HOOKWARD_CACHE_DIR", "");
    command.env("XDG_STATE_HOME", lab.path("xs")).env("XDG_CACHE_HOME", lab.path("xc"));
    let finished: Finished = command.output().unwrap().into();
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(lab.path("xs/hookward/locks/profile-p.lock").is_file());
    assert!(lab.path("xc/hookward").is_dir());
    assert!(!lab.path("home/.local").exists() && !lab.path("home/.cache").exists());
}

#[test]
fn a_cache_that_cannot_be_used_costs_time_and_nothing_else() {
    let lab = lab(&[hook("h", &["before"], "", "")]);
    fs::write(lab.path("file"), "").unwrap();
    let finished = run(&lab, &[], &["--cache-dir", "file/below", "run", "p"]);
    assert_eq!((finished.code, lab.journal().len()), (0, 1), "{finished:?}");
    assert!(finished.stderr.contains("components are compiled anew on every run"), "{finished:?}");
}

#[test]
fn a_run_that_calls_no_hook_leaves_nothing_behind() {
    let lab = lab(&[hook("h", EVENTS, "", "")]);
    for args in [&["snapshots", "p"] as &[&str], &["exec", "--", "restic", "check"], &["explain", "p", "check"]] {
        let finished = run(&lab, &[], &[&["--state-dir", "s", "--cache-dir", "c"], args].concat());
        assert_eq!(finished.code, 0, "{finished:?}");
    }
    assert!(!lab.path("s").exists() && !lab.path("c").exists());
}

#[test]
fn paths_start_at_the_file_that_has_them() {
    let lab = Lab::new();
    configure(&lab, "");
    let text = fs::read_to_string(lab.path("hookward.toml")).unwrap();
    let text = text.replace(&format!("\"{}\"", lab.path("source").display()), "\"source\"");
    fs::write(lab.path("hookward.toml"), text).unwrap();
    let mut command = hookward_in(&lab, "elsewhere", &["--config", "../hookward.toml", "run", "p"]);
    let finished: Finished = command.output().unwrap().into();
    assert_eq!(finished.code, 0, "{finished:?}");
    let started = &lab.lines("notes/restic")[0];
    assert!(started.contains("/source"), "{started}");
}
