//! What the tests of whole runs share: a lab with a stand-in for restic, and one
//! journal in which hooks and restic stand in the order of their starts.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hookward_tests::lab::{Finished, Lab, stand_in};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

/// Events of the contract, as they are written.
pub(crate) const EVENTS: &[&str] = &["before", "success", "warning", "failure", "cancelled", "skipped", "finally"];

/// The summary that a backup prints last, in one line.
pub(crate) const SUMMARY: &str = r#"stdout={"message_type":"summary","files_new":3,"files_changed":2,"files_unmodified":1,"dirs_new":4,"dirs_changed":5,"dirs_unmodified":6,"data_blobs":7,"tree_blobs":8,"data_added":900,"data_added_packed":400,"total_files_processed":10,"total_bytes_processed":11000,"total_duration":1.5,"snapshot_id":"5a6b7c8d9e0f"}"#;

/// Repository `r` and the profiles `p` and `q` on it.
pub(crate) const BASE: &str = r#"version = 1
[restic]
binary = "@stand-in@"
[repository.r]
url = "/srv/repo"
[profile.p]
repository = "r"
sources = ["@lab@/source"]
[profile.q]
repository = "r"
sources = ["@lab@/source"]
"#;

/// A lab with the base configuration and these hooks.
pub(crate) fn lab(hooks: &[String]) -> Lab {
    lab_with(BASE, hooks)
}

/// A lab with another base, in which `@stand-in@` is the stand-in.
pub(crate) fn lab_with(base: &str, hooks: &[String]) -> Lab {
    let lab = Lab::new();
    configure(&lab, base, hooks);
    lab
}

/// Writes the lab's configuration anew.
pub(crate) fn configure(lab: &Lab, base: &str, hooks: &[String]) {
    let base = base.replace("@stand-in@", stand_in().to_str().unwrap());
    lab.configure(&format!("{base}{}", hooks.concat()));
}

/// A required probe of profile `p` for these events.
pub(crate) fn hook(name: &str, on: &[&str]) -> String {
    Lab::probe("profile.p.hook", name, on, "", "")
}

/// A probe of profile `p`, with more keys and settings.
pub(crate) fn hook_with(name: &str, on: &[&str], more: &str, config: &str) -> String {
    Lab::probe("profile.p.hook", name, on, more, config)
}

/// `hookward ARGS`, with a restic that does this. Both note into one journal.
pub(crate) fn command(lab: &Lab, restic: &[&str], args: &[&str]) -> Command {
    let mut command = lab.hookward(args);
    command.env("STAND_IN", restic.join("\u{1f}")).env("STAND_IN_LOG", lab.path("notes/journal"));
    command
}

/// Runs `hookward ARGS` to its end.
pub(crate) fn run(lab: &Lab, restic: &[&str], args: &[&str]) -> Finished {
    command(lab, restic, args).output().unwrap().into()
}

/// Runs profile `p`, and returns the exit code and the report of the one run.
pub(crate) fn report(lab: &Lab, restic: &[&str]) -> (i32, Value) {
    let finished = run(lab, restic, &["--json", "run", "p"]);
    (finished.code, only_run(&finished))
}

/// The only run of a report on stdout.
pub(crate) fn only_run(finished: &Finished) -> Value {
    let mut report = whole_report(finished);
    let runs = report["runs"].as_array_mut().unwrap();
    assert_eq!(runs.len(), 1, "{finished:?}");
    runs.remove(0)
}

/// The whole report on stdout.
pub(crate) fn whole_report(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// The warnings of a report.
pub(crate) fn warnings(run: &Value) -> Vec<String> {
    run["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap().to_owned()).collect()
}

/// The journal, shortened: `NAME EVENT` of each call, with the attempt if that isn't
/// the first; `restic` for its start, `signal N` for what it gets.
pub(crate) fn order(lab: &Lab) -> Vec<String> {
    lab.journal().iter().filter_map(|line| short(line)).collect()
}

fn short(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    match (words.next()?, words.next().unwrap_or_default()) {
        ("started", _) => Some("restic".to_owned()),
        ("exit" | "grandchild" | "env" | "ready", _) => None,
        ("signal", number) => Some(format!("signal {number}")),
        (name, event) => match words.next()? {
            "attempt=1" => Some(format!("{name} {event}")),
            attempt => Some(format!("{name} {event} {attempt}")),
        },
    }
}

/// The number behind `KEY=` in the first line of the journal that starts with `head`.
pub(crate) fn noted_pid(lab: &Lab, head: &str) -> i32 {
    let journal = lab.journal();
    let line = journal.iter().find(|line| line.starts_with(head)).unwrap();
    line.split("pid=").nth(1).unwrap().parse().unwrap()
}

/// Starts `hookward ARGS`.
pub(crate) fn start(lab: &Lab, restic: &[&str], args: &[&str]) -> Child {
    command(lab, restic, args).spawn().unwrap()
}

/// Waits for a line of the journal that starts so.
pub(crate) fn noted(lab: &Lab, head: &str) {
    lab.wait_for(head, |lab| lab.journal().iter().any(|line| line.starts_with(head)));
}

/// Sends a signal to `hookward` alone.
pub(crate) fn send(child: &Child, signal: Signal) {
    signal::kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

/// Whether a process is there, be it a zombie that nobody has waited for.
pub(crate) fn is_alive(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The state follows the name, which stands in parentheses.
    !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z')
}

/// Lets what waits for this file go on.
pub(crate) fn release(lab: &Lab, name: &str) {
    File::create(lab.path(name)).unwrap();
}

/// The word for the stand-in that waits for [`release`].
pub(crate) fn until(lab: &Lab, name: &str) -> String {
    format!("until={}", lab.path(name).display())
}

/// Starts with stderr in a file of the lab, so that it can be read while it grows.
pub(crate) fn start_logged(lab: &Lab, restic: &[&str], args: &[&str], log: &str) -> Child {
    let file = File::create(lab.path(log)).unwrap();
    command(lab, restic, args).stderr(Stdio::from(file)).spawn().unwrap()
}

/// Starts with both streams in one file of the lab.
pub(crate) fn start_recorded(lab: &Lab, restic: &[&str], args: &[&str], log: &str) -> Child {
    let file = File::create(lab.path(log)).unwrap();
    command(lab, restic, args).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap()
}

/// Sends a signal that `hookward` tells of in a log, and waits until it has: two of a
/// kind that come at once would be one.
pub(crate) fn send_told(lab: &Lab, child: &Child, signal: Signal, log: &str) {
    let told = |lab: &Lab| text(lab, log).matches("interrupted").count();
    let before = told(lab);
    send(child, signal);
    lab.wait_for("the signal's notice", |lab| told(lab) > before);
}

/// The text of a file of the lab; empty if it isn't there.
pub(crate) fn text(lab: &Lab, name: impl AsRef<Path>) -> String {
    std::fs::read_to_string(lab.path(name)).unwrap_or_default()
}

/// Asserts the order of all calls.
#[track_caller]
pub(crate) fn assert_order(lab: &Lab, expected: &[&str]) {
    assert_eq!(order(lab), expected, "the whole journal: {:#?}", lab.journal());
}
