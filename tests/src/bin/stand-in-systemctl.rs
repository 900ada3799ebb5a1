//! Stands in for `systemctl` where no systemd runs the machine: what systemctl(1)
//! says of `show`, `is-active`, `stop`, `start`, `freeze` and `thaw`, for one unit.
//!
//! The units are the files beside it, as it was called: `Key=Value` lines of their
//! properties, times in microseconds since 1970. Lines in lower case make a unit odd:
//! `stop-takes=MILLISECONDS`, `denies=VERB` (as polkit does), `breaks=start` (its
//! process ends at once). A stop goes on when this program is killed, as in systemd.
//! Every change that is asked for is a line in `journal`: when, verb, unit.
#![allow(clippy::expect_used, clippy::panic, reason = "part of the tests")]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{self, TimeZone};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [program, verb, name] = args.as_slice() else { panic!("a verb and a unit, not {args:?}") };
    let dir = Path::new(program).parent().expect("it was called by its path");
    let Some(mut unit) = Unit::load(dir, name) else { exit(unknown(verb, name)) };
    if unit.is("denies", verb) {
        eprintln!("Failed to {verb} {name}: Access denied");
        exit(4);
    }
    if !matches!(verb.as_str(), "show" | "is-active") {
        note(dir, &format!("{verb} {name}"));
    }
    exit(match verb.as_str() {
        "show" => unit.show(),
        "is-active" => {
            println!("{}", unit.get("ActiveState"));
            if unit.is("ActiveState", "active") { 0 } else { 3 }
        }
        "stop" => unit.stop(),
        "start" => unit.start(name),
        "freeze" => unit.change(&[("FreezerState", "frozen")]),
        "thaw" => unit.change(&[("FreezerState", "running")]),
        _ => panic!("unknown verb {verb}"),
    });
}

fn unknown(verb: &str, name: &str) -> i32 {
    match verb {
        "show" => println!("Id={name}\nLoadState=not-found\nActiveState=inactive\nSubState=dead"),
        "is-active" => {
            println!("inactive");
            return 4;
        }
        _ => {
            eprintln!("Failed to {verb} {name}: Unit {name} not loaded.");
            return 5;
        }
    }
    0
}

fn note(dir: &Path, line: &str) {
    let mut journal =
        OpenOptions::new().create(true).append(true).open(dir.join("journal")).expect("it can be written");
    writeln!(journal, "{} {line}", Timestamp::now().as_nanosecond()).expect("it can be written");
}

struct Unit {
    file: PathBuf,
    lines: BTreeMap<String, String>,
}

impl Unit {
    /// As it is now: a stop that is over by now is over.
    fn load(dir: &Path, name: &str) -> Option<Self> {
        let file = dir.join(name);
        let text = fs::read_to_string(&file).ok()?;
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut unit = Self { lines: lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(), file };
        if let Ok(end) = unit.get("stops-at").parse::<i64>()
            && end <= now()
        {
            unit.change(&[("ActiveState", "inactive"), ("InactiveEnterTimestamp", &end.to_string()), ("stops-at", "")]);
        }
        Some(unit)
    }

    fn get(&self, key: &str) -> &str {
        self.lines.get(key).map_or("", String::as_str)
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == value
    }

    /// In one step: this process may be killed.
    fn change(&mut self, changes: &[(&str, &str)]) -> i32 {
        self.lines.extend(changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let text: String = self.lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        let new = self.file.with_extension(format!("new-{}", std::process::id()));
        fs::write(&new, text).and_then(|()| fs::rename(&new, &self.file)).expect("the unit can be written");
        0
    }

    /// Without what is empty, and with times in the zone of the process.
    fn show(&self) -> i32 {
        for (key, value) in
            self.lines.iter().filter(|(key, value)| key.starts_with(char::is_uppercase) && !value.is_empty())
        {
            let value = if key.ends_with("Timestamp") { told(value) } else { value.clone() };
            println!("{key}={value}");
        }
        0
    }

    fn stop(&mut self) -> i32 {
        if self.is("ActiveState", "active") {
            let takes: i64 = self.get("stop-takes").parse().unwrap_or(0);
            let end = now() + takes * 1000;
            self.change(&[("ActiveState", "deactivating"), ("stops-at", &end.to_string())]);
        }
        self.wait_for_stop();
        0
    }

    fn start(&mut self, name: &str) -> i32 {
        if self.is("LoadState", "masked") {
            eprintln!("Failed to start {name}: Unit {name} is masked.");
            return 1;
        }
        self.wait_for_stop();
        let now = now().to_string();
        if self.is("breaks", "start") {
            self.change(&[("ActiveState", "failed"), ("Result", "exit-code"), ("InactiveEnterTimestamp", &now)]);
            eprintln!("Job for {name} failed because the control process exited with error code.");
            return 1;
        }
        if self.is("ActiveState", "active") {
            return 0;
        }
        self.change(&[("ActiveState", "active"), ("Result", "success"), ("ActiveEnterTimestamp", &now)])
    }

    fn wait_for_stop(&mut self) {
        while self.is("ActiveState", "deactivating") {
            std::thread::sleep(Duration::from_millis(20));
            let (dir, name) = (self.file.parent(), self.file.file_name().and_then(|name| name.to_str()));
            // Nothing outlives a test that has failed, and its directory.
            *self = dir.zip(name).and_then(|(dir, name)| Self::load(dir, name)).expect("the unit is still there");
        }
    }
}

fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

/// As systemd tells a time: in UTC if `TZ` says so, else in the machine's zone, which
/// is an hour ahead here.
fn told(microseconds: &str) -> String {
    let time = Timestamp::from_microsecond(microseconds.parse().expect("a number")).expect("a time");
    if std::env::var_os("TZ").is_some_and(|zone| zone == "UTC") {
        return time.to_zoned(TimeZone::UTC).strftime("%a %Y-%m-%d %H:%M:%S UTC").to_string();
    }
    time.to_zoned(TimeZone::fixed(tz::offset(1))).strftime("%a %Y-%m-%d %H:%M:%S CET").to_string()
}
