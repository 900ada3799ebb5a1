//! Instructions of what a run does again and again, against the counts that are kept:
//! `tests/benches/counts.json`.
//!
//! They are counted in the profile of the tests, with this workspace's crates optimised
//! like their dependencies: a release build takes a quarter of an hour and would only be
//! for this, while of the tests' build all but three crates serve. Its counts are higher
//! than a release's, since assertions are in them, and grow with the same changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xshell::cmd;

use super::Session;
use super::machine::{crate_version, value};
use crate::setup;

const KEPT: &str = "tests/benches/counts.json";
/// Share that a count may grow by: hash maps are seeded at random, and a tick may fall
/// into a call.
const TOLERANCE: f64 = 0.03;
/// What callgrind shows to a program of the processor's features, and what chooses
/// between ways to do the same.
const FEATURES: [&str; 5] = ["avx", "avx2", "bmi1", "bmi2", "fma"];
/// Hooks of the configuration that is read.
const HOOKS: usize = 10;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Counts {
    /// What they depend on: counts of another place can't be compared.
    place: BTreeMap<String, String>,
    instructions: BTreeMap<String, u64>,
}

/// Counts, and compares; or keeps what it has counted.
pub(crate) fn check(session: &Session<'_>, keep: bool) -> anyhow::Result<()> {
    let Session { sh, workspace, .. } = session;
    setup::packages(sh, &[("valgrind", "valgrind")], "the benchmarks");
    if !setup::has(sh, "valgrind") {
        println!("instruction counts: left out, there is no valgrind");
        return Ok(());
    }
    let kept = workspace.join(KEPT);
    let place = place(session)?;
    let before: Option<Counts> = if keep { None } else { Some(serde_json::from_str(&sh.read_file(&kept)?)?) };
    if let Some(Counts { place: theirs, .. }) = &before
        && *theirs != place
    {
        println!("instruction counts: left out. Those that are kept are of {theirs:?}, this is {place:?};");
        println!("`cargo xtask bench counts --keep-counts` counts anew");
        return Ok(());
    }
    let counts = Counts { instructions: count(session)?, place };
    let Some(before) = before else {
        sh.write_file(&kept, serde_json::to_string_pretty(&counts)? + "\n")?;
        println!("kept in {KEPT}: {:#?}", counts.instructions);
        return Ok(());
    };
    compare(&before.instructions, &counts.instructions)
}

fn compare(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let mut grown = Vec::new();
    println!("instructions, and how they have changed (at most {:+.0} %):", TOLERANCE * 100.0);
    for (name, count) in now {
        let Some(kept) = before.get(name) else {
            grown.push(format!("{name} isn't kept"));
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "millions")]
        let change = *count as f64 / *kept as f64 - 1.0;
        println!("  {name}: {count} ({:+.2} %)", change * 100.0);
        if change > TOLERANCE {
            grown.push(format!("{name}: {kept} -> {count}"));
        } else if change < -TOLERANCE {
            println!("    that is less: `cargo xtask bench counts --keep-counts` keeps it so");
        }
    }
    grown.extend(before.keys().filter(|name| !now.contains_key(*name)).map(|name| format!("{name} wasn't counted")));
    if !grown.is_empty() {
        bail!(
            "more instructions than are kept in {KEPT}: {}. If that is what the change is worth, \
             `cargo xtask bench counts --keep-counts` keeps the new ones",
            grown.join("; ")
        );
    }
    println!("{} passed, 0 failed", now.len());
    Ok(())
}

/// What counts depend on besides the code.
fn place(session: &Session<'_>) -> anyhow::Result<BTreeMap<String, String>> {
    let Session { sh, .. } = session;
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let flags = value(&sh.read_file("/proc/cpuinfo")?, "flags", ':').unwrap_or_default();
    let features = FEATURES.into_iter().filter(|feature| flags.split(' ').any(|flag| flag == *feature));
    Ok([
        ("rustc", first(cmd!(sh, "rustc --version").quiet().read()?)),
        ("valgrind", first(cmd!(sh, "valgrind --version").quiet().read()?)),
        ("libc", first(cmd!(sh, "getconf GNU_LIBC_VERSION").quiet().read().unwrap_or_default())),
        ("processor", format!("{} {}", std::env::consts::ARCH, features.collect::<Vec<_>>().join(" "))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}

fn count(session: &Session<'_>) -> anyhow::Result<BTreeMap<String, u64>> {
    let Session { sh, workspace, tools, .. } = session;
    let runner = runner(session)?;
    // Not below the workspace: a longer path takes more instructions to be resolved.
    let temporary = sh.create_temp_dir()?;
    let place = temporary.path();
    let guests = setup::components(sh, "tests/guests")?;
    let guest =
        guests.into_iter().find(|(name, _)| name == "hookward-guest-measured").context("no guest to measure with")?.1;
    sh.copy_file(guest, place.join("measured.wasm"))?;
    sh.write_file(place.join("hookward.toml"), configuration())?;
    let counted = counted(session)?;
    let _dir = sh.push_dir(workspace.join("benches/counts"));
    let said = cmd!(sh, "cargo bench --quiet --locked --bench counts -- --output-format=json")
        .env("CARGO_TARGET_DIR", tools.join("counts-build"))
        .env("GUNGRAUN_RUNNER", runner)
        .env("HOOKWARD_COUNTS", place)
        .env("COUNTED", counted)
        .read()?;
    said.lines().filter(|line| line.starts_with('{')).map(instructions).collect()
}

/// The program whose instructions count.
fn counted(session: &Session<'_>) -> anyhow::Result<PathBuf> {
    println!("building what is counted, in the profile of the tests");
    // `--workspace`: with the dependencies' features as the tests have built them.
    let build = cmd!(
        session.sh,
        "cargo bench --workspace --profile dev --bench counts --no-run --message-format json-render-diagnostics"
    );
    let said = build.env("CARGO_PROFILE_DEV_OPT_LEVEL", "2").read()?;
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = messages.filter(|message| message.pointer("/target/name").is_some_and(|name| name == "counts"));
    let path = programs.filter_map(|message| Some(message.get("executable")?.as_str()?.into())).next_back();
    path.context("cargo built no program `counts`")
}

/// What one line says: what was counted, and its instructions.
fn instructions(line: &str) -> anyhow::Result<(String, u64)> {
    let summary: Value = serde_json::from_str(line)?;
    let text = |key: &str| summary.get(key).and_then(Value::as_str).unwrap_or_default();
    let count = summary.pointer("/profiles/0/data/total/metrics/Ir/values/new").and_then(Value::as_u64);
    let name = text("id").to_owned();
    let count = count.with_context(|| format!("no instructions of {name} in {line}"))?;
    Ok((name, count))
}

/// The program that runs the benchmarks under callgrind, of the version of the crate.
fn runner(session: &Session<'_>) -> anyhow::Result<PathBuf> {
    let Session { sh, workspace, tools, .. } = session;
    let lock = sh.read_file(workspace.join("benches/counts/Cargo.lock"))?;
    let version = crate_version(&lock, "gungraun").context("no gungraun in benches/counts/Cargo.lock")?;
    let root = tools.join(format!("gungraun-{version}"));
    let program = root.join("bin/gungraun-runner");
    if !sh.path_exists(&program) {
        println!("building gungraun-runner {version}, once");
        install(session, &version, &root)?;
    }
    Ok(program)
}

fn install(session: &Session<'_>, version: &str, root: &Path) -> anyhow::Result<()> {
    let Session { sh, tools, .. } = session;
    let build = tools.join("gungraun-build");
    cmd!(sh, "cargo install gungraun-runner@{version} --locked --quiet --debug --root {root}")
        .env("CARGO_TARGET_DIR", &build)
        .run()
        .context("gungraun-runner can't be built")?;
    Ok(sh.remove_path(&build)?)
}

fn configuration() -> String {
    let hook = |n: usize| {
        format!(
            "\n[[profile.home.hook]]\nname = \"hook-{n}\"\ncomponent = \"measured.wasm\"\non = [\"before\", \"finally\"]\n\
             config = {{ path = \"/home\", not-empty = true }}\ngrants = {{ dirs = [{{ host = \"/\", guest = \"/home\" }}] }}\n"
        )
    };
    let hooks: String = (0..HOOKS).map(hook).collect();
    format!(
        "version = 1\n\n[repository.r]\nurl = \"/srv/restic\"\npassword-file = \"/etc/hookward/password\"\n\n\
         [profile.home]\nrepository = \"r\"\nsources = [\"/home\"]\n{hooks}"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
        counts.map(|(name, count)| (name.to_owned(), count)).into()
    }

    #[test]
    fn grown_counts_fail_and_fewer_do_not() {
        let kept = counts([("call", 100_000), ("load", 1_000)]);
        let passes = |now| super::compare(&kept, &now).is_ok();
        assert!(passes(counts([("call", 102_900), ("load", 1_000)])));
        assert!(passes(counts([("call", 50_000), ("load", 1_000)])));
        assert!(!passes(counts([("call", 103_100), ("load", 1_000)])));
        assert!(!passes(counts([("call", 100_000)])), "one was not counted");
        assert!(!passes(counts([("call", 1), ("load", 1), ("new", 1)])), "one is not kept");
    }

    #[test]
    fn a_line_of_the_runner_is_read() {
        let line = r#"{"id":"load","profiles":[{"data":{"total":{"metrics":{"Ir":{"values":{"new":7,"old":9}}}}}}]}"#;
        assert_eq!(super::instructions(line).ok(), Some(("load".to_owned(), 7)));
        assert!(super::instructions("{}").is_err());
    }
}
