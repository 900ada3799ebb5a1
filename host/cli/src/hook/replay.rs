//! `hook replay`: a call that was recorded, once more and offline.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use hookward_engine::log::Sink;
use hookward_engine::{CallRecord, Divergence, MAX_RECORD_BYTES, Replay};
use hookward_runner::exit;
use hookward_runner::interrupt::{Interrupts, Step};
use serde_json::json;

use super::{Both, report_json};
use crate::args;
use crate::output;
use crate::session::{NO_SIGNALS, Problem, Session};
use crate::show::{Voice, bad, count, good};

/// The largest record in words, for messages.
const LARGEST: u64 = MAX_RECORD_BYTES as u64 >> 20;

pub(crate) fn replay(session: &Session, args: &args::Replay) -> anyhow::Result<i32> {
    let unreadable = |error| Problem::Record { file: args.file.clone(), error };
    let record = CallRecord::load(&args.file).map_err(unreadable)?;
    let show = session.show(Voice::Hook);
    let kept = Arc::new(Both::new(&show));
    let interrupts = Interrupts::default();
    let listener = interrupts.listen(|_, _| {}).context(NO_SIGNALS)?;
    let runtime = session.runtime()?;
    let (file, replay, digest) = runtime.block_on(async {
        let file = component(&record, args)?;
        let unusable = |failure| Problem::Component { file: file.clone(), failure };
        let component = session.engine()?.load_file(&file, None, record.limits()).await.map_err(unusable)?;
        let digest = component.inspection().digest;
        if args.component.is_none() && Some(digest) != record.digest() {
            return Err(Problem::OtherComponent { file: file.clone(), record: args.file.clone() }.into());
        }
        let sink: Arc<dyn Sink> = kept.clone();
        let replay = component.replay(&record, sink, interrupts.step(Step::Stop)).await.map_err(unusable)?;
        anyhow::Ok((file, replay, digest))
    })?;
    runtime.shutdown_background();
    drop(listener);
    let other = Some(digest) != record.digest();
    if session.global.json {
        let report = json!({
            "version": 1,
            "identical": replay.is_identical(),
            "cut": replay.cut,
            "ended-outside": replay.ended_outside,
            "secrets": replay.secrets,
            "calls": replay.calls,
            "hook": record.hook(),
            "recorded": record.recorded(),
            "component": { "file": file, "digest": digest, "recorded-digest": record.digest() },
            "divergence": replay.divergence,
            "differences": replay.differences,
            "report": report_json(&replay.report, &replay.log),
        });
        output::result(format_args!("{report:#}"))?;
    } else {
        tell(&record, &replay, other.then_some(file.as_path()))?;
    }
    Ok(if replay.cut && replay.divergence.is_none() { exit::UNUSABLE } else { i32::from(!replay.is_identical()) })
}

/// The component that is run: the one that is given, or the one that was recorded, if it
/// is still where it was.
fn component(record: &CallRecord, args: &args::Replay) -> Result<PathBuf, Problem> {
    if let Some(file) = &args.component {
        return Ok(file.clone());
    }
    match record.component() {
        Some(file) if file.exists() => Ok(file.to_owned()),
        _ => Err(Problem::NoComponent { record: args.file.clone(), digest: record.digest() }),
    }
}

fn tell(record: &CallRecord, replay: &Replay, other: Option<&Path>) -> anyhow::Result<()> {
    let Replay { report, calls, divergence, differences, .. } = replay;
    let said = format!("{} of host functions", count(*calls, "call"));
    let hook = record.hook().map(|hook| format!("hook \"{hook}\", ")).unwrap_or_default();
    let event = record.event();
    let (kind, operation) = (event.kind, &event.operation);
    output::result(format_args!("replayed: {hook}{kind} of {operation}, recorded {}", record.recorded()))?;
    if let Some(file) = other {
        output::result(format_args!("{} is another component than the one that was recorded", file.display()))?;
    }
    if let Some(Divergence { call, recorded, made, .. }) = divergence {
        let nothing = || "nothing more".to_owned();
        output::result(bad(&format!("diverged at call {call} of a host function")))?;
        output::result(format_args!("  recorded: {}", recorded.clone().unwrap_or_else(nothing)))?;
        output::result(format_args!("  made:     {}", made.clone().unwrap_or_else(nothing)))?;
    } else if replay.cut {
        return output::result(bad(&format!(
            "the same for {said}, as far as the record goes: it was cut there, at its limit of {LARGEST} MiB, \
             and whether the rest is the same can't be known"
        )));
    }
    for difference in differences {
        output::result(bad(&format!("another {}", difference.what)))?;
        output::result(format_args!("  recorded: {}", difference.recorded))?;
        output::result(format_args!("  now:      {}", difference.replayed))?;
    }
    if let ([difference], None, true) = (differences.as_slice(), divergence, replay.secrets)
        && difference.what == "fuel"
    {
        output::result(
            "  all else is the same: the hook looked into a secret, in whose place the record has another text",
        )?;
    }
    if !replay.is_identical() {
        return Ok(());
    }
    let end = match &report.result {
        Ok(()) => "ok".to_owned(),
        Err(failure) => format!("{failure} [{}]", failure.reason),
    };
    let fuel = if replay.ended_outside {
        "as far as it went before it was ended from outside".to_owned()
    } else {
        format!("with {} fuel", report.fuel)
    };
    output::result(format_args!("{} {said}, the same end {fuel}: {end}", good("identical:")))
}
