//! What instructions are counted of: `benches/counts` runs this under callgrind, once
//! for each name, and counts within [`counted`] only.
//!
//! `cargo xtask bench counts` builds the guest, names the folder in [`PLACE`], and compares
//! the counts with those that are kept in `counts.json`.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs, reason = "a benchmark: a panic is how it fails")]

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookward_engine::log::Discard;
use hookward_engine::{Cache, CancellationToken, Engine, Event, Grants, Hook, Limits, Options};
use hookward_runner::config::Config;
use tokio::runtime::{Builder, Runtime};

/// The variable that names a folder with the guest `measured.wasm` and `hookward.toml`,
/// where a folder `cache` may be made.
const PLACE: &str = "HOOKWARD_COUNTS";

fn place() -> PathBuf {
    std::env::var_os(PLACE).expect("`cargo xtask bench counts` says where things are").into()
}

/// The one function in which instructions count.
#[inline(never)]
fn counted<T>(what: impl FnOnce() -> T) -> T {
    black_box(what())
}

/// An engine whose cache has the guest's image.
struct Ready {
    runtime: Runtime,
    engine: Engine,
    component: Vec<u8>,
}

impl Ready {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let mut options = Options::default();
        options.cache = Some(Cache::open(&place().join("cache")).unwrap());
        // Whether a tick falls into a call is chance.
        options.tick = Duration::from_secs(3600);
        let engine = Engine::new(options).unwrap();
        let component = std::fs::read(place().join("measured.wasm")).unwrap();
        let ready = Self { runtime, engine, component };
        drop(ready.hook(ready.component.clone()));
        ready
    }

    fn hook(&self, component: Vec<u8>) -> Hook {
        let mut limits = Limits::default();
        // Under callgrind on a busy machine, the first load compiles for minutes.
        limits.compile_time = Duration::from_secs(3600);
        let component = self.runtime.block_on(self.engine.load(component, None, &limits)).unwrap();
        component.hook(limits, Grants::default()).unwrap()
    }

    /// A call that isn't the first.
    fn call(&self, operation: &str, attempt: u32, paths: usize) {
        let hook = self.hook(self.component.clone());
        let event = Event {
            operation: operation.to_owned(),
            attempt,
            sources: (0..paths).map(|n| format!("/{n:0>99}")).collect(),
            ..hookward_tests::event()
        };
        let never = CancellationToken::new();
        let call = || self.runtime.block_on(hook.call(&event, Arc::new(Discard), &never)).result.unwrap();
        call();
        counted(call);
    }
}

fn main() {
    // After cargo's own arguments, none of which is a name.
    match std::env::args().nth(1).as_deref() {
        Some("message") => Ready::new().call("log", 1, 1),
        Some("hundred-messages") => Ready::new().call("log", 100, 1),
        Some("long-event") => Ready::new().call("nothing", 1, 1000),
        Some("load") => {
            let ready = Ready::new();
            let component = ready.component.clone();
            drop(counted(|| ready.hook(component)));
        }
        Some("configuration") => {
            let path = place().join("hookward.toml");
            drop(counted(|| Config::load(&path)).unwrap());
        }
        other => eprintln!("counts of {other:?}: see `cargo xtask bench counts`"),
    }
}
