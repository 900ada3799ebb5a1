//! The writes of a run that has begun, as data: what can't be written when it is due
//! is written later, if need be by whoever comes next.

use hookward_engine::event::EventKind;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use super::ResticProcess;

/// One write. Made twice, it is as if it had been made once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Write {
    /// A hook is about to be called.
    CallBegun {
        /// Counts the calls of the run from 1.
        call: i64,
        /// Place in the plan.
        hook: i64,
        event: EventKind,
        attempt: u32,
        recovered: bool,
        /// Milliseconds since 1970, here and below.
        at: i64,
    },
    /// A call has ended.
    CallEnded {
        call: i64,
        event: EventKind,
        at: i64,
        /// No further call of it is due.
        over: bool,
        /// As JSON.
        result: String,
    },
    /// restic has just been started.
    ResticStarted(ResticProcess),
    /// How the run has gone is known, and nothing changes it any more.
    Judged {
        /// As JSON.
        verdict: String,
    },
    /// A call once more, without the secrets that were read after its end.
    Hidden { call: i64, result: String },
    /// The last write of a living run; one with a debt stays open.
    Ended { report: String, verdict: String, over: bool, at: i64 },
}

impl Write {
    /// What it is called in tests of crashes.
    pub(super) fn step(&self) -> String {
        match self {
            Self::CallBegun { event, .. } => format!("{event} begun"),
            Self::CallEnded { event, .. } => format!("{event} ended"),
            Self::ResticStarted(_) => "restic started".to_owned(),
            Self::Judged { .. } => "verdict".to_owned(),
            Self::Hidden { .. } => "secrets hidden".to_owned(),
            Self::Ended { .. } => "run ended".to_owned(),
        }
    }

    /// Puts what it says in the place of what an earlier write says of the same, which
    /// may have a secret in it that was not known to be one.
    pub(crate) fn replace_in(&self, earlier: &mut Self) {
        match (self, earlier) {
            (Self::Hidden { call, result }, Self::CallEnded { call: of, result: old, .. }) if call == of => {
                old.clone_from(result);
            }
            (Self::Ended { verdict, .. }, Self::Judged { verdict: old }) => old.clone_from(verdict),
            _ => {}
        }
    }

    pub(super) fn make(&self, transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<()> {
        match self {
            // Two for each call: prepared once.
            Self::CallBegun { call, hook, event, attempt, recovered, at } => transaction
                .prepare_cached(
                    "INSERT INTO call (run, number, hook, event, attempt, recovered, begun)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (run, number) DO NOTHING",
                )?
                .execute(params![run, call, hook, event.as_str(), attempt, recovered, at]),
            Self::CallEnded { call, at, over, result, .. } => transaction
                .prepare_cached("UPDATE call SET ended = ?3, over = ?4, result = ?5 WHERE run = ?1 AND number = ?2")?
                .execute(params![run, call, at, over, result]),
            Self::ResticStarted(ResticProcess { pid, start, boot }) => transaction.execute(
                "UPDATE run SET restic_pid = ?2, restic_start = ?3, boot_id = ?4 WHERE number = ?1",
                params![run, pid, start.cast_signed(), boot],
            ),
            Self::Judged { verdict } => {
                transaction.execute("UPDATE run SET verdict = ?2 WHERE number = ?1", params![run, verdict])
            }
            Self::Hidden { call, result } => transaction
                .execute("UPDATE call SET result = ?3 WHERE run = ?1 AND number = ?2", params![run, call, result]),
            Self::Ended { report, verdict, over, at } => {
                transaction.execute(
                    "UPDATE run SET report = ?2, verdict = ?3 WHERE number = ?1",
                    params![run, report, verdict],
                )?;
                return if *over { close(transaction, run, *at) } else { Ok(()) };
            }
        }
        .map(drop)
    }
}

/// Nothing is owed from then on.
pub(super) fn close(transaction: &Transaction<'_>, run: i64, at: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM component WHERE run = ?1", [run])?;
    transaction.execute("UPDATE run SET ended = ?2 WHERE number = ?1", params![run, at])?;
    Ok(())
}
