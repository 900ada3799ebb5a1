//! What `tests/guests/hello` does, as a plug-in of Extism: reads the event, says one
//! message, returns ok.

use extism_pdk::*;
use serde::Deserialize;

/// The event as the host passes it.
#[derive(Deserialize)]
#[expect(dead_code, reason = "a hook is given all of it, and this one reads little")]
struct Event {
    run_id: String,
    kind: String,
    operation: String,
    profile: Option<String>,
    scope: String,
    repository: String,
    host: String,
    sources: Vec<String>,
    tags: Vec<String>,
    trigger: String,
    dry_run: bool,
    attempt: u32,
    recovered: bool,
}

#[host_fn]
extern "ExtismHost" {
    fn log(message: String);
}

/// Says hello.
#[plugin_fn]
pub fn run(Json(event): Json<Event>) -> FnResult<()> {
    // SAFETY: the host has a function of this name and type.
    unsafe { log(format!("hello from {}", event.operation))? };
    Ok(())
}
