//! What the parts find out, in the form in which the page shows it.

use serde::Serialize;

/// What is wanted: a name, what is compared with what, and how it should come out.
pub(crate) const GOALS: &[(&str, &str, &str)] = &[
    (
        "call",
        "a warm hook call (fresh store, typed event, log call, result) against bare Wasmtime with the same component, \
         WASI context and limits",
        "at most 1.25 times",
    ),
    ("spawn", "the same against spawning `sh -c true`", "at least 15 times faster"),
    ("exec-3", "`hookward exec` with three cached Rust hooks, against the program alone", "at most 6 ms more"),
    ("exec-0", "`hookward exec` with no hooks, against the program alone", "at most 2 ms more"),
    ("rustic", "a run with three hooks, overhead over no hooks, against rustic's", "less"),
    ("borgmatic", "the same against borgmatic's", "less"),
    ("runrestic", "the same against runrestic's", "less"),
    ("cold", "first run with an empty cache, three Rust hooks, against warm", "at most 1 s more"),
    ("python", "an 18 MB Python component, cached, against a Rust one", "at most 40 ms more"),
    ("stream", "`restic dump` of 2 GB through `exec` to a pipe, against restic alone", "no measurable difference"),
    ("memory-3", "memory of the program with three hooks", "at most 40 MB resident"),
    ("memory-more", "and for each further hook", "at most 5 MB"),
    ("live", "10,000 live hook instances in one process", "under 100 KB each"),
    ("two-cores", "hook calls a second on 2 cores against bare Wasmtime on 2 cores", "at least 0.8 times"),
    ("overshoot", "overshoot when a spinning hook is cut at 100 ms, alone", "at most 2 ticks"),
    (
        "fairness",
        "a short hook among 200 spinning ones, 64 at once: from its admission to its end",
        "at most 3 times its time alone and its turn of ticks",
    ),
    ("growth", "1, 10, 100, 1000 hooks in one plan", "linear"),
    ("event", "an event of 1 KB, 100 KB, 1 MB", "linear"),
];

/// One part of the page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Section {
    pub(crate) tables: Vec<Table>,
    pub(crate) goals: Vec<Goal>,
    /// What was left out, and why.
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// How to get the rows: command lines.
    commands: Vec<String>,
}

/// A goal, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) measured: String,
    pub(crate) met: bool,
}

impl Section {
    pub(crate) fn goal(&mut self, name: &'static str, measured: String, met: bool) {
        debug_assert!(GOALS.iter().any(|(goal, ..)| *goal == name), "{name} is no goal");
        self.goals.push(Goal { name, measured, met });
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        println!("note: {note}");
        self.notes.push(note);
    }
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { head: head.map(str::to_owned).to_vec(), rows: Vec::new(), commands: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.head.len());
        self.rows.push(cells.map(|cell| cell.replace('|', "\\|")).to_vec());
    }

    pub(crate) fn command(&mut self, command: impl Into<String>) {
        self.commands.push(command.into());
    }
}
