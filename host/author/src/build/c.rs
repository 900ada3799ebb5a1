//! C: zig or clang makes a core module of the sources and of the bindings, which are
//! written here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use wit_bindgen_core::Files;

use super::world::{World, wrapped};
use super::{BuildError, Made, encode};
use crate::Project;
use crate::metadata::Metadata;
use crate::tool::{Tools, run};

const GET: &str = "python3 -m venv .venv && .venv/bin/pip install ziglang";

/// Folder of what is generated, below the project.
const GENERATED: &str = "gen";

pub(super) fn build(project: &Project, tools: &Tools) -> Result<Made, BuildError> {
    let compiler = compiler(tools)?;
    let world = World::of(project)?;
    let mut sources = sources(&project.dir)?;
    if sources.is_empty() {
        let message = "there is no .c file, and so no hook".to_owned();
        return Err(BuildError::Source { path: project.dir.clone(), message });
    }
    sources.extend(bindings(&world, &project.dir.join(GENERATED))?);
    let out = tempfile::tempdir().map_err(BuildError::write(&std::env::temp_dir()))?;
    let module = out.path().join("module.wasm");
    let mut command = compiler;
    // A stack of 1 MiB: that of zig would be all the memory that a hook may have.
    command.args(["-mexec-model=reactor", "-Os", "-s", "-Wl,-z,stack-size=1048576", "-I", GENERATED, "-I", "."]);
    command.args(&sources).arg("-o").arg(&module).current_dir(&project.dir);
    run(&mut command)?;
    let module = std::fs::read(&module).map_err(BuildError::read(&module))?;
    Ok(Made {
        component: wrapped(&module)?,
        metadata: Metadata::default(),
        sdk: super::sdk(project, &["hookward.h"]),
        silent: true,
    })
}

/// zig, which brings the C library along; or a clang that has one for WASI.
fn compiler(tools: &Tools) -> Result<Command, BuildError> {
    if let Some(zig) = tools.find(&["zig", "python-zig"]) {
        let mut command = tools.command(zig);
        command.args(["cc", "-target", "wasm32-wasi"]);
        return Ok(command);
    }
    let sdk = std::env::var_os("WASI_SDK_PATH").map(|path| Path::new(&path).join("bin/clang"));
    let clang = sdk.filter(|clang| clang.is_file()).or_else(|| tools.find(&["clang"]));
    let clang = clang.filter(|clang| has_library(tools, clang));
    let clang = clang.ok_or_else(|| tools.missing("zig, or a clang with the C library of WASI", GET))?;
    let mut command = tools.command(clang);
    command.arg("--target=wasm32-wasi");
    Ok(command)
}

/// Whether this clang finds the C library: it says its path, or else the bare name.
fn has_library(tools: &Tools, clang: &Path) -> bool {
    let output = tools.command(clang).args(["--target=wasm32-wasi", "-print-file-name=libc.a"]).output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_absolute())
}

/// The sources right in the project's folder, by their names.
fn sources(dir: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(BuildError::read(dir))? {
        let path = entry.map_err(BuildError::read(dir))?.path();
        if path.is_file() && path.extension() == Some(OsStr::new("c")) {
            sources.extend(path.file_name().map(PathBuf::from));
        }
    }
    sources.sort();
    Ok(sources)
}

/// Writes the bindings, and returns what is compiled and linked of them.
fn bindings(world: &World, dir: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut files = Files::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    let generated = generator.generate(&mut world.resolve.clone(), world.id, &mut files);
    generated.map_err(encode("write the bindings"))?;
    std::fs::create_dir_all(dir).map_err(BuildError::write(dir))?;
    let mut sources = Vec::new();
    for (name, contents) in files.iter() {
        let path = dir.join(name);
        std::fs::write(&path, contents).map_err(BuildError::write(&path))?;
        // An object is among them, which says the world.
        if !name.ends_with(".h") {
            sources.push(Path::new(GENERATED).join(name));
        }
    }
    Ok(sources)
}
