//! A lab in which every example has what its grants name.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use hookward_tests::lab::Lab;
use hookward_tests::systemd::Systemd;
use toml::{Table, Value};

use crate::page::write_program;
use crate::server::Server;

/// The hook's table with all places of the host in the lab, and everything there.
/// The only container is up, or else down as this says.
pub(super) fn furnish(lab: &Lab, hook: &Table, down: &'static str, is_up: bool) -> (Table, Server) {
    let is_up = AtomicBool::new(is_up);
    let containers = move |line: &str| match line {
        line if line.starts_with("GET /v1.41/containers/json") => (200, "[{\"Names\":[\"/db\"]}]".to_owned()),
        line if line.starts_with("GET ") => {
            let status = if is_up.load(Ordering::SeqCst) { "running" } else { down };
            (200, format!("{{\"State\":{{\"Status\":\"{status}\"}}}}"))
        }
        _ => {
            is_up.fetch_not(Ordering::SeqCst);
            (204, String::new())
        }
    };
    drop(Server::on_socket(&lab.path("docker.sock"), containers));
    let server = Server::on_port(|_| (200, "{}".to_owned()));
    let hook = places(lab, &server.url, hook);
    secrets(lab, &server.url, &hook);
    programs(lab);
    for dir in ["srv/.snapshots/hookward-db", "srv/.zfs/snapshot/hookward-db", "mnt"] {
        fs::create_dir_all(lab.path(dir)).unwrap();
    }
    (hook, server)
}

fn places(lab: &Lab, url: &str, hook: &Table) -> Table {
    let mut text = hook.to_string();
    let hosts = hook.get("grants").and_then(|grants| grants.get("dirs")).and_then(Value::as_array);
    for (n, dir) in hosts.into_iter().flatten().enumerate() {
        let path = lab.path(format!("dir-{n}"));
        fs::create_dir_all(path.join(".backup-disk")).unwrap();
        fs::write(path.join("dump"), vec![b'x'; 1 << 20]).unwrap();
        text = text.replace(dir["host"].as_str().unwrap(), path.to_str().unwrap());
    }
    for (there, here) in [
        ("/var/run/docker.sock", "docker.sock"),
        ("/etc/hookward", "secrets"),
        ("/mnt/hookward-srv", "mnt"),
        ("\"/srv", "srv"),
    ] {
        let quote = if there.starts_with('"') { "\"" } else { "" };
        text = text.replace(there, &format!("{quote}{}", lab.path(here).display()));
    }
    for there in ["https://hooks.slack.com", "https://ntfy.sh"] {
        text = text.replace(there, url);
    }
    let ntfy = "service = \"ntfy\"";
    text = text.replace(ntfy, &format!("{ntfy}\nserver = \"{url}\""));
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

fn secrets(lab: &Lab, url: &str, hook: &Table) {
    let dir = lab.path("secrets");
    fs::create_dir(&dir).unwrap();
    let text = hook.to_string();
    for name in text.split(&format!("\"{}/", dir.display())).skip(1).filter_map(|rest| rest.split('"').next()) {
        fs::write(dir.join(name), format!("{url}/services/secret\n")).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// Each does as much of what it stands for as the hook looks at.
fn programs(lab: &Lab) {
    // 1 MiB between these.
    let content = |begin: &str, end: &str| {
        format!("{{ printf '%b' '{begin}'; head -c 1048576 /dev/zero | tr '\\0' '\\n'; printf '%s\\n' '{end}'; }}")
    };
    let dump = |content: &str| {
        format!("for arg; do case $arg in --file=*|--result-file=*) {content} > \"${{arg#*=}}\";; esac; done")
    };
    let sqlite = format!(
        "case $* in *integrity_check*) echo ok;; *)\n\
         for path; do :; done; path=${{path#*\\'}}; {} > \"${{path%\\'}}\";; esac",
        content("SQLite format 3\\0000", "")
    );
    let globals = dump(&content("", "-- PostgreSQL database cluster dump complete"));
    let mysql = dump(&content("", "-- Dump completed"));
    let pg_dump = dump(&content("PGDMP", ""));
    let programs = [
        ("backup-hook", "cat > /dev/null"),
        ("tell-me", ""),
        ("pg_dump", &pg_dump),
        ("pg_dumpall", &globals),
        ("pg_restore", ""),
        ("sqlite3", &sqlite),
        ("mariadb-dump", &mysql),
        ("mysqldump", &mysql),
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
