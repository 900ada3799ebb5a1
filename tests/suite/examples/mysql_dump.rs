use std::fs;

use hookward_tests::counterparts::MariaDb;
use hookward_tests::lab::{Finished, Lab};

use crate::ground::{assert_ended, backed_up, backed_up_paths, names, restored, script, secret, shut};
use crate::page::{example, lab_of};

const ROWS: &str = "SELECT COUNT(*), MD5(GROUP_CONCAT(n, ':', t ORDER BY n)) FROM t";

/// A server with the databases `app` and `wiki`.
fn server() -> Option<MariaDb> {
    let server = MariaDb::start()?;
    for database in ["app", "wiki"] {
        drop(server.sql("", &format!("CREATE DATABASE {database}")));
        let fill = format!(
            "CREATE TABLE t (n INT PRIMARY KEY, t TEXT); INSERT INTO t SELECT seq, MD5(CONCAT('{database}', seq)) FROM seq_1_to_500;
             CREATE FUNCTION f() RETURNS INT RETURN 42"
        );
        drop(server.sql(database, &fill));
    }
    Some(server)
}

/// A lab with an example of the page, told of the server. Each pair of `changes` is
/// made in the example.
fn lab_for(server: &MariaDb, part: &str, changes: &[(&str, &str)]) -> Lab {
    let own = [("/srv/dumps", "@lab@/dumps")];
    let text = example("mysql-dump", part, &[&own, changes].concat());
    let lab = lab_of(&text.replace("@socket@", server.socket().to_str().unwrap()));
    fs::create_dir(lab.path("dumps")).unwrap();
    lab
}

/// The page's first example, with this password in the file of options.
fn with_file(server: &MariaDb, password: &str, changes: &[(&str, &str)]) -> Lab {
    let lab = lab_for(server, "my.cnf", &[&[("/etc/hookward/my.cnf", "@lab@/my.cnf")], changes].concat());
    options(server, &lab, password);
    lab
}

fn options(server: &MariaDb, lab: &Lab, password: &str) {
    let socket = server.socket();
    secret(
        lab,
        "my.cnf",
        &format!("[client]\nuser = root\npassword = \"{password}\"\nsocket = {}\n", socket.display()),
    );
}

#[track_caller]
fn without(finished: &Finished, password: &str) {
    assert!(!format!("{finished:?}").contains(password), "{finished:?}");
}

#[test]
fn mysql_dump_comes_back_with_its_rows() {
    let Some(server) = server() else { return };
    let lab = with_file(&server, server.password(), &[]);
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    assert_eq!(names(&lab, "dumps"), ["app.sql", "wiki.sql"]);
    let paths = backed_up_paths(&lab);
    assert!(["dumps/app.sql", "dumps/wiki.sql"].iter().all(|path| paths.iter().any(|it| it == path)), "{paths:?}");
    drop(server.sql("", "CREATE DATABASE app2"));
    server.restore("app2", &restored(&lab, "dumps/app.sql"));
    assert_eq!(server.sql("app2", ROWS), server.sql("app", ROWS));
    assert_eq!(server.sql("app2", "SELECT f()"), "42");
}

#[test]
fn mysql_dump_of_all_with_a_secret_in_a_variable() {
    let Some(server) = server() else { return };
    let changes = [
        ("\"--user=backup\", \"--host=db.example.com\"", "\"--no-defaults\", \"--user=root\", \"--socket=@socket@\""),
        ("/etc/hookward/mysql\"", "@lab@/mysql\""),
        ("\"1MiB\"", "\"10KiB\""),
    ];
    let lab = lab_for(&server, "all = true", &changes);
    secret(&lab, "mysql", "wrong donkey\n");
    let finished = lab.run(["run", "p"]);
    shut(&lab, &finished, 0, "dump", "Access denied for user 'root'@'localhost'");
    without(&finished, "donkey");
    secret(&lab, "mysql", &format!("{}\n", server.password()));
    let finished = lab.run(["run", "p"]);
    backed_up(&lab, &finished, 1);
    without(&finished, server.password());
    let rows = ["app", "wiki"].map(|database| server.sql(database, ROWS));
    drop(server.sql("", "DROP DATABASE app; DROP DATABASE wiki"));
    server.restore("", &restored(&lab, "dumps/all.sql"));
    assert_eq!(["app", "wiki"].map(|database| server.sql(database, ROWS)), rows);
}

#[test]
fn mysql_dump_with_a_wrong_password_keeps_the_gate_shut() {
    let Some(server) = server() else { return };
    let lab = with_file(&server, server.password(), &[]);
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    let good = fs::read(lab.path("dumps/app.sql")).unwrap();
    options(&server, &lab, "wrong donkey");
    for args in [&["run", "p"][..], &["run", "p", "--json"]] {
        let finished = lab.run(args);
        without(&finished, "donkey");
        assert!(format!("{finished:?}").contains("Access denied for user"), "{finished:?}");
        assert_eq!(finished.code, 80, "{finished:?}");
    }
    assert_eq!(names(&lab, "dumps"), ["app.sql", "wiki.sql"]);
    assert_eq!(fs::read(lab.path("dumps/app.sql")).unwrap(), good);
}

#[test]
fn mysql_dump_without_a_database_or_its_end_is_none() {
    let Some(server) = server() else { return };
    let lab = with_file(&server, server.password(), &[("\"mariadb-dump\",", "\"@lab@/bin/dump\",")]);
    script(&lab, "dump", "exec mariadb-dump \"$@\"\n");
    backed_up(&lab, &lab.run(["run", "p"]), 1);
    let good = fs::read(lab.path("dumps/wiki.sql")).unwrap();
    let file = "for word; do case \"$word\" in --result-file=*) file=\"${word#--result-file=}\" ;; esac; done";
    script(&lab, "dump", &format!("{file}\nmariadb-dump \"$@\"\ntruncate --size=-60 \"$file\"\n"));
    shut(&lab, &lab.run(["run", "p"]), 1, "dump", "it was cut off");
    script(&lab, "dump", "exec mariadb-dump \"$@\"\n");
    drop(server.sql("", "DROP DATABASE wiki"));
    shut(&lab, &lab.run(["run", "p"]), 1, "dump", "Unknown database 'wiki'");
    assert_eq!(names(&lab, "dumps"), ["app.sql", "wiki.sql"]);
    assert_eq!(fs::read(lab.path("dumps/wiki.sql")).unwrap(), good);
}

#[test]
fn mysql_dump_at_its_timeout_leaves_nothing() {
    let Some(server) = server() else { return };
    let changes = [("\"mariadb-dump\",", "\"@lab@/bin/dump\","), ("timeout = \"2h\"", "timeout = \"3s\"")];
    let lab = with_file(&server, server.password(), &changes);
    let file = "for word; do case \"$word\" in --result-file=*) file=\"${word#--result-file=}\" ;; esac; done";
    script(&lab, "dump", &format!("{file}\necho half >\"$file\"\nsleep 600 &\necho $! >@lab@/notes/pid\nwait\n"));
    shut(&lab, &lab.run(["run", "p"]), 0, "dump", "still running after 3s (limit `timeout`)");
    assert_ended(&lab, "notes/pid");
    assert_eq!(names(&lab, "dumps"), [""; 0]);
}
