//! restic: its command line, its process, what it prints, and what that means.

pub mod args;
pub mod binary;
pub mod location;
pub mod messages;
pub mod process;
