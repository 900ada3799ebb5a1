//! Many hooks at once: what `tests/benches/many.rs` measures.

use anyhow::Context as _;
use serde::Deserialize;
use xshell::cmd;

use super::Session;
use super::report::{Section, Table};
use super::sample::{Sample, digits, time};

const BENCH: &str = "cargo bench --package hookward-tests --bench many";

/// What the bench says, one JSON object; times in seconds.
#[derive(Deserialize)]
struct Measured {
    threads: u32,
    live: Vec<Live>,
    ticks: Vec<Tick>,
    /// Running at once, and all of them, in the crowd of spinning hooks.
    limit: u32,
    spinning: u32,
    /// The engine's own tick.
    own_tick: f64,
}

/// So many instances, all waiting.
#[derive(Deserialize)]
struct Live {
    allocator: String,
    instances: u64,
    /// Bytes more that were resident than with none of them.
    resident: u64,
    /// Bytes of page tables more.
    page_tables: u64,
    /// Until the last of them waited.
    start: f64,
    /// Until all were gone, once called off.
    end: f64,
    /// Why there aren't more.
    stopped: Option<String>,
}

/// With ticks of this length.
#[derive(Deserialize)]
struct Tick {
    tick: f64,
    /// Of a computation, against the same with no ticks to speak of.
    overhead: f64,
    /// Share of a processor that the ticking takes while hooks only wait.
    idle: f64,
    /// Past the limit of 100 ms, alone.
    overshoot: Vec<f64>,
    /// Of the short hook: alone, its wait for admission, and its time from there on.
    alone: Vec<f64>,
    waited: Vec<f64>,
    among: Vec<f64>,
    /// Past their limit, of the spinning ones in the crowd.
    crowd_overshoot: Vec<f64>,
}

pub(crate) fn measure(session: &Session<'_>, section: &mut Section) -> anyhow::Result<()> {
    let quick = session.quick.then_some("--quick");
    let said = cmd!(session.sh, "cargo bench --package hookward-tests --bench many -- {quick...}").read()?;
    let json = said.lines().find(|line| line.starts_with('{')).context("the bench says nothing")?;
    let measured: Measured = serde_json::from_str(json)?;
    live(section, &measured.live);
    ticks(section, &measured);
    Ok(())
}

fn live(section: &mut Section, measured: &[Live]) {
    let mut table =
        Table::new(["live instances", "resident, each", "page tables, each", "all started", "all called off"]);
    let mut best: Option<(u64, f64)> = None;
    for live in measured {
        #[expect(clippy::cast_precision_loss, reason = "kilobytes")]
        let kilobytes = |bytes: u64| bytes as f64 / live.instances.max(1) as f64 / 1e3;
        table.row([
            format!("{}, {}", live.instances, live.allocator),
            format!("{} KB", digits(kilobytes(live.resident))),
            format!("{} KB", digits(kilobytes(live.page_tables))),
            time(live.start),
            time(live.end),
        ]);
        let each = kilobytes(live.resident + live.page_tables);
        if best.is_none_or(|(instances, least)| (live.instances, -each) > (instances, -least)) {
            best = Some((live.instances, each));
        }
        if let Some(stopped) = &live.stopped {
            section.note(format!(
                "{} instances, {}, were all that there could be: {stopped}",
                live.instances, live.allocator
            ));
        }
    }
    table.command(format!("{BENCH} -- live"));
    section.tables.push(table);
    if let Some((instances, each)) = best {
        let told = format!("{instances} instances, {} KB each with their page tables", digits(each));
        section.goal("live", told, instances >= 10_000 && each < 100.0);
    }
}

fn ticks(section: &mut Section, measured: &Measured) {
    let Measured { threads, limit, spinning, own_tick, .. } = measured;
    let mut cost = Table::new([
        "tick",
        "a computation takes longer by",
        "of a core while hooks only wait",
        "cut after 100 ms: late by",
        "at most",
    ]);
    let mut crowd = Table::new([
        "tick",
        "a short hook, alone",
        "waited for its admission",
        "then took, median",
        "at most",
        "3 times alone, and its turn of ticks",
        "spinning ones cut late by, at most",
    ]);
    for tick in &measured.ticks {
        let [alone, waited, among, overshoot, late] =
            [&tick.alone, &tick.waited, &tick.among, &tick.overshoot, &tick.crowd_overshoot]
                .map(|times| Sample::new(times.clone()));
        cost.row([
            time(tick.tick),
            format!("{:+.2} %", tick.overhead * 100.0),
            format!("{:.2} %", tick.idle * 100.0),
            time(overshoot.median()),
            time(overshoot.quantile(1.0)),
        ]);
        // One tick of each other that shares its thread; once to begin, and once for each
        // tick that it computes itself.
        let turns = (alone.median() / tick.tick).ceil() + 1.0;
        let turn = tick.tick * (f64::from(*limit) / f64::from(*threads)).ceil();
        let bound = 3.0 * alone.median() + turns * turn;
        crowd.row([
            time(tick.tick),
            time(alone.median()),
            time(waited.median()),
            time(among.median()),
            time(among.quantile(1.0)),
            time(bound),
            time(late.quantile(1.0)),
        ]);
        if (tick.tick - own_tick).abs() < 1e-6 {
            let ticks = overshoot.quantile(1.0) / tick.tick;
            let told = format!("at most {} ticks of {}", digits(ticks), time(tick.tick));
            section.goal("overshoot", told, ticks <= 2.0);
            let told = format!(
                "at most {} where {} are allowed, with {spinning} others",
                time(among.quantile(1.0)),
                time(bound)
            );
            section.goal("fairness", told, among.quantile(1.0) <= bound);
        }
    }
    cost.command(format!("{BENCH} -- ticks"));
    crowd.command(format!("{BENCH} -- crowd"));
    section.tables.push(cost);
    section.tables.push(crowd);
}
