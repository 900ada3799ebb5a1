//! A run as it happens, for whoever shows it.

use std::time::Duration;

use hookward_engine::Failure;
use hookward_engine::event::EventKind;
use hookward_engine::log::Record;
use hookward_engine::plan::Change;

use crate::config::HookSpec;
use crate::interrupt::{Interrupt, Step};
use crate::lock::{Holder, Name};
use crate::plan::Plan;
use crate::recovery::Owed;
use crate::report::{HookCall, RunReport};
use crate::restic::messages::Message;
use crate::restic::process::Exit;

/// Something that happens in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Happening<'a> {
    /// The run waits for a lock.
    Waiting {
        /// The lock.
        name: &'a Name,
        /// Who holds it.
        holder: &'a Holder,
    },
    /// The run waits for another process, which pays a part of what a dead run owes.
    WaitingForRecovery {
        /// The dead run's id.
        run_id: &'a str,
    },
    /// The run begins.
    Begun {
        /// Its id.
        run_id: &'a str,
        /// What is going to happen.
        plan: &'a Plan,
    },
    /// An optional hook can't be called.
    Unusable {
        /// The hook.
        hook: &'a HookSpec,
        /// Why.
        failure: &'a Failure,
    },
    /// A hook is called.
    HookBegun {
        /// The hook.
        hook: &'a HookSpec,
        /// What for.
        event: EventKind,
        /// 1 for the first call.
        attempt: u32,
    },
    /// A hook says something.
    HookSaid {
        /// Its name.
        hook: &'a str,
        /// What its component calls itself, as `name@version`.
        module: Option<&'a str>,
        /// What.
        record: &'a Record,
    },
    /// The record of a hook's call could not be kept. The run goes on.
    NotRecorded {
        /// The hook.
        hook: &'a HookSpec,
        /// Why.
        why: &'a str,
    },
    /// A hook's call has ended.
    HookEnded {
        /// The call.
        call: &'a HookCall,
        /// When it is called again, if it is.
        again_in: Option<Duration>,
    },
    /// A hook has changed what restic is about to do.
    PlanChanged {
        /// The hook.
        hook: &'a HookSpec,
        /// Its changes, at least one, in their order, without secrets.
        changes: &'a [Change],
        /// The plan with them.
        plan: &'a Plan,
    },
    /// Every required hook has returned ok, and restic starts.
    GateOpened {
        /// The restic command line.
        plan: &'a Plan,
    },
    /// restic says something that Hookward was to read.
    ResticMessage(&'a Message),
    /// restic prints a line that is no message.
    ResticLine(&'a str),
    /// restic has ended.
    ResticEnded {
        /// How.
        exit: Exit,
    },
    /// A signal has come.
    Interrupted {
        /// Which.
        interrupt: Interrupt,
        /// What it brings about.
        step: Step,
    },
    /// A run is found whose process is gone.
    Recovering {
        /// Its id.
        run_id: &'a str,
        /// Its profile.
        profile: Option<&'a str>,
        /// How it went, as far as that can be known.
        error: Option<&'a str>,
    },
    /// The restic of such a run goes on, and is ended.
    ResticOutlived {
        /// Its process.
        pid: i32,
    },
    /// What such a run owed was called.
    Recovered {
        /// Its id.
        run_id: &'a str,
        /// Hooks whose `finally` has returned ok.
        paid: &'a [String],
        /// What is still owed.
        owed: &'a [Owed],
    },
    /// The run has ended.
    Ended(&'a RunReport),
}

/// Watches runs. Called in the order of what happens; a slow observer holds it up.
pub trait Observer: Send + Sync {
    /// Takes note.
    fn notice(&self, happening: &Happening<'_>);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {
    fn notice(&self, _: &Happening<'_>) {}
}
