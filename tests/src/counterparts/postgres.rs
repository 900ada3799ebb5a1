//! A PostgreSQL of its own, on a unix socket alone.

use std::path::{Path, PathBuf};

use nix::unistd::User;
use tempfile::TempDir;

use super::{command, home, left_out, output, program, servant, wait_for};

/// A running server with the superuser `postgres`, who needs no password.
#[derive(Debug)]
pub struct Postgres {
    dir: TempDir,
    bin: PathBuf,
    user: Option<User>,
}

impl Postgres {
    /// Starts one.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(bin) = bin() else {
            left_out("PostgreSQL is not installed");
            return None;
        };
        let user = servant(&["postgres", "nobody"]);
        let server = Self { dir: home("hookward-pg-", user.as_ref()), bin, user };
        server.tool("initdb", &["--pgdata", "data", "--username", "postgres", "--auth", "trust", "--no-sync"]);
        let options = format!("-k {} -h '' -F", server.socket().display());
        server.tool("pg_ctl", &["--pgdata", "data", "--log", "log", "--wait", "--options", &options, "start"]);
        Some(server)
    }

    /// The directory of its socket, for `PGHOST`.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.dir.path()
    }

    /// The directory of its programs.
    #[must_use]
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// Runs SQL in a database; rows as `psql` prints them unaligned.
    #[must_use]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.tool("psql", &["-XAtq", "-h", self.path(), "-U", "postgres", "-d", database, "-c", sql])
    }

    /// Whom it runs as, if that isn't the test's own user.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.name.as_str())
    }

    /// Gives a file to the server's user.
    pub fn own(&self, path: &Path) {
        if let Some(user) = &self.user {
            nix::unistd::chown(path, Some(user.uid), Some(user.gid)).unwrap();
        }
    }

    /// From now on this role needs its password.
    pub fn ask_for_password(&self, role: &str) {
        let file = self.dir.path().join("data/pg_hba.conf");
        let rules = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("local all {role} scram-sha-256\n{rules}")).unwrap();
        self.tool("pg_ctl", &["--pgdata", "data", "reload"]);
        wait_for("the new rules", || {
            let mut command = command(self.bin.join("psql"), None, self.dir.path());
            !command
                .args(["-w", "-h", self.path(), "-U", role, "-d", "postgres", "-c", ""])
                .output()
                .unwrap()
                .status
                .success()
        });
    }

    /// Feeds a dump to one of its programs, as the test's own user: the file is the
    /// last of the arguments.
    ///
    /// # Panics
    /// When it fails.
    pub fn restore(&self, program: &str, args: &[&str], database: &str, file: &Path) {
        let mut command = command(self.bin.join(program), None, self.dir.path());
        output(command.args(["-h", self.path(), "-U", "postgres", "-d", database]).args(args).arg(file));
    }

    /// One of its programs, run to its end.
    pub fn tool(&self, name: &str, args: &[&str]) -> String {
        let mut command = command(self.bin.join(name), self.user.as_ref(), self.dir.path());
        // A server keeps the streams that it inherits open.
        if name == "pg_ctl" {
            assert!(command.args(args).stdout(std::process::Stdio::null()).status().unwrap().success(), "{command:?}");
            return String::new();
        }
        output(command.args(args))
    }

    fn path(&self) -> &str {
        self.dir.path().to_str().unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut command = command(self.bin.join("pg_ctl"), self.user.as_ref(), self.dir.path());
        drop(command.args(["--pgdata", "data", "--mode", "immediate", "stop"]).output());
    }
}

/// Debian keeps the server's programs out of `PATH`.
fn bin() -> Option<PathBuf> {
    let mut versions: Vec<_> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    versions.sort();
    let newest = versions.into_iter().rev().map(|version| version.join("bin")).find(|bin| bin.join("initdb").exists());
    newest.or_else(|| program("initdb")?.parent().map(Path::to_owned))
}
