//! Times of whole processes: hyperfine's.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use xshell::cmd;

use super::Session;
use super::sample::Sample;
use crate::dist::SETTLED;

/// How often the commands are run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runs {
    /// The commands in turn, so often: what the machine does meanwhile concerns all of them.
    pub(crate) rounds: usize,
    /// Measured runs of each command in a round.
    pub(crate) runs: usize,
    /// Runs before those.
    pub(crate) warmup: usize,
}

/// What all commands are given.
#[derive(Debug, Default)]
pub(crate) struct Setting<'a> {
    pub(crate) variables: Vec<(&'a str, String)>,
    /// A command before each run.
    pub(crate) prepare: Option<String>,
    pub(crate) dir: Option<&'a Path>,
}

#[derive(Deserialize)]
struct Export {
    results: Vec<Measured>,
}

#[derive(Deserialize)]
struct Measured {
    times: Vec<f64>,
}

/// Times commands, started without a shell; a sample for each.
pub(crate) fn time(
    session: &Session<'_>,
    runs: Runs,
    setting: &Setting<'_>,
    commands: &[String],
) -> anyhow::Result<Vec<Sample>> {
    let Session { sh, quick, dir, .. } = session;
    let Runs { rounds, runs, warmup } = if *quick { Runs { rounds: 1, runs: 5, warmup: 1 } } else { runs };
    let _dir = setting.dir.map(|dir| sh.push_dir(dir));
    let export = dir.join("hyperfine.json");
    let mut samples = vec![Sample::default(); commands.len()];
    for round in 0..rounds {
        let (runs, warmup) = (runs.to_string(), warmup.to_string());
        // Whatever hangs, the session goes on.
        let mut hyperfine = cmd!(sh, "timeout --kill-after 5 900 hyperfine --shell none --style basic")
            .args(["--runs", &runs, "--warmup", &warmup, "--export-json"])
            .arg(&export)
            .envs(setting.variables.iter().map(|(name, value)| (*name, value)));
        if let Some(prepare) = &setting.prepare {
            hyperfine = hyperfine.args(["--prepare", prepare]);
        }
        if round > 0 {
            hyperfine = hyperfine.quiet().ignore_stdout();
        }
        hyperfine.args(commands).run()?;
        let export: Export = serde_json::from_str(&sh.read_file(&export)?).context("hyperfine says something else")?;
        ensure!(export.results.len() == commands.len(), "hyperfine has left commands out");
        for (sample, measured) in samples.iter_mut().zip(export.results) {
            sample.extend(Sample::new(measured.times));
        }
    }
    Ok(samples)
}

/// Runs commands until they are as they stay: a component's file and its image are known
/// again without being read once they have been left alone for a while, as they are by the
/// next night.
pub(crate) fn settle(session: &Session<'_>, setting: &Setting<'_>, commands: &[String]) -> anyhow::Result<()> {
    let once = Runs { rounds: 1, runs: 1, warmup: 0 };
    for _ in 0..2 {
        time(session, once, setting, commands)?;
        std::thread::sleep(SETTLED);
    }
    time(session, once, setting, commands).map(drop)
}

/// A path as a word of a command line.
pub(crate) fn word(path: &Path) -> String {
    format!("'{}'", path.display())
}
