//! The functions of the host, linked for the components that import them.
//!
//! To link all of them takes longer than the rest of an engine's start, and most hooks
//! import neither a socket nor anything that needs a grant. So there is a linker for each
//! of the four kinds of component, made for the first one of its kind.

use std::sync::{Mutex, OnceLock, PoisonError};

use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async;
use wasmtime_wasi::p2::bindings::{cli, filesystem, random, sockets};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView as _};

use crate::reason::{Failure, Reason};
use crate::requests::{Access, Request};
use crate::state::State;
use crate::{contract, http, keyvalue, record, settings, tcp};

/// What a component imports besides that which all of them may have.
#[derive(Debug, Clone, Copy)]
struct Kind {
    sockets: bool,
    /// Something that needs a grant.
    brokered: bool,
}

impl Kind {
    const ALL: Self = Self { sockets: true, brokered: true };

    fn of(requests: &[Request]) -> Self {
        Self {
            sockets: requests.iter().any(|request| request.import.starts_with("wasi:sockets/")),
            brokered: requests.iter().any(|request| matches!(request.access, Access::Gated(_))),
        }
    }
}

/// The linkers of an engine.
pub(crate) struct Linkers {
    wasmtime: Engine,
    /// By their kind: sockets, then what needs a grant.
    linkers: [[OnceLock<Linker<State>>; 2]; 2],
    /// With all of it, each function of which the machine has a part in by way of a tape.
    recording: OnceLock<Linker<State>>,
    /// Of several that want one at once, one makes it.
    making: Mutex<()>,
}

impl Linkers {
    pub(crate) fn new(wasmtime: &Engine) -> Self {
        Self {
            wasmtime: wasmtime.clone(),
            linkers: Default::default(),
            recording: OnceLock::new(),
            making: Mutex::new(()),
        }
    }

    /// The linker for a component with these imports.
    pub(crate) fn of(&self, requests: &[Request]) -> Result<&Linker<State>, Failure> {
        self.kind(Kind::of(requests))
    }

    /// The linker for calls that are recorded or replayed.
    pub(crate) fn recording(&self) -> Result<&Linker<State>, Failure> {
        let all = self.kind(Kind::ALL)?;
        self.kept(&self.recording, || {
            let mut taped = all.clone();
            record::link(&mut taped)?;
            Ok(taped)
        })
    }

    fn kind(&self, kind: Kind) -> Result<&Linker<State>, Failure> {
        let [without, with] = &self.linkers;
        let [plain, brokered] = if kind.sockets { with } else { without };
        self.kept(if kind.brokered { brokered } else { plain }, || {
            let mut linker = Linker::new(&self.wasmtime);
            link(&mut linker)?;
            if kind.sockets {
                link_sockets(&mut linker)?;
            }
            if kind.brokered {
                contract::link_brokered(&mut linker)?;
                http::link(&mut linker)?;
                keyvalue::link(&mut linker)?;
            }
            Ok(linker)
        })
    }

    fn kept<'l>(
        &self,
        place: &'l OnceLock<Linker<State>>,
        make: impl FnOnce() -> wasmtime::Result<Linker<State>>,
    ) -> Result<&'l Linker<State>, Failure> {
        if let Some(linker) = place.get() {
            return Ok(linker);
        }
        let _turn = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(linker) = place.get() {
            return Ok(linker);
        }
        let linker = make()
            .map_err(|error| Failure::new(Reason::Host, format!("cannot link the host's functions: {error:#}")))?;
        Ok(place.get_or_init(|| linker))
    }
}

/// Links what any component may have, with nothing behind it where a grant has to fill it.
fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    // Clocks, streams, random numbers.
    add_to_linker_proxy_interfaces_async(linker)?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, State::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, State::random)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    settings::link(linker)?;
    contract::link(linker)
}

/// Links sockets: names are looked up by ourselves.
fn link_sockets(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(linker, &options, State::sockets)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, State::sockets)?;
    tcp::link(linker)
}
