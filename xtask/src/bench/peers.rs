//! Runs with hooks, beside those of others: each tool against itself without hooks.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use xshell::cmd;

use super::hyperfine::{Runs, Setting, settle, time as timed, word};
use super::process::Ground;
use super::report::{Section, Table};
use super::sample::{Sample, time};
use super::{Session, tools};
use crate::setup;

const PASSWORD: &str = "only for a measurement";
/// A difference of milliseconds wants many runs.
const RUNS: Runs = Runs { rounds: 10, runs: 10, warmup: 1 };
/// Of what takes a second and more: its hooks cost more, too.
const FEWER_RUNS: Runs = Runs { rounds: 6, runs: 5, warmup: 1 };
/// Of what takes half a second, and differs from itself by more than its hooks cost.
const SHORT_TURNS: Runs = Runs { rounds: 50, runs: 2, warmup: 0 };

/// One tool, with no hooks and with three.
struct Pair {
    name: &'static str,
    goal: Option<&'static str>,
    runs: Runs,
    commands: [String; 2],
}

pub(crate) fn measure(session: &Session<'_>, section: &mut Section) -> anyhow::Result<()> {
    let Session { sh, .. } = session;
    let place = place(session)?;
    let source = place.join("source");
    sh.write_file(source.join("letter.txt"), "Dear reader,\n")?;
    let check = format!("test -d {0} && test -n \"$(ls -A {0})\"", source.display());

    let ours = hookward(session, &place, &source)?;
    settle(session, &setting(&place), &ours.commands)?;
    let mut pairs = vec![ours];
    for (name, peer) in [
        ("rustic", rustic(session, &place, &source, &check)),
        ("runrestic", runrestic(session, &place, &source, &check)),
        ("borgmatic", borgmatic(session, &place, &source, &check)),
    ] {
        match peer {
            Ok(pair) => pairs.push(pair),
            Err(error) => section.note(session.told(&format!("without {name}: {error:#}"))),
        }
    }
    let mut table = Table::new(["a backup by", "no hooks", "spread", "3 hooks", "spread", "3 hooks cost"]);
    let mut ours = f64::NAN;
    for pair in pairs {
        let Turns { without, with, cost } = match in_turns(session, &pair, &setting(&place)) {
            Ok(turns) => turns,
            Err(error) => {
                section.note(session.told(&format!("without {}: {error:#}", pair.name)));
                continue;
            }
        };
        let cost = cost.median();
        let ([plain, plain_spread], [hooks, hooks_spread]) = (without.told(), with.told());
        table.row([pair.name.to_owned(), plain, plain_spread, hooks, hooks_spread, time(cost)]);
        pair.commands.iter().for_each(|command| table.command(told(session, &place, command)));
        match pair.goal {
            None => ours = cost,
            Some(goal) => section.goal(goal, format!("{} against {}", time(ours), time(cost)), ours < cost),
        }
    }
    shells(session, &mut table, &place, &check)?;
    section.tables.push(table);
    sh.remove_path(&place)?;
    Ok(())
}

/// Runs without hooks and with them, in turns.
struct Turns {
    without: Sample,
    with: Sample,
    /// What hooks cost in each turn: the machine's moods outlast one.
    cost: Sample,
}

fn in_turns(session: &Session<'_>, pair: &Pair, setting: &Setting<'_>) -> anyhow::Result<Turns> {
    let (mut without, mut with, mut costs) = (Sample::default(), Sample::default(), Vec::new());
    for _ in 0..if session.quick { 1 } else { pair.runs.rounds } {
        let samples = timed(session, Runs { rounds: 1, ..pair.runs }, setting, &pair.commands)?;
        let [plain, hooked] = <[Sample; 2]>::try_from(samples).ok().context("a pair is two commands")?;
        costs.push(hooked.median() - plain.median());
        without.extend(plain);
        with.extend(hooked);
    }
    Ok(Turns { without, with, cost: Sample::new(costs) })
}

/// What starting the same three shells costs anybody: Backrest and resticprofile start
/// theirs so.
fn shells(session: &Session<'_>, table: &mut Table, place: &Path, check: &str) -> anyhow::Result<()> {
    let command = format!("sh -c '{check}'");
    let once =
        timed(session, Runs { rounds: 1, runs: 100, warmup: 10 }, &setting(place), std::slice::from_ref(&command))?;
    let three = once.first().map_or(f64::NAN, |sample: &Sample| 3.0 * sample.median());
    let nothing = String::new;
    let name = "`sh -c` three times, alone (as Backrest and resticprofile start theirs)".to_owned();
    table.row([name, nothing(), nothing(), nothing(), nothing(), time(three)]);
    table.command(told(session, place, &command));
    Ok(())
}

/// In memory, where that is a place for files.
fn place(session: &Session<'_>) -> anyhow::Result<PathBuf> {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.join("hookward-bench") } else { session.dir.join("peers") };
    session.sh.remove_path(&place)?;
    session.sh.create_dir(&place)?;
    session.sh.write_file(place.join("password"), PASSWORD)?;
    Ok(place)
}

fn told(session: &Session<'_>, place: &Path, command: &str) -> String {
    session.told(&command.replace(&place.display().to_string(), "DIR"))
}

fn setting(place: &Path) -> Setting<'_> {
    let dir = |name: &str| format!("{}/{name}", place.display());
    let variables = vec![
        // Wherever they keep things: not where a person's are.
        ("HOME", dir("home")),
        ("XDG_CONFIG_HOME", dir("home/config")),
        ("XDG_CACHE_HOME", dir("home/cache")),
        ("BORG_BASE_DIR", dir("home/borg")),
        ("HOOKWARD_STATE_DIR", dir("state")),
        ("HOOKWARD_CACHE_DIR", dir("cache")),
    ];
    Setting { variables, dir: Some(place), ..Setting::default() }
}

/// A new repository of restic, whose key is cheap to derive.
fn repository(session: &Session<'_>, place: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let Session { sh, workspace, .. } = session;
    let repository = place.join(name);
    cmd!(sh, "restic --quiet --no-cache --repo {repository} --password-file {place}/password init").run()?;
    let python = tools::python(session)?.join("python");
    cmd!(sh, "{python} {workspace}/benches/peers/cheap_key.py {repository} {PASSWORD}").run()?;
    Ok(repository)
}

fn hookward(session: &Session<'_>, place: &Path, source: &Path) -> anyhow::Result<Pair> {
    let ground = Ground::new(session, "peers")?;
    let repository = repository(session, place, "hookward")?;
    let restic = cmd!(session.sh, "sh -c 'command -v restic'").quiet().read()?;
    let profile = format!(
        "\n[repository.r]\nurl = {repository:?}\npassword-file = {:?}\n\n\
         [profile.p]\nrepository = \"r\"\nsources = [{source:?}]\n",
        place.join("password")
    );
    let command = |name: &str, hooks: &str| -> anyhow::Result<String> {
        let configuration = ground.configuration(name, restic.as_ref(), &format!("{profile}{hooks}"))?;
        Ok(ground.hookward(&configuration, "run p"))
    };
    let hooks = ground.hooks(3)?.replace(&ground.dir().display().to_string(), &source.display().to_string());
    // The components stay where they are; what they look at is the source.
    let hooks = hooks
        .replace(&format!("component = \"{}", source.display()), &format!("component = \"{}", ground.dir().display()));
    Ok(Pair { name: "Hookward", goal: None, runs: RUNS, commands: [command("none", "")?, command("three", &hooks)?] })
}

fn rustic(session: &Session<'_>, place: &Path, source: &Path, check: &str) -> anyhow::Result<Pair> {
    let program = tools::rustic_program(session);
    ensure!(session.sh.path_exists(&program), "it could not be built");
    let repository = repository(session, place, "rustic")?;
    let profile = |name: &str, hooks: &str| -> anyhow::Result<String> {
        let text = format!(
            "[repository]\nrepository = {repository:?}\npassword-file = {:?}\nno-cache = true\n\n\
             [backup]\n{hooks}\n[[backup.snapshots]]\nsources = [{source:?}]\n",
            place.join("password")
        );
        session.sh.write_file(place.join(name).with_extension("toml"), text)?;
        Ok(format!("{} --use-profile {} backup", word(&program), word(&place.join(name))))
    };
    let hook = format!("{{ command = \"sh\", args = [\"-c\", {check:?}] }}");
    let hooks = format!("[backup.hooks]\nrun-before = [{hook}, {hook}, {hook}]\n");
    let commands = [profile("rustic-none", "")?, profile("rustic-three", &hooks)?];
    Ok(Pair { name: "rustic", goal: Some("rustic"), runs: RUNS, commands })
}

fn runrestic(session: &Session<'_>, place: &Path, source: &Path, check: &str) -> anyhow::Result<Pair> {
    let program = tools::python(session)?.join("runrestic");
    let repository = repository(session, place, "runrestic")?;
    let command = |name: &str, hooks: &str| -> anyhow::Result<String> {
        let path = place.join(name).with_extension("toml");
        let text = format!(
            "name = \"p\"\nrepositories = [{repository:?}]\n\n[environment]\nRESTIC_PASSWORD_FILE = {:?}\n\n\
             [backup]\nsources = [{source:?}]\n{hooks}\n[prune]\nkeep-last = 3\n",
            place.join("password")
        );
        session.sh.write_file(&path, text)?;
        Ok(format!("{} --config {} backup", word(&program), word(&path)))
    };
    let hooks = format!("pre_hooks = [{check:?}, {check:?}, {check:?}]\n");
    let commands = [command("runrestic-none", "")?, command("runrestic-three", &hooks)?];
    Ok(Pair { name: "runrestic", goal: Some("runrestic"), runs: SHORT_TURNS, commands })
}

/// borgmatic drives borg: what differs from the others in the time of a backup is borg's.
fn borgmatic(session: &Session<'_>, place: &Path, source: &Path, check: &str) -> anyhow::Result<Pair> {
    let Session { sh, .. } = session;
    ensure!(setup::has(sh, "borg"), "borg is not here");
    let program = tools::python(session)?.join("borgmatic");
    let repository = place.join("borg");
    let variables = setting(place).variables;
    cmd!(sh, "borg init --encryption none {repository}").envs(variables).run().context("borg makes no repository")?;
    let command = |name: &str, hooks: &str| -> anyhow::Result<String> {
        let path = place.join(name).with_extension("yaml");
        let text = format!(
            "source_directories: [{source:?}]\nrepositories: [{{path: {repository:?}}}]\n\
             unknown_unencrypted_repo_access_is_ok: true\narchive_name_format: '{{now:%s.%f}}'\n{hooks}"
        );
        sh.write_file(&path, text)?;
        Ok(format!("{} create --config {}", word(&program), word(&path)))
    };
    let hooks =
        format!("commands:\n  - before: action\n    when: [create]\n    run: [{check:?}, {check:?}, {check:?}]\n");
    let commands = [command("borgmatic-none", "")?, command("borgmatic-three", &hooks)?];
    Ok(Pair { name: "borgmatic", goal: Some("borgmatic"), runs: FEWER_RUNS, commands })
}
