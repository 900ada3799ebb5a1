//! The table of docs/languages.md.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookward_engine::{Engine, Options};
use serde_json::json;
use tempfile::TempDir;

use crate::cases;
use crate::subject::{Language, Subject, patient};

/// Calls of which the middle one is told.
const CALLS: usize = 31;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/languages.md")
}

/// How the row of a language begins.
fn begin(language: Language) -> String {
    format!("| {} |", language.title())
}

/// Measures a language, and writes its row.
pub(crate) fn write(subject: &Subject, passed: usize, of: usize) {
    static WRITING: Mutex<()> = Mutex::new(());
    // One at a time: they measure, and they write to one file.
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let file = &subject.files[0];
    let size = std::fs::metadata(file).unwrap().len();
    let dir = TempDir::new().unwrap();
    let call = || subject.require_path(json!({"path": "/data"})).dir(dir.path(), "/data").run();
    call().ok();
    let mut walls: Vec<Duration> = (0..CALLS).map(|_| call().report.wall).collect();
    walls.sort();
    let row = format!(
        "{} {} | {} | {} | {} | {passed} of {of} |",
        begin(subject.language),
        bytes(size),
        time(compile(subject, file)),
        time(walls[CALLS / 2]),
        bytes(call().report.peak_memory),
    );
    let text = std::fs::read_to_string(page()).unwrap();
    let lines = text.lines().map(|line| if line.starts_with(&begin(subject.language)) { &row } else { line });
    std::fs::write(page(), lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
}

/// With no image in any cache.
fn compile(subject: &Subject, file: &Path) -> Duration {
    let engine = Engine::new(Options::default()).unwrap();
    let started = Instant::now();
    subject.runtime.block_on(engine.load_file(file, None, &patient())).unwrap();
    started.elapsed()
}

fn bytes(bytes: u64) -> String {
    let kib = bytes.div_ceil(1024);
    if kib < 1024 { format!("{kib} KiB") } else { format!("{:.1} MiB", kib as f64 / 1024.0) }
}

fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// Whoever adds a case writes the table anew: all languages pass it. A row may say that
/// nobody has measured it, and nothing else than the truth.
#[test]
fn the_page_tells_of_every_case() {
    let text = std::fs::read_to_string(page()).unwrap();
    let of = cases().len();
    for language in Language::ALL {
        let row = text.lines().find(|line| line.starts_with(&begin(language))).unwrap();
        let told = row.ends_with(&format!(" {of} of {of} |")) || row.ends_with("| | | | | not run |");
        assert!(told, "cargo xtask languages writes it: {row}");
    }
}
