//! The stand-in: started under the name `restic`, in the place of restic.
//!
//! The tools that call it know nothing of Hookward, so there are no options of our
//! own here, and nothing is said unless something happened.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use hookward_engine::Trigger;

use crate::session::Session;
use crate::{args, environment, finish, run};

/// Whether the program was started as `restic`.
pub(crate) fn is_name(program: &OsStr) -> bool {
    Path::new(program).file_name().is_some_and(|name| name == "restic")
}

pub(crate) fn main(restic: Vec<OsString>) -> ExitCode {
    // Parsed for its defaults and variables: the options are those of `exec`.
    let session = match args::parse(["hookward", "exec", "--", "restic"]) {
        Ok(cli) => Session::new(cli.global),
        Err(error) => error.exit(),
    };
    let profile = std::env::var(environment::PROFILE).ok().filter(|name| !name.is_empty());
    finish(&session, run::stand_in(&session, profile, restic, Trigger::Shim))
}
