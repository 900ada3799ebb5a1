//! The engine against hooks that misbehave, files that are no hooks, and images
//! that somebody touched.
//!
//! Whatever a test does to it, the one engine that they share must serve the next
//! hook: each ends with [`support::still_serves`].
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod cache;
mod calls;
mod compiling;
mod crowd;
mod hostile;
mod known;
mod limits;
mod loading;
mod made;
mod output;
mod sandbox;
mod support;
