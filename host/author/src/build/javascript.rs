//! JavaScript: componentize-qjs packs QuickJS and the source into a component.

use super::world::World;
use super::{BuildError, Made};
use crate::Project;
use crate::metadata::Metadata;
use crate::tool::{Tools, run};

const TOOL: &str = "componentize-qjs";

/// As in the projects of `hook new`.
const GET: &str = "npm install --save-dev componentize-qjs@0.4.5";

const SOURCE: &str = "hook.js";

pub(super) fn build(project: &Project, tools: &Tools) -> Result<Made, BuildError> {
    let tool = tools.need(TOOL, GET)?;
    if !project.dir.join(SOURCE).is_file() {
        let message = format!("there is no {SOURCE}, which is where the hook is looked for");
        return Err(BuildError::Source { path: project.dir.clone(), message });
    }
    let world = World::of(project)?;
    let out = tempfile::tempdir().map_err(BuildError::write(&std::env::temp_dir()))?;
    let component = out.path().join("component.wasm");
    let mut command = tools.command(tool);
    command.arg("--wit").arg(&world.dir).args(["--js", SOURCE, "--world", world.name(), "--sync", "--opt-size"]);
    command.arg("--output").arg(&component).current_dir(&project.dir);
    run(&mut command)?;
    Ok(Made {
        component: std::fs::read(&component).map_err(BuildError::read(&component))?,
        metadata: Metadata::of_manifest(project)?,
        sdk: super::sdk(project, &["hookward.js"]),
        silent: true,
    })
}
