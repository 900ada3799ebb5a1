//! Secrets that a program prints.

use std::time::Duration;

use zeroize::Zeroizing;

use super::source::{LONGEST, Unavailable};
use crate::command::{Crew, Exit, Job, JobError, Supervisor};

/// A store that is asked over a network answers within seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the program prints, as a command of the call: without a shell, a terminal or
/// the host's environment, and gone with all that it started when the call is. Its
/// stderr isn't told: it may hold what nobody should see.
pub(super) async fn run(
    program: &str,
    args: &[String],
    under: Option<(&Supervisor, &Crew)>,
) -> Result<Zeroizing<Vec<u8>>, Unavailable> {
    let failed = |what: String| Unavailable(format!("the command {program} {what}"));
    let (supervisor, crew) = under.ok_or_else(|| failed("can't be run: this host has no supervisor".to_owned()))?;
    // One more than a secret may have, and its line break.
    let mut job = Job::new(program, args.to_vec(), LONGEST + "\r\n".len() + 1);
    job.timeout = Some(TIMEOUT);
    let finished = supervisor.run_in(crew, &job).await.map_err(|error| match error {
        JobError::TimedOut(_) => failed(format!("was still running after {} s", TIMEOUT.as_secs())),
        error => failed(format!("could not be run: {error}")),
    })?;
    let stdout = Zeroizing::new(finished.stdout);
    drop(Zeroizing::new(finished.stderr));
    match finished.exit {
        Exit::Code(0) => Ok(stdout),
        Exit::Code(code) => Err(failed(format!("exited with code {code}"))),
        Exit::Signal(_) => Err(failed("was killed by a signal".to_owned())),
    }
}
