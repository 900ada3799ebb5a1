//! Calls that are recorded, and run again elsewhere: to the same end, or saying where
//! they go another way. And cases of hooks on a stage.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

#[path = "../examples/page.rs"]
#[allow(dead_code, reason = "another suite uses the rest")]
mod page;

mod cases;
mod diverged;
mod ends;
mod examples;
mod guests;
mod runs;
mod secrets;
mod support;
mod tampered;
