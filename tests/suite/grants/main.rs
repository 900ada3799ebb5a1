//! The engine's grants: what each gives, and that it gives no more.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod state;
mod steps_support;
mod tcp;
