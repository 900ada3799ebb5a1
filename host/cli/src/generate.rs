//! Completions, man pages, the schema: made from what declares them.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;
use hookward_runner::config::json_schema;

use crate::args::Cli;

pub(crate) fn completions(shell: Shell) -> anyhow::Result<i32> {
    // Into memory first: the generator panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hookward", &mut script);
    print(&script)
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
    print(&page)
}

pub(crate) fn schema() -> anyhow::Result<i32> {
    let mut schema = serde_json::to_vec_pretty(&json_schema())?;
    schema.push(b'\n');
    print(&schema)
}

fn print(bytes: &[u8]) -> anyhow::Result<i32> {
    std::io::stdout().write_all(bytes).context("cannot write to stdout")?;
    Ok(0)
}
