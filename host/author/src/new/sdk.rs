//! The SDK for Rust. Until it is published, a new project gets a copy of the sources that
//! this program was built with, so that it builds wherever crates.io can be reached.

use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use toml::{Table, Value};

use super::NewError;

/// Where the copy goes, below the project.
pub(super) const COPY: &str = "vendor/hookward-sdk";

const PACKAGE: &str = "hookward-sdk";

static SOURCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/src");
static MACROS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/macros/src");
static WORLD: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/wit-sdk");
static CONTRACT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit/0.1.0");
const README: &str = include_str!("../../../../guest-sdk/README.md");
const MANIFEST: &str = include_str!("../../../../guest-sdk/Cargo.toml");
const MACROS_MANIFEST: &str = include_str!("../../../../guest-sdk/macros/Cargo.toml");
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// The SDK's folder as it was said, absolute.
pub(super) fn source(path: &Path) -> Result<PathBuf, NewError> {
    let wrong = || NewError::NoSdk(path.to_owned());
    let path = path.canonicalize().map_err(|_| wrong())?;
    let manifest: Table =
        std::fs::read_to_string(path.join("Cargo.toml")).ok().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
    if name == Some(PACKAGE) { Ok(path) } else { Err(wrong()) }
}

/// The line of a `Cargo.toml` that names it.
pub(super) fn dependency(source: Option<&Path>) -> String {
    let path = source.map_or_else(|| COPY.to_owned(), |path| path.display().to_string());
    let mut dependency = Table::new();
    dependency.insert("path".to_owned(), path.into());
    format!("{PACKAGE} = {}", Value::Table(dependency))
}

/// Writes the copy.
pub(super) fn copy(dir: &Path) -> io::Result<()> {
    let put = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
        std::fs::write(path, text)
    };
    put("README.md", README)?;
    put("Cargo.toml", &alone(MANIFEST)?)?;
    put("macros/Cargo.toml", &alone(MACROS_MANIFEST)?)?;
    for (name, folder) in [("src", &SOURCE), ("macros/src", &MACROS), ("wit-sdk", &WORLD), ("wit/0.1.0", &CONTRACT)] {
        let path = dir.join(name);
        std::fs::create_dir_all(&path)?;
        folder.extract(path)?;
    }
    Ok(())
}

/// A manifest that needs no workspace around it: what it inherits is written out, what
/// only its own tests need is left out.
fn alone(manifest: &str) -> io::Result<String> {
    let parse = |text: &str| text.parse::<Table>().map_err(io::Error::other);
    let (mut manifest, root) = (parse(manifest)?, parse(WORKSPACE)?);
    let shared = root.get("workspace").and_then(Value::as_table).cloned().unwrap_or_default();
    for key in ["dev-dependencies", "lints"] {
        manifest.remove(key);
    }
    inherit(manifest.get_mut("package"), shared.get("package"));
    inherit(manifest.get_mut("dependencies"), shared.get("dependencies"));
    let targets = manifest.get_mut("target").and_then(Value::as_table_mut);
    for (_, target) in targets.into_iter().flatten() {
        inherit(target.get_mut("dependencies"), shared.get("dependencies"));
    }
    toml::to_string(&manifest).map_err(io::Error::other)
}

/// Replaces each entry that says `workspace = true` by the workspace's.
fn inherit(entries: Option<&mut Value>, shared: Option<&Value>) {
    for (key, value) in entries.and_then(Value::as_table_mut).into_iter().flatten() {
        let inherits = value.get("workspace").is_some();
        if let Some(shared) = shared.and_then(|shared| shared.get(key)).filter(|_| inherits) {
            *value = shared.clone();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_copied_manifest_stands_alone() {
        for manifest in [MANIFEST, MACROS_MANIFEST] {
            let text = alone(manifest).unwrap();
            assert!(!text.contains("workspace"), "{text}");
            let table: Table = text.parse().unwrap();
            assert_eq!(table["package"]["version"].as_str(), Some(crate::VERSION));
        }
        let text = alone(MANIFEST).unwrap();
        assert!(text.contains("features = [\"derive\"]") && !text.contains("trybuild"), "{text}");
        assert!(text.contains("path = \"macros\""), "{text}");
    }

    #[test]
    fn another_source_is_looked_at() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk");
        let found = source(&sdk).unwrap();
        assert!(dependency(Some(&found)).contains(found.to_str().unwrap()));
        assert!(matches!(source(Path::new(env!("CARGO_MANIFEST_DIR"))), Err(NewError::NoSdk(_))));
        assert!(matches!(source(Path::new("/nothing/there")), Err(NewError::NoSdk(_))));
    }
}
