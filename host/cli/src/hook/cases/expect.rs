//! What is expected of a case, and what came of it. A key that isn't there is not asked.

use std::collections::BTreeMap;

use hookward_engine::log::{Record, Source};
use hookward_engine::{Act, Divergence};
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::run::{Called, Happened};
use crate::session::Problem;

/// The header of the table that `--update` writes.
const HEADER: &str = "[expect]";

/// What should come of a case.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Expect {
    /// The hook's error, word for word. Without this and the two below: ok.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// A regular expression that the error has a match for.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_matches: Option<String>,
    /// The reason of the failure: `error`, `timeout`, `panic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Why the run is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skip: Option<String>,
    /// All warnings.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<String>>,
    /// The whole log: `info: message key=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Vec<String>>,
    /// Regular expressions, each of which some line of the log has a match for.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_matches: Option<Vec<String>>,
    /// All changes of the plan: `sources + /srv/dump`.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Vec<String>>,
    /// All requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<Vec<Request>>,
    /// All commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<Vec<Command>>,
    /// All that the hook keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<BTreeMap<String, String>>,
    /// Files by the paths at which the hook sees them; `false`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<BTreeMap<String, File>>,
}

/// A request that is made.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Request {
    method: String,
    url: String,
    /// Header fields that it has among others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// A command that is run.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Command {
    name: String,
    /// The program and its arguments, with all places filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    argv: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdin: Option<String>,
}

/// A file: its contents, or `false`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
enum File {
    Text(String),
    There(bool),
}

/// Where a case went another way.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    pub(super) what: &'static str,
    expected: Vec<String>,
    got: Vec<String>,
    /// No expectation of it can be written.
    #[serde(skip)]
    pub(super) is_final: bool,
}

impl Difference {
    fn new(what: &'static str, expected: Vec<String>, got: Vec<String>) -> Self {
        Self { what, expected, got, is_final: false }
    }

    /// What was expected and isn't there with a `-`, what is there instead with a `+`,
    /// after a line of what is the same around it.
    pub(super) fn lines(&self) -> Vec<String> {
        let same_begin = self.expected.iter().zip(&self.got).take_while(|(one, other)| one == other).count();
        let longest = self.expected.len().min(self.got.len()) - same_begin;
        let backwards = self.expected.iter().rev().zip(self.got.iter().rev());
        let same_end = backwards.take(longest).take_while(|(one, other)| one == other).count();
        let middle = |lines: &[String], sign: char| -> Vec<String> {
            let lines = lines.iter().skip(same_begin).take(lines.len() - same_begin - same_end);
            lines.map(|line| format!("{sign} {line}")).collect()
        };
        let before = self.expected.get(same_begin.wrapping_sub(1)).map(|line| format!("  {line}"));
        let mut lines: Vec<_> = before.into_iter().collect();
        lines.extend(middle(&self.expected, '-'));
        lines.extend(middle(&self.got, '+'));
        lines
    }
}

fn line(record: &Record) -> String {
    let head = match record.source {
        Source::Stdout => "stdout",
        Source::Stderr => "stderr",
        _ => record.level.as_str(),
    };
    let fields: String = record.fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    format!("{head}: {}{fields}", record.message)
}

/// The log without what is told by itself.
fn log(called: &Called) -> Vec<String> {
    called.log.iter().filter(|record| record.source != Source::Warning).map(line).collect()
}

fn plan(called: &Called) -> Vec<String> {
    called.report.plan.iter().map(|change| format!("{} {}", change.head(), change.shown())).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

pub(super) fn compare(case: &Case, happened: &Happened) -> Vec<Difference> {
    match happened {
        Happened::Called(called) => of_call(&case.written.expect, called),
        Happened::Replayed(replay) => {
            let mut all = Vec::new();
            if let Some(Divergence { call, recorded, made, .. }) = &replay.divergence {
                let nothing = || "nothing more".to_owned();
                let at = |what: &Option<String>| vec![format!("{call}: {}", what.clone().unwrap_or_else(nothing))];
                all.push(Difference::new("call of a host function", at(recorded), at(made)));
            } else if replay.cut {
                let cut = vec!["the record was cut before the call's end".to_owned()];
                all.push(Difference::new("record", Vec::new(), cut));
            }
            let differences = replay.differences.iter();
            all.extend(differences.map(|one| Difference::new(one.what, lines(&one.recorded), lines(&one.replayed))));
            all.iter_mut().for_each(|difference| difference.is_final = true);
            all
        }
    }
}

fn of_call(expect: &Expect, called: &Called) -> Vec<Difference> {
    let mut all = Vec::new();
    result(expect, called, &mut all);
    let report = &called.report;
    let mut same = |what: &'static str, expected: Option<Vec<String>>, got: Vec<String>| {
        if let Some(expected) = expected
            && expected != got
        {
            all.push(Difference::new(what, expected, got));
        }
    };
    // A skip is a result: who expects none gets none.
    same("skip", Some(expect.skip.iter().cloned().collect()), report.skip.iter().cloned().collect());
    same("warnings", expect.warnings.clone(), report.warnings.clone());
    let log = log(called);
    same("log", expect.log.clone(), log.clone());
    same("plan", expect.plan.clone(), plan(called));
    let of_state =
        |state: &BTreeMap<String, String>| state.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let state = called.state.iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect();
    same("state", expect.state.as_ref().map(of_state), of_state(&state));
    for pattern in expect.log_matches.iter().flatten() {
        if !matches(pattern, log.iter().map(String::as_str)) {
            all.push(Difference::new("log-matches", vec![pattern.clone()], log.clone()));
        }
    }
    requests(expect, called, &mut all);
    commands(expect, called, &mut all);
    for (path, file) in expect.files.iter().flatten() {
        let now = called.all_files.get(path);
        let (expected, got) = match file {
            File::Text(wanted) if now.map(|now| text(now)).as_ref() == Some(wanted) => continue,
            File::There(wanted) if *wanted == now.is_some() => continue,
            File::Text(wanted) => {
                (lines(wanted), now.map_or_else(|| vec!["no file".to_owned()], |now| lines(&text(now))))
            }
            File::There(true) => (vec!["a file".to_owned()], vec!["no file".to_owned()]),
            File::There(false) => (vec!["no file".to_owned()], vec!["a file".to_owned()]),
        };
        all.push(Difference::new("files", with_path(path, expected), with_path(path, got)));
    }
    all
}

fn with_path(path: &str, mut lines: Vec<String>) -> Vec<String> {
    lines.insert(0, format!("{path}:"));
    lines
}

fn matches<'a>(pattern: &str, mut texts: impl Iterator<Item = &'a str>) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| texts.any(|text| pattern.is_match(text)))
}

fn result(expect: &Expect, called: &Called, all: &mut Vec<Difference>) {
    let Expect { error, error_matches, reason, .. } = expect;
    let fails = error.is_some() || error_matches.is_some() || reason.is_some();
    let ok = || vec!["ok".to_owned()];
    let failure = match &called.report.result {
        Ok(()) if fails => {
            let expected = error.as_ref().or(error_matches.as_ref()).or(reason.as_ref());
            return all.push(Difference::new("result", expected.cloned().into_iter().collect(), ok()));
        }
        Ok(()) => return,
        Err(failure) => failure,
    };
    let got = vec![format!("{failure} [{}]", failure.reason)];
    if !fails {
        return all.push(Difference::new("result", ok(), got));
    }
    if let Some(reason) = reason.as_ref().filter(|reason| *reason != failure.reason.name()) {
        all.push(Difference::new("reason", vec![reason.clone()], got.clone()));
    }
    if let Some(error) = error.as_ref().filter(|error| **error != failure.message) {
        all.push(Difference::new("error", vec![error.clone()], vec![failure.message.clone()]));
    }
    if let Some(pattern) =
        error_matches.as_ref().filter(|pattern| !matches(pattern, std::iter::once(&*failure.message)))
    {
        all.push(Difference::new("error-matches", vec![pattern.clone()], got));
    }
}

fn requests(expect: &Expect, called: &Called, all: &mut Vec<Difference>) {
    let made = called.acts.iter().filter_map(|act| match act {
        Act::Request { method, url, headers, body, answered } => Some((method, url, headers, body, *answered)),
        _ => None,
    });
    let made: Vec<_> = made.collect();
    for (method, url, ..) in made.iter().filter(|(.., answered)| !answered) {
        let mut unanswered =
            Difference::new("http", vec![format!("an [[http]] that answers {method} {url}")], Vec::new());
        unanswered.is_final = true;
        all.push(unanswered);
    }
    let Some(expected) = &expect.requests else { return };
    let mut got: Vec<Request> = Vec::new();
    for (index, (method, url, headers, body, _)) in made.iter().enumerate() {
        let wanted = expected.get(index);
        let asked = |name: &String| wanted.is_some_and(|wanted| wanted.headers.contains_key(name));
        got.push(Request {
            method: (*method).clone(),
            url: (*url).clone(),
            headers: headers.iter().filter(|(name, _)| asked(name)).cloned().collect(),
            body: wanted.is_none_or(|wanted| wanted.body.is_some()).then(|| text(body)),
        });
    }
    if got != *expected {
        let (expected, got) = (expected.iter().map(json).collect(), got.iter().map(json).collect());
        all.push(Difference::new("requests", expected, got));
    }
}

fn commands(expect: &Expect, called: &Called, all: &mut Vec<Difference>) {
    let made = called.acts.iter().filter_map(|act| match act {
        Act::Command { command, argv, stdin, answered } => Some((command, argv, stdin, *answered)),
        _ => None,
    });
    let made: Vec<_> = made.collect();
    for (command, argv, ..) in made.iter().filter(|(.., answered)| !answered) {
        let what = format!("a [[command]] named \"{command}\", which is run as {argv:?}");
        let mut unanswered = Difference::new("command", vec![what], Vec::new());
        unanswered.is_final = true;
        all.push(unanswered);
    }
    let Some(expected) = &expect.commands else { return };
    let mut got: Vec<Command> = Vec::new();
    for (index, (command, argv, stdin, _)) in made.iter().enumerate() {
        let wanted = expected.get(index);
        got.push(Command {
            name: (*command).clone(),
            argv: wanted.is_none_or(|wanted| wanted.argv.is_some()).then(|| (*argv).clone()),
            stdin: stdin.as_deref().filter(|_| wanted.is_none_or(|wanted| wanted.stdin.is_some())).map(text),
        });
    }
    if got != *expected {
        let (expected, got) = (expected.iter().map(json).collect(), got.iter().map(json).collect());
        all.push(Difference::new("commands", expected, got));
    }
}

/// What happened, as it is expected from now on. What nothing was of is left out.
fn seen(called: &Called) -> Expect {
    let some = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
    let failure = called.report.result.as_ref().err();
    let mut expect = Expect {
        error: failure.map(|failure| failure.message.clone()),
        reason: failure.map(|failure| failure.reason.name().to_owned()).filter(|reason| reason != "error"),
        skip: called.report.skip.clone(),
        warnings: some(called.report.warnings.clone()),
        log: some(log(called)),
        plan: some(plan(called)),
        ..Expect::default()
    };
    for act in &called.acts {
        match act {
            Act::Request { method, url, body, .. } => expect.requests.get_or_insert_default().push(Request {
                method: method.clone(),
                url: url.clone(),
                headers: BTreeMap::new(),
                body: Some(text(body)).filter(|body| !body.is_empty()),
            }),
            Act::Command { command, argv, stdin, .. } => expect.commands.get_or_insert_default().push(Command {
                name: command.clone(),
                argv: Some(argv.clone()),
                stdin: stdin.as_deref().map(text),
            }),
            _ => {}
        }
    }
    expect.state = called.state.as_ref().map(|state| {
        let entries = state.iter().map(|(key, value)| (key.clone(), text(value)));
        entries.collect()
    });
    let files = called.files.iter().map(|(path, contents)| {
        let file = contents.as_ref().map_or(File::There(false), |contents| File::Text(text(contents)));
        (path.clone(), file)
    });
    expect.files = Some(files.collect()).filter(|files: &BTreeMap<_, _>| !files.is_empty());
    expect
}

/// Writes what happened into the case. Says whether it could be.
pub(super) fn update(case: &Case, happened: &Happened) -> anyhow::Result<bool> {
    let Happened::Called(called) = happened else { return Ok(false) };
    let begin = begin(&case.text);
    let (kept, old) = case.text.split_at_checked(begin).unwrap_or((&case.text, ""));
    let after = old
        .lines()
        .skip(1)
        .map(str::trim_start)
        .find(|line| line.starts_with('[') && !line.starts_with("[expect.") && !line.starts_with("[[expect."));
    if let Some(after) = after {
        return Err(case.wrong(format!("`{after}` stands behind {HEADER}: put {HEADER} at the end")).into());
    }
    #[derive(Serialize)]
    struct Tail {
        expect: Expect,
    }
    let expect = toml::to_string(&Tail { expect: seen(called) })?;
    let kept = kept.trim_end();
    let gap = if kept.is_empty() { "" } else { "\n\n" };
    let written = |error: std::io::Error| -> Problem { case.wrong(format!("cannot be written: {error}")) };
    let text = format!("{kept}{gap}{expect}");
    std::fs::write(&case.file, text.trim_end().to_owned() + "\n").map_err(written)?;
    Ok(true)
}

/// Where the expectations begin.
fn begin(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let head = line.trim();
        if head.starts_with(HEADER) || head.starts_with("[expect.") || head.starts_with("[[expect.") {
            return at;
        }
        at += line.len();
    }
    text.len()
}
