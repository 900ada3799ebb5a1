//! The engine: one for a process. Loads components.

use std::hash::{Hash as _, Hasher as _};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::cache::{Cache, Id, Identity};
use crate::command::Supervisor;
use crate::compile::Compiler;
use crate::component::Component;
use crate::http::Resolver;
use crate::inspect::Inspection;
use crate::linkers::Linkers;
use crate::reason::{Failure, Reason};
use crate::ticker::Ticker;
use crate::{Digest, Limits, contract, limits, requests};

/// Room on a hook's stack for the host functions that it calls.
const HOST_STACK: usize = 1 << 20;

/// How an [`Engine`] is set up. The default has no cache and compiles on a thread.
#[derive(Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where compiled images are kept; none: every load compiles.
    pub cache: Option<Cache>,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// What commands of the host run under; none: a hook that wants to run one is
    /// refused.
    pub supervisor: Option<Supervisor>,
    /// Looks names up for HTTP requests; none: the system does.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// How long a hook computes before others of its executor have a turn, and how far
    /// past its deadline a computation can get: [`TICK`](limits::TICK) by default, a
    /// millisecond at least.
    pub tick: Duration,
    /// Where memories and stacks of calls come from.
    pub allocator: Allocator,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: None,
            compiler: Compiler::default(),
            supervisor: None,
            resolver: None,
            tick: limits::TICK,
            allocator: Allocator::default(),
        }
    }
}

/// Where the memories and stacks of calls come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allocator {
    /// From the system, at each call, with nothing reserved before: for a program that
    /// makes some calls and ends.
    #[default]
    OnDemand,
    /// From a pool: for a program that makes many calls at once, for long. It is reserved
    /// at the start, 8 GiB of address space for each call, and takes fewer of the mappings
    /// that a process may have (`vm.max_map_count` of Linux).
    Pool {
        /// Calls at once: one more fails, so a [`Crowd`](crate::Crowd) has it wait.
        calls: u32,
    },
}

impl Allocator {
    fn strategy(self) -> InstanceAllocationStrategy {
        let Self::Pool { calls } = self else { return InstanceAllocationStrategy::OnDemand };
        let each = Limits::default();
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(calls)
            .total_core_instances(calls.saturating_mul(each.instances))
            .total_stacks(calls)
            // Toolchains make one memory, and with the tables of their adapters three.
            .total_memories(calls.saturating_mul(2))
            .total_tables(calls.saturating_mul(4))
            .max_tables_per_module(4)
            .table_elements(usize::try_from(each.table_elements).unwrap_or(usize::MAX));
        InstanceAllocationStrategy::Pooling(pool)
    }
}

/// Why an engine can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The machine, or this build, lacks what the sandbox needs.
    #[error("cannot set up the sandbox: {0:#}")]
    Sandbox(wasmtime::Error),
    /// No thread could be started.
    #[error("cannot start the thread that stops runaway hooks")]
    Ticker(#[source] std::io::Error),
}

/// Loads components. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) linkers: Linkers,
    pub(crate) ticker: Ticker,
    pub(crate) supervisor: Option<Arc<Supervisor>>,
    pub(crate) options: Options,
    compiler: u64,
}

/// The file of a component.
enum Opened {
    /// It was checked before, and is the same.
    Known(Component),
    /// What it holds, and what it may be known by from then on.
    Read { bytes: Vec<u8>, identity: Option<Identity> },
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("options", &self.0.options).finish_non_exhaustive()
    }
}

/// The one configuration of Wasmtime, the same in the host and in its compiler
/// children: an image of one must load in the other.
pub(crate) fn configure(allocator: Allocator) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = wasmtime::Config::new();
    config
        // No part of an image.
        .allocation_strategy(allocator.strategy())
        // The three that stop a guest: pure loops by epoch, computation by fuel,
        // recursion by the stack. Host calls are stopped by dropping the call.
        .epoch_interruption(true)
        .consume_fuel(true)
        .max_wasm_stack(limits::STACK)
        .async_stack_size(limits::STACK + HOST_STACK)
        // Both for JavaScript: its interpreter is compiled with tail calls, and components
        // inside of a component call each other by code that sees the memories of both.
        .wasm_tail_call(true)
        .wasm_multi_memory(true)
        // Features that no guest toolchain needs are attack surface.
        .concurrency_support(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_gc(false)
        .gc_support(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        // A guest's trap is told by its reason. Tables that map machine code back to
        // the guest's, for backtraces and debuggers, would be a third of each image.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false);
    wasmtime::Engine::new(&config)
}

impl Engine {
    /// Sets the engine up.
    ///
    /// # Errors
    /// When the machine can't run the sandbox.
    pub fn new(mut options: Options) -> Result<Self, EngineError> {
        let wasmtime = configure(options.allocator).map_err(EngineError::Sandbox)?;
        let linkers = Linkers::new(&wasmtime);
        let ticker = Ticker::start(&wasmtime, options.tick).map_err(EngineError::Ticker)?;
        let mut hasher = std::hash::DefaultHasher::new();
        wasmtime.precompile_compatibility_hash().hash(&mut hasher);
        let compiler = hasher.finish();
        let supervisor = options.supervisor.take().map(Arc::new);
        Ok(Self(Arc::new(Inner { wasmtime, linkers, ticker, supervisor, options, compiler })))
    }

    /// Loads a component from a file. One whose image is cached isn't read again, as
    /// long as the system says that the file is the same.
    ///
    /// # Errors
    /// When the file can't be read, isn't the one that was pinned, or can't be run
    /// here as a hook, by its reason.
    pub async fn load_file(&self, path: &Path, pin: Option<Digest>, limits: &Limits) -> Result<Component, Failure> {
        let (engine, owned, max) = (self.clone(), path.to_owned(), limits.component_size);
        // A file on a dead network mount must not hold the executor up.
        let opened = tokio::task::spawn_blocking(move || engine.open(&owned, pin, max)).await;
        match opened.map_err(|error| Failure::new(Reason::Host, format!("cannot read a file: {error}")))?? {
            Opened::Known(component) => Ok(component),
            Opened::Read { bytes, identity } => {
                let file = identity.map(|identity| (path, identity));
                self.load_from(bytes, file, pin, limits).await
            }
        }
    }

    /// Loads a component from memory.
    ///
    /// # Errors
    /// As [`load_file`](Self::load_file).
    pub async fn load(&self, bytes: Vec<u8>, pin: Option<Digest>, limits: &Limits) -> Result<Component, Failure> {
        if bytes.len() as u64 > limits.component_size {
            return Err(too_large(bytes.len() as u64, limits.component_size));
        }
        self.load_from(bytes, None, pin, limits).await
    }

    /// Loads what stood in a file, if it came from one that may be known again.
    async fn load_from(
        &self,
        bytes: Vec<u8>,
        file: Option<(&Path, Identity)>,
        pin: Option<Digest>,
        limits: &Limits,
    ) -> Result<Component, Failure> {
        let inspection = Inspection::of(&bytes)?;
        if let Some(pin) = pin.filter(|pin| *pin != inspection.digest) {
            let message = format!(
                "is not the component that was pinned: its digest is {}, the configuration says {pin}",
                inspection.digest
            );
            return Err(Failure::new(Reason::Digest, message));
        }
        requests::check(&inspection.requests)?;
        let (compiled, image) = self.image(bytes, &inspection, limits).await?;
        let component = self.link(inspection, &compiled)?;
        if let (Some((path, file)), Some(image), Some(cache)) = (file, image, &self.0.options.cache) {
            cache.remember(path, file, image, self.0.compiler, component.inspection());
        }
        Ok(component)
    }

    /// Opens the file of a component, and reads it unless it is known.
    fn open(&self, path: &Path, pin: Option<Digest>, max: u64) -> Result<Opened, Failure> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Failure::new(Reason::Unreadable, format!("cannot read {}: {error}", path.display()))
        };
        let is_file = std::fs::metadata(path).map_err(|error| unreadable(&error))?.is_file();
        // A pipe or a device would be read for ever.
        if !is_file {
            return Err(unreadable(&"it is not a file"));
        }
        // Opened even if it isn't read: that it can be is part of what it is, and a
        // network file system looks at the file anew.
        let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
        let now = SystemTime::now();
        let metadata = file.metadata().map_err(|error| unreadable(&error))?;
        if metadata.len() > max {
            return Err(too_large(metadata.len(), max));
        }
        let identity = Identity::of(&metadata, now);
        if let Some(component) = identity.and_then(|identity| self.recall(path, identity, pin)) {
            return Ok(Opened::Known(component));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        // One byte more than allowed, to notice a file that grew meanwhile.
        file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        if bytes.len() as u64 > max {
            return Err(too_large(bytes.len() as u64, max));
        }
        Ok(Opened::Read { bytes, identity })
    }

    /// The component of a file that was checked before. Anything that is wrong is left
    /// to the checks of what the file holds.
    fn recall(&self, path: &Path, file: Identity, pin: Option<Digest>) -> Option<Component> {
        let Inner { wasmtime, options, compiler, .. } = &*self.0;
        let (inspection, image) = options.cache.as_ref()?.recall(path, file, *compiler)?;
        if pin.is_some_and(|pin| pin != inspection.digest) {
            return None;
        }
        self.link(inspection, &image.load(wasmtime).ok()?).ok()
    }

    /// Links a compiled component against what it imports.
    fn link(&self, inspection: Inspection, compiled: &wasmtime::component::Component) -> Result<Component, Failure> {
        let version = requests::check(&inspection.requests)?;
        contract::typecheck(version, &self.0.wasmtime, compiled).map_err(|error| {
            let message = format!(
                "its `run` is not that of hookward:hook@{version}, `func(event: event) -> result<_, string>`: {error:#}"
            );
            Failure::new(Reason::WrongSignature, crate::text::clean(&message))
        })?;
        let linker = self.0.linkers.of(&inspection.requests)?;
        let linked = linker.instantiate_pre(compiled).map_err(|error| {
            Failure::new(Reason::UnknownImport, crate::text::clean(&format!("cannot be linked: {error:#}")))
        })?;
        let linked = contract::Linked::new(version, linked)
            .map_err(|error| Failure::new(Reason::WrongSignature, crate::text::clean(&format!("{error:#}"))))?;
        Ok(Component::new(self.clone(), linked, version, inspection))
    }

    /// The compiled component: from the cache, or compiled and cached. With the identity
    /// of its image, if that may be known again.
    async fn image(
        &self,
        bytes: Vec<u8>,
        inspection: &Inspection,
        limits: &Limits,
    ) -> Result<(wasmtime::component::Component, Option<Identity>), Failure> {
        let Inner { wasmtime, options, compiler, .. } = &*self.0;
        let id = Id { digest: inspection.digest, compiler: *compiler };
        if let Some(image) = options.cache.as_ref().and_then(|cache| cache.load(id)) {
            match image.load(wasmtime) {
                Ok(component) => return Ok((component, image.identity())),
                Err(error) => tracing::warn!("a cached image doesn't fit this machine, compiling again: {error:#}"),
            }
        }
        let image = options.compiler.compile(wasmtime, bytes, limits).await?;
        if let Some(cache) = &options.cache {
            cache.store(id, &image);
        }
        let component = image
            .load(wasmtime)
            .map_err(|error| Failure::new(Reason::Compile, format!("the compiled image can't be loaded: {error:#}")))?;
        Ok((component, None))
    }
}

fn too_large(size: u64, limit: u64) -> Failure {
    Failure::new(Reason::ComponentSize, format!("has {size} bytes, more than {limit} (limit `component-size`)"))
}
