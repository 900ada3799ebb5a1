//! Runs restic behind a gate of sandboxed hooks.
//!
//! The data's path, one way: [`config`] (the files, checked) -> [`plan`] (one run:
//! its hooks in order, its restic command line) -> [`prepare`] (every component got as
//! [`components`] says, loaded and known to be good, or nothing starts) -> [`lifecycle`] (hooks, gate,
//! restic, hooks) -> [`report`].
//!
//! Who uses this library shows a run by an [`observer`] and ends it by
//! [`interrupt`]. It never writes to a terminal and never ends the process.

pub mod components;
pub mod config;
pub mod exit;
pub mod interrupt;
pub mod journal;
pub mod lifecycle;
pub mod lock;
pub mod observer;
pub mod plan;
pub mod prepare;
pub mod records;
pub mod recovery;
pub mod report;
pub mod restic;
pub mod start;
pub mod state;

mod call;
mod database;
mod fault;
mod process;
mod record;
