//! The configuration that `hookward init` writes.

/// A commented configuration to begin with. It is valid as it is, and has no
/// hook that is switched on, since there is no component yet.
pub const TEMPLATE: &str = include_str!("template.toml");
