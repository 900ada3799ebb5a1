//! Each grant at the engine's door: what it lets through, and what it keeps out.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod plan;
