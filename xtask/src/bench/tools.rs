//! The peers: installed where their registries have them, below `target/tools`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use xshell::cmd;

use super::Session;
use crate::setup;

/// The release of rustic that is measured.
const RUSTIC: &str = "0.11.4";
/// Peers in Python, and what the set-up of a measurement needs.
const PYTHON: &[&str] = &["borgmatic==2.1.10", "runrestic==0.5.31", "componentize-py==0.25.1", "cryptography"];
const VIRTUAL: &str = "peers";

/// Installs what isn't there. What can't be installed is left out of the measurements,
/// which say so.
pub(crate) fn peers(session: &Session<'_>) {
    if session.only_installed {
        return;
    }
    setup::packages(session.sh, &[("borg", "borgbackup")], "the benchmarks");
    for (name, installed) in [("rustic", rustic(session)), ("Python's", python(session).map(drop))] {
        if let Err(error) = installed {
            println!("{name}: {error:#}");
        }
    }
}

/// Where rustic is, once it was built.
pub(crate) fn rustic_program(session: &Session<'_>) -> PathBuf {
    session.tools.join("rustic/bin/rustic")
}

/// A quarter of an hour, once.
fn rustic(session: &Session<'_>) -> anyhow::Result<()> {
    let Session { sh, tools, .. } = session;
    let (root, build) = (tools.join("rustic"), tools.join("rustic-build"));
    if !sh.path_exists(rustic_program(session)) {
        println!("building rustic {RUSTIC}; this takes a quarter of an hour, once");
        cmd!(sh, "cargo install rustic-rs@{RUSTIC} --no-default-features --locked --quiet --root {root}")
            .env("CARGO_TARGET_DIR", &build)
            .run()
            .context("rustic can't be built")?;
        // Gigabytes that nobody needs again.
        sh.remove_path(&build)?;
    }
    Ok(())
}

/// Programs in Python, in a virtual environment; returns where they are.
pub(crate) fn python(session: &Session<'_>) -> anyhow::Result<PathBuf> {
    let Session { sh, tools, .. } = session;
    let root = tools.join(VIRTUAL);
    let (programs, complete) = (root.join("bin"), root.join("complete"));
    let wanted = PYTHON.join("\n");
    if !sh.path_exists(&complete) || sh.read_file(&complete)? != wanted {
        ensure!(!session.only_installed, "what is written in Python is not installed");
        println!("installing {}", PYTHON.join(", "));
        cmd!(sh, "python3 -m venv --clear {root}").run().context("python3 can't make virtual environments")?;
        cmd!(sh, "{programs}/pip install --quiet --disable-pip-version-check {PYTHON...}").run()?;
        sh.write_file(&complete, wanted)?;
    }
    Ok(programs)
}

/// The plug-in for Extism, and the folder of its host's workspace.
pub(crate) fn extism(session: &Session<'_>) -> anyhow::Result<(PathBuf, PathBuf)> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let Session { sh, workspace, .. } = session;
    let (dir, target) = (workspace.join("benches/extism"), extism_target(session));
    let plugin = target.join(TARGET).join("hook/extism_plugin.wasm");
    ensure!(!session.only_installed || sh.path_exists(&plugin), "its host and plug-in are not built");
    setup::target(sh, TARGET)?;
    println!("building a host and a plug-in for Extism; this takes minutes, once");
    let _dir = sh.push_dir(&dir);
    cmd!(sh, "cargo build --quiet --locked --package extism-plugin --profile hook --target {TARGET}")
        .env("CARGO_TARGET_DIR", &target)
        .run()?;
    cmd!(sh, "cargo bench --quiet --locked --bench call --no-run").env("CARGO_TARGET_DIR", &target).run()?;
    Ok((plugin, dir))
}

/// Where Extism is built, with a Wasmtime of its own.
pub(crate) fn extism_target(session: &Session<'_>) -> PathBuf {
    session.tools.join("extism-build")
}

/// A component written in Python that does what the guest `hello` does.
pub(crate) fn python_component(session: &Session<'_>) -> anyhow::Result<PathBuf> {
    let Session { sh, workspace, tools, .. } = session;
    let (source, component) = (workspace.join("benches/python"), tools.join("hello-python.wasm"));
    let componentize = python(session)?.join("componentize-py");
    if fresh(&component, &source.join("hello.py")) {
        return Ok(component);
    }
    let _dir = sh.push_dir(&source);
    let wit = workspace.join("wit/0.1.0");
    cmd!(sh, "{componentize} -d {wit} -w hook componentize hello -o {component}")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run()?;
    Ok(component)
}

fn fresh(made: &Path, source: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    changed(made).zip(changed(source)).is_some_and(|(made, source)| made > source)
}
