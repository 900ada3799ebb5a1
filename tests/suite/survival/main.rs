//! What is left of runs when processes are killed at any time, when their surroundings
//! fail, and when many want the same at once: seen from outside.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod contention;
mod environment;
mod kills;
mod read_only;
mod signals;
#[path = "../lifecycle/support.rs"]
#[allow(dead_code, reason = "the part of it that these tests need")]
mod support;
mod system;
