//! Components from registries: a real one, and some that mean harm.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod altered;
mod explained;
mod hostile;
mod keyless;
mod keys;
mod kinds;
mod locked;
mod push_pull;
mod refusals;
mod signatures;
mod sigstore;
mod support;
mod vendored;
mod wkg;
