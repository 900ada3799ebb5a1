//! What an author does: a new project, its build, and what comes of it. A language whose
//! tools are missing is left out with a word.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod build;
mod grants;
mod languages;
mod metadata;
mod new;
mod page;
mod support;
