//! What most hooks want: `use hookward_sdk::prelude::*;`
//!
//! [`http`](crate::http) is left out, for a crate of that name is often at hand.

pub use crate::command::{self, command};
pub use crate::secrets::secret;
pub use crate::{
    ConfigError, Event, EventKind, HookFailure, HookResult, Outcome, PlanError, Scope, Secret, SecretError, StateError,
    Status, Summary, Trigger, config, control, hook, plan, state,
};
pub use crate::{debug, error, info, trace, warn};
