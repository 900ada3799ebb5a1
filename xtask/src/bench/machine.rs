//! What it was measured on, and with what.

use anyhow::Context as _;
use serde::Serialize;
use xshell::cmd;

use super::Session;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    date: String,
    processor: String,
    cores: usize,
    memory_gib: u64,
    system: String,
    kernel: String,
    /// Programs that took part, with their versions.
    versions: Vec<String>,
    /// Processes that wanted to run before the session began, on average of a minute.
    load: f64,
}

/// Waits for what was built to be forgotten: processors that were busy for minutes are
/// slower, or shared with less luck, for a while.
pub(crate) fn rest(session: &Session<'_>) -> anyhow::Result<()> {
    const RESTED: f64 = 0.3;
    for _ in 0..40 {
        let load = session.sh.read_file("/proc/loadavg")?;
        if load.split(' ').next().and_then(|load| load.parse::<f64>().ok()).is_none_or(|load| load < RESTED) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_secs(5));
    }
    Ok(())
}

impl Machine {
    pub(crate) fn look(session: &Session<'_>) -> anyhow::Result<Self> {
        let Session { sh, workspace, tools, .. } = session;
        let read = |path: &str| sh.read_file(path).unwrap_or_default();
        let (processor, memory, os) = (read("/proc/cpuinfo"), read("/proc/meminfo"), read("/etc/os-release"));
        let lock = sh.read_file(workspace.join("Cargo.lock"))?;
        let first = |command: xshell::Cmd<'_>| {
            let said = command.quiet().ignore_stderr().read().ok()?;
            said.lines().next().map(str::to_owned)
        };
        let python = tools.join("peers/bin");
        let versions = [
            first(cmd!(sh, "rustc --version")),
            crate_version(&lock, "wasmtime").map(|version| format!("wasmtime {version}")),
            first(cmd!(sh, "hyperfine --version")),
            first(cmd!(sh, "restic version")),
            first(cmd!(sh, "{tools}/rustic/bin/rustic --version")),
            first(cmd!(sh, "{python}/borgmatic --version")).map(|version| format!("borgmatic {version}")),
            first(cmd!(sh, "borg --version")),
            first(cmd!(sh, "{python}/pip show runrestic"))
                .and_then(|_| cmd!(sh, "{python}/pip list --format freeze").quiet().ignore_stderr().read().ok())
                .and_then(|list| {
                    Some(format!("runrestic {}", list.lines().find_map(|l| l.strip_prefix("runrestic=="))?))
                }),
            crate_version(&read_if(session, "benches/extism/Cargo.lock"), "extism")
                .map(|version| format!("extism {version}")),
            crate_version(&read_if(session, "benches/extism/Cargo.lock"), "wasmtime")
                .map(|version| format!("with wasmtime {version}")),
        ];
        Ok(Self {
            date: cmd!(sh, "date --utc +%Y-%m-%d").quiet().read().context("there is no date")?,
            processor: value(&processor, "model name", ':').unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: value(&memory, "MemTotal", ':')
                .and_then(|kib| kib.trim_end_matches(" kB").parse::<u64>().ok())
                .unwrap_or_default()
                .div_ceil(1 << 20),
            system: value(&os, "PRETTY_NAME", '=').unwrap_or_else(|| "Linux".to_owned()).replace('"', ""),
            kernel: cmd!(sh, "uname -r -m").quiet().read()?,
            versions: versions.into_iter().flatten().collect(),
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        })
    }
}

fn read_if(session: &Session<'_>, path: &str) -> String {
    session.sh.read_file(session.workspace.join(path)).unwrap_or_default()
}

/// The value of a key, a line each.
pub(crate) fn value(text: &str, key: &str, separator: char) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once(separator));
    lines.find_map(|(found, value)| (found.trim() == key).then(|| value.trim().to_owned()))
}

/// The version of a crate in a lock file: the first one of that name.
pub(crate) fn crate_version(lock: &str, name: &str) -> Option<String> {
    let mut lines = lock.lines();
    lines.find(|line| *line == format!("name = \"{name}\""))?;
    Some(lines.next()?.trim_start_matches("version = ").trim_matches('"').to_owned())
}
