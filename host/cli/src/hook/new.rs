//! `hook new` and `hook build`: from nothing to a component.

use anyhow::Context as _;
use bytesize::ByteSize;
use hookward_author::{BuildError, BuildOptions, Built, New, NewError};
use hookward_engine::Inspection;
use serde_json::json;

use crate::args::{HookBuild, HookNew};
use crate::output;
use crate::session::{Problem, Session};

pub(crate) fn new(session: &Session, new: HookNew) -> anyhow::Result<i32> {
    let HookNew { lang, name, dir, sdk } = new;
    let dir = dir.unwrap_or_else(|| name.clone().into());
    let new = New { name, language: lang, dir, sdk };
    if session.global.dry_run {
        output::say(format_args!("would make a hook in {} in {}", new.language, new.dir.display()));
        return Ok(0);
    }
    hookward_author::create(&new).map_err(|error| match error {
        // Of the command line, as clap's own.
        NewError::Name(_) | NewError::Exists(_) | NewError::NoSdk(_) => Problem::Usage(error.to_string()).into(),
        _ => anyhow::Error::from(error),
    })?;
    if session.global.json {
        let report = json!({ "version": 1, "name": new.name, "language": new.language, "dir": new.dir });
        output::result(format_args!("{report:#}"))?;
    } else if !session.global.quiet {
        output::say(format_args!(
            "made a hook in {} in {}; next: `hookward hook build {}`",
            new.language,
            new.dir.display(),
            new.dir.display()
        ));
    }
    Ok(0)
}

pub(crate) fn build(session: &Session, build: HookBuild) -> anyhow::Result<i32> {
    let mut options = BuildOptions::default();
    options.output = build.output;
    let built = hookward_author::build(&build.dir, &options).map_err(|error| match error {
        BuildError::MissingTool { .. } => Problem::MissingTool(error).into(),
        _ => anyhow::Error::from(error),
    })?;
    let file = shown(&built);
    let bytes = std::fs::read(&built.component).with_context(|| format!("cannot read {}", file.display()))?;
    let unusable = |failure| Problem::Component { file: file.clone(), failure };
    let inspection = Inspection::of(&bytes).map_err(unusable)?;
    let contract = inspection.contract().map_err(unusable)?;
    if session.global.json {
        let report = json!({
            "version": 1, "name": built.name, "language": built.language, "component": built.component,
            "size": inspection.size, "digest": inspection.digest, "contract": contract,
        });
        output::result(format_args!("{report:#}"))?;
    } else if !session.global.quiet {
        let size = ByteSize(inspection.size).display().iec();
        output::say(format_args!("built {} ({size})\n{}", file.display(), inspection.digest));
    }
    Ok(0)
}

/// Its path as a person would write it.
fn shown(built: &Built) -> std::path::PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    built.component.strip_prefix(here).unwrap_or(&built.component).to_owned()
}
