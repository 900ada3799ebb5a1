//! Stands in for restic where a real one can't be made to do what a test needs.
//!
//! It notes its start and every signal in the file `STAND_IN_LOG`, then does what
//! `STAND_IN` says, word by word (separated by the control character U+001F): `stdout=TEXT`, `stderr=TEXT` (one line each),
//! `flood=BYTES`, `stdin` (copies it to stdout), `args` (prints its arguments),
//! `sleep=MILLISECONDS`, `grandchild=SECONDS` (starts a sleeping child),
//! `ignore` (from here on signals are noted and nothing else), `lock` (holds
//! itself busy until a signal comes, then exits 130), `die=SIGNAL`, `exit=CODE`,
//! `lines=BYTES` (lines of JSON, that much in all), `until=FILE` (waits for that
//! file), `env=NAME` (notes that variable), `signals` (notes which signals are
//! ignored), `on-signal=CODE` (exits so at a signal from here on), `note=TEXT`
//! (notes that), `bytes=HEX` and `error-bytes=HEX` (as they are, without a line
//! break), `place` (prints its directory and umask).
#![allow(clippy::expect_used, clippy::panic, clippy::zombie_processes, reason = "part of the tests")]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static IGNORE: AtomicBool = AtomicBool::new(false);
static ON_SIGNAL: AtomicI32 = AtomicI32::new(130);

fn note(line: &str) {
    let Some(path) = std::env::var_os("STAND_IN_LOG") else { return };
    let mut log = OpenOptions::new().create(true).append(true).open(path).expect("the log can be written");
    writeln!(log, "{line}").expect("the log can be written");
}

fn main() {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    // Before the first note: whoever has read that may send a signal.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).expect("handlers can be set");
    let line: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    note(&format!("started {} pid={}", line.join(" "), std::process::id()));
    std::thread::spawn(move || {
        for signal in signals.forever() {
            note(&format!("signal {signal}"));
            if !IGNORE.load(Ordering::SeqCst) {
                exit(ON_SIGNAL.load(Ordering::SeqCst));
            }
        }
    });
    for word in std::env::var("STAND_IN").unwrap_or_default().split('\u{1f}').filter(|word| !word.is_empty()) {
        let (verb, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse().unwrap_or_else(|_| panic!("{word}: not a number"));
        match verb {
            "stdout" => println!("{value}"),
            "stderr" => eprintln!("{value}"),
            "args" => println!("{args:?}"),
            "bytes" => raw(&mut std::io::stdout(), value),
            "error-bytes" => raw(&mut std::io::stderr(), value),
            "place" => place(),
            "flood" => flood(number()),
            "lines" => lines(number()),
            "until" => {
                // Nothing outlives a test that has failed, and its directory.
                let dir = Path::new(value).parent();
                while !Path::new(value).exists() && dir.is_some_and(Path::exists) {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            "env" => match std::env::var_os(value) {
                Some(set) => note(&format!("env {value}={}", set.to_string_lossy())),
                None => note(&format!("env {value} is not set")),
            },
            "note" => note(value),
            "on-signal" => ON_SIGNAL.store(i32::try_from(number()).unwrap_or(1), Ordering::SeqCst),
            "stdin" => drop(std::io::copy(&mut std::io::stdin(), &mut std::io::stdout())),
            "sleep" => std::thread::sleep(Duration::from_millis(number())),
            "lock" => std::thread::sleep(Duration::from_secs(600)),
            "grandchild" => {
                let child = Command::new("sleep").arg(value).spawn().expect("sleep can be started");
                note(&format!("grandchild pid={}", child.id()));
            }
            "ignore" => IGNORE.store(true, Ordering::SeqCst),
            "die" => {
                let signal = i32::try_from(number()).ok().and_then(|number| Signal::try_from(number).ok());
                let signal = signal.unwrap_or_else(|| panic!("{word}: no signal"));
                // Again: the first SIGSEGV only ends Rust's own handler of it.
                for _ in 0..2 {
                    raise(signal).expect("a signal can be raised");
                }
            }
            "exit" => {
                note(&format!("exit {value}"));
                exit(i32::try_from(number()).unwrap_or(1));
            }
            _ => panic!("{word}: unknown"),
        }
    }
    note("exit 0");
}

/// Lines of progress, as of a backup that runs for days.
fn lines(bytes: u64) {
    let mut out = std::io::stdout().lock();
    let line = br#"{"message_type":"status","percent_done":0.5,"total_files":2,"current_files":["/a/file"]}
"#
    .repeat(512);
    let mut left = bytes;
    while left > 0 {
        if out.write_all(&line).is_err() {
            exit(1);
        }
        left = left.saturating_sub(line.len() as u64);
    }
}

/// One line without end, which is no JSON.
fn flood(bytes: u64) {
    let mut out = std::io::stdout().lock();
    let chunk = [b'x'; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
        if out.write_all(chunk.get(..now).unwrap_or(&chunk)).is_err() {
            exit(1);
        }
        left -= now as u64;
    }
    drop(writeln!(out));
}

/// Bytes given in hexadecimal.
fn raw(to: &mut impl std::io::Write, hex: &str) {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("two digits");
    let bytes: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
    to.write_all(&bytes).and_then(|()| to.flush()).expect("the stream can be written");
}

/// What a process inherits besides its streams and its environment.
fn place() {
    let mask = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    nix::sys::stat::umask(mask);
    println!("{} {:03o}", std::env::current_dir().expect("there is a directory").display(), mask.bits());
}
