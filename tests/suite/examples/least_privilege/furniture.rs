//! A lab in which every example has what its grants name.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hookward_tests::lab::Lab;
use hookward_tests::systemd::Systemd;
use toml::{Table, Value};

use crate::page::write_program;
use crate::server::Server;

/// The hook's table with all places of the host in the lab, and everything there.
/// Where it asks how a container is, that is `container`.
pub(super) fn furnish(lab: &Lab, hook: &Table, container: &'static str) -> (Table, Vec<Server>) {
    let containers = move |line: &str| match line {
        line if line.starts_with("GET /v1.41/containers/json") => (200, "[{\"Names\":[\"/db\"]}]".to_owned()),
        line if line.starts_with("GET ") => (200, format!("{{\"State\":{{\"Status\":\"{container}\"}}}}")),
        _ => (204, String::new()),
    };
    let servers =
        vec![Server::on_socket(&lab.path("docker.sock"), containers), Server::on_port(|_| (200, "{}".to_owned()))];
    let hook = places(lab, &servers[1].url, hook);
    secrets(lab, &hook);
    programs(lab);
    (hook, servers)
}

fn places(lab: &Lab, url: &str, hook: &Table) -> Table {
    let mut text = hook.to_string();
    let hosts = hook.get("grants").and_then(|grants| grants.get("dirs")).and_then(Value::as_array);
    for (n, dir) in hosts.into_iter().flatten().enumerate() {
        let path = lab.path(format!("dir-{n}"));
        fs::create_dir(&path).unwrap();
        text = text.replace(dir["host"].as_str().unwrap(), path.to_str().unwrap());
    }
    for (there, here) in [("/var/run/docker.sock", "docker.sock"), ("/etc/hookward", "secrets")] {
        text = text.replace(there, lab.path(here).to_str().unwrap());
    }
    for there in ["https://hooks.slack.com", "https://ntfy.sh"] {
        text = text.replace(there, url);
    }
    let ntfy = "service = \"ntfy\"";
    text = text.replace(ntfy, &format!("{ntfy}, server = \"{url}\""));
    let mut hook: Table = text.parse().unwrap();
    let commands = hook.get_mut("grants").and_then(|grants| grants.get_mut("commands")).and_then(Value::as_table_mut);
    for (_, command) in commands.into_iter().flatten() {
        let command = command.as_table_mut().unwrap();
        drop(command.remove("user"));
        let program = Path::new(command["argv"][0].as_str().unwrap()).file_name().unwrap().to_owned();
        let dir = if program == "systemctl" { "systemd" } else { "bin" };
        command["argv"][0] = lab.path(dir).join(program).to_str().unwrap().into();
    }
    hook
}

fn secrets(lab: &Lab, hook: &Table) {
    let secrets = hook.get("grants").and_then(|grants| grants.get("secrets")).and_then(Value::as_table);
    fs::create_dir(lab.path("secrets")).unwrap();
    for file in secrets.into_iter().flatten().filter_map(|(_, secret)| secret["file"].as_str()) {
        fs::write(file, "http://127.0.0.1:1/services/secret\n").unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// Each does as much of what it stands for as the hook looks at.
fn programs(lab: &Lab) {
    let dump = |content: &str| {
        format!("for arg; do case $arg in --file=*|--result-file=*) printf '{content}' > \"${{arg#*=}}\";; esac; done")
    };
    let sqlite = r"case $* in *integrity_check*) echo ok;; *)
        for path; do :; done; path=${path#*\'}; printf 'SQLite format 3\0' > ${path%\'};; esac";
    let globals = dump("-- PostgreSQL database cluster dump complete\\n");
    let pg_dump = dump("PGDMP");
    let programs = [
        ("backup-hook", "cat > /dev/null"),
        ("tell-me", ""),
        ("pg_dump", &pg_dump),
        ("pg_dumpall", &globals),
        ("pg_restore", ""),
        ("sqlite3", sqlite),
        ("btrfs", "echo 'ID 257 gen 8 top level 5 path .snapshots/hookward-db'"),
        ("zfs", "echo tank/srv@hookward-db"),
        ("lvs", "echo '  hookward-db'"),
        ("lvcreate", ""),
        // It is mounted until it isn't.
        ("lvremove", "[ -e \"$0.may\" ] || { echo 'it contains a filesystem in use' >&2; exit 5; }"),
        ("mount", ""),
        ("umount", "touch \"${0%umount}lvremove.may\""),
    ];
    for (name, script) in programs {
        write_program(&lab.path("bin").join(name), &format!("#!/bin/sh\n{script}\n"));
    }
    let systemd = Systemd::stand_in(lab);
    for unit in ["app.socket", "app.service"] {
        systemd.running(unit, "");
    }
}
