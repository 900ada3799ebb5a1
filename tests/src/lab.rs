//! A throwaway place for one test of the whole: directories, a configuration, the
//! real `hookward`, a journal that the probe writes, and a restic: the real one, or
//! the stand-in that does what a real one can't be made to do.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::guests::guest;

/// How long anything may take that is expected to come: generous, since machines
/// are slow and tests run side by side.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with all that a run needs. Gone when dropped.
#[derive(Debug)]
pub struct Lab {
    dir: TempDir,
}

/// What a finished process has said.
#[derive(Debug)]
pub struct Finished {
    /// Exit code, or 128 and the signal.
    pub code: i32,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: code(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What a shell would report.
///
/// # Panics
/// When the process has not ended.
#[must_use]
pub fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap()
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// An empty lab with a source directory, and a place for journals.
    #[must_use]
    pub fn new() -> Self {
        let lab = Self { dir: TempDir::with_prefix("hookward-lab-").unwrap() };
        for dir in ["source", "notes", "bin", "home"] {
            fs::create_dir(lab.path(dir)).unwrap();
        }
        fs::write(lab.path("source/file.txt"), "precious\n").unwrap();
        lab
    }

    /// A path in the lab.
    #[must_use]
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes the configuration. `@lab@` is replaced by the lab's directory,
    /// `@probe@` (or the name of any other guest) by the path of its component.
    pub fn configure(&self, text: &str) {
        let text = text.replace("@lab@", self.dir.path().to_str().unwrap());
        let mut parts = text.split('@').peekable();
        let mut text = parts.next().unwrap_or_default().to_owned();
        while let Some(part) = parts.next() {
            // An at sign may also be one.
            let is_name = part.bytes().all(|c| c.is_ascii_lowercase() || c == b'-');
            match parts.next_if(|_| is_name) {
                Some(rest) => text = format!("{text}{}{rest}", guest(part).display()),
                None => text = format!("{text}@{part}"),
            }
        }
        fs::write(self.path("hookward.toml"), text).unwrap();
    }

    /// Table of one probe that notes its calls under its name in `notes/journal`.
    /// `scope` is `hook`, `repository.r.hook` or `profile.p.hook`; `more` are
    /// further keys of the table, `config` further settings.
    #[must_use]
    pub fn probe(scope: &str, name: &str, on: &[&str], more: &str, config: &str) -> String {
        let comma = if config.is_empty() { "" } else { "," };
        format!(
            "[[{scope}]]\nname = \"{name}\"\ncomponent = \"@probe@\"\non = {on:?}\n{more}\n\
             config = {{ name = \"{name}\", journal = \"/notes/journal\"{comma} {config} }}\n\
             grants = {{ dirs = [{{ host = \"@lab@/notes\", guest = \"/notes\", write = true }}] }}\n"
        )
    }

    /// `hookward` in an environment of the lab's own.
    pub fn hookward<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.command(hookward());
        command.args(args);
        command
    }

    /// A program in the environment of the lab.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("LANG", "C.UTF-8")
            .env("HOOKWARD_STATE_DIR", self.path("state"))
            .env("HOOKWARD_CACHE_DIR", shared_cache())
            .env("STAND_IN_LOG", self.path("notes/restic"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A program that is to have a terminal of its own: see
    /// [`Terminal::start`](crate::pty::Terminal::start).
    pub fn on_terminal(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command("setsid");
        command.arg("--ctty").arg(program).env("TERM", "xterm");
        command
    }

    /// Runs `hookward` to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Finished {
        self.hookward(args).output().unwrap().into()
    }

    /// The lines that probes have noted, and the stand-in, if it was started.
    #[must_use]
    pub fn journal(&self) -> Vec<String> {
        self.lines("notes/journal")
    }

    /// The lines of a file; none if it isn't there.
    #[must_use]
    pub fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// When it doesn't come.
    pub fn wait_for(&self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !so(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Waits for the end of a process, but not for ever.
///
/// # Panics
/// When it doesn't end.
#[must_use]
pub fn finish(mut child: Child) -> Finished {
    let start = Instant::now();
    // Read aside, so that a full pipe can't hold the process up.
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            drop(child.kill());
            panic!("the process did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }.into()
}

fn drain(stream: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            drop(stream.read_to_end(&mut bytes));
        }
        bytes
    })
}

/// The `hookward` program, built if it isn't fresh.
#[must_use]
pub fn hookward() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| program("hookward"))
}

/// `hookward` with places where it can be killed: see `hookward_runner`'s `fault.rs`.
/// Nothing but this builds it.
#[must_use]
pub fn faulty() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        build_program("hookward-faulty", &["--features", "hookward-cli/fault-points"]);
        built("hookward-faulty")
    })
}

/// The stand-in for restic; what it does is told by its environment.
#[must_use]
pub fn stand_in() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| program("stand-in-restic"))
}

/// Set by `cargo xtask test`: cargo has just built every program of the workspace.
const PREBUILT: &str = "HOOKWARD_TESTS_PREBUILT";

/// A program of the workspace, built unless cargo has just done so.
pub(crate) fn program(name: &str) -> PathBuf {
    if std::env::var_os(PREBUILT).is_none() {
        build_program(name, &[]);
    }
    built(name)
}

/// Built with the features of the whole workspace, as the tests are: others take
/// minutes.
fn build_program(name: &str, more: &[&str]) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Said of this test by the cargo that runs it. Build scripts that ask for them
    // would run again, and all that depends on them be compiled again.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(&name);
        }
    }
    let args = ["build", "--quiet", "--workspace", "--bin", name];
    let status = cargo.args(args).args(more).stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "cannot build {name}");
}

/// Programs of the workspace stand beside the directory of the test's own.
fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().map(|dir| dir.join(name)).find(|path| path.is_file()).expect("cargo has built it")
}

/// Compiled components, shared by all tests and kept beside what cargo builds: what
/// they test isn't the compiler.
fn shared_cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| {
        let target = hookward().ancestors().nth(2).expect("cargo's target directory");
        target.join("tmp").join("component-cache")
    })
}
