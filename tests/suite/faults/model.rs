//! The contract, said once more: what a run that nothing disturbs does, and what may
//! be seen of one that died. Written from the lifecycle's rules, not from the code.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scenario::{Does, Hook, Kind, Scenario};

/// The outcomes that hooks are told of.
const OUTCOMES: &[&str] = &["success", "warning", "failure", "cancelled", "skipped"];

/// A line of the notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) run: String,
    pub(crate) step: Step,
    /// How many processes had ended before.
    process: usize,
}

/// What it tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Begun { hook: String, event: String, attempt: u64, recovered: bool },
    Ended { hook: String, event: String, attempt: u64, ok: bool },
    ResticBegun,
    ResticEnded,
}

impl Step {
    /// Without what differs between a run and its recovery.
    fn short(&self) -> String {
        match self {
            Step::Begun { hook, event, attempt, .. } => format!("{hook} {event} {attempt}"),
            Step::Ended { hook, event, attempt, ok } => {
                format!("{hook} {event} {attempt} {}", if *ok { "ok" } else { "failed" })
            }
            Step::ResticBegun => "restic".to_owned(),
            Step::ResticEnded => "restic ended".to_owned(),
        }
    }

    fn begins(&self, wanted: &str, of: &str) -> bool {
        matches!(self, Step::Begun { hook, event, .. } if hook == of && event == wanted)
    }

    fn ends_well(&self, wanted: &str, of: &str) -> bool {
        matches!(self, Step::Ended { hook, event, ok: true, .. } if hook == of && event == wanted)
    }
}

/// Reads notes; `ends` are their numbers at the end of each process.
pub(crate) fn notes(lines: &[String], ends: &[usize]) -> Vec<Note> {
    let mut restic = Vec::new();
    let mut notes = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let words: Vec<_> = line.split(' ').collect();
        let field = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let attempt = || field("attempt").unwrap().parse().unwrap();
        let (run, step) = match words.as_slice() {
            ["started" | "signal" | "exit", ..] => continue,
            ["env", run] => {
                let run = run.strip_prefix("HOOKWARD_RUN=").unwrap();
                let ended = restic.contains(&run);
                restic.push(run);
                (run, if ended { Step::ResticEnded } else { Step::ResticBegun })
            }
            ["ended", hook, event, .., end] => {
                let (hook, event) = ((*hook).to_owned(), (*event).to_owned());
                (field("run").unwrap(), Step::Ended { hook, event, attempt: attempt(), ok: *end == "ok" })
            }
            [hook, event, ..] => {
                let (hook, event, recovered) = ((*hook).to_owned(), (*event).to_owned(), words.contains(&"recovered"));
                (field("run").unwrap(), Step::Begun { hook, event, attempt: attempt(), recovered })
            }
            _ => panic!("not a note: {line}"),
        };
        let process = ends.iter().filter(|end| **end <= at).count();
        notes.push(Note { run: run.to_owned(), step, process });
    }
    notes
}

/// What a run does that nothing disturbs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undisturbed {
    pub(crate) steps: Vec<String>,
    pub(crate) status: &'static str,
    pub(crate) exit_code: i64,
}

impl Scenario {
    pub(crate) fn undisturbed(&self) -> Undisturbed {
        let mut steps = Vec::new();
        let mut begun = Vec::new();
        let mut end = None;
        for hook in self.hooks.iter().filter(|hook| hook.is_on("before")) {
            begun.push(hook.name);
            let ok = hook.call("before", &mut steps);
            end = match (hook.does, hook.kind) {
                (Does::Skips, _) => Some(("skipped", 0)),
                (_, Kind::Required) if !ok => Some(("failure", 80)),
                _ => continue,
            };
            break;
        }
        let (status, exit_code) = end.unwrap_or_else(|| {
            steps.extend(["restic", "restic ended"].map(str::to_owned));
            ("success", 0)
        });
        for event in [status, "finally"] {
            for hook in self.hooks.iter().rev().filter(|hook| hook.is_on(event)) {
                if event != "finally" || !hook.is_on("before") || begun.contains(&hook.name) {
                    hook.call(event, &mut steps);
                }
            }
        }
        Undisturbed { steps, status, exit_code }
    }
}

impl Hook {
    /// Adds the call's steps, retries included; says whether it came to a good end.
    fn call(&self, event: &str, steps: &mut Vec<String>) -> bool {
        let results: &[bool] = match (self.does, event) {
            (Does::FailsOnce, _) => &[false, true],
            (Does::Fails, "before") => &[false],
            _ => &[true],
        };
        for (ok, attempt) in results.iter().zip(1..) {
            for end in ["", if *ok { " ok" } else { " failed" }] {
                steps.push(format!("{} {event} {attempt}{end}", self.name));
            }
        }
        results.ends_with(&[true])
    }
}

/// All that was seen of the runs of one lab.
pub(crate) struct Seen<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) notes: Vec<Note>,
    /// As the journal has them, the oldest first.
    pub(crate) runs: Vec<Value>,
}

impl Seen<'_> {
    fn of<'n>(&'n self, run: &'n str) -> impl Iterator<Item = &'n Note> + Clone {
        self.notes.iter().filter(move |note| note.run == run)
    }

    /// The run that is known to have done what it does alone.
    pub(crate) fn is_undisturbed(&self, run: &Value) -> Result<(), String> {
        let Undisturbed { steps, status, exit_code } = self.scenario.undisturbed();
        let seen: Vec<_> = self.of(run["run-id"].as_str().unwrap()).map(|note| note.step.short()).collect();
        let as_alone = (seen == steps, run["status"] == status, run["exit-code"] == exit_code);
        if as_alone == (true, true, true) {
            Ok(())
        } else {
            Err(format!("not as it would be alone, {steps:?}, {status}, {exit_code}, but {seen:?}, {run:#}"))
        }
    }

    /// Everything in which these runs are not as the contract has it, dead or not.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        let ids: Vec<_> = self.runs.iter().map(|run| run["run-id"].as_str().unwrap()).collect();
        if let Some(note) = self.notes.iter().find(|note| !ids.contains(&note.run.as_str())) {
            found.push(format!("the journal has no run of {note:?}"));
        }
        for run in &self.runs {
            let id = run["run-id"].as_str().unwrap();
            let rules: [(&str, Result<(), String>); 8] = [
                ("the gate", self.gate(id)),
                ("the pairs", self.finally(id, run)),
                ("the outcome", self.outcome(id, run)),
                ("restic of a success", self.success(id, run)),
                ("written before it happens", self.written(id, run)),
                ("the order", self.order(id)),
                ("how often", self.times(id)),
                ("nothing left", nothing_left(run)),
            ];
            found.extend(
                rules.into_iter().filter_map(|(rule, kept)| Some(format!("{rule}: run {id}: {}", kept.err()?))),
            );
        }
        for (index, id) in ids.iter().enumerate() {
            // What the older one owes comes before anything of the newer.
            let newer = self.notes.iter().position(|note| ids[index + 1..].contains(&note.run.as_str()));
            let late = newer.and_then(|newer| self.notes[newer..].iter().find(|note| note.run == *id));
            found.extend(late.map(|note| format!("paid late: {note:?}")));
        }
        found
    }

    /// Rule 2: restic starts only after every required `before` has returned ok, and
    /// after every other has come to some end.
    fn gate(&self, id: &str) -> Result<(), String> {
        let Some(restic) = self.of(id).position(|note| note.step == Step::ResticBegun) else { return Ok(()) };
        for hook in self.scenario.hooks.iter().filter(|hook| hook.is_on("before")) {
            let mut before = self.of(id).take(restic);
            let may = match hook.kind {
                _ if hook.does == Does::Skips => false,
                Kind::Required => before.any(|note| note.step.ends_well("before", hook.name)),
                Kind::Optional => before.any(
                    |note| matches!(&note.step, Step::Ended { hook: of, event, .. } if of == hook.name && event == "before"),
                ),
            };
            if !may {
                return Err(format!("restic was started without `{}`", hook.name));
            }
        }
        Ok(())
    }

    /// Rule 3: a pair gets its `finally` exactly when its `before` was started, one
    /// without `before` always; until it has returned ok. Where the process died
    /// between the writing and the call of a `before`, a recovery can't tell, and calls.
    fn finally(&self, id: &str, run: &Value) -> Result<(), String> {
        for hook in self.scenario.hooks.iter().filter(|hook| hook.is_on("finally")) {
            let name = hook.name;
            let begun = !hook.is_on("before") || self.of(id).any(|note| note.step.begins("before", name));
            let paid = self.of(id).any(|note| note.step.ends_well("finally", name));
            if begun && !paid {
                return Err(format!("the `finally` of `{name}` was never called to a good end"));
            }
            let written = |call: &Value| call["name"] == name && call["event"] == "before";
            let may_have_begun = run["hooks"].as_array().is_some_and(|calls| calls.iter().any(written));
            let unasked = |note: &Note| note.step.begins("finally", name) && !(is_recovered(note) && may_have_begun);
            if !begun && self.of(id).any(unasked) {
                return Err(format!("`{name}` has a `finally` without a `before`"));
            }
            let mut later = self.of(id).skip_while(|note| !note.step.begins("finally", name));
            if let Some(note) = later.find(|note| matches!(&note.step, Step::Begun { event, .. } if event == "before"))
            {
                return Err(format!("{note:?} after a `finally`"));
            }
        }
        Ok(())
    }

    /// Rules 3 and 4: there is one outcome, the one that is shown, and every hook that
    /// asks for it is told, to the call's good end: what was cut off may not have told.
    fn outcome(&self, id: &str, run: &Value) -> Result<(), String> {
        let status = run["status"].as_str().ok_or("no status")?;
        for note in self.of(id) {
            if let Step::Begun { event, .. } = &note.step
                && OUTCOMES.contains(&event.as_str())
                && event != status
            {
                return Err(format!("{note:?}, but the run is shown as {status}"));
            }
        }
        let untold = self.scenario.hooks.iter().filter(|hook| hook.is_on(status));
        match untold.map(|hook| hook.name).find(|hook| !self.of(id).any(|note| note.step.ends_well(status, hook))) {
            Some(hook) => Err(format!("`{hook}` was never told of the {status}")),
            None => Ok(()),
        }
    }

    /// A run that is shown as a success has made its snapshot.
    fn success(&self, id: &str, run: &Value) -> Result<(), String> {
        let has = |step: Step| self.of(id).any(|note| note.step == step);
        if run["status"] == "success" && !(has(Step::ResticBegun) && has(Step::ResticEnded)) {
            return Err("restic has not come to its end".to_owned());
        }
        if has(Step::ResticBegun) && run["gate-opened"].is_null() {
            return Err("restic was started, and the gate is shown as shut".to_owned());
        }
        Ok(())
    }

    /// Rule 9: nothing happens of which the journal doesn't know.
    fn written(&self, id: &str, run: &Value) -> Result<(), String> {
        let mut calls: BTreeMap<_, i64> = BTreeMap::new();
        for call in run["hooks"].as_array().ok_or("no calls")? {
            let text = |key: &str| call[key].as_str().unwrap().to_owned();
            let key = (text("name"), text("event"), call["attempt"].as_u64().unwrap(), call["recovered"] == true);
            *calls.entry(key).or_default() += 1;
        }
        for note in self.of(id) {
            if let Step::Begun { hook, event, attempt, recovered } = &note.step {
                let left = calls.entry((hook.clone(), event.clone(), *attempt, *recovered)).or_default();
                *left -= 1;
                if *left < 0 {
                    return Err(format!("{note:?} is not in the journal"));
                }
            }
        }
        Ok(())
    }

    /// Of restic, nothing comes after the outcome was told or the `finally` called; of
    /// the hooks, the pairs end in the reverse order of their beginnings.
    fn order(&self, id: &str) -> Result<(), String> {
        let after = |note: &&Note| matches!(&note.step, Step::Begun { event, .. } if event != "before");
        let late = self.of(id).skip_while(|note| !after(note));
        if let Some(note) = late.clone().find(|note| matches!(note.step, Step::ResticBegun | Step::ResticEnded)) {
            return Err(format!("{note:?} after restic was thought to be over"));
        }
        // One process after the other; in each the last hook first.
        let place = |name: &str| self.scenario.hooks.iter().position(|hook| hook.name == name);
        let mut last: Option<(usize, Option<usize>)> = None;
        for note in late {
            let Step::Begun { hook, event, .. } = &note.step else { continue };
            if event == "finally" {
                let now = (note.process, place(hook));
                if last.is_some_and(|last| last.0 == now.0 && last.1 < now.1) {
                    return Err(format!("{note:?} after that of a hook further up"));
                }
                last = Some(now);
            }
        }
        Ok(())
    }

    /// At least once in all, at most once in each process; and only another process
    /// than its own recovers a run.
    fn times(&self, id: &str) -> Result<(), String> {
        let mut seen: Vec<(usize, String)> = Vec::new();
        for note in self.of(id).filter(|note| matches!(note.step, Step::Begun { .. })) {
            let now = (note.process, note.step.short());
            if seen.contains(&now) {
                return Err(format!("{note:?} more than once in a process"));
            }
            seen.push(now);
        }
        let own = self.of(id).find(|note| matches!(note.step, Step::Begun { recovered: false, .. }));
        let own = own.map(|note| note.process);
        let wrong = |note: &&Note| match note.step {
            Step::Begun { recovered: true, .. } => own.is_some_and(|own| note.process <= own),
            Step::Begun { recovered: false, .. } => own != Some(note.process),
            _ => false,
        };
        self.of(id).find(wrong).map_or(Ok(()), |note| Err(format!("{note:?}: wrong about its being recovered")))
    }
}

fn is_recovered(note: &Note) -> bool {
    matches!(note.step, Step::Begun { recovered: true, .. })
}

fn nothing_left(run: &Value) -> Result<(), String> {
    let is_over = run["state"] == "ended" && run["owed"].as_array().is_some_and(Vec::is_empty);
    if is_over { Ok(()) } else { Err(format!("state {}, owed {}", run["state"], run["owed"])) }
}
