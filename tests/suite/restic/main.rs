//! Runs with the real restic, whichever version is in `PATH`. What depends on the
//! version is compared with restic alone.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod cancel;
mod fidelity;
mod gate;
mod large;
mod operations;
mod outcome;
mod plan;
mod prompt;
mod shell;
mod stand_in;

use hookward_tests::repository as support;
