//! Rust: cargo makes the component.

use std::path::Path;

use serde_json::Value;
use wasmparser::{Parser, Payload};

use super::{BuildError, Made};
use crate::Project;
use crate::metadata::Metadata;
use crate::tool::{Tools, read};

const TARGET: &str = "wasm32-wasip2";

/// The custom section in which the SDK says what it is.
const SDK: &str = "hookward-sdk";

pub(super) fn build(project: &Project, tools: &Tools) -> Result<Made, BuildError> {
    let cargo = tools.need("cargo", "https://rustup.rs")?;
    let rustc = tools.need("rustc", "https://rustup.rs")?;
    let manifest = project.dir.join("Cargo.toml");
    if !manifest.is_file() {
        let message = format!("a hook in Rust is a package: there is no {}", manifest.display());
        return Err(BuildError::Source { path: project.dir.clone(), message });
    }
    // Here: a toolchain may be chosen by the project's folder.
    let libraries =
        read(tools.command(rustc).args(["--print", "target-libdir", "--target", TARGET]).current_dir(&project.dir))?;
    if !std::fs::read_dir(libraries.trim()).is_ok_and(|mut libraries| libraries.next().is_some()) {
        return Err(tools.missing("the target wasm32-wasip2", "rustup target add wasm32-wasip2"));
    }
    let mut command = tools.command(&cargo);
    command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(&manifest);
    let metadata: Value = serde_json::from_str(&read(&mut command)?).unwrap_or_default();
    let package = find(metadata.get("packages"), &manifest).map(Metadata::of_cargo).unwrap_or_default();

    let mut command = tools.command(&cargo);
    command.args(["build", "--release", "--lib", "--target", TARGET]);
    // Seen by people, and each artifact as a line of JSON.
    command.args(["--message-format", "json-render-diagnostics", "--manifest-path"]).arg(&manifest);
    let said = read(command.current_dir(&project.dir))?;
    let artifacts: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let files =
        artifacts.iter().filter(|artifact| is_of(artifact, &manifest)).filter_map(|artifact| artifact.get("filenames"));
    let component = files
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
        .map(Path::new)
        .find(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    let Some(component) = component else {
        let message = "no component comes of this package: it needs `crate-type = [\"cdylib\"]` below `[lib]`";
        return Err(BuildError::Source { path: manifest, message: message.to_owned() });
    };
    let component = std::fs::read(component).map_err(BuildError::read(component))?;
    Ok(Made { sdk: sdk(&component), component, metadata: package, silent: false })
}

/// The SDK's name and version, which it leaves in a section of its own: a macro can't
/// write the standard metadata.
fn sdk(component: &[u8]) -> Option<(String, String)> {
    Parser::new(0).parse_all(component).filter_map(Result::ok).find_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == SDK => {
            let (name, version) = std::str::from_utf8(section.data()).ok()?.split_once(' ')?;
            Some((name.to_owned(), version.to_owned()))
        }
        _ => None,
    })
}

fn is_of(value: &Value, manifest: &Path) -> bool {
    let path = value.get("manifest_path").and_then(Value::as_str).map(Path::new);
    path.is_some_and(|path| path == manifest || same(path, manifest))
}

/// Whether both are one file, by whatever links.
fn same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn find<'a>(packages: Option<&'a Value>, manifest: &Path) -> Option<&'a Value> {
    packages?.as_array()?.iter().find(|package| is_of(package, manifest))
}
