//! `hookward:hook@0.1.0`.

mod brokered;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};

use crate::event;
use crate::log::Level;
use crate::recorder::Recorder;
use crate::state::State;

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "generated; the docs stand in wit/")]

    wasmtime::component::bindgen!({
        path: "wit/0.1.0",
        world: "full",
        imports: {
            "hookward:hook/command": async | trappable,
            "hookward:hook/plan": async | trappable,
            "hookward:hook/secrets": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        // An event is lowered from where it stands, not from a copy.
        ownership: Borrowing { duplicate_if_necessary: false },
    });
}

pub(super) use brokered::link as link_brokered;

pub(crate) use bindings::FullPre as HookPre;
use bindings::hookward::hook::types as wit;
use bindings::hookward::hook::{control, log};

/// Links what needs no grant.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<Recorder>>(linker, |state| &mut state.recorder)?;
    log::add_to_linker::<_, HasSelf<Recorder>>(linker, |state| &mut state.recorder)?;
    control::add_to_linker::<_, HasSelf<Recorder>>(linker, |state| &mut state.recorder)
}

pub(super) fn typecheck(engine: &Engine, component: &Component) -> wasmtime::Result<()> {
    let component = component.component_type();
    match component.get_export(engine, "run").map(|export| export.ty) {
        Some(ComponentItem::ComponentFunc(run)) => {
            run.typecheck::<(wit::Event<'_>,), (Result<(), String>,)>(&component.instance_type())
        }
        _ => Err(wasmtime::Error::msg("`run` is not a function")),
    }
}

impl wit::Host for Recorder {}

impl log::Host for Recorder {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<log::Field>) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        let fields = fields.into_iter().map(|field| (field.key, field.value)).collect();
        Ok(self.log(level, &message, fields)?)
    }
}

impl control::Host for Recorder {
    fn skip(&mut self, reason: String) -> wasmtime::Result<()> {
        Ok(Recorder::skip(self, &reason)?)
    }

    fn warn(&mut self, message: String) -> wasmtime::Result<()> {
        Ok(Recorder::warn(self, &message)?)
    }
}

/// Instantiates the component and calls its `run` once.
pub(super) async fn run(
    pre: &HookPre<State>,
    store: &mut Store<State>,
    event: &event::Event,
) -> wasmtime::Result<Result<(), String>> {
    let hook = pre.instantiate_async(&mut *store).await?;
    let sources = references(&event.sources);
    let tags = references(&event.tags);
    let hooks: Vec<_> = event.outcome.iter().flat_map(|outcome| &outcome.hooks).map(Into::into).collect();
    let event = wit::Event {
        run_id: &event.run_id,
        kind: event.kind.into(),
        operation: &event.operation,
        profile: event.profile.as_deref(),
        scope: event.scope.into(),
        repository: &event.repository,
        host: &event.host,
        sources: &sources,
        tags: &tags,
        trigger: event.trigger.into(),
        dry_run: event.dry_run,
        attempt: event.attempt,
        recovered: event.recovered,
        outcome: event.outcome.as_ref().map(|outcome| wit::Outcome {
            status: outcome.status.into(),
            exit_code: outcome.exit_code,
            error: outcome.error.as_deref(),
            duration_ms: event::millis::of(outcome.duration),
            snapshot_id: outcome.snapshot_id.as_deref(),
            summary: outcome.summary.as_ref().map(Into::into),
            stderr_tail: &outcome.stderr_tail,
            hooks: &hooks,
        }),
    };
    hook.call_run(store, event).await
}

fn references(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

impl From<event::EventKind> for wit::EventKind {
    fn from(kind: event::EventKind) -> Self {
        match kind {
            event::EventKind::Before => Self::Before,
            event::EventKind::Success => Self::Success,
            event::EventKind::Warning => Self::Warning,
            event::EventKind::Failure => Self::Failure,
            event::EventKind::Cancelled => Self::Cancelled,
            event::EventKind::Skipped => Self::Skipped,
            event::EventKind::Finally => Self::Finally,
        }
    }
}

impl From<event::Trigger> for wit::Trigger {
    fn from(trigger: event::Trigger) -> Self {
        match trigger {
            event::Trigger::Manual => Self::Manual,
            event::Trigger::Scheduled => Self::Scheduled,
            event::Trigger::Api => Self::Api,
            event::Trigger::Shim => Self::Shim,
        }
    }
}

impl From<event::Scope> for wit::Scope {
    fn from(scope: event::Scope) -> Self {
        match scope {
            event::Scope::Global => Self::Global,
            event::Scope::Repository => Self::Repository,
            event::Scope::Profile => Self::Profile,
        }
    }
}

impl From<event::Status> for wit::Status {
    fn from(status: event::Status) -> Self {
        match status {
            event::Status::Success => Self::Success,
            event::Status::Warning => Self::Warning,
            event::Status::Failure => Self::Failure,
            event::Status::Cancelled => Self::Cancelled,
            event::Status::Skipped => Self::Skipped,
        }
    }
}

impl From<&event::Summary> for wit::Summary {
    fn from(summary: &event::Summary) -> Self {
        Self {
            files_new: summary.files_new,
            files_changed: summary.files_changed,
            files_unmodified: summary.files_unmodified,
            dirs_new: summary.dirs_new,
            dirs_changed: summary.dirs_changed,
            dirs_unmodified: summary.dirs_unmodified,
            data_blobs: summary.data_blobs,
            tree_blobs: summary.tree_blobs,
            data_added: summary.data_added,
            data_added_packed: summary.data_added_packed,
            total_files_processed: summary.total_files_processed,
            total_bytes_processed: summary.total_bytes_processed,
            total_duration: summary.total_duration,
        }
    }
}

impl<'a> From<&'a event::HookResult> for wit::HookResult<'a> {
    fn from(result: &'a event::HookResult) -> Self {
        Self {
            name: &result.name,
            scope: result.scope.into(),
            kind: result.kind.into(),
            attempt: result.attempt,
            failure: result
                .failure
                .as_ref()
                .map(|failure| wit::HookFailure { reason: &failure.reason, message: &failure.message }),
            duration_ms: event::millis::of(result.duration),
        }
    }
}
