//! What stands behind one store: made for one call, dropped after it.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::command::Commands;
use crate::http::Http;
use crate::keyvalue::Kept;
use crate::limiter::Limiter;
use crate::output::Output;
use crate::plan::Draft;
use crate::reason::{Failure, Reason};
use crate::record::Seat;
use crate::recorder::{Recorder, Stream};
use crate::secrets::Secrets;
use crate::stop::Stop;
use crate::tcp::Tcp;
use crate::{Grants, Limits};

pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) grants: Arc<Grants>,
    pub(crate) limiter: Limiter,
    pub(crate) recorder: Recorder,
    pub(crate) plan: Draft,
    pub(crate) secrets: Secrets,
    /// What the hook keeps, if it may keep anything.
    pub(crate) kept: Option<Kept>,
    pub(crate) tcp: Tcp,
    pub(crate) commands: Commands,
    /// Ends the call from a task that works for it.
    pub(crate) stop: Stop,
    pub(crate) http: Http,
    /// What only a call has that is recorded, replayed or staged.
    pub(crate) aside: Option<Box<Seat>>,
}

impl State {
    /// Opens what is granted. Fails when a granted directory can't be opened.
    pub(crate) fn new(grants: &Arc<Grants>, limits: &Limits, recorder: Recorder) -> Result<Self, Failure> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(Output::new(&recorder, Stream::Stdout))
            .stderr(Output::new(&recorder, Stream::Stderr))
            .envs(&grants.env)
            .max_random_size(limits.transfer as u64);
        let tcp = Tcp::new(grants);
        tcp.open(&mut wasi);
        for dir in &grants.dirs {
            let permissions = if dir.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            wasi.preopened_dir(&dir.host, &dir.guest, permissions).map_err(|error| {
                let message = format!("cannot open the granted directory {}: {error}", dir.host.display());
                Failure::new(Reason::Directory, message)
            })?;
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        let stop = Stop::default();
        Ok(Self {
            wasi: wasi.build(),
            table,
            grants: Arc::clone(grants),
            limiter: Limiter::new(limits),
            http: Http::new(grants, limits, &recorder, &stop),
            recorder,
            stop,
            plan: Draft::new(grants),
            secrets: Secrets::new(grants),
            kept: grants.state.clone().map(Kept::new),
            tcp,
            commands: Commands::default(),
            aside: None,
        })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
