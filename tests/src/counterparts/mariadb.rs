//! A MariaDB of its own, on a unix socket alone.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use nix::unistd::User;
use tempfile::TempDir;

use super::{command, home, left_out, output, program, servant, wait_for};

/// A running server whose user `root` has the password `correct horse`.
#[derive(Debug)]
pub struct MariaDb {
    dir: TempDir,
    server: Child,
    client: PathBuf,
}

/// Password of its user `root`.
const PASSWORD: &str = "correct horse";

impl MariaDb {
    /// Starts one.
    #[must_use]
    pub fn start() -> Option<Self> {
        let (Some(install), Some(server), Some(client)) =
            (program("mariadb-install-db"), program("mariadbd"), program("mariadb"))
        else {
            left_out("MariaDB is not installed");
            return None;
        };
        let user = servant(&["mysql", "nobody"]);
        let dir = home("hookward-my-", user.as_ref());
        output(command(install, user.as_ref(), dir.path()).args(options(&dir)).args([
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--cross-bootstrap",
        ]));
        let server = start(&server, user.as_ref(), &dir);
        let server = Self { dir, server, client };
        wait_for("MariaDB", || server.try_sql("", "SELECT 1").is_some());
        let set = format!("ALTER USER root@localhost IDENTIFIED BY '{PASSWORD}'");
        server.try_sql("", &set).expect("a fresh server takes a password");
        Some(server)
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// Password of `root`.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Runs SQL in a database, none if empty; rows as the client prints them.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut command = self.client(PASSWORD);
        output(command.args(["-e", sql, database]))
    }

    /// Feeds SQL from a file.
    ///
    /// # Panics
    /// When it fails.
    pub fn restore(&self, database: &str, file: &Path) {
        output(self.client(PASSWORD).arg(database).stdin(std::fs::File::open(file).unwrap()));
    }

    fn client(&self, password: &str) -> std::process::Command {
        let mut command = command(&self.client, None, self.dir.path());
        command.arg("--no-defaults").arg("-S").arg(self.socket()).args(["-u", "root", "-N", "-B"]);
        command.env("MYSQL_PWD", password);
        command
    }

    /// As a fresh server takes it: without a password.
    fn try_sql(&self, database: &str, sql: &str) -> Option<()> {
        let output = self.client("").args(["-e", sql, database]).output().unwrap();
        output.status.success().then_some(())
    }
}

fn options(dir: &TempDir) -> [String; 3] {
    let path = dir.path().display();
    ["--no-defaults".to_owned(), format!("--datadir={path}/data"), format!("--socket={path}/socket")]
}

fn start(program: &Path, user: Option<&User>, dir: &TempDir) -> Child {
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let mut command = command(program, user, dir.path());
    command.args(options(dir)).args(["--skip-networking", "--innodb-flush-log-at-trx-commit=0"]);
    command.arg(format!("--pid-file={}/pid", dir.path().display()));
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
