//! `hook inspect`: what a component says of itself, and what it asks for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use bytesize::ByteSize;
use hookward_engine::{Access, Inspection, Metadata, Request};
use serde_json::json;

use crate::args::HookInspect;
use crate::output;
use crate::session::{Problem, Session};

/// A line of the table `grants` for each grant: an example, to be narrowed. Each is
/// one that the configuration takes.
const GRANTS: &[(&str, &str)] = &[
    ("commands", r#"commands.NAME = { argv = ["/usr/bin/true"] }"#),
    ("http", r#"http = [{ url = "https://example.org/*", methods = ["GET"] }]"#),
    ("plan", r#"plan = ["tags"]"#),
    ("secrets", r#"secrets.NAME = { file = "/etc/hookward/NAME" }"#),
    ("state", r#"state = { max-bytes = "64KiB" }"#),
    ("dirs", r#"dirs = [{ host = "/path/here", guest = "/path/there" }]"#),
    ("env", r#"env = ["NAME"]"#),
    ("tcp", r#"tcp = ["127.0.0.1:5432"]"#),
];

pub(crate) fn inspect(session: &Session, inspect: &HookInspect) -> anyhow::Result<i32> {
    let file = &inspect.file;
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let unusable = |failure| Problem::Component { file: file.to_owned(), failure };
    let inspection = Inspection::of(&bytes).map_err(unusable)?;
    if inspect.grants {
        output::result(grants(&inspection.requests).trim_end())?;
        return Ok(0);
    }
    let metadata = Metadata::of(&bytes).map_err(unusable)?;
    if session.global.json {
        let contract = inspection.contract();
        let report = json!({
            "version": 1,
            "file": file,
            "inspection": inspection,
            "metadata": metadata,
            "contract": contract.as_ref().ok(),
            "runs-here": contract.is_ok(),
            "failure": contract.as_ref().err(),
            "grants": grants(&inspection.requests),
        });
        output::result(format_args!("{report:#}"))?;
    } else {
        let shown = text(inspect, &inspection, &metadata)?;
        output::result(shown.trim_end())?;
    }
    Ok(0)
}

fn text(inspect: &HookInspect, inspection: &Inspection, metadata: &Metadata) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "component   {}", inspect.file.display())?;
    writeln!(out, "size        {}", ByteSize(inspection.size).display().iec())?;
    writeln!(out, "digest      {}", inspection.digest)?;
    for (title, value) in [
        ("name", &metadata.name),
        ("version", &metadata.version),
        ("about", &metadata.description),
        ("authors", &metadata.authors),
        ("licence", &metadata.licenses),
        ("source", &metadata.source),
        ("homepage", &metadata.homepage),
    ] {
        if let Some(value) = value {
            writeln!(out, "{title:<11} {value}")?;
        }
    }
    for (title, map) in [("language", &metadata.languages), ("made with", &metadata.sdks), ("made by", &metadata.tools)]
    {
        if !map.is_empty() {
            writeln!(out, "{title:<11} {}", listed(map))?;
        }
    }
    match inspection.contract() {
        Ok(version) => {
            writeln!(out, "contract    hookward:hook@{version}")?;
            writeln!(out, "runs here   yes")?;
        }
        Err(failure) => writeln!(out, "runs here   no: it {failure} [{}]", failure.reason)?,
    }
    writeln!(out, "exports     {}", inspection.exports.join(", "))?;
    writeln!(out, "asks for")?;
    for request in &inspection.requests {
        let access = match request.access {
            Access::Free => String::new(),
            Access::Empty(grant) => format!(" (nothing behind it without the grant `{grant}`)"),
            Access::Gated(grant) => format!(" (refused without the grant `{grant}`)"),
            _ => " (refused)".to_owned(),
        };
        writeln!(out, "  {}: {}{access}", request.import, request.purpose)?;
    }
    write!(out, "\n{}", grants(&inspection.requests))?;
    Ok(out)
}

fn listed(map: &BTreeMap<String, String>) -> String {
    let entries = map.iter().map(|(name, version)| format!("{name} {version}").trim_end().to_owned());
    entries.collect::<Vec<_>>().join(", ")
}

/// The table `grants` that answers all requests, to be narrowed.
fn grants(requests: &[Request]) -> String {
    let lines = |access: fn(&'static str) -> Access| -> Vec<&str> {
        let asked = |grant| requests.iter().any(|request| request.access == access(grant));
        GRANTS.iter().filter(|(grant, _)| asked(grant)).map(|(_, line)| *line).collect()
    };
    let (needed, useful) = (lines(Access::Gated), lines(Access::Empty));
    let mut out = String::new();
    if needed.is_empty() {
        out.push_str("# [profile.PROFILE.hook.grants]: it needs none\n");
    } else {
        out.push_str("# [profile.PROFILE.hook.grants]: examples, to be narrowed to what this hook is for\n");
        needed.iter().for_each(|line| out.extend([*line, "\n"]));
    }
    if !useful.is_empty() {
        out.push_str("# Most languages import these in any case: only if the hook is to have it\n");
        useful.iter().for_each(|line| out.extend(["# ", *line, "\n"]));
    }
    out
}
