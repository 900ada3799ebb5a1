//! The fault matrix: `hookward` is killed at every place that it passes, in a run and
//! in a recovery, and what the next one makes of it is held against the contract.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod matrix;
mod model;
mod scenario;
