//! What an operator grants, at the engine's door: what of it a hook gets, and what
//! it doesn't get however it asks.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod http;
