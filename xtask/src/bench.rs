//! `cargo xtask bench`: the figures of docs/benchmarks.md.

use xshell::{Shell, cmd};

use crate::setup;

pub(crate) fn bench(sh: &Shell) -> anyhow::Result<()> {
    setup::wasm_target(sh)?;
    setup::hooks(sh)?;
    println!("building everything with optimisation; the first time, this takes minutes");
    cmd!(sh, "cargo bench --package hookward-tests --bench call").run()?;
    cmd!(sh, "cargo bench --package hookward-cli --bench process").run()?;
    Ok(())
}
