//! Commands of a whole `hookward`: what the process itself hands on, and what is left
//! when it is killed.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use hookward_tests::guest;
use hookward_tests::lab::{Finished, Lab, hookward};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::supervisor::{PATIENCE, alive};

/// `hookward hook call` of the guest, which runs the command `c`, by way of a shell.
fn shell(lab: &Lab, before: &str, grants: &str, after: &str) -> Command {
    fs::write(lab.path("grants.toml"), grants).unwrap();
    let script = format!(
        "{before}\nexec {} --json hook call {} --event before --set 'calls=[{{ command = \"c\" }}]' \
         --grants grants.toml {after}",
        hookward().display(),
        guest("command").display(),
    );
    let mut command = lab.command("sh");
    command.args(["-c", &script]);
    command
}

fn told(finished: &Finished) -> Value {
    let report: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    assert_eq!(report["ok"], true, "{finished:?}");
    serde_json::from_str(report["log"][0]["message"].as_str().unwrap()).unwrap()
}

#[test]
fn no_file_descriptor_is_inherited() {
    let lab = Lab::new();
    let before = "exec 3<source/file.txt 7<source/file.txt";
    // Those of the shell that looks are 0, 1, 2 and the directory that `ls` reads.
    let grants = "commands.c = { argv = [\"ls\", \"/proc/self/fd\"] }";
    let finished: Finished = shell(&lab, before, grants, "").output().unwrap().into();
    assert_eq!(told(&finished)["stdout"], "0\n1\n2\n3\n");
    let readable = "commands.c = { argv = [\"sh\", \"-c\", \"readlink /proc/self/fd/3 /proc/self/fd/7\"] }";
    let finished: Finished = shell(&lab, before, readable, "").output().unwrap().into();
    assert_eq!((&told(&finished)["stdout"], &told(&finished)["code"]), (&json!(""), &json!(1)));
    // As another user, by way of a second stage.
    if nix::unistd::geteuid().is_root() {
        let grants = "commands.c = { argv = [\"ls\", \"/proc/self/fd\"], user = \"nobody\" }";
        let finished: Finished = shell(&lab, before, grants, "").output().unwrap().into();
        assert_eq!(told(&finished)["stdout"], "0\n1\n2\n3\n");
    }
}

#[test]
fn an_environment_of_the_host_leads_no_program_astray() {
    let lab = Lab::new();
    fs::write(lab.path("bin/id"), "#!/bin/sh\necho astray\n").unwrap();
    Command::new("chmod").arg("+x").arg(lab.path("bin/id")).status().unwrap();
    let before = format!("PATH={}:$PATH; SECRET=x; export PATH SECRET", lab.path("bin").display());
    let finished: Finished =
        shell(&lab, &before, "commands.c = { argv = [\"id\", \"-u\"] }", "").output().unwrap().into();
    assert_eq!(told(&finished)["stdout"], format!("{}\n", nix::unistd::geteuid()));
    let finished: Finished = shell(&lab, &before, "commands.c.argv = [\"env\"]", "").output().unwrap().into();
    assert!(!told(&finished)["stdout"].as_str().unwrap().contains("SECRET"));
}

/// A command that ignores signals, with a daemon of its own: their ids stand in files.
fn deaf(lab: &Lab) -> String {
    let dir = lab.path("notes");
    let script = format!(
        "trap '' TERM HUP INT; setsid sh -c 'trap \"\" TERM HUP INT; echo $$ >{0}/daemon; while :; do sleep 1; done' & \
         echo $$ >{0}/command; echo $PPID >{0}/supervisor; while :; do sleep 1; done",
        dir.display()
    );
    format!("commands.c.argv = [\"sh\", \"-c\", {}]", json!(script))
}

fn pids(lab: &Lab) -> Vec<String> {
    let files = ["notes/daemon", "notes/command", "notes/supervisor"];
    lab.wait_for("the command to run", |lab| files.iter().all(|file| lab.lines(file).len() == 1));
    files.iter().map(|file| lab.lines(file).remove(0)).collect()
}

fn gone_soon(pids: &[String]) {
    let begun = Instant::now();
    while pids.iter().any(|pid| alive(pid)) {
        assert!(begun.elapsed() < PATIENCE, "{pids:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn nothing_outlives_a_host_that_is_killed() {
    let lab = Lab::new();
    let mut host = shell(&lab, "", &deaf(&lab), "").spawn().unwrap();
    let pids = pids(&lab);
    assert!(pids.iter().all(|pid| alive(pid)));
    kill(Pid::from_raw(host.id().cast_signed()), Signal::SIGKILL).unwrap();
    host.wait().unwrap();
    gone_soon(&pids);
}

/// As a service manager ends a service: with a signal to every process of it.
#[test]
fn a_signal_to_all_of_them_leaves_nothing_behind() {
    let lab = Lab::new();
    let mut host = shell(&lab, "", &deaf(&lab), "").spawn().unwrap();
    let pids = pids(&lab);
    for pid in pids.iter().map(|pid| pid.parse().unwrap()).chain([host.id().cast_signed()]) {
        kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    }
    host.wait().unwrap();
    // The host has waited for it.
    assert!(!pids.iter().any(|pid| alive(pid)));
}

#[test]
fn grants_that_stand_alone_are_checked_as_those_of_a_configuration() {
    let lab = Lab::new();
    let component = guest("command");
    let call = |grants: &str| {
        lab.run([
            "hook",
            "call",
            component.to_str().unwrap(),
            "--event",
            "before",
            "--set",
            "calls=[]",
            "--grants",
            grants,
        ])
    };
    assert_eq!(call("commands.c.argv = [\"true\"]").code, 0);
    let wrong = call("env = []\ncommands.c.argv = [\"./x\"]");
    assert_eq!(wrong.code, 78, "{wrong:?}");
    assert!(wrong.stderr.contains("--grants:2:20") && wrong.stderr.contains("relative path"), "{wrong:?}");
    let unknown = call("comands = {}");
    assert!(unknown.stderr.contains("did you mean `commands`?"), "{unknown:?}");
    fs::write(lab.path("g.toml"), "commands.c = 1\n").unwrap();
    let wrong = call("g.toml");
    assert!(wrong.code == 78 && wrong.stderr.contains("g.toml:1:14"), "{wrong:?}");
    let missing = call("missing.toml");
    assert!(missing.stderr.contains("--grants: cannot read missing.toml"), "{missing:?}");
    // A relative path starts at the file.
    fs::create_dir(lab.path("sub")).unwrap();
    fs::write(lab.path("sub/g.toml"), "dirs = [{ host = \"inner\", guest = \"/d\" }]\ncommands.c.argv = [\"true\"]")
        .unwrap();
    assert_ne!(call("sub/g.toml").code, 0);
    fs::create_dir(lab.path("sub/inner")).unwrap();
    assert_eq!(call("sub/g.toml").code, 0);
    // Nothing is granted without it.
    let denied = lab.run(["hook", "call", component.to_str().unwrap(), "--event", "before", "--set", "calls=[]"]);
    assert!(denied.code == 78 && denied.stderr.contains("import-not-granted"), "{denied:?}");
}
