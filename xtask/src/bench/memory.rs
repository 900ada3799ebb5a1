//! Memory of the program, looked at while its last hook waits.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::Session;
use super::machine::value;
use super::process::Ground;
use super::report::{Section, Table};
use crate::setup;

/// How many hooks, the waiting one included.
const HOOKS: [u8; 3] = [1, 3, 13];
/// What is read of a process, in KiB.
const READ: [&str; 4] = ["VmHWM", "VmRSS", "RssAnon", "RssFile"];

type Memory = BTreeMap<&'static str, u64>;

pub(crate) fn measure(session: &Session<'_>, section: &mut Section) -> anyhow::Result<()> {
    let ground = Ground::new(session, "memory")?;
    let guests = setup::components(session.sh, "tests/guests")?;
    let waits = guests.into_iter().find(|(name, _)| name == "hookward-guest-hostile").context("no guest can wait")?.1;
    let mut table = Table::new(["hooks", "at most", "while the last one waits", "of that its own"]);
    let mut measured = BTreeMap::new();
    for hooks in HOOKS {
        let last = format!(
            "\n[[hook]]\nname = \"waits\"\ncomponent = {waits:?}\non = [\"before\"]\nconfig = {{ mode = \"sleep-forever\" }}\n"
        );
        let text = ground.hooks(hooks - 1)? + &last;
        let configuration = ground.configuration(&format!("hooks-{hooks}"), "/bin/true".as_ref(), &text)?;
        // Once to fill the cache, once to look.
        look(session, &ground, &configuration)?;
        let memory = look(session, &ground, &configuration)?;
        let mib = |key: &str| megabytes(memory.get(key).copied().unwrap_or_default());
        table.row([hooks.to_string(), mib("VmHWM"), mib("VmRSS"), mib("RssAnon")]);
        measured.insert(hooks, memory.get("VmHWM").copied().context("the system tells no VmHWM")?);
    }
    let command = ground.hookward(&ground.dir().join("hooks-3.toml"), "exec -- restic backup /dir");
    table.command(session.told(&command));
    table.command(format!("grep -E '{}' /proc/PID/status", READ.join("|")));
    section.tables.push(table);
    let [_, three, more] = HOOKS.map(|hooks| measured.get(&hooks).copied().unwrap_or_default());
    section.goal("memory-3", megabytes(three), three * 1024 <= 40_000_000);
    let further = more.saturating_sub(three) / 10;
    section.goal("memory-more", megabytes(further), further * 1024 <= 5_000_000);
    Ok(())
}

/// The program's memory once its last hook has waited for a while.
fn look(session: &Session<'_>, ground: &Ground<'_>, configuration: &Path) -> anyhow::Result<Memory> {
    let mut command = Command::new(session.hookward());
    command.arg("--config").arg(configuration).args(["exec", "--", "restic", "backup", "/dir"]);
    command.envs(ground.variables()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().context("hookward can't be started")?;
    let memory = settled(&mut child);
    // It is called off as by a person: the hook is in no state to end by itself.
    let _ = child.kill();
    child.wait()?;
    memory
}

/// Waits until the amount no longer changes.
fn settled(child: &mut Child) -> anyhow::Result<Memory> {
    const QUIET: Duration = Duration::from_secs(1);
    let path = format!("/proc/{}/status", child.id());
    let (started, mut since, mut before) = (Instant::now(), Instant::now(), Memory::new());
    while started.elapsed() < Duration::from_secs(60) {
        if let Some(status) = child.try_wait()? {
            bail!("hookward has ended before its hook had waited: {status}");
        }
        let status = std::fs::read_to_string(&path)?;
        let kib = |key: &str| value(&status, key, ':')?.trim_end_matches(" kB").parse().ok();
        let memory: Memory = READ.iter().filter_map(|key| Some((*key, kib(key)?))).collect();
        if memory != before {
            (before, since) = (memory, Instant::now());
        } else if since.elapsed() > QUIET {
            return Ok(before);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("its memory has not come to rest within a minute")
}

fn megabytes(kib: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let megabytes = kib as f64 * 1024.0 / 1e6;
    format!("{megabytes:.1} MB")
}
