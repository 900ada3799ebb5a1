//! `cargo xtask dist`: the program as it is given out, in `target/dist`.
//!
//! A program that is started before every backup, and ends soon, spends a good part of its
//! time on having pages of itself mapped, and unmapped at the end: its linker puts the
//! functions of a start wherever they come, on thirty megabytes. So one start is followed by
//! callgrind, and the program is linked once more with the functions of that start in one
//! place. Then it is copied: pages of a file that was written from front to back are mapped
//! many at once, those that a linker has written are not.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

use crate::setup;

/// Until a file is known again without being read: see `cache::known` of the engine.
pub(crate) const SETTLED: Duration = Duration::from_secs(4);

/// Builds the program; returns where it is.
pub(crate) fn dist(sh: &Shell) -> anyhow::Result<PathBuf> {
    let target = setup::target_dir(sh)?;
    let dir = target.join("dist");
    sh.create_dir(&dir)?;
    println!("building with optimisation; the first time, this takes minutes");
    let (built, program) = (target.join("release/hookward"), dir.join("hookward"));
    let before = sh.read_dir(&dir)?.into_iter().find(|path| path.extension().is_some_and(|end| end == LIST));
    build(sh, before.as_deref())?;
    if sh.path_exists(&program) && sh.read_binary_file(&program)? == sh.read_binary_file(&built)? {
        return Ok(program);
    }
    match followed(sh, &built) {
        Ok(functions) => {
            let mut hasher = DefaultHasher::new();
            functions.hash(&mut hasher);
            // A name of its own, by which cargo knows that something has changed.
            let list = dir.join(format!("{:016x}.{LIST}", hasher.finish()));
            if before.as_ref() != Some(&list) {
                before.map_or(Ok(()), |before| sh.remove_path(before))?;
                sh.write_file(&list, functions)?;
                build(sh, Some(&list))?;
            }
        }
        Err(error) => println!("its functions stay where the linker puts them: {error:#}"),
    }
    // Another file: one that runs can't be written.
    sh.remove_path(&program)?;
    sh.copy_file(built, &program)?;
    Ok(program)
}

/// The end of the name of a list of functions.
const LIST: &str = "functions";

/// Builds the program, with the functions of a list in one place.
fn build(sh: &Shell, functions: Option<&Path>) -> anyhow::Result<()> {
    let order = functions.map(|list| format!("link-arg=-Wl,--symbol-ordering-file,{}", list.display()));
    // Of a list that is not of today, what is gone is no matter.
    let order = order.iter().flat_map(|order| ["-C", order, "-C", "link-arg=-Wl,--no-warn-symbol-ordering"]);
    Ok(cmd!(sh, "cargo rustc --release --package hookward-cli --bin hookward -- {order...}").run()?)
}

/// The functions that a start executes, a line for each.
fn followed(sh: &Shell, program: &Path) -> anyhow::Result<String> {
    ensure!(cfg!(all(target_os = "linux", target_arch = "x86_64")), "Rust's own linker is that of x86-64 Linux alone");
    setup::packages(sh, &[("valgrind", "valgrind")], "the program's linking");
    setup::wasm_target(sh)?;
    let hook = setup::hooks(sh)?.join("require-path.wasm");
    let place = sh.create_temp_dir()?;
    let [configuration, profile, log] = ["hookward.toml", "callgrind", "log"].map(|name| place.path().join(name));
    let granted = place.path().join("granted");
    sh.write_file(granted.join("file"), "so that the directory is not empty\n")?;
    let text = format!(
        "version = 1\n\n[restic]\nbinary = \"/bin/true\"\n\n[[hook]]\nname = \"require-path\"\ncomponent = {hook:?}\n\
         on = [\"before\", \"finally\"]\nconfig = {{ path = \"/dir\", not-empty = true }}\n\
         grants = {{ dirs = [{{ host = {granted:?}, guest = \"/dir\" }}] }}\n"
    );
    sh.write_file(&configuration, text)?;
    let start = |valgrind: &[&str]| {
        cmd!(
            sh,
            "valgrind {valgrind...} --log-file={log} {program} --config {configuration} exec -- restic backup /dir"
        )
        .quiet()
        .env("HOOKWARD_STATE_DIR", place.path().join("state"))
        .env("HOOKWARD_CACHE_DIR", place.path().join("cache"))
        .run()
    };
    println!("following a start with callgrind");
    // The compiler's child too: elsewhere it finds another processor. Then twice, for what
    // is only written about a file that has been left alone.
    for _ in 0..2 {
        start(&["--tool=none", "--trace-children=yes"]).context("a start under valgrind has failed")?;
        std::thread::sleep(SETTLED);
    }
    let out = format!("--callgrind-out-file={}", profile.display());
    start(&["--tool=callgrind", "--demangle=no", &out]).context("a start under callgrind has failed")?;
    let profile = sh.read_file(profile)?;
    let functions = functions(&profile);
    ensure!(functions.len() > 1000, "callgrind has seen {} functions alone", functions.len());
    Ok(functions.into_iter().collect::<Vec<_>>().join("\n") + "\n")
}

/// The functions of a profile that callgrind has written, by the linker's names.
fn functions(profile: &str) -> BTreeSet<&str> {
    let named = |line: &'_ str| line.starts_with("fn=(") || line.starts_with("cfn=(");
    profile
        .lines()
        .filter(|line| named(line))
        // A number alone where the name stood before.
        .filter_map(|line| line.split_once(") ").map(|(_, name)| name))
        // That of a recursion has its depth behind it.
        .map(|name| name.split('\'').next().unwrap_or(name))
        .filter(|name| !name.starts_with("0x") && !name.starts_with('('))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn functions_are_read_by_their_names() {
        let profile = "ob=(2) /usr/bin/x\nfn=(10) main\n16 3\ncfn=(11) _ZN3abc17h0123456789abcdefE'2\ncalls=1 2\n\
                       fn=(11)\nfn=(12) 0x0000000000001000\nfn=(13) (below main)\n";
        let functions: Vec<_> = super::functions(profile).into_iter().collect();
        assert_eq!(functions, ["_ZN3abc17h0123456789abcdefE", "main"]);
    }
}
