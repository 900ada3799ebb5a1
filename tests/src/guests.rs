//! Guests written in Rust, built from source by the test that wants them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

const TARGET: &str = "wasm32-wasip2";

/// Where the hooks that come with Hookward live, below the workspace.
const EXAMPLES: &str = "hooks-examples";

/// Where guests live. A guest of the tests hides an example of the same name.
const FOLDERS: &[&str] = &["tests/guests", EXAMPLES];

/// The component of the guest in the folder of that name, built if it isn't fresh.
/// Asks cargo once a process and guest.
///
/// # Panics
/// When there is no such guest, or it doesn't build.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    built(name, FOLDERS)
}

/// The same of a hook that comes with Hookward.
///
/// # Panics
/// When there is no such hook, or it doesn't build.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    built(name, &[EXAMPLES])
}

fn built(name: &str, folders: &[&str]) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashMap<PathBuf, PathBuf>>> = OnceLock::new();
    let folder = folder(name, folders);
    // Held through the build: another cargo would only wait for this one.
    let mut built = BUILT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(folder).or_insert_with_key(|folder| build(folder)).clone()
}

fn folder(name: &str, folders: &[&str]) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate stands in a workspace");
    let mut candidates = folders.iter().map(|folder| workspace.join(folder).join(name));
    candidates
        .find(|folder| folder.join("Cargo.toml").is_file())
        .unwrap_or_else(|| panic!("no guest `{name}` in {}", folders.join(" or ")))
}

fn build(folder: &Path) -> PathBuf {
    let manifest = folder.join("Cargo.toml");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
        .args(["build", "--quiet", "--lib", "--profile", "hook", "--target", TARGET])
        .args(["--message-format", "json", "--manifest-path"])
        .arg(&manifest)
        // Meant for the tests themselves: coverage, sanitizers.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .stdin(Stdio::null())
        .output()
        .expect("cargo can be started");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<serde_json::Value> = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if !output.status.success() {
        let rendered: String = messages.iter().filter_map(|message| message["message"]["rendered"].as_str()).collect();
        let said = format!("{}{rendered}", String::from_utf8_lossy(&output.stderr));
        if said.contains("target may not be installed") {
            panic!("guests need the target {TARGET}: run `rustup target add {TARGET}`");
        }
        panic!("cannot build the guest {}:\n{said}", folder.display());
    }
    messages
        .iter()
        .filter(|message| message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest))
        .filter_map(|message| message["filenames"].as_array()?.iter().find_map(|name| name.as_str()))
        .find(|name| name.ends_with(".wasm"))
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("the guest {} has no library of type cdylib", folder.display()))
}
