//! A hook's call within a process, beside others.

use xshell::cmd;

use super::criterion::{self, Samples, of};
use super::report::{Section, Table};
use super::sample::{digits, time};
use super::{Session, tools};

const BENCH: &str = "cargo bench --package hookward-tests --bench call";

pub(crate) fn measure(session: &Session<'_>, section: &mut Section) -> anyhow::Result<()> {
    let mut samples = criterion::run(session, criterion::bench(session, "hookward-tests", "call"))?;
    match extism(session) {
        Ok(theirs) => samples.extend(theirs),
        Err(error) => section.note(session.told(&format!("without Extism: {error:#}"))),
    }
    call(section, &samples)?;
    parts(section, &samples)?;
    events(section, &samples)?;
    cores(section, &samples)?;
    start(section, &samples)
}

fn extism(session: &Session<'_>) -> anyhow::Result<Samples> {
    let (plugin, dir) = tools::extism(session)?;
    let _dir = session.sh.push_dir(dir);
    let bench = cmd!(session.sh, "cargo bench --locked --bench call");
    criterion::run(session, bench.env("CARGO_TARGET_DIR", tools::extism_target(session)).env("EXTISM_PLUGIN", plugin))
}

fn call(section: &mut Section, samples: &Samples) -> anyhow::Result<()> {
    let bare = of(samples, "warm call/bare wasmtime")?.median();
    let ours = of(samples, "warm call/hookward")?.median();
    let shell = of(samples, "warm call/sh -c true")?.median();
    let mut table = Table::new(["what", "time", "spread", "against bare Wasmtime"]);
    let rows = samples.iter().filter(|(name, _)| name.starts_with("warm call/") || name.starts_with("extism/"));
    for (name, sample) in rows {
        let [median, spread] = sample.told();
        let name = name.trim_start_matches("warm call/").replace("extism/", "Extism, ");
        table.row([name, median, spread, digits(sample.median() / bare)]);
    }
    table.command(format!("{BENCH} -- 'warm call'"));
    table.command("cd benches/extism && EXTISM_PLUGIN=extism_plugin.wasm cargo bench --bench call");
    section.tables.push(table);
    section.goal("call", format!("{} times", digits(ours / bare)), ours / bare <= 1.25);
    section.goal("spawn", format!("{} times faster", digits(shell / ours)), shell / ours >= 15.0);
    Ok(())
}

/// What a call is made of: each step with what it adds to the one before.
fn parts(section: &mut Section, samples: &Samples) -> anyhow::Result<()> {
    const STEPS: [(&str, &str); 5] = [
        ("store", "store, WASI context, limits"),
        ("store, instance", "and an instance"),
        ("store, instance, event", "and a call with the typed event"),
        ("store, instance, event, 1 message", "and one log message"),
        ("store, instance, event, 101 messages", "and a hundred more"),
    ];
    let mut table = Table::new(["a call", "bare Wasmtime", "adds", "Hookward", "adds", "ratio"]);
    let mut before = [0.0, 0.0];
    for (step, name) in STEPS {
        let bare = of(samples, &format!("parts/bare/{step}"))?.median();
        // Its first steps are no calls of their own.
        let ours = samples.get(&format!("parts/hookward/{step}")).map(|sample| sample.median());
        let [less, our_less] = before;
        let told = |value: Option<f64>| value.map_or_else(String::new, time);
        table.row([
            name.to_owned(),
            time(bare),
            time(bare - less),
            told(ours),
            told(ours.map(|ours| ours - our_less)),
            ours.map_or_else(String::new, |ours| digits(ours / bare)),
        ]);
        before = [bare, ours.unwrap_or_default()];
    }
    table.command(format!("{BENCH} -- parts"));
    section.tables.push(table);
    Ok(())
}

fn events(section: &mut Section, samples: &Samples) -> anyhow::Result<()> {
    const SIZES: [(u32, &str); 3] = [(1_000, "1 KB"), (100_000, "100 KB"), (1_000_000, "1 MB")];
    let mut table = Table::new(["event", "bare Wasmtime", "Hookward", "spread", "ratio", "for each further KB"]);
    let mut slopes = Vec::new();
    let mut before: Option<(u32, f64)> = None;
    for (size, name) in SIZES {
        let bare = of(samples, &format!("event/bare/{size}"))?.median();
        let ours = of(samples, &format!("event/hookward/{size}"))?;
        let [median, spread] = ours.told();
        let slope = before.map(|(less, time)| (ours.median() - time) / f64::from(size - less) * 1000.0);
        let ratio = digits(ours.median() / bare);
        table.row([name.to_owned(), time(bare), median, spread, ratio, slope.map_or_else(String::new, time)]);
        slopes.extend(slope);
        before = Some((size, ours.median()));
    }
    table.command(format!("{BENCH} -- event"));
    section.tables.push(table);
    if let [early, late] = slopes[..] {
        let told = format!("{} a KB up to 100 KB, {} from there to 1 MB", time(early), time(late));
        section.goal("event", told, late <= early * 1.25);
    }
    Ok(())
}

fn cores(section: &mut Section, samples: &Samples) -> anyhow::Result<()> {
    let mut table = Table::new(["calls on 2 threads", "calls a second", "time a call", "spread"]);
    let names = ["two cores/bare wasmtime", "two cores/hookward"];
    for name in names {
        let sample = of(samples, name)?;
        let [median, spread] = sample.told();
        table.row([
            name.trim_start_matches("two cores/").to_owned(),
            format!("{:.0}", 1.0 / sample.median()),
            median,
            spread,
        ]);
    }
    table.command(format!("{BENCH} -- 'two cores'"));
    section.tables.push(table);
    let [bare, ours] = names.map(|name| of(samples, name).map(|sample| 1.0 / sample.median()));
    let ratio = ours? / bare?;
    section.goal("two-cores", format!("{} times", digits(ratio)), ratio >= 0.8);
    Ok(())
}

fn start(section: &mut Section, samples: &Samples) -> anyhow::Result<()> {
    let mut table = Table::new(["before the first call of a process", "time", "spread"]);
    for (name, what) in
        [("start/engine", "an engine"), ("start/component, cached", "a component of 80 KB, its image cached")]
    {
        let [median, spread] = of(samples, name)?.told();
        table.row([what.to_owned(), median, spread]);
    }
    table.command(format!("{BENCH} -- start"));
    section.tables.push(table);
    Ok(())
}
