//! Containers behind a Docker-compatible API on a unix socket: Podman, without a
//! daemon of the system and without an image from outside.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use nix::unistd::Uid;
use tempfile::TempDir;

use super::{left_out, output, program, wait_for};

/// An API that serves the containers of a directory of its own.
#[derive(Debug)]
pub struct Podman {
    dir: TempDir,
    api: Option<Child>,
}

impl Podman {
    /// Starts one.
    #[must_use]
    pub fn start() -> Option<Self> {
        let busybox = Path::new("/bin/busybox");
        if !Uid::effective().is_root() || program("podman").is_none() || program("runc").is_none() || !busybox.is_file()
        {
            left_out("containers take root, podman, runc and a static busybox");
            return None;
        }
        let mut podman = Self { dir: TempDir::with_prefix("hw-pod-").unwrap(), api: None };
        let bin = podman.path("rootfs/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy(busybox, bin.join("busybox")).unwrap();
        for name in ["sh", "sleep", "trap"] {
            symlink("busybox", bin.join(name)).unwrap();
        }
        output(
            Command::new("tar").arg("-C").arg(podman.path("rootfs")).arg("-cf").arg(podman.path("rootfs.tar")).arg("."),
        );
        output(podman.command().arg("import").arg(podman.path("rootfs.tar")).arg("t:1"));
        let api = podman
            .command()
            .args(["system", "service", "--time=0"])
            .arg(format!("unix://{}", podman.socket().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        podman.api = Some(api);
        wait_for("the API", || std::os::unix::net::UnixStream::connect(podman.socket()).is_ok());
        // Within a container, or without control groups, none can be run.
        static RUNS: OnceLock<Result<(), String>> = OnceLock::new();
        let trial = || {
            let ran = podman.try_run("trial", &[]);
            drop(podman.command().args(["rm", "--force", "--time=0", "trial"]).output());
            ran
        };
        if let Err(why) = RUNS.get_or_init(trial) {
            left_out(&format!("no container can be run here: {why}"));
            return None;
        }
        Some(podman)
    }

    /// Runs a container that sleeps, and ends when it is told to. `more` are further
    /// options of `podman run`.
    ///
    /// # Panics
    /// When it can't be run.
    pub fn run(&self, name: &str, more: &[&str]) {
        self.try_run(name, more).unwrap_or_else(|why| panic!("the container {name}: {why}"));
    }

    fn try_run(&self, name: &str, more: &[&str]) -> Result<(), String> {
        let files = output(Command::new("sh").args(["-c", "ulimit -Hn"]));
        let script = "trap 'exit 0' TERM; while :; do sleep 1; done";
        let mut command = self.command();
        command.args(["run", "-d", "--name", name, "--network", "none", "--ulimit", "nproc=1000:1000"]);
        command.args(["--ulimit", &format!("nofile={files}:{files}")]).args(more);
        let output = command.args(["t:1", "/bin/sh", "-c", script]).output().map_err(|error| error.to_string())?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// A container's status: `running`, `exited`, `paused`.
    #[must_use]
    pub fn status(&self, name: &str) -> String {
        output(self.command().args(["inspect", "--format", "{{.State.Status}}", name]))
    }

    /// Stops a container from outside.
    pub fn stop(&self, name: &str) {
        output(self.command().args(["stop", "--time=1", name]));
    }

    /// The socket of the API.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("api.sock")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("podman");
        command.env("HOME", self.dir.path()).current_dir(self.dir.path()).stdin(Stdio::null());
        command.args(["--runtime", "runc", "--storage-driver", "vfs"]);
        command.args(["--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
        for (option, name) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(option).arg(self.path(name));
        }
        command
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // What is paused can't be killed.
        drop(self.command().args(["unpause", "--all"]).output());
        drop(self.command().args(["rm", "--all", "--force", "--time=0"]).output());
        if let Some(api) = &mut self.api {
            drop(api.kill());
            drop(api.wait());
        }
    }
}
