//! The command line as a person and a script meet it, with a stand-in for restic.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod bad_config;
mod call;
mod explain;
mod files;
mod generated;
mod init;
mod inspect;
mod messages;
mod secrets;
mod streams;
mod support;
mod usage;
mod validate;
