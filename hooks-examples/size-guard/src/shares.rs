//! Bounds that hold against the runs before.

use bytesize::ByteSize;

use crate::config::{Config, Percent};
use crate::history::{History, Run};

pub(crate) fn check(history: &History, run: &Run, config: &Config) -> Vec<String> {
    let files = compare(history.median(|run| run.files), run.files, config)
        .map(|change| format!("its number of files {}", change.told(|files| files.to_string())));
    let bytes = compare(history.median(|run| run.bytes), run.bytes, config)
        .map(|change| format!("its size {}", change.told(|bytes| ByteSize(bytes).to_string())));
    [files, bytes, changed(history, run, config), added(history, run, config)].into_iter().flatten().collect()
}

/// A number that changed more than it may.
struct Change {
    usual: u64,
    now: u64,
    limit: Percent,
}

fn compare(usual: u64, now: u64, config: &Config) -> Option<Change> {
    let limit = if now < usual { config.max_shrink } else { config.max_growth }?;
    // There is no share of nothing.
    let is_beyond = usual > 0 && usual.abs_diff(now) as f64 > limit.of(usual);
    is_beyond.then_some(Change { usual, now, limit })
}

impl Change {
    fn told(&self, shown: impl Fn(u64) -> String) -> String {
        let Self { usual, now, limit } = *self;
        let (verb, key) = if now < usual { ("fell", "max-shrink") } else { ("rose", "max-growth") };
        let share = usual.abs_diff(now) as f64 * 100.0 / usual as f64;
        let (usual, now) = (shown(usual), shown(now));
        format!("{verb} by {share:.1}% from the usual {usual} to {now}, and `{key}` allows {limit}")
    }
}

/// Files that were encrypted by somebody have all changed at once.
fn changed(history: &History, run: &Run, config: &Config) -> Option<String> {
    let limit = config.max_changed?;
    if run.changed as f64 <= limit.of(run.files) {
        return None;
    }
    let share = |run: &Run| run.changed as f64 * 100.0 / run.files.max(1) as f64;
    // Hundredths of a percent, for the median is of whole numbers.
    let usual = history.median(|run| (share(run) * 100.0) as u64) as f64 / 100.0;
    Some(format!(
        "{:.1}% of its files are new or changed, usually {usual:.1}%, and `max-changed` allows {limit}: look for files \
         that somebody has encrypted, or for a snapshot without a parent",
        share(run)
    ))
}

fn added(history: &History, run: &Run, config: &Config) -> Option<String> {
    let factor = config.max_new_factor?;
    let usual = history.median(|run| run.added);
    let is_beyond = run.added as f64 > factor * usual as f64 && run.added > config.new_floor.as_u64();
    is_beyond.then(|| {
        let (added, usual) = (ByteSize(run.added), ByteSize(usual));
        format!("it added {added} to the repository, usually {usual}, and `max-new-factor` allows {factor} times that")
    })
}
