//! Compiling within a time limit.
//!
//! A compiler can't be called off: it is a plain function on a thread. Where that
//! matters, it runs in a child process, which can be killed.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::image::TrustedImage;
use crate::reason::{Failure, Reason};
use crate::text::clean;
use crate::{Allocator, Limits};

/// Bytes that a compiler child may allocate. A component of a kilobyte can nest
/// instances so that each step doubles them, and would take all memory there is
/// long before its time is up. A Rust hook of 300 KB takes 30 MB: a runtime sixty
/// times that size still fits.
const MEMORY: u64 = 4 << 30;

/// Where components are compiled.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Compiler {
    /// On a thread of this process. At the time limit the caller gets its answer,
    /// while the thread goes on to the end of its work: for components that are
    /// trusted to be finite.
    #[default]
    Thread,
    /// In a child process, killed at the time limit: for components of strangers.
    Child {
        /// A program that calls [`compile_child`] when started with `args`: as a
        /// rule the host itself.
        program: PathBuf,
        /// Its arguments.
        args: Vec<OsString>,
    },
}

impl Compiler {
    pub(crate) async fn compile(
        &self,
        engine: &wasmtime::Engine,
        component: Vec<u8>,
        limits: &Limits,
    ) -> Result<TrustedImage, Failure> {
        let compile = async {
            match self {
                Self::Thread => {
                    let engine = engine.clone();
                    let result = tokio::task::spawn_blocking(move || engine.precompile_component(&component)).await;
                    match result {
                        Ok(Ok(image)) => Ok(image),
                        Ok(Err(error)) => Err(invalid(&format!("{error:#}"))),
                        Err(error) => Err(Failure::new(Reason::Compile, format!("the compiler crashed: {error}"))),
                    }
                }
                Self::Child { program, args } => child(Command::new(program).args(args), &component).await,
            }
        };
        let image = tokio::time::timeout(limits.compile_time, compile).await.map_err(|_| {
            let message = format!("was still compiling after {:?} (limit `compile-time`)", limits.compile_time);
            Failure::new(Reason::CompileTime, message)
        })??;
        Ok(TrustedImage::compiled(image))
    }
}

fn invalid(error: &str) -> Failure {
    Failure::new(Reason::Invalid, format!("cannot be compiled: {}", clean(error)))
}

async fn child(command: &mut Command, component: &[u8]) -> Result<Vec<u8>, Failure> {
    let crashed = |what: String| Failure::new(Reason::Compile, format!("the compiler's process {what}"));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| crashed(format!("could not be started: {error}")))?;
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(crashed("has no pipes".to_owned()));
    };
    let (mut image, mut complaint) = (Vec::new(), Vec::new());
    let feed = async {
        let fed = stdin.write_all(component).await;
        drop(stdin);
        fed
    };
    let (fed, read, _) = tokio::join!(feed, stdout.read_to_end(&mut image), stderr.read_to_end(&mut complaint));
    let status = child.wait().await.map_err(|error| crashed(format!("was lost: {error}")))?;
    match status.code() {
        Some(0) => {
            fed.and(read.map(drop)).map_err(|error| crashed(format!("broke off: {error}")))?;
            Ok(image)
        }
        Some(1) => Err(invalid(&String::from_utf8_lossy(&complaint))),
        _ => Err(crashed(format!("ended with {status}: {}", clean(&String::from_utf8_lossy(&complaint))))),
    }
}

/// The whole work of a [`Compiler::Child`]: reads a component from `input`, writes
/// the image to `output`. The program should exit 0 on ok, and print the error to
/// stderr and exit 1 otherwise.
///
/// Limits the process's own processor time to `cpu_time`, so that a child whose
/// parent was killed doesn't go on for ever, and its memory.
///
/// # Errors
/// When the component is invalid, or a stream breaks.
pub fn compile_child(mut input: impl Read, mut output: impl Write, cpu_time: Duration) -> Result<(), Failure> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let broken = |what: &str, error: &dyn std::fmt::Display| Failure::new(Reason::Compile, format!("{what}: {error}"));
    // Not above what the process was started with, which only root could set.
    let limit = |resource, wanted: u64| {
        let (_, most) = getrlimit(resource)?;
        setrlimit(resource, wanted.min(most), wanted.min(most))
    };
    limit(Resource::RLIMIT_CPU, cpu_time.as_secs().max(1))
        .map_err(|error| broken("cannot limit the compiler's time", &error))?;
    // Data, not address space: a thread reserves more of that than it ever uses.
    limit(Resource::RLIMIT_DATA, MEMORY).map_err(|error| broken("cannot limit the compiler's memory", &error))?;
    let mut component = Vec::new();
    input.read_to_end(&mut component).map_err(|error| broken("cannot read the component", &error))?;
    let engine =
        crate::engine::configure(Allocator::default()).map_err(|error| broken("cannot start the compiler", &error))?;
    let image = engine
        .precompile_component(&component)
        .map_err(|error| Failure::new(Reason::Invalid, clean(&format!("{error:#}"))))?;
    output.write_all(&image).and_then(|()| output.flush()).map_err(|error| broken("cannot write the image", &error))
}
