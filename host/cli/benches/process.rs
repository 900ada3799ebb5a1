//! A whole process: what `hookward exec` adds to the program that it wraps.
//!
//! Needs the example hooks: `cargo xtask bench` builds them.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a benchmark")]

use std::path::{Path, PathBuf};
use std::process::Command;

use criterion::{Criterion, criterion_group, criterion_main};

const HOOKWARD: &str = env!("CARGO_BIN_EXE_hookward");

/// A component of its own for each hook: an example, with a custom section that makes
/// it another file.
fn component(dir: &Path, hook: u8) -> PathBuf {
    let hooks = Path::new(HOOKWARD).ancestors().nth(2).map(|target| target.join("hooks/require-path.wasm"));
    let mut bytes = std::fs::read(hooks.unwrap()).expect("`cargo xtask bench` builds the hooks");
    bytes.extend([0, 2, 1, b'a' + hook]);
    let path = dir.join(format!("hook-{hook}.wasm"));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A configuration in which restic is a program that does nothing, behind so many
/// hooks.
fn configuration(dir: &Path, hooks: u8) -> PathBuf {
    let mut text = "version = 1\n[restic]\nbinary = \"/bin/true\"\n".to_owned();
    for hook in 0..hooks {
        text += &format!(
            "[[hook]]\nname = \"hook-{hook}\"\ncomponent = {:?}\non = [\"before\"]\n\
             config = {{ path = \"/dir\" }}\ngrants = {{ dirs = [{{ host = {dir:?}, guest = \"/dir\" }}] }}\n",
            component(dir, hook),
        );
    }
    let path = dir.join(format!("hooks-{hooks}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success());
}

fn process(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let exec = |hooks| {
        let configuration = configuration(dir.path(), hooks);
        let mut command = Command::new(HOOKWARD);
        command.args(["exec", "--", "restic", "backup", "/dir"]);
        command.env("HOOKWARD_CONFIG", configuration);
        command.env("HOOKWARD_STATE_DIR", dir.path().join("state"));
        command.env("HOOKWARD_CACHE_DIR", dir.path().join("cache"));
        // Compiles, so that the measured ones find the cache filled.
        run(&mut command);
        command
    };
    let mut group = criterion.benchmark_group("process");
    group.bench_function("the program alone", |bencher| bencher.iter(|| run(Command::new("/bin/true").arg("backup"))));
    group.bench_function("sh -c true", |bencher| bencher.iter(|| run(Command::new("sh").args(["-c", "true"]))));
    for hooks in [0, 1, 3] {
        let mut command = exec(hooks);
        group.bench_function(format!("hookward exec, {hooks} hooks"), |bencher| bencher.iter(|| run(&mut command)));
    }
    group.finish();
}

criterion_group!(benches, process);
criterion_main!(benches);
