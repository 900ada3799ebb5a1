use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use hookward_tests::counterparts::Postgres;
use hookward_tests::lab::Lab;

use crate::ground::{assert_ended, backed_up, backed_up_paths, names, restored, script, secret, shut};
use crate::page::{example, lab_of};

const ROWS: &str = "SELECT string_agg(n || ':' || t, ',' ORDER BY n) FROM t";

/// A server with the databases `app` and `wiki`, and a role of its own.
fn server() -> Option<Postgres> {
    let server = Postgres::start()?;
    for database in ["app", "wiki"] {
        drop(server.sql("postgres", &format!("CREATE DATABASE {database}")));
        drop(server.sql(database, "CREATE TABLE t (n int, t text)"));
        let fill = format!("INSERT INTO t SELECT n, md5('{database}' || n) FROM generate_series(1, 2000) AS n");
        drop(server.sql(database, &fill));
    }
    drop(server.sql("postgres", "CREATE ROLE reader"));
    Some(server)
}

/// A lab with an example of the page, told of the server. Each pair of `changes` is
/// made in the example.
fn lab_for(server: &Postgres, part: &str, changes: &[(&str, &str)]) -> Lab {
    let mut text = example("postgres-dump", part, &[&[("/srv/dumps", "@lab@/dumps")], changes].concat());
    for program in ["pg_dump", "pg_dumpall", "pg_restore"] {
        text = text.replace(&format!("[\"{program}\""), &format!("[\"{}\"", server.bin().join(program).display()));
    }
    // The page's server is where PostgreSQL's programs look for one.
    let host = server.socket().display();
    let env = format!("env = {{ PGHOST = \"{host}\", PGUSER = \"postgres\" }}");
    let user = server.user().map(|user| format!("user = \"{user}\"\n")).unwrap_or_default();
    text = text.replace("user = \"postgres\"", &format!("{user}{env}"));
    let lab = lab_of(&text);
    fs::create_dir(lab.path("dumps")).unwrap();
    // The server's user gets through to its directory, as on any host.
    fs::set_permissions(lab.path(""), Permissions::from_mode(0o711)).unwrap();
    fs::set_permissions(lab.path("dumps"), Permissions::from_mode(0o700)).unwrap();
    server.own(&lab.path("dumps"));
    lab
}

/// The page's first example, with this script in the place of pg_dump. In it, `real`
/// is pg_dump and `$file` what it is told to write.
fn wrapped(server: &Postgres, lines: &str) -> Lab {
    let lab = lab_for(server, "globals = true", &[("[\"pg_dump\",", "[\"@lab@/bin/pg_dump\",")]);
    wrap(server, &lab, lines);
    lab
}

fn wrap(server: &Postgres, lab: &Lab, lines: &str) {
    let file = "for word; do case \"$word\" in --file=*) file=\"${word#--file=}\" ;; esac; done";
    let real = format!("real() {{ {}/pg_dump \"$@\"; }}", server.bin().display());
    script(lab, "pg_dump", &format!("{file}\n{real}\n{lines}\n"));
}

#[test]
fn postgres_dump_archives_come_back_with_their_rows() {
    let Some(server) = server() else { return };
    let lab = lab_for(&server, "globals = true", &[]);
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    let dumps = ["app.dump", "globals.sql", "wiki.dump"];
    assert_eq!(names(&lab, "dumps"), dumps);
    let paths = backed_up_paths(&lab);
    assert!(dumps.iter().all(|name| paths.contains(&format!("dumps/{name}"))), "{paths:?}");
    drop(server.sql("postgres", "CREATE DATABASE app2"));
    server.restore("pg_restore", &["--exit-on-error"], "app2", &restored(&lab, "dumps/app.dump"));
    assert_eq!(server.sql("app2", ROWS), server.sql("app", ROWS));
    drop(server.sql("postgres", "DROP ROLE reader"));
    // The superuser is there already.
    server.restore("psql", &["--quiet", "--file"], "postgres", &restored(&lab, "dumps/globals.sql"));
    assert_eq!(server.sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'reader'"), "1");
}

#[test]
fn postgres_dump_of_the_cluster_comes_back() {
    let Some(server) = server() else { return };
    let lab = lab_for(&server, "all = true", &[]);
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    assert_eq!(names(&lab, "dumps"), ["all.sql"]);
    let rows = ["app", "wiki"].map(|database| server.sql(database, ROWS));
    for statement in ["DROP DATABASE app", "DROP DATABASE wiki", "DROP ROLE reader"] {
        drop(server.sql("postgres", statement));
    }
    server.restore("psql", &["--quiet", "--file"], "postgres", &restored(&lab, "dumps/all.sql"));
    assert_eq!(["app", "wiki"].map(|database| server.sql(database, ROWS)), rows);
    assert_eq!(server.sql("postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'reader'"), "1");
}

/// The page's database with a password, as SQL.
fn with_password(server: &Postgres) -> Lab {
    drop(server.sql("postgres", "CREATE ROLE backup LOGIN SUPERUSER PASSWORD 'correct horse'"));
    server.ask_for_password("backup");
    let host = server.socket().display().to_string();
    lab_for(
        server,
        "shop",
        &[
            ("databases = [\"shop\"]", "databases = [\"app\"], format = \"plain\""),
            ("min-size = \"1MiB\"", "min-size = \"1KiB\""),
            ("--format=custom", "--format=plain"),
            ("database = \"shop\", file = \"shop\\\\.dump", "database = \"app\", file = \"app\\\\.sql"),
            ("db.example.com", &host),
            ("/etc/hookward/pg", "@lab@/pg"),
        ],
    )
}

#[test]
fn postgres_dump_as_sql_with_a_password() {
    let Some(server) = server() else { return };
    let lab = with_password(&server);
    secret(&lab, "pg", "wrong donkey\n");
    let finished = lab.run(["run", "p"]);
    shut(&lab, &finished, 0, "dump", "password authentication failed for user \"backup\"");
    assert!(!format!("{finished:?}").contains("donkey"), "{finished:?}");
    secret(&lab, "pg", "correct horse\n");
    let finished = lab.run(["run", "p"]);
    backed_up(&lab, &finished, 1);
    assert!(!format!("{finished:?}").contains("horse"), "{finished:?}");
    drop(server.sql("postgres", "CREATE DATABASE app2"));
    server.restore("psql", &["--set=ON_ERROR_STOP=1", "--quiet", "--file"], "app2", &restored(&lab, "dumps/app.sql"));
    assert_eq!(server.sql("app2", ROWS), server.sql("app", ROWS));
}

#[test]
fn postgres_dump_without_a_database_keeps_the_gate_shut() {
    let Some(server) = server() else { return };
    let lab = lab_for(&server, "globals = true", &[]);
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    let state = |name: &str| {
        let path = lab.path("dumps").join(name);
        (fs::metadata(&path).unwrap().ino(), fs::read(path).unwrap())
    };
    let (app, wiki) = (state("app.dump"), state("wiki.dump"));
    drop(server.sql("postgres", "DROP DATABASE wiki"));
    shut(&lab, &lab.run(["run", "p"]), 1, "dump", "database \"wiki\" does not exist");
    assert_eq!(names(&lab, "dumps"), ["app.dump", "globals.sql", "wiki.dump"]);
    assert_eq!(state("wiki.dump"), wiki);
    // The other is fresh.
    assert_ne!(state("app.dump").0, app.0);
}

#[test]
fn postgres_dump_refuses_a_dump_that_was_cut_off() {
    let Some(server) = server() else { return };
    let lab = wrapped(&server, "real \"$@\"");
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    let good = fs::read(lab.path("dumps/app.dump")).unwrap();
    // In the table of contents, in the rows, and just before the end.
    for size in [1000, good.len() / 2, good.len() - 20] {
        wrap(&server, &lab, &format!("real \"$@\"; truncate --size={size} \"$file\""));
        shut(&lab, &lab.run(["run", "p"]), 1, "dump", "it was written, and is damaged");
        assert_eq!(names(&lab, "dumps"), ["app.dump", "globals.sql", "wiki.dump"]);
        assert_eq!(fs::read(lab.path("dumps/app.dump")).unwrap(), good);
    }
}

#[test]
fn postgres_dump_refuses_sql_that_was_cut_off() {
    let Some(server) = server() else { return };
    let lab = with_password(&server);
    secret(&lab, "pg", "correct horse\n");
    let config = fs::read_to_string(lab.path("hookward.toml")).unwrap();
    let program = server.bin().join("pg_dump").display().to_string();
    lab.configure(&config.replace(&program, "@lab@/bin/pg_dump"));
    wrap(&server, &lab, "real \"$@\"; truncate --size=-300 \"$file\"");
    shut(&lab, &lab.run(["run", "p"]), 0, "dump", "it was cut off");
    assert_eq!(names(&lab, "dumps"), [""; 0]);
}

#[test]
fn postgres_dump_at_its_timeout_leaves_nothing() {
    let Some(server) = server() else { return };
    let lab = wrapped(&server, "printf PGDMP >\"$file\"; sleep 600 & echo $! >@lab@/notes/pid; wait");
    fs::set_permissions(lab.path("notes"), Permissions::from_mode(0o777)).unwrap();
    let config = fs::read_to_string(lab.path("hookward.toml")).unwrap();
    assert!(config.contains("timeout = \"2h\""));
    lab.configure(&config.replace("timeout = \"2h\"", "timeout = \"3s\""));
    shut(&lab, &lab.run(["run", "p"]), 0, "dump", "still running after 3s (limit `timeout`)");
    assert_ended(&lab, "notes/pid");
    assert!(!names(&lab, "dumps").iter().any(|name| name.ends_with(".partial")), "{:?}", names(&lab, "dumps"));
}
