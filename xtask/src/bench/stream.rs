//! Gigabytes through `exec`: restic's own stdout, which no byte of passes through Hookward.

use std::fs::File;
use std::io;

use anyhow::Context as _;
use xshell::cmd;

use super::Session;
use super::hyperfine::{Runs, Setting, time as timed, word};
use super::process::Ground;
use super::report::{Section, Table};
use super::sample::{digits, time};

pub(crate) fn measure(session: &Session<'_>, section: &mut Section) -> anyhow::Result<()> {
    let Session { sh, quick, .. } = session;
    let bytes: u64 = if *quick { 100_000_000 } else { 2_000_000_000 };
    let ground = Ground::new(session, "stream")?;
    let (dir, data) = (ground.dir().to_owned(), ground.dir().join("data"));
    let (repository, password) = (dir.join("repository"), dir.join("password"));
    sh.write_file(&password, "only for a measurement\n")?;
    let random = File::open("/dev/urandom")?;
    // What compresses or repeats would be less than it says.
    io::copy(&mut io::Read::take(random, bytes), &mut File::create(&data)?).context("cannot write the data")?;
    let restic = |arguments: &[&str]| {
        cmd!(sh, "restic --quiet --no-cache --repo {repository} --password-file {password} {arguments...}").run()
    };
    restic(&["init"])?;
    restic(&["backup", &data.display().to_string()])?;
    sh.remove_path(&data)?;
    sh.write_file(dir.join("file"), "so that the directory is not empty\n")?;

    let program = which(session)?;
    let configuration = ground.configuration("hooks-3", program.as_ref(), &ground.hooks(3)?)?;
    let dump = format!(
        "--no-cache --repo {} --password-file {} dump latest {}",
        word(&repository),
        word(&password),
        word(&data)
    );
    let piped = |command: String| format!("sh -c \"{command} | cat > /dev/null\"");
    let rows = [
        ("restic alone", piped(format!("{program} {dump}"))),
        ("through `hookward exec`, 3 hooks", piped(ground.hookward(&configuration, &format!("exec -- restic {dump}")))),
    ];
    let commands = rows.each_ref().map(|(_, command)| command.clone());
    let setting = Setting { variables: ground.variables(), ..Setting::default() };
    let samples = timed(session, Runs { rounds: 3, runs: 2, warmup: 1 }, &setting, &commands)?;
    let mut table = Table::new(["2 GB", "time", "spread", "MB a second"]);
    for ((name, command), sample) in rows.iter().zip(&samples) {
        let [median, spread] = sample.told();
        #[expect(clippy::cast_precision_loss, reason = "gigabytes")]
        let speed = bytes as f64 / 1e6 / sample.median();
        table.row([(*name).to_owned(), median, spread, digits(speed)]);
        table.command(session.told(command));
    }
    section.tables.push(table);
    let [alone, behind] = samples.as_slice() else { anyhow::bail!("not both were measured") };
    let (more, noise) = (behind.median() - alone.median(), alone.spread().max(behind.spread()));
    let percent = more / alone.median() * 100.0;
    let told = format!("{} ({percent:+.1} %), where the runs of restic alone spread by {}", time(more), time(noise));
    section.goal("stream", told, more <= noise.max(alone.median() * 0.01));
    sh.remove_path(&dir)?;
    Ok(())
}

fn which(session: &Session<'_>) -> anyhow::Result<String> {
    Ok(cmd!(session.sh, "sh -c 'command -v restic'").quiet().read()?)
}
