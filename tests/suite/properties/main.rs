//! Random plans, random answers of their hooks, random ends of restic, random signals:
//! each run is held against a model of the lifecycle, and what it leaves is paid for.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod case;
mod ground;
mod lifecycle;
mod model;
