//! Writing to our own streams. That can fail at any time (a full disk, a terminal
//! that is gone), and a run that is on its way must not end by it.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::Context as _;

/// A line on stdout for whoever watches. If nobody can, there is nothing to be done.
pub(crate) fn say(line: impl Display) {
    drop(write(&mut anstream::stdout(), format!("{line}\n").as_bytes()));
}

/// The same on stderr.
pub(crate) fn say_aside(line: impl Display) {
    drop(write(&mut anstream::stderr(), format!("{line}\n").as_bytes()));
}

/// What a command was asked for, on stdout. Who closes the pipe has read enough.
///
/// # Errors
/// When it can't be written.
pub(crate) fn result(text: impl Display) -> anyhow::Result<()> {
    match write(&mut anstream::stdout(), format!("{text}\n").as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to stdout"),
        _ => Ok(()),
    }
}

/// In one piece, so that nothing of restic's comes between.
fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}
