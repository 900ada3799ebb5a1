//! Calls a hook in an ordinary `cargo test`: no WebAssembly, no Hookward, no restic.
//!
//! A [`Call`] stands in for the host: what the hook logs, asks for and returns is in
//! the [`Report`] that it gives back. Calls on different threads don't see each
//! other, so tests run side by side as usual.
//!
//! ```
//! use hookward_sdk::prelude::*;
//! use hookward_sdk::testing::{self, Call};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Config {
//!     profile: String,
//! }
//!
//! #[hook]
//! fn run(event: Event) -> Result<(), ConfigError> {
//!     let config: Config = config()?;
//!     if event.profile.as_deref() == Some(&*config.profile) {
//!         info!(profile = config.profile, "this one stays at home");
//!         control::skip("not today");
//!     }
//!     Ok(())
//! }
//!
//! let before = testing::event(EventKind::Before).profile("db");
//! let report = Call::new(before.clone()).config(serde_json::json!({ "profile": "db" })).run(run);
//! assert!(report.is_ok());
//! assert_eq!(report.skip.as_deref(), Some("not today"));
//! assert_eq!(report.logs[0].message, "this one stays at home");
//!
//! let report = Call::new(before).run(run);
//! assert_eq!(report.error(), Some("config key `profile` is missing"));
//! ```
//!
//! What a hook needs a grant for is answered by the test, and listed in the report:
//!
//! | the call | what it answers | the report |
//! | --- | --- | --- |
//! | [`Call::command`] | a [command](crate::command) | `commands` |
//! | [`Call::secret`] | a [secret](crate::secrets) | |
//! | [`Call::http`], [`Call::route`] | [requests](crate::http) | `requests` |
//! | [`Call::plan_grants`] | changes of the [plan](crate::plan) | `plan` |
//! | [`Call::state`] | [state](crate::state) | `state`, [`Report::stored`] |
//!
//! Outside of a `Call` a native hook has no host: its logs go to stderr, its
//! [`config`](crate::config()) is an error that says so.

mod call;
mod event;
mod http;
mod mock;
pub(crate) mod recorder;
mod report;

pub use call::{Call, Hook};
pub use event::{EventBuilder, event, outcome};
pub use http::{Request, Response, response};
pub use mock::{OutputBuilder, output};
pub use report::{Log, Report};

pub use crate::command::Invocation;
