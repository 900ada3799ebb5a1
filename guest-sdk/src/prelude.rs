//! What most hooks want: `use hookward_sdk::prelude::*;`

pub use crate::{
    ConfigError, Event, EventKind, HookFailure, HookResult, Outcome, Scope, Status, Summary, Trigger, config, control,
    hook,
};
pub use crate::{debug, error, info, trace, warn};
