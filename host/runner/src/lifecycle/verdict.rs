//! From the gate to the verdict: runs restic, or doesn't, and says what that means.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hookward_engine::Status;
use nix::sys::signal::Signal;

use super::{Gate, Run};
use crate::interrupt::{Cause, Interrupt};
use crate::journal::Verdict;
use crate::observer::Happening;
use crate::report::ResticReport;
use crate::restic::messages::Heard;
use crate::restic::process::{self as restic, Ended, Exit, Said};
use crate::{exit, fault, process};

impl Run<'_> {
    /// The gate stays shut.
    pub(super) fn not_started(&self, gate: Gate) -> Verdict {
        match gate {
            Gate::Shut { hook, failure } => Verdict {
                status: Status::Failure,
                exit_code: exit::GATE_SHUT,
                error: Some(format!("hook \"{hook}\": {failure}")),
                restic: None,
            },
            Gate::Skipped { reason } => {
                let exit_code = self.prepared.plan.skip_exit_code;
                Verdict { status: Status::Skipped, exit_code, error: Some(reason), restic: None }
            }
            Gate::Barred { reason } => {
                Verdict { status: Status::Failure, exit_code: exit::GATE_SHUT, error: Some(reason), restic: None }
            }
            Gate::Open | Gate::Cancelled => {
                let interrupt = self.interrupt();
                let error = match interrupt.cause {
                    Cause::Signal => format!("{interrupt} before restic was started"),
                    Cause::Deadline(_) => interrupt.to_string(),
                };
                Verdict {
                    status: Status::Cancelled,
                    exit_code: 128 + interrupt.signal as i32,
                    error: Some(error),
                    restic: None,
                }
            }
        }
    }

    fn interrupt(&self) -> Interrupt {
        let none = Interrupt { signal: Signal::SIGTERM, by_terminal: false, cause: Cause::Signal };
        self.interrupts.first().unwrap_or(none)
    }

    /// The gate is open: runs restic.
    pub(super) async fn restic(&mut self) -> Verdict {
        let mut plan = self.plan.clone().into_owned();
        if plan.calls_hooks() {
            plan.restic.set_env(process::RUN, Some(self.id.clone().into()));
        }
        let plan = &plan;
        let observer = &self.context.observer;
        observer.notice(&Happening::GateOpened { plan });
        let began = Instant::now();
        let record = Mutex::new(std::mem::take(&mut self.record));
        let listen = |said: Said<'_>| match said {
            Said::Started(pid) => {
                let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
                record.put(|entry| Ok(entry.restic_started(pid)));
            }
            Said::Message(message) => observer.notice(&Happening::ResticMessage(message)),
            Said::Line(line) => observer.notice(&Happening::ResticLine(line)),
        };
        fault::point("before restic");
        let ended = restic::run(&plan.restic, &self.interrupts, &self.prepared.mask, &listen).await;
        fault::point("after restic");
        self.record = record.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Ended { exit, heard } = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let error = Some(format!("cannot start {}: {error}", plan.restic.program.display()));
                return Verdict { status: Status::Failure, exit_code: exit::NOT_STARTED, error, restic: None };
            }
        };
        observer.notice(&Happening::ResticEnded { exit });
        let mut verdict = self.judge(exit, &heard);
        let stderr_tail = heard.stderr_tail();
        // Old versions name a snapshot that a dry run has not made.
        let (summary, snapshot_id) = match heard.finished {
            Some(finished) => {
                (Some(finished.numbers), finished.snapshot_id.filter(|id| !id.is_empty() && !plan.dry_run))
            }
            None => (None, None),
        };
        if exit.finished() && summary.is_none() && plan.is_shown() {
            self.warnings.push("restic ended well, but told of no snapshot".to_owned());
        }
        let report = ResticReport {
            exit_code: if let Exit::Code(code) = exit { Some(code) } else { None },
            signal: if let Exit::Signal(signal) = exit { Some(signal) } else { None },
            duration: began.elapsed(),
            snapshot_id,
            summary,
            stderr_tail,
        };
        verdict.restic = Some(report);
        verdict
    }

    /// What restic's end means. A signal that came too late to stop it changes
    /// nothing: the snapshot is there.
    fn judge(&self, exit: Exit, heard: &Heard) -> Verdict {
        let exit_code = exit.shell_code();
        let interrupted = self.interrupts.first().is_some();
        let cancelled = |exit| match exit {
            Exit::Code(code) => code == 130,
            Exit::Signal(signal) => {
                [Signal::SIGINT as i32, Signal::SIGTERM as i32, Signal::SIGHUP as i32].contains(&signal)
            }
        };
        let (status, error) = match exit {
            Exit::Code(0) => (Status::Success, None),
            Exit::Code(3) => {
                let first = match &heard.item_errors {
                    (Some(error), count) => format!(": {} ({}; {count} in all)", error.item, error.message()),
                    (None, _) => String::new(),
                };
                (Status::Warning, Some(format!("restic could not read some of the data{first}")))
            }
            exit if interrupted => (Status::Cancelled, Some(format!("{}; restic {exit}", self.interrupt()))),
            exit if cancelled(exit) => (Status::Cancelled, Some(format!("restic {exit}"))),
            exit => {
                let complaint = heard.complaint().map(|complaint| format!(": {complaint}")).unwrap_or_default();
                (Status::Failure, Some(format!("restic {exit}{complaint}")))
            }
        };
        Verdict { status, exit_code, error, restic: None }
    }
}
