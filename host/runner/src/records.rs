//! Records of hooks' calls: which are kept, and where.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookward_engine::log::Sink;
use hookward_engine::{CancellationToken, Event, Hook, Origin, RecordError, Report};

use crate::config::HookSpec;
use crate::prepare::Ready;

/// What the name of a record's file ends with.
pub const EXTENSION: &str = "hookrecord";

/// Records of failed calls that a directory holds: a hook that fails every minute of a
/// night must not fill the disk. The oldest go first.
pub const KEPT: usize = 100;

/// Where calls of hooks are recorded, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// The directory; made when the first record is written.
    pub dir: PathBuf,
    /// Only those of calls that failed are kept, and of these the newest.
    pub failed_only: bool,
}

/// What came of recording a call.
pub(crate) enum Kept {
    /// Its record is this file.
    File(PathBuf),
    /// It isn't one to be kept.
    Nothing,
    /// Its record couldn't be kept, and why. No reason for a run to fail.
    Failed(String),
}

impl Records {
    /// Calls a hook, and keeps the record if it is one to be kept.
    pub(crate) async fn call(
        &self,
        ready: &Ready,
        hook: &Hook,
        event: &Event,
        sink: Arc<dyn Sink>,
        stop: &CancellationToken,
    ) -> (Report, Kept) {
        let spec = &ready.spec;
        let origin = Origin { hook: Some(&spec.name), file: ready.file.as_deref() };
        let (report, record) = hook.record(event, sink, stop, origin).await;
        if self.failed_only && report.result.is_ok() {
            return (report, Kept::Nothing);
        }
        let file = self.dir.join(name(spec, event));
        let kept = match record {
            Ok(record) => {
                let (dir, failed_only, path) = (self.dir.clone(), self.failed_only, file.clone());
                // A directory on a dead mount must not hold the run up at its hooks' deadlines.
                let saved = tokio::task::spawn_blocking(move || {
                    make(&dir)?;
                    record.save(&path)?;
                    if failed_only {
                        clear(&dir);
                    }
                    Ok::<_, RecordError>(())
                });
                saved
                    .await
                    .map_err(|error| error.to_string())
                    .and_then(|saved| saved.map_err(|error| error.to_string()))
            }
            Err(failure) => Err(failure.to_string()),
        };
        let kept = match kept {
            Ok(()) => Kept::File(file),
            Err(why) => Kept::Failed(format!("cannot record the call in {}: {why}", file.display())),
        };
        (report, kept)
    }
}

/// Begins with the run's id, by which names are in the order of time.
fn name(spec: &HookSpec, event: &Event) -> String {
    let Event { run_id, kind, attempt, recovered, .. } = event;
    let run: String = run_id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    let recovered = if *recovered { "-recovered" } else { "" };
    format!("{run}-{}-{}-{kind}-{attempt}{recovered}.{EXTENSION}", spec.scope, spec.name)
}

fn make(dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Removes the oldest records of a directory that has too many.
fn clear(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut records: Vec<_> = paths.filter(|path| path.extension().is_some_and(|is| is == EXTENSION)).collect();
    records.sort_unstable();
    let surplus = records.len().saturating_sub(KEPT);
    for path in records.iter().take(surplus) {
        if let Err(error) = std::fs::remove_file(path) {
            tracing::debug!("cannot remove {}: {error}", path.display());
        }
    }
}
