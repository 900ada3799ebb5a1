//! Whole processes: what `hookward exec` adds to the program that it wraps.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::hyperfine::{Runs, Setting, settle, time as timed, word};
use super::report::{Section, Table};
use super::sample::{Sample, digits, time};
use super::{Session, tools};

/// What stands in the place of restic: a program that does nothing.
const NOTHING: &str = "/bin/true";

const MANY: [usize; 3] = [10, 100, 1000];

/// A folder with components and configurations.
pub(crate) struct Ground<'a> {
    session: &'a Session<'a>,
    dir: PathBuf,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(session: &'a Session<'a>, name: &str) -> anyhow::Result<Self> {
        let dir = session.dir.join(name);
        session.sh.create_dir(&dir)?;
        session.sh.write_file(dir.join("file"), "so that the directory is not empty\n")?;
        Ok(Self { session, dir })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file of its own of the example `require-path`: a custom section makes it one.
    pub(crate) fn component(&self, number: u8) -> anyhow::Result<PathBuf> {
        let mut bytes = self.session.sh.read_binary_file(self.session.target.join("hooks/require-path.wasm"))?;
        bytes.extend([0, 2, 1, number]);
        let path = self.dir.join(format!("hook-{number}.wasm"));
        self.session.sh.write_file(&path, bytes)?;
        Ok(path)
    }

    /// A hook that looks whether the folder is there, and not empty.
    pub(crate) fn hook(&self, name: &str, component: &Path) -> String {
        let dir = &self.dir;
        format!(
            "\n[[hook]]\nname = {name:?}\ncomponent = {component:?}\non = [\"before\"]\n\
             config = {{ path = \"/dir\", not-empty = true }}\ngrants = {{ dirs = [{{ host = {dir:?}, guest = \"/dir\" }}] }}\n"
        )
    }

    /// So many such hooks, each with a component of its own.
    pub(crate) fn hooks(&self, number: u8) -> anyhow::Result<String> {
        (0..number).map(|n| Ok(self.hook(&format!("hook-{n}"), &self.component(n)?))).collect()
    }

    /// A configuration in which restic is such a program.
    pub(crate) fn configuration(&self, name: &str, restic: &Path, rest: &str) -> anyhow::Result<PathBuf> {
        let path = self.dir.join(name).with_extension("toml");
        self.session.sh.write_file(&path, format!("version = 1\n\n[restic]\nbinary = {restic:?}\n{rest}"))?;
        Ok(path)
    }

    /// `hookward`, with that configuration.
    pub(crate) fn hookward(&self, configuration: &Path, arguments: &str) -> String {
        let hookward = self.session.hookward();
        format!("{} --config {} {arguments}", word(&hookward), word(configuration))
    }

    /// State and cache within the folder.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let dir = self.dir.display();
        vec![("HOOKWARD_STATE_DIR", format!("{dir}/state")), ("HOOKWARD_CACHE_DIR", format!("{dir}/cache"))]
    }

    fn exec(&self, name: &str, hooks: &str) -> anyhow::Result<String> {
        let configuration = self.configuration(name, NOTHING.as_ref(), hooks)?;
        Ok(self.hookward(&configuration, "exec -- restic backup /dir"))
    }
}

pub(crate) fn measure(session: &Session<'_>, section: &mut Section) -> anyhow::Result<()> {
    let ground = Ground::new(session, "process")?;
    let three = ground.exec("hooks-3", &ground.hooks(3)?)?;
    small(session, section, &ground, &three)?;
    cold(session, section, &ground, &three)?;
    growth(session, section, &ground)?;
    if let Err(error) = python(session, section, &ground) {
        section.note(format!("no Python component: {error:#}"));
    }
    Ok(())
}

/// None, one, three hooks.
fn small(session: &Session<'_>, section: &mut Section, ground: &Ground<'_>, three: &str) -> anyhow::Result<()> {
    let rows = [
        ("the program alone", format!("{NOTHING} backup /dir")),
        ("`sh -c true`", "sh -c true".to_owned()),
        ("no hooks (Hookward becomes the program)", ground.exec("hooks-0", "")?),
        ("1 hook", ground.exec("hooks-1", &ground.hooks(1)?)?),
        ("3 hooks", three.to_owned()),
    ];
    let commands = rows.each_ref().map(|(_, command)| command.clone());
    let setting = Setting { variables: ground.variables(), ..Setting::default() };
    settle(session, &setting, &commands)?;
    let samples = timed(session, Runs { rounds: 20, runs: 25, warmup: 3 }, &setting, &commands)?;
    let alone = samples.first().context("nothing was measured")?.median();
    let more = |place: usize| samples.get(place).map_or(f64::NAN, |sample| sample.median() - alone);
    let mut table = Table::new(["what", "time", "spread", "more than the program alone"]);
    for ((name, command), sample) in rows.iter().zip(&samples) {
        let [median, spread] = sample.told();
        table.row([(*name).to_owned(), median, spread, time(sample.median() - alone)]);
        table.command(session.told(command));
    }
    section.tables.push(table);
    section.goal("exec-0", format!("{} more", time(more(2))), more(2) <= 2e-3);
    section.goal("exec-3", format!("{} more", time(more(4))), more(4) <= 6e-3);
    Ok(())
}

/// With an empty cache.
fn cold(session: &Session<'_>, section: &mut Section, ground: &Ground<'_>, three: &str) -> anyhow::Result<()> {
    let mut setting = Setting { variables: ground.variables(), ..Setting::default() };
    let commands = [three.to_owned()];
    let warm = timed(session, Runs { rounds: 1, runs: 30, warmup: 3 }, &setting, &commands)?.remove(0);
    setting.prepare = Some(format!("rm -rf {}", word(&ground.dir().join("cache"))));
    let cold = timed(session, Runs { rounds: 1, runs: 15, warmup: 1 }, &setting, &commands)?.remove(0);
    let more = cold.median() - warm.median();
    let mut table = Table::new(["3 hooks", "time", "spread"]);
    for (name, sample) in [("cached", &warm), ("first run", &cold)] {
        let [median, spread] = sample.told();
        table.row([name.to_owned(), median, spread]);
    }
    let emptied = setting.prepare.as_deref().unwrap_or_default();
    table.command(session.told(&format!("{emptied}; {three}")));
    section.tables.push(table);
    section.goal("cold", format!("{} more", time(more)), more <= 1.0);
    Ok(())
}

/// More and more hooks in one plan.
fn growth(session: &Session<'_>, section: &mut Section, ground: &Ground<'_>) -> anyhow::Result<()> {
    let component = ground.component(0)?;
    let hooks =
        |number: usize| -> String { (0..number).map(|n| ground.hook(&format!("hook-{n}"), &component)).collect() };
    let mut table = Table::new(["hooks in the plan", "time", "spread", "for each further hook"]);
    let mut measured: Vec<(usize, Sample)> = Vec::new();
    for (number, runs) in [(1, 50), (10, 50), (100, 20), (1000, 8)] {
        let command = ground.exec(&format!("many-{number}"), &hooks(number))?;
        let setting = Setting { variables: ground.variables(), ..Setting::default() };
        let (runs, commands) = (Runs { rounds: 1, runs, warmup: 2 }, std::slice::from_ref(&command));
        settle(session, &setting, commands)?;
        let sample = timed(session, runs, &setting, commands)?.remove(0);
        let slope = measured.last().map(|before| slope(before, &(number, sample.clone())));
        let [median, spread] = sample.told();
        table.row([number.to_string(), median, spread, slope.map_or_else(String::new, time)]);
        table.command(session.told(&command));
        measured.push((number, sample));
    }
    section.tables.push(table);
    let [.., before, hundred, thousand] = measured.as_slice() else { anyhow::bail!("not all plans were measured") };
    let (early, late) = (slope(before, hundred), slope(hundred, thousand));
    let told = format!("{} a hook up to {}, {} from there to {}", time(early), MANY[1], time(late), MANY[2]);
    section.goal("growth", told, late <= early * 1.25);
    Ok(())
}

fn slope((few, less): &(usize, Sample), (many, more): &(usize, Sample)) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let further = (many - few) as f64;
    (more.median() - less.median()) / further
}

/// A component of 18 MB.
fn python(session: &Session<'_>, section: &mut Section, ground: &Ground<'_>) -> anyhow::Result<()> {
    let component = tools::python_component(session)?;
    let size = component.metadata()?.len();
    let guests = crate::setup::components(session.sh, "tests/guests")?;
    let rust =
        guests.into_iter().find(|(name, _)| name == "hookward-guest-hello").context("the guest hello is gone")?.1;
    let plain =
        |component: &Path| format!("\n[[hook]]\nname = \"hello\"\ncomponent = {component:?}\non = [\"before\"]\n");
    let commands = [ground.exec("rust", &plain(&rust))?, ground.exec("python", &plain(&component))?];
    let setting = Setting { variables: ground.variables(), ..Setting::default() };
    settle(session, &setting, &commands)?;
    let samples = timed(session, Runs { rounds: 6, runs: 10, warmup: 2 }, &setting, &commands)?;
    let mut table = Table::new(["1 hook that logs one message", "size", "time", "spread"]);
    let sizes = [rust.metadata()?.len(), size];
    for (((name, sample), size), command) in ["Rust", "Python"].iter().zip(&samples).zip(sizes).zip(&commands) {
        let [median, spread] = sample.told();
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        table.row([(*name).to_owned(), format!("{} MB", digits(size as f64 / 1e6)), median, spread]);
        table.command(session.told(command));
    }
    section.tables.push(table);
    let [rust, python] = samples.as_slice() else { anyhow::bail!("not both were measured") };
    let more = python.median() - rust.median();
    section.goal("python", format!("{} more", time(more)), more <= 40e-3);
    Ok(())
}
