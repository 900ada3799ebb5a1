//! Chores of the project. Each does its own set-up, and says what it does.

mod bench;
mod demo;
mod dist;
mod languages;
mod setup;

use clap::{Parser, Subcommand};
use xshell::{Shell, cmd};

use crate::languages::Program;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the project")]
struct Xtask {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Make a real gated backup of throwaway data, and show what the gate is for
    Demo,
    /// Build the example hooks to target/hooks
    Hooks,
    /// Pass the conformance suite of the languages, and write its table
    Languages,
    /// Build the program as it is given out, to target/dist
    Dist,
    /// Pass the tests
    Test {
        /// Arguments for `cargo test`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Measure what hooks cost, and write docs/benchmarks.md
    Bench(bench::Options),
}

fn main() -> anyhow::Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(setup::workspace()?);
    match Xtask::parse().chore {
        Chore::Demo => demo::demo(&sh),
        Chore::Hooks => hooks(&sh),
        Chore::Languages => languages::table(&sh),
        Chore::Dist => dist::dist(&sh).map(|program| println!("the program is {}", program.display())),
        Chore::Test { args } => test(&sh, &args),
        Chore::Bench(options) => bench::bench(&sh, &options),
    }
}

fn hooks(sh: &Shell) -> anyhow::Result<()> {
    setup::wasm_target(sh)?;
    let dir = setup::hooks(sh)?;
    languages::build(sh, Program::Wanted)?;
    println!("the hooks are in {}", dir.display());
    Ok(())
}

fn test(sh: &Shell, args: &[String]) -> anyhow::Result<()> {
    setup::wasm_target(sh)?;
    setup::restic(sh)?;
    setup::counterparts(sh);
    // The guests first and in one go: the tests would build them one by one.
    setup::components(sh, "hooks-examples")?;
    setup::components(sh, "tests/guests")?;
    let program = if args.is_empty() {
        // All at once: a program that is built without its tests has dependencies of its own.
        cmd!(sh, "cargo test --quiet --workspace --no-run").run()?;
        Program::Built
    } else {
        Program::Wanted
    };
    let left_out = languages::build(sh, program)?;
    // Under nohup and some CI systems signals come ignored, and stay so in every child:
    // the tests are about signals.
    let resets = cmd!(sh, "env --default-signal true").quiet().ignore_stderr().run().is_ok();
    let tests = if resets { cmd!(sh, "env --default-signal cargo") } else { cmd!(sh, "cargo") };
    let tests = tests.args(["test", "--workspace"]).args(args);
    // Arguments may select targets, and leave programs unbuilt that the tests run.
    let tests = if args.is_empty() { tests.env("HOOKWARD_TESTS_PREBUILT", "1") } else { tests };
    let passed = tests.run();
    left_out.tell();
    passed?;
    Ok(())
}
