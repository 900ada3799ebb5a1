//! The ways to misbehave.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::mem::forget;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hookward_sdk::prelude::*;
use serde::Deserialize;

use crate::host;

/// Calls of this instance.
static CALLS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    // What a hook may do.
    Ok,
    Error,
    Skip,
    SkipThenError,
    Warn,
    Log,
    /// Computes `amount` rounds.
    Compute,
    /// Holds `amount` bytes.
    Hold,
    /// Holds `amount` handles.
    HoldHandles,
    /// Returns how often this instance was called.
    Count,

    // What uses things up.
    Spin,
    Recurse,
    /// With frames in the guest's own memory, where its end comes first.
    RecurseInMemory,
    Grow,
    OpenForever,
    SubscribeForever,
    StdoutFlood,
    StderrFlood,
    LogFlood,
    FieldFlood,
    WarnFlood,
    SkipFlood,
    EmptyWrites,
    EndlessLine,
    /// `amount` bytes of colons, each on a line, after a line of text.
    ColonFlood,
    Random,

    // What doesn't come back.
    Sleep,
    SleepForever,
    ReadFile,

    // Ways to end.
    HugeError,
    Controls,
    Trap,
    Panic,
    Exit,

    // What was not granted.
    OpenAt,
    SymlinkThenOpen,
    Write,
    Create,
    Env,
    Stdin,
    Connect,
    Listen,
    Datagram,
    Resolve,
}

impl Mode {
    pub(crate) fn run(self, text: &str, amount: u64) -> Result<(), String> {
        let size = usize::try_from(amount).unwrap_or(usize::MAX);
        match self {
            Self::Ok => Ok(()),
            Self::Error => Err(text.to_owned()),
            Self::Skip => {
                control::skip(text);
                Ok(())
            }
            Self::SkipThenError => {
                control::skip(text);
                Err(text.to_owned())
            }
            Self::Warn => {
                control::warn(text);
                Ok(())
            }
            Self::Log => {
                info!(key = text, "{text}");
                Ok(())
            }
            Self::Compute => {
                black_box((0..amount).fold(1_u64, |sum, n| black_box(sum.wrapping_mul(31).wrapping_add(n))));
                Ok(())
            }
            Self::Hold => {
                black_box(vec![1_u8; size]);
                Ok(())
            }
            Self::HoldHandles => {
                black_box((0..amount).map(|_| host::subscribe()).collect::<Vec<_>>());
                Ok(())
            }
            Self::Count => Err((CALLS.fetch_add(1, Ordering::Relaxed) + 1).to_string()),

            Self::Spin => loop {
                black_box(());
            },
            Self::Recurse => Err(recurse(amount).to_string()),
            Self::RecurseInMemory => Err(recurse_in_memory(amount).to_string()),
            Self::Grow => loop {
                forget(black_box(vec![1_u8; 1 << 20]));
            },
            Self::OpenForever => loop {
                forget(File::open(text).map_err(|error| error.to_string())?);
            },
            Self::SubscribeForever => loop {
                forget(host::subscribe());
            },
            Self::StdoutFlood => loop {
                println!("{text}");
            },
            Self::StderrFlood => loop {
                eprintln!("{text}");
            },
            Self::LogFlood => loop {
                info!("{text}");
            },
            Self::FieldFlood => loop {
                host::log_empty_fields(size);
            },
            Self::WarnFlood => loop {
                control::warn(text);
            },
            Self::SkipFlood => loop {
                control::skip(text);
            },
            Self::EmptyWrites => host::write_nothing(),
            Self::EndlessLine => loop {
                print!("{text}");
            },
            Self::ColonFlood => {
                eprintln!("{text}");
                let flood = ":\n".repeat(size / 2);
                std::io::stderr().write_all(flood.as_bytes()).map_err(|error| error.to_string())?;
                Err(String::new())
            }
            Self::Random => Err(host::random(amount).to_string()),

            Self::Sleep => {
                std::thread::sleep(Duration::from_millis(amount));
                Ok(())
            }
            Self::SleepForever => {
                std::thread::sleep(Duration::MAX);
                Ok(())
            }
            Self::ReadFile => Err(std::fs::read_to_string(text).unwrap_or_else(|error| format!("refused: {error}"))),

            Self::HugeError => Err("x".repeat(size)),
            Self::Controls => {
                println!("{text}");
                eprintln!("{text}");
                info!("{text}");
                control::warn(text);
                control::skip(text);
                Err(text.to_owned())
            }
            Self::Trap => host::trap(),
            #[expect(clippy::panic, reason = "that is the mode")]
            Self::Panic => panic!("{text}"),
            Self::Exit => std::process::exit(i32::try_from(amount).unwrap_or(1)),

            Self::OpenAt => Err(host::open_at(text)),
            Self::SymlinkThenOpen => Err(host::symlink_then_open(text)),
            Self::Write => Err(told(std::fs::write(text, "written"))),
            Self::Create => Err(told(std::fs::create_dir(text))),
            Self::Env => Err(std::env::var(text).unwrap_or_else(|_| "not set".to_owned())),
            Self::Stdin => {
                let mut read = Vec::new();
                let end = std::io::stdin().read_to_end(&mut read);
                Err(format!("{end:?}"))
            }
            Self::Connect => Err(told(std::net::TcpStream::connect(text).map(drop))),
            Self::Listen => Err(told(std::net::TcpListener::bind(text).map(drop))),
            Self::Datagram => Err(told(
                std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", text)).map(drop),
            )),
            Self::Resolve => Err(host::resolve(text)),
        }
    }
}

/// Deep, and in no way that an optimiser turns into a loop.
fn recurse(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { (recurse(depth + 1) ^ depth).wrapping_mul(31).rotate_left(7) }
}

fn recurse_in_memory(depth: u64) -> u64 {
    let mut frame = [depth; 16];
    black_box(&mut frame);
    if depth == u64::MAX { 0 } else { recurse_in_memory(depth + 1) + black_box(frame).iter().sum::<u64>() }
}

fn told(result: std::io::Result<()>) -> String {
    match result {
        Ok(()) => "allowed".to_owned(),
        Err(error) => format!("refused: {error}"),
    }
}
