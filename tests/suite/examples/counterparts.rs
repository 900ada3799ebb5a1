//! The counterparts themselves: a hook's test must not pass because its counterpart
//! does nothing.

use std::fs;

use hookward_tests::counterparts::{Btrfs, MariaDb, Podman, Postgres};

#[test]
fn a_postgresql_keeps_rows() {
    let Some(server) = Postgres::start() else { return };
    drop(server.sql("postgres", "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)"));
    assert_eq!(server.sql("postgres", "SELECT sum(n) FROM t"), "3");
}

#[test]
fn a_mariadb_keeps_rows() {
    let Some(server) = MariaDb::start() else { return };
    drop(server.sql("", "CREATE DATABASE d; CREATE TABLE d.t (n int); INSERT INTO d.t VALUES (1), (2)"));
    assert_eq!(server.sql("d", "SELECT sum(n) FROM t"), "3");
}

#[test]
fn a_container_runs_and_stops() {
    let Some(podman) = Podman::start() else { return };
    podman.run("db", &[]);
    assert_eq!(podman.status("db"), "running");
    podman.stop("db");
    assert_eq!(podman.status("db"), "exited");
}

#[test]
fn a_btrfs_has_its_subvolume() {
    let Some(btrfs) = Btrfs::start() else { return };
    fs::write(btrfs.data().join("file"), "text").unwrap();
    assert_eq!(btrfs.subvolumes(), ["data"]);
}
