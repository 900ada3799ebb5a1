//! What a fresh machine lacks.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;
use xshell::{Shell, cmd};

/// The target of hooks.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// The root of the workspace.
pub(crate) fn workspace() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Ok(root.context("xtask stands in a workspace")?.to_owned())
}

/// Adds the target that hooks are compiled to.
pub(crate) fn wasm_target(sh: &Shell) -> anyhow::Result<()> {
    target(sh, TARGET)
}

/// Adds a target to the toolchain.
pub(crate) fn target(sh: &Shell, target: &str) -> anyhow::Result<()> {
    let installed = cmd!(sh, "rustup target list --installed").quiet().read();
    if installed.is_ok_and(|installed| installed.lines().any(|line| line == target)) {
        return Ok(());
    }
    println!("this toolchain lacks the target {target}: adding it");
    cmd!(sh, "rustup target add {target}").run().context("cannot add the target: is rustup installed?")
}

/// Installs restic by the system's package manager.
pub(crate) fn restic(sh: &Shell) -> anyhow::Result<()> {
    if let Ok(version) = cmd!(sh, "restic version").quiet().ignore_stderr().read() {
        println!("using {version}");
        return Ok(());
    }
    let managers: [(&str, &[&[&str]]); 6] = [
        ("apt-get", &[&["update"], &["install", "-y", "restic"]]),
        ("dnf", &[&["install", "-y", "restic"]]),
        ("zypper", &[&["--non-interactive", "install", "restic"]]),
        ("pacman", &[&["-S", "--noconfirm", "restic"]]),
        ("apk", &[&["add", "restic"]]),
        ("brew", &[&["install", "restic"]]),
    ];
    let Some((manager, steps)) = managers.into_iter().find(|(manager, _)| has(sh, manager)) else {
        bail!("restic is missing, and no known package manager is here: install restic, then try again");
    };
    println!("restic is missing: installing it with {manager}");
    steps.iter().try_for_each(|arguments| manage(sh, manager, arguments))
}

/// What the example hooks are tested against: programs, and the packages of Debian
/// that have them.
const COUNTERPARTS: &[(&str, &str)] = &[
    ("/bin/busybox", "busybox-static"),
    ("docker-registry", "docker-registry"),
    ("mariadb-dump", "mariadb-client"),
    ("mariadbd", "mariadb-server-core"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("pg_dump", "postgresql"),
    ("podman", "podman"),
    ("runc", "runc"),
    ("sqlite3", "sqlite3"),
];

/// Installs what the example hooks are tested against, where the packages have the
/// names that are known here. Tests of what is missing leave themselves out.
pub(crate) fn counterparts(sh: &Shell) {
    packages(sh, COUNTERPARTS, "the tests");
}

/// Installs programs by the packages of Debian that have them, where they are missing.
/// What can't be installed is left out of what it is for.
pub(crate) fn packages(sh: &Shell, programs: &[(&str, &str)], purpose: &str) {
    let missing: Vec<_> = programs.iter().filter(|(program, _)| !has(sh, program)).collect();
    if missing.is_empty() {
        return;
    }
    let names: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    if !has(sh, "apt-get") {
        println!("missing, and so left out of {purpose}: {}", names.join(", "));
        return;
    }
    println!("missing: {}; installing them with apt-get", names.join(", "));
    let packages = missing.iter().map(|(_, package)| *package);
    let install: Vec<_> = ["install", "-y", "--no-install-recommends"].into_iter().chain(packages).collect();
    let installed = manage(sh, "apt-get", &["update"]).and_then(|()| manage(sh, "apt-get", &install));
    if let Err(error) = installed {
        println!("they can't be installed, and are left out of {purpose}: {error:#}");
    }
}

/// Whether a program is there, also one for the administrator.
pub(crate) fn has(sh: &Shell, program: &str) -> bool {
    let script = format!("PATH=$PATH:/usr/sbin:/sbin command -v {program}");
    cmd!(sh, "sh -c").arg(script).quiet().ignore_stdout().run().is_ok()
}

/// Runs a package manager, which wants to be root's.
pub(crate) fn manage(sh: &Shell, manager: &str, arguments: &[&str]) -> anyhow::Result<()> {
    if manager == "brew" || cmd!(sh, "id -u").quiet().read()? == "0" {
        cmd!(sh, "{manager} {arguments...}").env("DEBIAN_FRONTEND", "noninteractive").run()?;
    } else {
        cmd!(sh, "sudo {manager} {arguments...}").run()?;
    }
    Ok(())
}

/// Whether a package becomes a component, and isn't a library that some of them share.
fn is_component(package: &Value) -> bool {
    let targets = package.get("targets").and_then(Value::as_array).into_iter().flatten();
    targets
        .filter_map(|target| target.get("crate_types").and_then(Value::as_array))
        .any(|types| types.iter().any(|kind| kind == "cdylib"))
}

/// Builds the components of the packages below a folder: pairs of the package's name
/// and the component's path.
pub(crate) fn components(sh: &Shell, folder: &str) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let metadata = metadata(sh)?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("cargo names no packages")?;
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let below = format!("/{folder}/");
    let names: Vec<_> = packages
        .iter()
        .filter(|package| text(package, "manifest_path").contains(&below) && is_component(package))
        .map(|package| text(package, "name"))
        .collect();
    let selected = names.iter().flat_map(|name| ["--package", name]);
    cmd!(sh, "cargo build --quiet --profile hook --target {TARGET} --lib {selected...}").run()?;
    let dir = target_dir(sh)?.join(TARGET).join("hook");
    Ok(names
        .into_iter()
        .map(|name| {
            let path = dir.join(name.replace('-', "_")).with_extension("wasm");
            (name, path)
        })
        .collect())
}

/// Builds the example hooks, each to a file of its own name; returns where they are.
pub(crate) fn hooks(sh: &Shell) -> anyhow::Result<PathBuf> {
    let dir = target_dir(sh)?.join("hooks");
    // Without what is no longer an example.
    sh.remove_path(&dir)?;
    sh.create_dir(&dir)?;
    for (name, path) in components(sh, "hooks-examples")? {
        sh.copy_file(path, dir.join(name).with_extension("wasm"))?;
    }
    Ok(dir)
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir(sh: &Shell) -> anyhow::Result<PathBuf> {
    let metadata = metadata(sh)?;
    let dir = metadata.get("target_directory").and_then(Value::as_str);
    Ok(dir.context("cargo names no target directory")?.into())
}

/// What cargo knows of the workspace.
pub(crate) fn metadata(sh: &Shell) -> anyhow::Result<Value> {
    let metadata = cmd!(sh, "cargo metadata --no-deps --format-version 1").quiet().read()?;
    Ok(serde_json::from_str(&metadata)?)
}
