//! `hookward runs`: what the journal has.

use std::path::Path;

use bytesize::ByteSize;
use hookward_engine::log::Record;
use hookward_runner::journal::{CallDetail, Debt, RunDetail, RunState, RunSummary};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::args::Runs;
use crate::output;
use crate::session::{Problem, Session};

pub(crate) fn runs(session: &Session, runs: &Runs) -> anyhow::Result<i32> {
    match runs {
        Runs::List { profile, limit } => list(session, profile.as_deref(), *limit),
        Runs::Show { run } => show(session, run),
    }
}

fn list(session: &Session, profile: Option<&str>, limit: usize) -> anyhow::Result<i32> {
    let runs = session.journal().runs(profile, limit).map_err(Problem::from)?;
    if session.global.json {
        let report = json!({ "version": 1, "runs": runs });
        output::result(format_args!("{report:#}"))?;
    } else if runs.is_empty() {
        output::result("the journal has no such run")?;
    } else {
        let rows = runs.iter().map(row).collect::<Vec<_>>();
        let head = ["RUN", "STARTED", "PROFILE", "OPERATION", "STATUS", "CODE", "TOOK"].map(str::to_owned);
        output::result(table(&[&[head], rows.as_slice()].concat()))?;
    }
    Ok(0)
}

fn row(run: &RunSummary) -> [String; 7] {
    let dash = || "-".to_owned();
    [
        run.run_id.clone(),
        local(run.started),
        run.profile.clone().unwrap_or_else(dash),
        if run.dry_run { format!("{} (dry run)", run.operation) } else { run.operation.clone() },
        standing(run),
        run.exit_code.map_or_else(dash, |code| code.to_string()),
        run.duration_ms.map_or_else(dash, seconds),
    ]
}

/// Columns under each other.
fn table(rows: &[[String; 7]]) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..7).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How the run went, and whether anything is left of it.
fn standing(run: &RunSummary) -> String {
    let status = run.status.map(|status| status.as_str());
    match (run.state, status) {
        (RunState::Running, status) => status.map_or("running".to_owned(), |status| format!("{status}, running")),
        (RunState::Open, status) => {
            let owed = if run.owed.is_empty() { String::new() } else { format!(", owed: {}", run.owed.join(", ")) };
            format!("{}{owed}", status.unwrap_or("died"))
        }
        (_, status) => status.unwrap_or("not known").to_owned(),
    }
}

fn show(session: &Session, prefix: &str) -> anyhow::Result<i32> {
    let journal = session.journal();
    let id = journal.find_run(prefix).map_err(Problem::from)?.map_err(Problem::from)?;
    let Some(run) = journal.run(&id).map_err(Problem::from)? else {
        return Err(Problem::NoSuchRun(hookward_runner::journal::NoSuchRun::Unknown(prefix.to_owned())).into());
    };
    if session.global.json {
        let report = json!({ "version": 1, "run": run });
        output::result(format_args!("{report:#}"))?;
    } else {
        output::result(text(&run))?;
    }
    Ok(0)
}

fn text(run: &RunDetail) -> String {
    let summary = &run.summary;
    let mut lines = vec![format!("run {}", summary.run_id)];
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {name:<11} {value}"));
        }
    };
    field("profile", summary.profile.clone().unwrap_or_default());
    field(
        "operation",
        if summary.dry_run { format!("{} (dry run)", summary.operation) } else { summary.operation.clone() },
    );
    field("repository", summary.repository.clone());
    field("host", run.host.clone());
    field("trigger", summary.trigger.to_string());
    field("sources", run.sources.join(", "));
    field("tags", run.tags.join(", "));
    field("started", local(summary.started));
    field("took", summary.duration_ms.map(seconds).unwrap_or_default());
    field("gate opened", run.gate_opened.map_or("never".to_owned(), local));
    field("status", standing(summary));
    field("error", run.error.clone().unwrap_or_default());
    field("exit code", summary.exit_code.map(|code| code.to_string()).unwrap_or_default());
    if let Some(restic) = &run.restic {
        let code = restic.exit_code.map(|code| format!("exited with code {code}"));
        let signal = restic.signal.map(|signal| format!("was killed by signal {signal}"));
        let took = humantime::format_duration(std::time::Duration::from_secs(restic.duration.as_secs()));
        field("restic", format!("{}, after {took}", code.or(signal).unwrap_or_default()));
        field("snapshot", restic.snapshot_id.clone().unwrap_or_default());
    }
    for warning in &run.warnings {
        field("warning", warning.clone());
    }
    lines.extend(run.hooks.iter().flat_map(call));
    lines.extend(run.debts.iter().map(debt));
    lines.join("\n")
}

fn call(call: &CallDetail) -> Vec<String> {
    let attempt = if call.attempt > 1 { format!(", attempt {}", call.attempt) } else { String::new() };
    let recovered = if call.recovered { ", recovered" } else { "" };
    let used = format!(
        "({}, {} fuel, {} memory)",
        seconds(call.duration_ms),
        call.fuel,
        ByteSize(call.peak_memory).display().iec()
    );
    let end = match (&call.failure, &call.skip, call.ended) {
        (_, _, false) => "its end is not known".to_owned(),
        (Some(failure), ..) => format!("failed [{}]: {} {used}", failure.reason, failure.message),
        (None, Some(reason), _) => format!("skips the run: {reason} {used}"),
        (None, None, _) => format!("ok {used}"),
    };
    let module = call.module.as_ref().map(|module| format!(" ({module})")).unwrap_or_default();
    let mut lines = vec![format!("  {:<11} {}{module}{attempt}{recovered}: {end}", call.event.as_str(), call.name)];
    lines.extend(call.plan.iter().map(|change| format!("    plan: {change}")));
    lines.extend(call.log.iter().map(said));
    lines.extend(call.record.as_deref().map(recorded));
    lines
}

fn recorded(record: &Path) -> String {
    let file = record.display();
    // Of records of failures only the newest are kept.
    match record.try_exists() {
        Ok(false) => format!("    was recorded in {file}, which is no longer there"),
        _ => format!("    recorded in {file}: `hookward hook replay` runs it again"),
    }
}

fn said(record: &Record) -> String {
    let fields: String = record.fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    format!("    {}: {}{fields}", record.level.as_str(), record.message)
}

fn debt(debt: &Debt) -> String {
    let Debt { hook, failures, last_error, .. } = debt;
    let next = match debt.next_try {
        _ if debt.given_up => "given up".to_owned(),
        Some(next) => format!("next try not before {}", local(next)),
        None => "paid since".to_owned(),
    };
    let failed = if *failures > 0 {
        format!(": {failures} recoveries failed, the last one: {last_error}")
    } else {
        String::new()
    };
    format!("  {:<11} {hook}{failed}; {next}", "debt")
}

/// In the time of this machine.
fn local(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z").to_string()
}

fn seconds(millis: u64) -> String {
    format!("{}.{:02} s", millis / 1000, millis % 1000 / 10)
}
