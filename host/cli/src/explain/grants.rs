//! What a hook is granted, in words and as JSON, each with the line that grants it.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use hookward_engine::event::millis;
use hookward_engine::plan::Part;
use hookward_engine::{CommandGrant, DirGrant, HttpGrant};
use hookward_runner::config::{GrantSpec, Located};
use serde_json::{Value, json};

use super::quoted;

/// A line for each grant; one that says so where there is none.
pub(super) fn lines(spec: &GrantSpec) -> Vec<String> {
    let GrantSpec { dirs, env, commands, http, secrets, plan, state, tcp, empty: _ } = spec;
    let mut lines = Vec::new();
    lines.extend(dirs.iter().map(|grant| line(grant, dir)));
    lines.extend(env.iter().map(|grant| line(grant, |name| format!("variable {name}"))));
    lines.extend(
        commands.iter().map(|(name, grant)| line(grant, |grant| format!("command {name}: {}", command(grant)))),
    );
    lines.extend(http.iter().map(|grant| line(grant, requests)));
    lines.extend(secrets.iter().map(|(name, grant)| line(grant, |source| format!("secret {name} from {source}"))));
    lines.extend(plan.iter().map(|grant| line(grant, may)));
    lines.extend(state.iter().map(|grant| {
        line(grant, |quota| format!("state of its own, at most {}", ByteSize(quota.bytes()).display().iec()))
    }));
    lines.extend(tcp.iter().map(|grant| line(grant, |address| format!("TCP to {address}"))));
    if lines.is_empty() {
        lines.push("nothing of the host".to_owned());
    }
    lines
}

/// The same for machines.
pub(super) fn describe(spec: &GrantSpec) -> Value {
    let GrantSpec { dirs, env, commands, http, secrets, plan, state, tcp, empty } = spec;
    let dir = |dir: &DirGrant| json!({ "host": dir.host, "guest": dir.guest, "write": dir.write });
    json!({
        "dirs": list(dirs, dir),
        "env": list(env, |name| json!({ "name": name })),
        "commands": named(commands, command_json),
        "http": list(http, |grant| {
            json!({
                "requests": grant.to_string(),
                "unix": grant.socket(),
                "ca-file": grant.authorities(),
                "private": grant.is_private(),
            })
        }),
        "secrets": named(secrets, |source| json!({ "kind": source.kind(), "from": source.to_string() })),
        "plan": list(plan, |part| json!({ "part": part.to_string() })),
        "state": state.as_ref().map(|grant| placed(grant, |quota| json!({ "max-bytes": quota.bytes() }))),
        "tcp": list(tcp, |address| json!({ "address": address.to_string() })),
        "empty": empty,
    })
}

fn line<T>(grant: &Located<T>, text: impl FnOnce(&T) -> String) -> String {
    format!("{}  {}", text(&grant.value), grant.location)
}

fn list<T>(grants: &[Located<T>], value: impl Fn(&T) -> Value) -> Vec<Value> {
    grants.iter().map(|grant| placed(grant, &value)).collect()
}

fn named<T>(grants: &BTreeMap<String, Located<T>>, value: impl Fn(&T) -> Value) -> BTreeMap<&str, Value> {
    grants.iter().map(|(name, grant)| (name.as_str(), placed(grant, &value))).collect()
}

/// A grant's value, with the line that it stands in.
fn placed<T>(grant: &Located<T>, value: impl FnOnce(&T) -> Value) -> Value {
    let mut value = value(&grant.value);
    if let Some(object) = value.as_object_mut() {
        object.insert("at".to_owned(), grant.location.to_string().into());
    }
    value
}

fn dir(dir: &DirGrant) -> String {
    let mode = if dir.write { "read and write" } else { "read" };
    format!("{} as {}, {mode}", dir.host.display(), dir.guest)
}

/// What a part of the plan lets a hook do.
fn may(part: &Part) -> String {
    match part {
        Part::Sources => "may change what is backed up".to_owned(),
        Part::Tags => "may add tags".to_owned(),
        Part::Excludes => "may leave more out".to_owned(),
        Part::Env => "may set restic's credentials and settings in its environment".to_owned(),
        Part::Variable(name) => format!("may set {name} for restic"),
        other => format!("may change `{other}` of the plan"),
    }
}

/// A granted URL, and what else is to be known of it.
fn requests(grant: &HttpGrant) -> String {
    let mut text = grant.to_string();
    if let Some(socket) = grant.socket() {
        text += &format!(", by the socket {}", socket.display());
    }
    if let Some(file) = grant.authorities() {
        text += &format!(", trusting {}", file.display());
    }
    if grant.is_private() {
        text.push_str(", also at a private address");
    }
    text
}

/// A command with its open places, and what is left to the hook about it.
fn command(command: &CommandGrant) -> String {
    let words: Vec<_> = command.argv().map(|word| quoted(word, "-_./=:,@+%{}")).collect();
    let mut text = words.join(" ");
    let mut more = |words: String| text.extend([", ", &words]);
    for (place, pattern) in command.patterns() {
        more(format!("{place} = /{pattern}/"));
    }
    if let Some(user) = &command.user {
        more(format!("as {user}"));
    }
    if command.cwd != "/" {
        more(format!("in {}", command.cwd));
    }
    if let Some(timeout) = command.timeout {
        more(format!("within {}", humantime::format_duration(timeout)));
    }
    // Values may be secret.
    let (own, hooks): (Vec<_>, Vec<_>) = (command.env().collect(), command.hook_env().collect());
    if !own.is_empty() {
        more(format!("with {}", own.join(" and ")));
    }
    if !hooks.is_empty() {
        more(format!("the hook may set {}", hooks.join(" and ")));
    }
    if command.stdin {
        more("the hook may write to its stdin".to_owned());
    }
    more(format!("output {}", ByteSize(command.output as u64).display().iec()));
    text
}

fn command_json(command: &CommandGrant) -> Value {
    json!({
        "argv": command.argv().collect::<Vec<_>>(),
        "args": command.patterns().collect::<BTreeMap<_, _>>(),
        "timeout-ms": command.timeout.map(millis::of),
        "user": command.user,
        "cwd": command.cwd,
        "env": command.env().collect::<Vec<_>>(),
        "hook-env": command.hook_env().collect::<Vec<_>>(),
        "stdin": command.stdin,
        "output": command.output,
    })
}
