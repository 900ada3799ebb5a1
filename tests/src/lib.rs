//! What the tests of the whole share: guests built from source, components made
//! by hand, and an event to call them with.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic is how they fail"
)]

mod component;
pub mod counterparts;
mod guests;
pub mod lab;
pub mod pty;
pub mod repository;
pub mod systemd;

use hookward_engine::Event;
use hookward_engine::event::{EventKind, Scope, Trigger};

pub use component::{HOOK, appended, component, component_of, core_module, core_module_saying};
pub use guests::{example, guest};

/// A `before` of a backup, as a manual run would make it.
#[must_use]
pub fn event() -> Event {
    Event {
        run_id: "019395a6-2c3a-7c61-a6f5-57ba2d5a0b7e".to_owned(),
        kind: EventKind::Before,
        operation: "backup".to_owned(),
        profile: Some("home".to_owned()),
        scope: Scope::Profile,
        repository: "/srv/restic".to_owned(),
        host: "here".to_owned(),
        sources: vec!["/home".to_owned()],
        tags: vec!["daily".to_owned()],
        trigger: Trigger::Manual,
        dry_run: false,
        attempt: 1,
        recovered: false,
        outcome: None,
    }
}
