//! Runs one hook: a WASI component that exports `run` of the world
//! `hookward:hook/hook`, under limits and with nothing but what was granted.
//!
//! The data's path: bytes -> [`Inspection`] -> [`Component`] (checked against what
//! this host can give, compiled, linked) -> [`Hook`] (with [`Limits`] and
//! [`Grants`], which cover what it imports) -> [`Report`]. A failure anywhere on it is a [`Failure`] with a
//! [`Reason`] of its own.
//!
//! The crate knows nothing of restic but the names of its variables, and nothing of
//! configuration files or of a command line.
//! A program that wants hooks of its own can use it as it stands:
//!
//! ```no_run
//! use std::sync::{Arc, Mutex};
//!
//! use hookward_engine::{CancellationToken, Engine, Event, EventKind, Grants, Limits, Options, Scope, Trigger};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::new(Options::default())?;
//! let limits = Limits::default();
//! let component = engine.load_file("require-path.wasm".as_ref(), None, &limits).await?;
//! let mut grants = Grants::default();
//! grants.config.push(("path".to_owned(), "/data".to_owned()));
//!
//! let event = Event {
//!     run_id: "019395a6-2c3a-7c61-a6f5-57ba2d5a0b7e".to_owned(),
//!     kind: EventKind::Before,
//!     operation: "backup".to_owned(),
//!     profile: None,
//!     scope: Scope::Global,
//!     repository: String::new(),
//!     host: "here".to_owned(),
//!     sources: Vec::new(),
//!     tags: Vec::new(),
//!     trigger: Trigger::Api,
//!     dry_run: false,
//!     attempt: 1,
//!     recovered: false,
//!     outcome: None,
//! };
//! let log = Arc::new(Mutex::new(Vec::new()));
//! let report = component.hook(limits, grants)?.call(&event, log.clone(), &CancellationToken::new()).await;
//! match report.result {
//!     Ok(()) => println!("ok after {:?} with {} units of fuel", report.wall, report.fuel),
//!     Err(failure) => println!("{}: {failure}", failure.reason),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A program that calls many at once lets a [`Crowd`] say when it is each one's turn.

pub mod event;
pub mod limits;
pub mod log;
pub mod plan;

mod cache;
mod command;
mod compile;
mod component;
mod contract;
mod crowd;
mod digest;
mod engine;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod grants;
mod http;
mod image;
mod inspect;
mod keyvalue;
mod limiter;
mod linkers;
mod mask;
mod output;
mod reason;
mod record;
mod recorder;
mod requests;
mod secrets;
mod settings;
mod state;
mod stop;
mod tcp;
mod text;
mod ticker;

pub use cache::{Cache, CacheError};
pub use command::{
    ArgvError, CommandGrant, Exit, Finished, InvalidVariable, Job, JobError, Supervisor, supervise_child,
};
pub use compile::{Compiler, compile_child};
pub use component::{Component, Hook, Report};
pub use contract::Version;
pub use crowd::{Admission, Crowd, Refused, Turn};
pub use digest::{Digest, InvalidDigest};
pub use engine::{Allocator, Engine, EngineError, Options};
pub use event::{Event, EventKind, Scope, Status, Trigger};
pub use grants::{DirGrant, Grants};
pub use http::{HttpGrant, InvalidHttpGrant, Resolver};
pub use inspect::{Inspection, Metadata};
pub use keyvalue::{
    Changes, CommitError, InvalidQuota, MemoryStore, Permit, Snapshot, StateGrant, StateQuota, StateStore,
};
pub use limits::Limits;
pub use mask::Mask;
pub use plan::PlanGrant;
pub use reason::{Failure, Reason};
pub use record::{
    Act, CallRecord, CommandAnswer, CommandFault, Difference, Divergence, HttpAnswer, HttpFault, HttpResponse,
    MAX_BYTES as MAX_RECORD_BYTES, Origin, RecordError, Replay, Stage,
};
pub use requests::{Access, Request};
pub use secrets::{InvalidSource, SecretSource, Unavailable};
pub use tcp::{InvalidTcp, TcpGrant};
/// Calls a hook off.
pub use tokio_util::sync::CancellationToken;
