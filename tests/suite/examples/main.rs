//! The hooks that come with Hookward, each with the tables that its page shows, around
//! the real restic and against real counterparts.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "the whole crate is tests"
)]

mod authority;
mod command;
mod counterparts;
mod docker_container;
mod ground;
mod healthchecks;
mod least_privilege;
mod metrics_textfile;
mod mysql_dump;
mod notify;
mod page;
mod postgres_dump;
mod require_path;
mod server;
mod size_guard;
mod sqlite_backup;
mod story;
mod systemd_unit;
mod time_window;
mod volume_snapshot;
