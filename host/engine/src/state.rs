//! What stands behind one store: made for one call, dropped after it.

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::http::Http;
use crate::limiter::Limiter;
use crate::output::Output;
use crate::reason::{Failure, Reason};
use crate::recorder::{Recorder, Stream};
use crate::stop::Stop;
use crate::{Grants, Limits};

pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) config: Vec<(String, String)>,
    pub(crate) limiter: Limiter,
    pub(crate) recorder: Recorder,
    /// Ends the call from a task that works for it.
    pub(crate) stop: Stop,
    pub(crate) http: Http,
}

impl State {
    /// Opens what is granted. Fails when a granted directory can't be opened.
    pub(crate) fn new(grants: &Grants, limits: &Limits, recorder: Recorder) -> Result<Self, Failure> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(Output::new(&recorder, Stream::Stdout))
            .stderr(Output::new(&recorder, Stream::Stderr))
            .envs(&grants.env)
            // Denied by default; said here so that a new default can't open a door.
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(limits.transfer as u64);
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
            config: grants.config.clone(),
            limiter: Limiter::new(limits),
            http: Http::new(&grants.http, limits, &recorder, &stop),
            recorder,
            stop,
        })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
