//! Python: componentize-py packs the interpreter and the modules into a component.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::world::World;
use super::{BuildError, Made};
use crate::Project;
use crate::metadata::Metadata;
use crate::tool::{Tools, run};

const TOOL: &str = "componentize-py";

/// As in the projects of `hook new`; another version may want another form of source.
const GET: &str = "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1";

/// The module with the hook, without its `.py`.
const MODULE: &str = "app";

pub(super) fn build(project: &Project, tools: &Tools) -> Result<Made, BuildError> {
    let tool = tools.need(TOOL, GET)?;
    if !project.dir.join(MODULE).with_extension("py").is_file() {
        let message = format!("there is no {MODULE}.py, which is where the hook is looked for");
        return Err(BuildError::Source { path: project.dir.clone(), message });
    }
    let world = World::of(project)?;
    let out = tempfile::tempdir().map_err(BuildError::write(&std::env::temp_dir()))?;
    let component = out.path().join("component.wasm");
    let mut command = tools.command(tool);
    // With full names what is imported is called the same in every world.
    command.args(["--quiet", "--full-names", "--wit-path"]).arg(&world.dir);
    command.args(["--world", world.name(), "componentize", "--python-path", "."]);
    for folder in linked(&project.dir)? {
        command.arg("--python-path").arg(folder);
    }
    command.args([MODULE, "--output"]).arg(&component).current_dir(&project.dir);
    run(&mut command)?;
    Ok(Made {
        component: std::fs::read(&component).map_err(BuildError::read(&component))?,
        metadata: Metadata::of_manifest(project)?,
        sdk: super::sdk(project, &["hookward.py"]),
        silent: true,
    })
}

/// Where the links in a folder lead: the tool shows Python folders and doesn't follow
/// links out of them.
fn linked(dir: &Path) -> Result<BTreeSet<PathBuf>, BuildError> {
    let mut folders = BTreeSet::new();
    for entry in std::fs::read_dir(dir).map_err(BuildError::read(dir))? {
        let path = entry.map_err(BuildError::read(dir))?.path();
        if path.is_symlink() {
            let target = path.canonicalize().map_err(BuildError::read(&path))?;
            folders.extend(target.parent().map(Path::to_owned));
        }
    }
    Ok(folders)
}
