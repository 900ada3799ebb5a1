//! The journal and recovery (rule 9): whole runs whose process dies, and what the next
//! one makes of them. The stages of a run's life are in `crash`, what goes on being
//! owed in `debts`, the journal's own troubles in `broken`, the verbs in `verbs`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod broken;
mod crash;
mod deadline;
mod debts;
mod lost;
#[path = "../lifecycle/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the lifecycle")]
mod support;
mod turns;
mod verbs;
