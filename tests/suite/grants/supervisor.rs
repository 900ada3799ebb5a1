//! Programs under a supervisor, without a hook: how they end, and what is left of
//! them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hookward_engine::{Exit, Finished, Job, JobError, Supervisor};

/// How long anything may take that is expected to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn supervisor() -> Supervisor {
    Supervisor { program: env!("CARGO_BIN_EXE_supervise-child").into(), args: vec!["test".into()] }
}

/// A script for `sh`, with all output kept.
fn sh(script: &str) -> Job {
    Job::new("sh", vec!["-c".to_owned(), script.to_owned()], 1 << 20)
}

async fn run(job: &Job) -> Finished {
    supervisor().run(job).await.unwrap()
}

/// Whether a process of this id is there and isn't dead.
pub(crate) fn alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// What a file holds, once it holds a whole line.
pub(crate) async fn line(file: &Path) -> String {
    let begun = Instant::now();
    loop {
        match fs::read_to_string(file) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(begun.elapsed() < PATIENCE, "nobody wrote {}", file.display()),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn exit_code_and_signal_are_told_apart() {
    assert_eq!(run(&sh("exit 0")).await.exit, Exit::Code(0));
    assert_eq!(run(&sh("exit 143")).await.exit, Exit::Code(143));
    assert_eq!(run(&sh("kill -TERM $$")).await.exit, Exit::Signal(15));
    // One without a name.
    assert_eq!(run(&sh("kill -40 $$")).await.exit, Exit::Signal(40));
}

#[tokio::test]
async fn stdin_stdout_and_stderr_are_the_commands_own() {
    let mut job = sh("cat; echo problem >&2");
    job.stdin = Some(b"some\0bytes".to_vec());
    let finished = run(&job).await;
    assert_eq!((finished.stdout, finished.stderr), (b"some\0bytes".to_vec(), b"problem\n".to_vec()));
    // None is given, and nobody reads it.
    assert_eq!(run(&sh("cat; readlink /proc/self/fd/0")).await.stdout, b"/dev/null\n");
    let mut unread = sh("echo done");
    unread.stdin = Some(vec![0; 4 << 20]);
    assert_eq!(run(&unread).await.stdout, b"done\n");
    let mut counted = sh("wc -c");
    counted.stdin = Some(vec![0; 4 << 20]);
    assert_eq!(run(&counted).await.stdout, b"4194304\n");
}

#[tokio::test]
async fn a_daemon_is_gone_when_its_command_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    // Two forks and a session of its own; deaf to a polite word, and holding stdout.
    let script = format!(
        "setsid sh -c 'trap \"\" TERM HUP; (trap \"\" TERM; echo $$ >{0}.1; exec sleep 1000) & echo $! >{0}; sleep 1000 & wait' & \
         while ! [ -s {0} ]; do sleep 0.01; done; exit 7",
        pid.display()
    );
    let begun = Instant::now();
    assert_eq!(run(&sh(&script)).await.exit, Exit::Code(7));
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert!(!alive(&line(&pid).await));
}

/// Each process forks the next and ends at once: none of them is there for long.
#[tokio::test]
async fn who_forks_away_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let script = format!("step() {{ echo >>{}; step & }}; step & sleep 0.2", mark.display());
    assert_eq!(run(&sh(&script)).await.exit, Exit::Code(0));
    let steps = || fs::metadata(&mark).unwrap().len();
    let before = steps();
    assert!(before > 5, "it did fork: {before}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(steps(), before);
}

#[tokio::test]
async fn a_timeout_kills_all_of_it_first_politely() {
    let dir = tempfile::tempdir().unwrap();
    let (pid, polite) = (dir.path().join("pid"), dir.path().join("polite"));
    let script = format!(
        "trap 'echo yes >{}; exit' TERM; sh -c 'trap \"\" TERM; echo $$ >{}; while :; do sleep 1; done' & wait",
        polite.display(),
        pid.display()
    );
    let mut job = sh(&script);
    job.timeout = Some(Duration::from_secs(1));
    let begun = Instant::now();
    let error = supervisor().run(&job).await.unwrap_err();
    assert!(matches!(error, JobError::TimedOut(_)), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // All of it: nothing is left when that is known.
    assert!(!alive(&line(&pid).await));
    assert_eq!(line(&polite).await, "yes");
}

#[tokio::test]
async fn a_dropped_run_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let job = sh(&format!("echo $$ >{}; exec sleep 1000", pid.display()));
    let running = tokio::spawn(async move { supervisor().run(&job).await });
    let pid = line(&pid).await;
    assert!(alive(&pid));
    running.abort();
    let begun = Instant::now();
    while alive(&pid) {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_flood_is_cut_and_holds_nobody_up() {
    let mut job = sh("head -c 50000000 /dev/zero & head -c 50000000 /dev/zero >&2; wait");
    job.output = 1000;
    let finished = run(&job).await;
    assert_eq!(finished.exit, Exit::Code(0));
    assert_eq!((finished.stdout.len(), finished.stderr.len()), (1000, 1000));
    assert!(finished.stdout_truncated && finished.stderr_truncated);
    // Exactly as much as may be is not too much.
    let mut job = sh("head -c 1000 /dev/zero");
    job.output = 1000;
    let finished = run(&job).await;
    assert_eq!((finished.stdout.len(), finished.stdout_truncated, finished.stderr_truncated), (1000, false, false));
}

#[tokio::test]
async fn a_supervisor_that_fails_is_no_end_of_a_command() {
    let missing = Supervisor { program: "/nowhere/hookward".into(), args: Vec::new() };
    let other = Supervisor { program: "/bin/true".into(), args: Vec::new() };
    for supervisor in [missing, other] {
        let error = supervisor.run(&sh("exit 0")).await.unwrap_err();
        assert!(matches!(error, JobError::Supervisor(_)), "{error}");
    }
}
