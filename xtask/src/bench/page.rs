//! docs/benchmarks.md: the text of `page.md` around what was measured.

use std::collections::BTreeMap;

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;

use super::machine::Machine;
use super::report::{GOALS, Section};

/// A row of the table of goals.
#[derive(Serialize)]
struct Row<'a> {
    what: &'a str,
    wanted: &'a str,
    measured: &'a str,
    met: &'a str,
}

#[derive(Serialize)]
struct Page<'a> {
    machine: &'a Machine,
    goals: Vec<Row<'a>>,
    seconds: u64,
    part: &'a BTreeMap<String, Section>,
}

pub(crate) fn render(machine: &Machine, sections: &BTreeMap<String, Section>, seconds: u64) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?;
    environment.set_syntax(syntax);
    environment.add_template("page", include_str!("page.md"))?;
    let reached: Vec<_> = sections.values().flat_map(|section| &section.goals).collect();
    let goals: Vec<_> = GOALS
        .iter()
        .map(|(name, what, wanted)| {
            let goal = reached.iter().find(|goal| goal.name == *name);
            let (measured, met) = match goal {
                Some(goal) if goal.met => (goal.measured.as_str(), "yes"),
                Some(goal) => (goal.measured.as_str(), "**no**"),
                None => ("not measured", ""),
            };
            Row { what, wanted, measured, met }
        })
        .collect();
    let page = environment.get_template("page")?;
    let mut text = page.render(Serde(Page { machine, goals, seconds, part: sections }))?;
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    Ok(text)
}
