//! `cargo xtask bench`: measures what Hookward costs, beside what others do, in one
//! session on one machine, and writes docs/benchmarks.md.
//!
//! Each part stands by itself: one that fails is a note on the page, and the others go on.

mod counts;
mod criterion;
mod hyperfine;
mod machine;
mod many;
mod memory;
mod page;
mod peers;
mod process;
mod report;
mod sample;
mod stream;
mod tools;
mod warm;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use xshell::{Shell, cmd};

use self::report::Section;
use crate::{dist, setup};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// A hook's call within a process, beside bare Wasmtime, Extism and `sh -c true`
    Call,
    /// Many hooks at once: memory, fairness, cuts, the cost of ticks
    Many,
    /// Whole processes, with no hooks and with up to a thousand
    Process,
    /// Memory of the program
    Memory,
    /// Runs with hooks, beside those of rustic, borgmatic and runrestic
    Peers,
    /// A gigabyte or two through `exec`
    Stream,
    /// Instructions of a call, counted, against the counts that are kept
    Counts,
}

/// The parts of the page. Counts are not for reading.
const PAGE: [Part; 6] = [Part::Call, Part::Many, Part::Process, Part::Memory, Part::Peers, Part::Stream];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only these parts; docs/benchmarks.md stays as it is
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Few samples, to see that it works; docs/benchmarks.md stays as it is
    #[arg(long)]
    quick: bool,
    /// Leave out what isn't installed yet: building the peers takes half an hour
    #[arg(long)]
    only_installed: bool,
    /// Keep the counts of instructions as they are now
    #[arg(long)]
    keep_counts: bool,
}

/// One run of this command.
pub(crate) struct Session<'s> {
    sh: &'s Shell,
    quick: bool,
    /// Build and install no peers.
    only_installed: bool,
    /// The root of the workspace.
    workspace: PathBuf,
    /// Where cargo builds.
    target: PathBuf,
    /// For whatever is measured: below `target`, removed at the end.
    dir: PathBuf,
    /// Tools and peers: below `target`, kept.
    tools: PathBuf,
}

impl Session<'_> {
    /// The program, as it is given out.
    fn hookward(&self) -> PathBuf {
        self.target.join("dist/hookward")
    }

    /// A command line or a path as others would see it.
    fn told(&self, command: &str) -> String {
        let replaced = [(&self.dir, "DIR"), (&self.target, "target"), (&self.workspace, ".")];
        replaced
            .into_iter()
            .fold(command.to_owned(), |command, (path, name)| command.replace(&path.display().to_string(), name))
    }
}

pub(crate) fn bench(sh: &Shell, options: &Options) -> anyhow::Result<()> {
    let started = Instant::now();
    let parts = if options.parts.is_empty() { PAGE.to_vec() } else { options.parts.clone() };
    let target = setup::target_dir(sh)?;
    let session = Session {
        sh,
        quick: options.quick,
        only_installed: options.only_installed,
        workspace: setup::workspace()?,
        dir: target.join("bench/work"),
        tools: target.join("tools"),
        target,
    };
    sh.remove_path(&session.dir)?;
    sh.create_dir(&session.dir)?;
    if parts.contains(&Part::Counts) {
        counts::check(&session, options.keep_counts)?;
    }
    let parts: Vec<_> = PAGE.into_iter().filter(|part| parts.contains(part)).collect();
    if !parts.is_empty() {
        measure(&session, &parts, parts == PAGE && !options.quick, started)?;
    }
    sh.remove_path(&session.dir)?;
    Ok(())
}

/// Measures the parts, and writes the page.
fn measure(session: &Session<'_>, parts: &[Part], publish: bool, started: Instant) -> anyhow::Result<()> {
    let Session { sh, target, .. } = session;
    setup::wasm_target(sh)?;
    setup::restic(sh)?;
    setup::packages(sh, &[("hyperfine", "hyperfine")], "the benchmarks");
    setup::hooks(sh)?;
    dist::dist(sh)?;
    if parts.contains(&Part::Peers) {
        tools::peers(session);
    }
    if [Part::Call, Part::Many].iter().any(|part| parts.contains(part)) {
        cmd!(sh, "cargo bench --package hookward-tests --bench call --bench many --no-run").run()?;
    }
    machine::rest(session)?;
    let built = started.elapsed();
    let machine = machine::Machine::look(session)?;
    let mut sections = BTreeMap::new();
    for part in parts {
        let name = part.to_possible_value().context("every part has a name")?.get_name().to_owned();
        println!("\n== {name}");
        let mut section = Section::default();
        let measured = match part {
            Part::Call => warm::measure(session, &mut section),
            Part::Many => many::measure(session, &mut section),
            Part::Process => process::measure(session, &mut section),
            Part::Memory => memory::measure(session, &mut section),
            Part::Peers => peers::measure(session, &mut section),
            Part::Stream => stream::measure(session, &mut section),
            Part::Counts => Ok(()),
        };
        if let Err(error) = measured {
            section.note(format!("not all of this part could be measured: {}", session.told(&format!("{error:#}"))));
        }
        sections.insert(name, section);
    }
    let seconds = started.elapsed().saturating_sub(built).as_secs();
    let text = page::render(&machine, &sections, seconds)?;
    let path = if publish { session.workspace.join("docs/benchmarks.md") } else { target.join("bench/benchmarks.md") };
    sh.write_file(&path, &text)?;
    if !publish {
        println!("\n{text}");
    }
    println!("{} s of building and installing, {seconds} s of measuring; see {}", built.as_secs(), path.display());
    Ok(())
}
