//! The same for machines: one JSON object a line, on stderr.

use hookward_engine::Report;
use hookward_engine::log::Record;
use hookward_runner::observer::Happening;
use hookward_runner::restic::messages::Message;
use serde_json::{Value, json};

use crate::output;

fn print(mut line: Value) {
    if let Value::Object(map) = &mut line {
        map.retain(|_, value| !value.is_null());
        map.insert("time".to_owned(), json!(jiff::Timestamp::now()));
    }
    output::say_aside(line);
}

pub(crate) fn problem(message: &str, exit_code: i32) {
    print(json!({ "level": "error", "event": "problem", "message": message, "exit-code": exit_code }));
}

pub(super) fn warning(message: &str) {
    print(json!({ "level": "warn", "event": "problem", "message": message }));
}

pub(super) fn record(hook: Option<&str>, module: Option<&str>, record: &Record) {
    let fields: serde_json::Map<_, _> = record.fields.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    print(json!({
        "level": record.level,
        "event": "hook-said",
        "hook": hook,
        "module": module,
        "source": record.source,
        "message": record.message,
        "fields": if fields.is_empty() { Value::Null } else { fields.into() },
    }));
}

pub(super) fn report(report: &Report) {
    print(json!({
        "level": if report.result.is_ok() { "info" } else { "error" },
        "event": "hook-ended",
        "failure": report.result.as_ref().err(),
        "skip": report.skip,
        "fuel": report.fuel,
        "peak-memory": report.peak_memory,
        "plan": report.plan,
    }));
}

pub(super) fn happening(happening: &Happening<'_>) {
    let line = match happening {
        Happening::Waiting { name, holder } => {
            json!({ "level": "warn", "event": "waiting", "for": name.to_string(), "holder": holder })
        }
        Happening::WaitingForRecovery { run_id } => {
            json!({ "level": "warn", "event": "waiting", "for": format!("the recovery of run {run_id}"), "run": run_id })
        }
        Happening::Begun { run_id, plan } => json!({
            "level": "info", "event": "run-begun", "run": run_id, "profile": plan.profile,
            "operation": plan.operation, "repository": plan.repository, "dry-run": plan.dry_run,
        }),
        Happening::Unusable { hook, failure } => {
            json!({ "level": "warn", "event": "hook-unusable", "hook": hook.name, "failure": failure })
        }
        Happening::HookBegun { hook, event, attempt } => json!({
            "level": "debug", "event": "hook-begun", "hook": hook.name, "on": event, "attempt": attempt,
        }),
        Happening::HookEnded { call, again_in } => json!({
            "level": if call.failure.is_some() { "error" } else { "info" },
            "event": "hook-ended", "hook": call.name, "module": call.module, "on": call.event, "attempt": call.attempt,
            "failure": call.failure, "skip": call.skip, "fuel": call.fuel, "record": call.record,
            "duration-ms": call.duration.as_secs_f64() * 1e3,
            "again-in-s": again_in.map(|pause| pause.as_secs_f64()),
        }),
        Happening::NotRecorded { hook, why } => {
            json!({ "level": "warn", "event": "not-recorded", "hook": hook.name, "message": why })
        }
        Happening::PlanChanged { hook, changes, plan: _ } => json!({
            "level": "info", "event": "plan-changed", "hook": hook.name, "changes": changes,
        }),
        Happening::GateOpened { plan } => {
            json!({ "level": "info", "event": "gate-opened", "operation": plan.operation })
        }
        Happening::ResticMessage(Message::Error(error)) => json!({
            "level": "warn", "event": "restic-error", "item": error.item, "message": error.message(),
        }),
        Happening::ResticMessage(Message::ExitError(error)) => {
            json!({ "level": "error", "event": "restic-error", "message": error.message.trim() })
        }
        Happening::ResticLine(line) => json!({ "level": "info", "event": "restic-line", "message": line }),
        Happening::ResticEnded { exit } => {
            json!({ "level": "info", "event": "restic-ended", "exit": exit.to_string() })
        }
        Happening::Interrupted { interrupt, .. } => json!({
            "level": "warn", "event": "interrupted", "signal": interrupt.signal.as_str(),
            "reason": interrupt.to_string(),
        }),
        Happening::Recovering { run_id, profile, error } => json!({
            "level": "warn", "event": "recovering", "run": run_id, "profile": profile, "error": error,
        }),
        Happening::ResticOutlived { pid } => json!({ "level": "warn", "event": "restic-outlived", "pid": pid }),
        Happening::Recovered { run_id, paid, owed } => json!({
            "level": if owed.is_empty() { "info" } else { "error" },
            "event": "recovered", "run": run_id, "paid": paid, "owed": owed,
        }),
        Happening::Ended(report) => json!({
            "level": if report.exit_code == 0 { "info" } else { "error" },
            "event": "run-ended", "run": report.run_id, "profile": report.profile, "status": report.status,
            "exit-code": report.exit_code, "error": report.error, "warnings": report.warnings,
        }),
        _ => return,
    };
    print(line);
}
