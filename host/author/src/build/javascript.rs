//! JavaScript: componentize-qjs packs QuickJS and the sources into a component.
//!
//! The tool runs the component once, in a host of its own, which has real streams and
//! makes up all that it doesn't know: a world with `wasi:http` has both, and they don't
//! fit. So it is shown packages of other names, and sees none that it knows.

use std::ffi::OsStr;
use std::path::Path;

use wasmparser::{Parser, Payload};

use super::world::World;
use super::{BuildError, Made, encode};
use crate::Project;
use crate::metadata::Metadata;
use crate::tool::{Tools, run};

const TOOL: &str = "componentize-qjs";

/// As in the projects of `hook new`.
const GET: &str = "npm install --save-dev componentize-qjs@0.4.5";

const SOURCE: &str = "hook.js";

/// Folders of a project that hold no source.
const OTHERS: &[&str] = &["dist", "node_modules", "wit"];

/// Packages, and what the tool is told they are called: as long, so that the names can be
/// put back where they stand.
const RENAMED: &[(&str, &str)] = &[
    ("wasi:http/", "hook:http/"),
    ("wasi:http@", "hook:http@"),
    ("wasi:io/", "hook:io/"),
    ("wasi:io@", "hook:io@"),
    ("wasi:clocks/", "hook:clocks/"),
    ("wasi:clocks@", "hook:clocks@"),
];

pub(super) fn build(project: &Project, tools: &Tools) -> Result<Made, BuildError> {
    let tool = tools.need(TOOL, GET)?;
    if !project.dir.join(SOURCE).is_file() {
        let message = format!("there is no {SOURCE}, which is where the hook is looked for");
        return Err(BuildError::Source { path: project.dir.clone(), message });
    }
    let world = World::of(project)?;
    let copy = tempfile::tempdir().map_err(BuildError::write(&std::env::temp_dir()))?;
    copy_renamed(&project.dir, copy.path(), "js")?;
    copy_renamed(&world.dir, &copy.path().join("wit"), "wit")?;
    let component = copy.path().join("component.wasm");
    let mut command = tools.command(tool);
    command.args(["--wit", "wit", "--js", SOURCE, "--world", world.name(), "--sync", "--opt-size", "--output"]);
    run(command.arg(&component).current_dir(copy.path()))?;
    let mut component = std::fs::read(&component).map_err(BuildError::read(&component))?;
    name_back(&mut component)?;
    Ok(Made {
        component,
        metadata: Metadata::of_manifest(project)?,
        sdk: super::sdk(project, &["hookward/index.js"]),
        silent: true,
    })
}

/// Copies a folder's files of a kind, with the packages renamed in them. Links are
/// followed: the tool doesn't, out of its folder.
fn copy_renamed(from: &Path, to: &Path, extension: &str) -> Result<(), BuildError> {
    std::fs::create_dir_all(to).map_err(BuildError::write(to))?;
    for entry in std::fs::read_dir(from).map_err(BuildError::read(from))? {
        let path = entry.map_err(BuildError::read(from))?.path();
        let Some(name) = path.file_name() else { continue };
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if path.is_dir() {
            let other = extension == "js" && OTHERS.iter().any(|other| name == *other);
            if !other && !hidden {
                copy_renamed(&path, &to.join(name), extension)?;
            }
        } else if path.extension() == Some(OsStr::new(extension)) {
            let text = std::fs::read_to_string(&path).map_err(BuildError::read(&path))?;
            let text = RENAMED.iter().fold(text, |text, (name, shown)| text.replace(name, shown));
            let copy = to.join(name);
            std::fs::write(&copy, text).map_err(BuildError::write(&copy))?;
        }
    }
    Ok(())
}

/// Gives the imports of a component their names back, where they stand.
fn name_back(component: &mut [u8]) -> Result<(), BuildError> {
    let mut imports = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(encode("read what componentize-qjs has made"))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => imports.push(section.range()),
            _ => {}
        }
    }
    for section in imports {
        let Some(bytes) = component.get_mut(section) else { continue };
        for (name, shown) in RENAMED {
            let mut from = 0;
            while let Some(rest) = bytes.get_mut(from..)
                && let Some(at) = rest.windows(shown.len()).position(|window| window == shown.as_bytes())
                && let Some(place) = rest.get_mut(at..at + shown.len())
            {
                place.copy_from_slice(name.as_bytes());
                from += at + shown.len();
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::RENAMED;

    #[test]
    fn names_are_as_long_as_those_that_they_stand_for() {
        assert!(RENAMED.iter().all(|(name, shown)| name.len() == shown.len()));
    }
}
