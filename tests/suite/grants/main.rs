//! What a hook can do with each grant, and that it can do nothing else.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod command;
mod command_host;
mod command_support;
mod supervisor;
