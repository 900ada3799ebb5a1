//! Times within a process: criterion's, read from what it leaves behind.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use xshell::{Cmd, cmd};

use super::Session;
use super::sample::Sample;

/// Samples by `group/function`.
pub(crate) type Samples = BTreeMap<String, Sample>;

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

/// In nanoseconds.
#[derive(Deserialize)]
struct Times {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// How often all of them are run, one after the other: what the machine does meanwhile
/// concerns all of them.
const ROUNDS: usize = 5;

/// Runs benches of criterion, and reads what they measured.
pub(crate) fn run(session: &Session<'_>, command: Cmd<'_>) -> anyhow::Result<Samples> {
    const ARGUMENTS: [&str; 6] = ["--sample-size", "20", "--warm-up-time", "0.3", "--measurement-time", "0.8"];
    let home = session.dir.join("criterion");
    let command = command.args(["--", "--noplot"]).args(ARGUMENTS).env("CRITERION_HOME", &home);
    let mut samples = Samples::new();
    for _ in 0..if session.quick { 1 } else { ROUNDS } {
        session.sh.remove_path(&home)?;
        command.run()?;
        read(session, &home, &mut samples)?;
    }
    ensure!(!samples.is_empty(), "criterion left nothing in {}", home.display());
    Ok(samples)
}

fn read(session: &Session<'_>, dir: &Path, samples: &mut Samples) -> anyhow::Result<()> {
    for path in session.sh.read_dir(dir)? {
        if path.ends_with("new") {
            let benchmark: Benchmark = parse(session, &path.join("benchmark.json"))?;
            let Times { iters, times } = parse(session, &path.join("sample.json"))?;
            let times = times.iter().zip(&iters).map(|(time, iterations)| time / iterations / 1e9).collect();
            samples.entry(benchmark.full_id).or_default().extend(Sample::new(times));
        } else if path.is_dir() {
            read(session, &path, samples)?;
        }
    }
    Ok(())
}

fn parse<T: serde::de::DeserializeOwned>(session: &Session<'_>, path: &Path) -> anyhow::Result<T> {
    let text = session.sh.read_file(path)?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what was expected", path.display()))
}

/// A bench of the workspace.
pub(crate) fn bench<'s>(session: &Session<'s>, package: &str, bench: &str) -> Cmd<'s> {
    cmd!(session.sh, "cargo bench --package {package} --bench {bench}")
}

/// One of the samples.
pub(crate) fn of<'s>(samples: &'s Samples, name: &str) -> anyhow::Result<&'s Sample> {
    samples.get(name).with_context(|| format!("nothing measured `{name}`"))
}
