//! A registry of its own, on loopback: Docker's, which keeps blobs as files.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{left_out, program, wait_for};

/// The only user of a registry that has users, and the password.
pub const USER: (&str, &str) = ("alice", "open sesame");

/// As `htpasswd -nbB` writes them, with the least of work.
const HTPASSWD: &str = "alice:$2y$04$rzj3pD5r9JAzuWxt8rtPhusS8hxPBsF/mEITphPyWEaXZM75CDuEC\n";

/// A registry, which can be stopped and started.
#[derive(Debug)]
pub struct Registry {
    dir: TempDir,
    port: u16,
    program: PathBuf,
    process: Option<Child>,
}

impl Registry {
    /// Starts one that lets everybody do everything.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::started(false)
    }

    /// Starts one that lets in [`USER`] alone.
    #[must_use]
    pub fn start_with_users() -> Option<Self> {
        Self::started(true)
    }

    fn started(users: bool) -> Option<Self> {
        let Some(program) = program("docker-registry") else {
            left_out("docker-registry is not installed");
            return None;
        };
        let dir = TempDir::with_prefix("hookward-registry-").unwrap();
        // Free a moment ago: the registry can't be told to choose one, and say it.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = dir.path().display();
        let mut config = format!(
            "version: 0.1\nlog: {{ level: error }}\n\
             storage: {{ filesystem: {{ rootdirectory: {place}/storage }} }}\n\
             http: {{ addr: \"127.0.0.1:{port}\" }}\n"
        );
        if users {
            std::fs::write(dir.path().join("htpasswd"), HTPASSWD).unwrap();
            config.push_str(&format!("auth: {{ htpasswd: {{ realm: here, path: {place}/htpasswd }} }}\n"));
        }
        std::fs::write(dir.path().join("config.yml"), config).unwrap();
        let mut registry = Self { dir, port, program, process: None };
        registry.restart();
        Some(registry)
    }

    /// Its host, with its port.
    #[must_use]
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A reference to it.
    #[must_use]
    pub fn reference(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.host())
    }

    /// The file of a blob, by the digits of its digest.
    #[must_use]
    pub fn blob(&self, hex: &str) -> PathBuf {
        let blobs = self.dir.path().join("storage/docker/registry/v2/blobs/sha256");
        blobs.join(hex.split_at(2).0).join(hex).join("data")
    }

    /// Where it keeps what it has.
    #[must_use]
    pub fn storage(&self) -> &Path {
        self.dir.path()
    }

    /// Stops it: from here on nobody answers.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }

    /// Starts it again, with all that it has kept.
    pub fn restart(&mut self) {
        self.stop();
        let config = self.dir.path().join("config.yml");
        let process = Command::new(&self.program)
            .arg("serve")
            .arg(config)
            .env_clear()
            .env("HOME", self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        wait_for("the registry", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}
