//! What is done with bytes that a stranger may have chosen, and what has to be so
//! afterwards, besides that nothing has panicked: one function for each target. The same
//! ones are run by cargo-fuzz, and by the tests for a bounded number of cases.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a panic is how they fail"
)]

mod command;
mod component;
mod configuration;
mod event;
mod http_allow;
mod journal;
mod restic;

/// One target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of the folder of its seeds.
    pub name: &'static str,
    /// What it does.
    pub body: fn(&[u8]),
}

macro_rules! targets {
    ($($(#[$meta:meta])* $name:ident => $body:path,)+) => {
        $($(#[$meta])* pub fn $name(data: &[u8]) { $body(data) })+

        /// All of them.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), body: $name }),+];
    };
}

targets! {
    /// A configuration file.
    configuration => configuration::body,
    /// A component, up to where it would be compiled.
    component => component::body,
    /// What restic prints: the first byte says in which pieces it comes.
    restic_json => restic::body,
    /// A run's rows of the journal and its lock, in parts that U+0000 ends: plan, verdict,
    /// report, result of a call, lock; then numbers.
    journal => journal::body,
    /// Lines: a granted URL, its methods, its rules, and the method and URL of a request.
    http_allow => http_allow::body,
    /// Lines: the words of a command (separated by tabs), the pattern of its place `x`,
    /// and a value.
    command_args => command::body,
    /// The event of `hook call`.
    event_json => event::body,
}

/// Whether a text can be shown in one line.
fn is_clean(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t')
}
