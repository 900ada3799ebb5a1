//! `hook test`: a directory of cases, each one call of a hook on a stage.

mod case;
mod expect;
mod run;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::bail;
use hookward_author::Project;
use hookward_engine::{Limits, event::millis};
use serde_json::json;

use self::case::Case;
use self::expect::Difference;
use crate::args;
use crate::output;
use crate::session::{Problem, Session};
use crate::show::{bad, count, good};

/// How a case went.
struct Outcome {
    name: String,
    differences: Vec<Difference>,
    fuel: u64,
    milliseconds: u64,
    updated: bool,
}

pub(crate) fn test(session: &Session, args: &args::Test) -> anyhow::Result<i32> {
    let file = match &args.component {
        Some(file) => file.clone(),
        None => built(&args.dir)?,
    };
    let mut cases = case::find(&args.dir)?;
    let all = cases.len();
    if let Some(filter) = &args.filter {
        cases.retain(|case| case.name.contains(filter.as_str()));
    }
    if cases.is_empty() {
        let filter = args.filter.as_deref().map(|filter| format!(" with `{filter}` in its name (of {all})"));
        bail!(Problem::Cases(format!("there is no case{} in {}", filter.unwrap_or_default(), args.dir.display())));
    }
    let runtime = session.runtime()?;
    let unusable = |failure| Problem::Component { file: file.clone(), failure };
    let mut outcomes = Vec::new();
    runtime.block_on(async {
        let component = session.engine()?.load_file(&file, None, &Limits::default()).await.map_err(unusable)?;
        for found in &cases {
            let began = Instant::now();
            let case = Case::load(found)?;
            let happened = run::run(&case, &component).await?;
            let mut differences = expect::compare(&case, &happened);
            let updated = args.update && !differences.is_empty() && expect::update(&case, &happened)?;
            if updated {
                differences.retain(|difference| difference.is_final);
            }
            let milliseconds = millis::of(began.elapsed());
            let outcome = Outcome { name: case.name, differences, fuel: happened.fuel(), milliseconds, updated };
            if !session.global.json {
                tell(&outcome)?;
            }
            outcomes.push(outcome);
        }
        anyhow::Ok(())
    })?;
    runtime.shutdown_background();
    let failed = outcomes.iter().filter(|outcome| !outcome.differences.is_empty()).count();
    let passed = outcomes.len() - failed;
    if session.global.json {
        let cases = outcomes.iter().map(|outcome| {
            json!({
                "name": outcome.name, "ok": outcome.differences.is_empty(), "updated": outcome.updated,
                "differences": outcome.differences, "fuel": outcome.fuel, "duration-ms": outcome.milliseconds,
            })
        });
        let cases: Vec<_> = cases.collect();
        let report = json!({ "version": 1, "component": file, "passed": passed, "failed": failed, "cases": cases });
        output::result(format_args!("{report:#}"))?;
    } else {
        output::result(format_args!("{passed} passed, {failed} failed"))?;
    }
    Ok(i32::from(failed > 0))
}

/// What the project's own build has made.
fn built(dir: &Path) -> anyhow::Result<PathBuf> {
    let project = Project::open(dir)
        .map_err(|error| Problem::Cases(format!("{error}; or name the hook with --component FILE")))?;
    let component = project.component;
    if !component.exists() {
        let component = component.display();
        bail!(Problem::Cases(format!("there is no {component}: `hookward hook build` makes it")));
    }
    Ok(component)
}

fn tell(outcome: &Outcome) -> anyhow::Result<()> {
    let Outcome { name, differences, updated, .. } = outcome;
    if differences.is_empty() {
        let updated = if *updated { " (expectations written)" } else { "" };
        return output::result(format_args!("{}      {name}{updated}", good("ok")));
    }
    output::result(format_args!("{}  {name}: {}", bad("FAILED"), count(differences.len() as u64, "difference")))?;
    for difference in differences {
        output::result(format_args!("    {}", difference.what))?;
        for line in difference.lines() {
            output::result(format_args!("      {line}"))?;
        }
    }
    Ok(())
}
