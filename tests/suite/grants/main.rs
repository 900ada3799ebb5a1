//! What can be granted to a hook, at the engine's door: each grant, and each way in
//! which a hook may try to get more.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod command;
mod command_host;
mod command_support;
mod masking;
mod plan;
mod secrets;
mod secrets_support;
mod state;
mod steps_support;
mod supervisor;
mod tcp;
