//! One case: what is configured, what its hooks and restic answer, and when signals come.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// The events of the contract.
pub(crate) const EVENTS: &[&str] = &["before", "success", "warning", "failure", "cancelled", "skipped", "finally"];

/// Restic's own, as it prints it.
const STATUS: &str = r#"stdout={"message_type":"status","percent_done":0.5}"#;

#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// In the order of the file.
    pub(crate) hooks: Vec<Hook>,
    pub(crate) restic: Restic,
    /// In the order in which they come, as far as their moments do.
    pub(crate) signals: Vec<Signal>,
}

#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) scope: Scope,
    pub(crate) kind: Kind,
    /// What it is called for, and what it answers then.
    pub(crate) answers: BTreeMap<&'static str, Answer>,
    /// So many attempts answer so, and those after it well; none: all.
    pub(crate) times: Option<u32>,
    pub(crate) attempts: u32,
    pub(crate) exclusive: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Global,
    Repository,
    Profile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Required,
    Preflight,
    Optional,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Ok,
    Error,
    Panic,
    /// Computes until its fuel is used up.
    Spin,
    /// Sleeps until its time is up.
    Sleep,
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restic {
    Exits(i32),
    Dies(i32),
    /// Goes on until a signal comes, and exits so.
    Stopped(i32),
    /// Goes on whatever signal comes, until it is killed after the second.
    Ignores,
}

/// A signal, at a moment of the call of this number, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) call: usize,
    pub(crate) moment: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Begun,
    Ended,
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        24 => Just(Answer::Ok),
        6 => Just(Answer::Error),
        2 => Just(Answer::Panic),
        2 => Just(Answer::Spin),
        3 => Just(Answer::Skip),
    ]
}

prop_compose! {
    fn hook()(
        scope in select(vec![Scope::Profile, Scope::Repository, Scope::Global]),
        kind in prop_oneof![4 => Just(Kind::Required), 1 => Just(Kind::Preflight), 2 => Just(Kind::Optional)],
        mut answers in btree_map(select(EVENTS), answer(), 1..5),
        pair in prop::bool::weighted(0.6),
        of_pair in (answer(), answer()),
        times in option::of(1..3u32),
        attempts in prop_oneof![2 => Just(1u32), 1 => 2..4u32],
        exclusive in option::weighted(0.2, 0..2u8),
    ) -> Hook {
        if pair {
            answers.entry("before").or_insert(of_pair.0);
            answers.entry("finally").or_insert(of_pair.1);
        }
        Hook { scope, kind, answers, times, attempts, exclusive }
    }
}

fn restic() -> impl Strategy<Value = Restic> {
    prop_oneof![
        6 => Just(Restic::Exits(0)),
        2 => Just(Restic::Exits(3)),
        3 => select(vec![1, 10, 11, 12, 130]).prop_map(Restic::Exits),
        2 => select(vec![9, 11]).prop_map(Restic::Dies),
        2 => select(vec![130, 0, 1, 3]).prop_map(Restic::Stopped),
        1 => Just(Restic::Ignores),
    ]
}

fn signal() -> impl Strategy<Value = Signal> {
    let moment = select(vec![Moment::Begun, Moment::Ended]);
    (0..8usize, moment).prop_map(|(call, moment)| Signal { call, moment })
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let signals = prop_oneof![3 => Just(Vec::new()), 2 => vec(signal(), 1..5)];
    // One in a while has a hook that hangs: it costs the time of its limit.
    let slow = option::weighted(0.05, (any::<prop::sample::Index>(), any::<prop::sample::Index>()));
    (vec(hook(), 0..6), restic(), signals, slow).prop_map(|(mut hooks, restic, signals, slow)| {
        if let Some((hook, event)) = slow
            && !hooks.is_empty()
        {
            let at = hook.index(hooks.len());
            let hook = &mut hooks[at];
            let at = event.index(hook.answers.len());
            *hook.answers.values_mut().nth(at).unwrap() = Answer::Sleep;
            hook.attempts = 1;
        }
        Case { hooks, restic, signals }
    })
}

impl Hook {
    pub(crate) fn is_on(&self, event: &str) -> bool {
        self.answers.contains_key(event)
    }

    /// What this attempt answers.
    pub(crate) fn answer(&self, event: &str, attempt: u32) -> Answer {
        let answer = self.answers[event];
        // It asks to be skipped each time.
        let is_over = answer != Answer::Skip && self.times.is_some_and(|times| attempt > times);
        if is_over { Answer::Ok } else { answer }
    }
}

/// The name of the hook at this place.
pub(crate) fn name(place: usize) -> String {
    format!("h{place}")
}

impl Case {
    /// Places of the hooks for an event, in the order of their calls.
    pub(crate) fn on(&self, event: &str) -> Vec<usize> {
        let mut places: Vec<_> = (0..self.hooks.len()).collect();
        places.sort_by_key(|place| self.hooks[*place].scope);
        places.retain(|place| self.hooks[*place].is_on(event));
        if event != "before" {
            places.reverse();
        }
        places
    }

    /// What the stand-in does.
    pub(crate) fn script(&self) -> String {
        let words = match self.restic {
            Restic::Exits(code) => vec![STATUS.to_owned(), format!("exit={code}")],
            Restic::Dies(signal) => vec![format!("die={signal}")],
            Restic::Stopped(code) => vec![format!("on-signal={code}"), STATUS.to_owned(), "lock".to_owned()],
            Restic::Ignores => vec!["ignore".to_owned(), STATUS.to_owned(), "lock".to_owned()],
        };
        words.join("\u{1f}")
    }

    /// How many signals come while restic runs.
    pub(crate) fn signals_in_restic(&self) -> usize {
        match self.restic {
            Restic::Exits(_) | Restic::Dies(_) => 0,
            Restic::Stopped(_) => 1,
            Restic::Ignores => 2,
        }
    }

    /// The configuration, in a directory of its own.
    pub(crate) fn configuration(&self, restic: &str, component: &str) -> String {
        let mut text = format!(
            "version = 1\n[restic]\nbinary = {restic:?}\n[repository.r]\nurl = \"/srv/repo\"\n\
             [profile.p]\nrepository = \"r\"\nsources = [\"/srv/data\"]\n"
        );
        for (place, hook) in self.hooks.iter().enumerate() {
            let scope = match hook.scope {
                Scope::Global => "hook",
                Scope::Repository => "repository.r.hook",
                Scope::Profile => "profile.p.hook",
            };
            let kind = match hook.kind {
                Kind::Required => "required",
                Kind::Preflight => "preflight",
                Kind::Optional => "optional",
            };
            let that = |wanted: Answer| -> Vec<_> {
                hook.answers.iter().filter(|(_, answer)| **answer == wanted).map(|(event, _)| *event).collect()
            };
            let on: Vec<_> = hook.answers.keys().collect();
            let name = name(place);
            let retry = format!("{{ attempts = {}, delay = \"1ms\" }}", hook.attempts);
            let exclusive = hook.exclusive.map(|name| format!("exclusive = \"x{name}\"\n")).unwrap_or_default();
            let times = hook.times.map(|times| format!(", fail-attempts = {times}")).unwrap_or_default();
            let sleeps = that(Answer::Sleep);
            let (timeout, sleep) = match sleeps.first() {
                Some(event) => ("timeout = \"3s\"\n", format!(", sleep = {{ {event} = 600000 }}")),
                None => ("", String::new()),
            };
            let (fails, panics, spins, skips) =
                (that(Answer::Error), that(Answer::Panic), that(Answer::Spin), that(Answer::Skip));
            // Writing to a text never fails.
            write!(
                text,
                "[[{scope}]]\nname = {name:?}\ncomponent = {component:?}\non = {on:?}\nkind = \"{kind}\"\n\
                 retry = {retry}\nfuel = 50_000_000\n{exclusive}{timeout}\
                 config = {{ name = {name:?}, journal = \"/notes/journal\", id = true, fail-on = {fails:?}, \
                 panic-on = {panics:?}, spin-on = {spins:?}, skip-on = {skips:?}{sleep}{times} }}\n\
                 grants = {{ dirs = [{{ host = \"notes\", guest = \"/notes\", write = true }}] }}\n"
            )
            .unwrap();
        }
        text
    }
}
