//! Whole runs: the real `hookward`, hooks that note their calls, and a restic that
//! does what a test needs. Each module is one rule of the lifecycle.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod cancel_hooks;
mod cancel_restic;
mod errors;
mod events;
mod gate;
mod invisible;
mod kinds;
mod locks;
mod managed;
mod order;
mod output;
mod pairing;
mod plan_changes;
mod process;
mod retry;
mod secrets;
mod several;
mod skip;
mod state_broken;
mod state_kept;
mod support;
mod terminal;
