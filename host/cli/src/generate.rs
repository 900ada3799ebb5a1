//! Completions, man pages, the schema: made from what declares them.

use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;
use hookward_runner::config::json_schema;

use crate::args::Cli;
use crate::output;

pub(crate) fn completions(shell: Shell) -> anyhow::Result<i32> {
    // Into memory first: the generator panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hookward", &mut script);
    print(&String::from_utf8(script)?)
}

pub(crate) fn man(dir: Option<&Path>) -> anyhow::Result<i32> {
    let command = Cli::command();
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        clap_mangen::generate_to(command, dir).with_context(|| format!("cannot write to {}", dir.display()))?;
        return Ok(0);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    print(&String::from_utf8(page)?)
}

pub(crate) fn schema() -> anyhow::Result<i32> {
    print(&format!("{:#}", json_schema()))
}

fn print(text: &str) -> anyhow::Result<i32> {
    output::result(text.trim_end_matches('\n'))?;
    Ok(0)
}
