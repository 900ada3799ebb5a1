//! The lifecycle once more, written from its contract: what a case comes to.

use super::case::{Answer, Case, Kind, Moment, Restic, name};

/// What a run does and how it is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// `HOOK EVENT ATTEMPT END`, and `restic`.
    pub(crate) trace: Vec<String>,
    pub(crate) status: &'static str,
    pub(crate) exit_code: i32,
    /// Names of the hooks whose `finally` is still to be called.
    pub(crate) owed: Vec<String>,
}

struct Model<'a> {
    case: &'a Case,
    calls: usize,
    signals: usize,
    expected: Expected,
}

/// How the calls of one hook for one event have ended.
struct Ended {
    answer: Answer,
    /// Another attempt was still to come, or the last one was cut off.
    cut_off: bool,
    failed: bool,
}

/// What stops a call.
#[derive(Clone, Copy)]
enum Stops {
    /// The first signal, whenever it comes.
    First,
    /// The next one.
    Next,
    /// The third.
    Third,
}

pub(crate) fn expected(case: &Case) -> Expected {
    let mut model = Model { case, calls: 0, signals: 0, expected: Expected::default() };
    model.run();
    model.expected
}

/// What a recovery does afterwards: the calls that are owed, with the answers that they
/// had. Returns the trace, and the hooks that are still owed.
pub(crate) fn recovery(case: &Case, owed: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut trace, mut still) = (Vec::new(), Vec::new());
    for place in case.on("finally").into_iter().filter(|place| owed.contains(&name(*place))) {
        let mut model = Model { case, calls: usize::MAX / 2, signals: 0, expected: Expected::default() };
        let ended = model.call(place, "finally", Stops::Third);
        trace.extend(model.expected.trace);
        if ended.failed {
            still.push(name(place));
        }
    }
    (trace, still)
}

impl Model<'_> {
    /// Signals that come at this moment of the call that is under way.
    fn signals_at(&self, moment: Moment) -> usize {
        let call = self.calls;
        self.case.signals.iter().filter(|signal| signal.call == call && signal.moment == moment).count()
    }

    /// Rule 5: retries are the hook's alone. Rule 6: what a signal stops, it stops at
    /// once, and nothing is tried again.
    fn call(&mut self, place: usize, event: &'static str, stops: Stops) -> Ended {
        let hook = &self.case.hooks[place];
        let before = self.signals;
        let mut attempt = 1;
        loop {
            let is_stopped = |signals: usize| match stops {
                Stops::First => signals > 0,
                Stops::Next => signals > before || signals > 2,
                Stops::Third => signals > 2,
            };
            self.signals += self.signals_at(Moment::Begun);
            let cut = is_stopped(self.signals);
            let answer = hook.answer(event, attempt);
            let failed = cut || !matches!(answer, Answer::Ok | Answer::Skip);
            let end = match answer {
                _ if cut => "cancelled",
                Answer::Ok | Answer::Skip => "ok",
                Answer::Error => "error",
                Answer::Panic => "panic",
                Answer::Spin => "fuel",
                Answer::Sleep => "timeout",
            };
            self.expected.trace.push(format!("{} {event} {attempt} {end}", name(place)));
            self.signals += self.signals_at(Moment::Ended);
            self.calls += 1;
            let more = failed && attempt < hook.attempts;
            if !more || cut || is_stopped(self.signals) {
                return Ended { answer, cut_off: cut || more, failed };
            }
            attempt += 1;
        }
    }

    fn run(&mut self) {
        let mut begun = Vec::new();
        let mut end: Option<(&'static str, i32)> = None;
        for place in self.case.on("before") {
            begun.push(place);
            let ended = self.call(place, "before", Stops::First);
            end = match (ended.failed, self.case.hooks[place].kind) {
                // Rule 6: whatever the hook says, a signal ends the run.
                _ if self.signals > 0 => Some(("cancelled", 130)),
                (false, _) if ended.answer == Answer::Skip => Some(("skipped", 0)),
                (false, _) | (true, Kind::Optional) => None,
                (true, Kind::Required) => Some(("failure", 80)),
                (true, Kind::Preflight) => Some(("skipped", 0)),
            };
            if end.is_some() {
                break;
            }
        }
        // The gate.
        let (status, mut exit_code) = end.unwrap_or_else(|| {
            self.expected.trace.push("restic".to_owned());
            self.signals += self.case.signals_in_restic();
            match self.case.restic {
                Restic::Exits(0) | Restic::Stopped(0) => ("success", 0),
                Restic::Exits(3) | Restic::Stopped(3) => ("warning", 3),
                // restic's own way of saying that it was cancelled.
                Restic::Exits(130) => ("cancelled", 130),
                Restic::Exits(code) => ("failure", code),
                Restic::Dies(signal) => ("failure", 128 + signal),
                Restic::Stopped(code) => ("cancelled", code),
                Restic::Ignores => ("cancelled", 137),
            }
        });
        let mut failed = false;
        for place in self.case.on(status) {
            let ended = self.call(place, status, Stops::Next);
            failed |= ended.failed && self.case.hooks[place].kind == Kind::Required;
        }
        for place in self.case.on("finally") {
            let hook = &self.case.hooks[place];
            let required = hook.kind == Kind::Required;
            // Rule 3.
            if hook.is_on("before") && !begun.contains(&place) {
                continue;
            }
            if self.signals > 2 {
                self.expected.owed.push(name(place));
                failed |= required;
                continue;
            }
            let ended = self.call(place, "finally", Stops::Third);
            failed |= ended.failed && required;
            // One whose last attempt has failed is over, and was told.
            if ended.failed && ended.cut_off && self.signals > 2 {
                self.expected.owed.push(name(place));
            }
        }
        // Rule 4: only what has ended well is told otherwise.
        if failed && matches!(status, "success" | "skipped") {
            exit_code = 81;
        }
        (self.expected.status, self.expected.exit_code) = (status, exit_code);
    }
}
