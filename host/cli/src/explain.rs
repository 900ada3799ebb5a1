//! `explain`: the plan of a run, as it would happen.

use std::fmt::Write as _;

use anyhow::Context as _;
use bytesize::ByteSize;
use hookward_engine::{Access, EventKind, Failure, Hook, HttpGrant, Request as Import, Trigger};
use hookward_runner::config::{GrantSpec, HookSpec};
use hookward_runner::plan::{Plan, Request, Restic};
use hookward_runner::prepare::Prepared;
use serde_json::{Value, json};

use crate::args::Explain;
use crate::output;
use crate::session::{Problem, Session};

pub(crate) fn explain(session: &Session, explain: Explain) -> anyhow::Result<i32> {
    let config = session.config()?;
    let request = Request {
        profile: Some(explain.profile),
        restic: Restic::Managed { operation: explain.operation, extra: Vec::new() },
        trigger: Trigger::Manual,
        dry_run: session.global.dry_run,
        keep_stdout: false,
    };
    let plan = Plan::new(&config, &request).map_err(Problem::from)?;
    let prepared = if plan.calls_hooks() {
        let runtime = session.runtime()?;
        let prepared = runtime.block_on(Prepared::to_explain(plan, &session.engine()?));
        runtime.shutdown_background();
        prepared
    } else {
        Prepared::without_hooks(plan)
    };
    if session.global.json {
        output::result(format_args!("{:#}", describe(&prepared)))?;
    } else {
        output::result(text(&prepared).context("cannot write the plan")?.trim_end())?;
    }
    Ok(0)
}

/// The events in the order in which they can come.
fn events(plan: &Plan) -> impl Iterator<Item = (EventKind, Vec<&HookSpec>)> {
    EventKind::ALL.iter().map(|&kind| (kind, plan.hooks_on(kind))).filter(|(_, hooks)| !hooks.is_empty())
}

fn command_line(plan: &Plan) -> String {
    let quote = |text: &std::ffi::OsStr| {
        let text = text.to_string_lossy();
        let plain = |c: char| c.is_alphanumeric() || "-_./=:,@+%".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            text.into_owned()
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
    };
    let words = std::iter::once(plan.restic.program.as_os_str()).chain(plan.restic.args.iter().map(AsRef::as_ref));
    words.map(quote).collect::<Vec<_>>().join(" ")
}

/// Variables that are set for restic, by name: their values may be secret.
fn variables(plan: &Plan) -> Vec<&'static str> {
    plan.restic.env.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect()
}

/// What an import gets: nothing more than its grant says.
fn access(import: &Import, hook: &HookSpec) -> String {
    match import.access {
        Access::Free => "free".to_owned(),
        Access::Empty("dirs") if !hook.grants.dirs.is_empty() => "granted by `dirs`".to_owned(),
        Access::Empty("env") if !hook.grants.env.is_empty() => "granted by `env`".to_owned(),
        Access::Gated("http") if !hook.grants.http.is_empty() => "granted by `http`".to_owned(),
        Access::Empty(grant) => format!("nothing behind it without `{grant}`"),
        Access::Gated(grant) => format!("refused without `{grant}`"),
        _ => "refused: unknown".to_owned(),
    }
}

/// What the imports are for, by what they get; `hook inspect` lists each.
fn requests(imports: &[Import], hook: &HookSpec) -> Vec<(String, Vec<&'static str>)> {
    let mut groups: Vec<(String, Vec<&'static str>)> = Vec::new();
    for import in imports {
        let access = access(import, hook);
        match groups.iter_mut().find(|(known, _)| *known == access) {
            Some((_, purposes)) if purposes.contains(&import.purpose) => {}
            Some((_, purposes)) => purposes.push(import.purpose),
            None => groups.push((access, vec![import.purpose])),
        }
    }
    groups
}

fn text(prepared: &Prepared) -> Result<String, std::fmt::Error> {
    let plan = &prepared.plan;
    let mut out = String::new();
    let profile = plan.profile.as_deref().unwrap_or("(none)");
    writeln!(out, "profile {profile}, operation {}, repository {}", plan.operation, plan.repository)?;
    writeln!(out, "\norder")?;
    let mut gate_shown = false;
    for (kind, hooks) in events(plan) {
        if kind != EventKind::Before && !gate_shown {
            gate(&mut out, plan)?;
            gate_shown = true;
        }
        let names: Vec<_> = hooks.iter().map(|hook| hook.name.as_str()).collect();
        writeln!(out, "  {kind:<10}  {}", names.join(", "))?;
    }
    if !gate_shown {
        gate(&mut out, plan)?;
    }
    for lock in plan.locks() {
        writeln!(out, "  locks       {lock}")?;
    }
    for (spec, hook) in prepared.hooks() {
        describe_hook(&mut out, spec, hook)?;
    }
    Ok(out)
}

fn gate(out: &mut String, plan: &Plan) -> std::fmt::Result {
    writeln!(out, "  -- gate --  {}", command_line(plan))?;
    if !variables(plan).is_empty() {
        writeln!(out, "              with {} in the environment", variables(plan).join(" and "))?;
    }
    Ok(())
}

fn describe_hook(out: &mut String, spec: &HookSpec, hook: Result<&Hook, &Failure>) -> std::fmt::Result {
    writeln!(out, "\nhook \"{}\" ({}, {})  {}", spec.name, spec.scope, spec.kind, spec.location)?;
    writeln!(out, "  component   {}", spec.component.display())?;
    match hook {
        Ok(hook) => {
            let inspection = hook.component().inspection();
            let pinned = if spec.digest.is_some() { " (pinned)" } else { "" };
            writeln!(out, "              {}{pinned}", inspection.digest)?;
            writeln!(out, "  asks for")?;
            for (access, purposes) in requests(&inspection.requests, spec) {
                writeln!(out, "    {} [{access}]", purposes.join(", "))?;
            }
        }
        Err(failure) => writeln!(out, "  UNUSABLE    {failure} [{}]", failure.reason)?,
    }
    writeln!(out, "  gets")?;
    for dir in &spec.grants.dirs {
        let mode = if dir.value.write { "read and write" } else { "read" };
        writeln!(out, "    {} as {}, {mode}  {}", dir.value.host.display(), dir.value.guest, dir.location)?;
    }
    for name in &spec.grants.env {
        writeln!(out, "    variable {}  {}", name.value, name.location)?;
    }
    for grant in &spec.grants.http {
        writeln!(out, "    {}  {}", http(grant), grant.location)?;
    }
    if spec.grants == GrantSpec::default() {
        writeln!(out, "    nothing of the host")?;
    }
    if !spec.config.is_empty() {
        let keys: Vec<_> = spec.config.iter().map(|(key, _)| key.as_str()).collect();
        writeln!(out, "    its settings: {}", keys.join(", "))?;
    }
    let limits = &spec.limits;
    let (timeout, memory) = (humantime::format_duration(limits.timeout), ByteSize(limits.memory));
    writeln!(out, "  limits      timeout {timeout}, fuel {}, memory {}", limits.fuel, memory.display().iec())?;
    writeln!(
        out,
        "              {} table elements, {} instances, {} handles, output {}, {} log lines, error {}, transfer {}",
        limits.table_elements,
        limits.instances,
        limits.handles,
        ByteSize(limits.output).display().iec(),
        limits.log_lines,
        ByteSize(limits.error_length as u64).display().iec(),
        ByteSize(limits.transfer as u64).display().iec(),
    )?;
    if !spec.grants.http.is_empty() {
        writeln!(
            out,
            "              {} HTTP requests, bodies of {}, headers of {}",
            limits.http_requests,
            ByteSize(limits.http_body).display().iec(),
            ByteSize(limits.http_headers as u64).display().iec(),
        )?;
    }
    if spec.retry.attempts > 1 {
        let delay = humantime::format_duration(spec.retry.delay);
        writeln!(out, "  retry       {} attempts, {} pauses from {delay}", spec.retry.attempts, spec.retry.backoff)?;
    }
    Ok(())
}

/// A granted URL, and what else is to be known of it.
fn http(grant: &HttpGrant) -> String {
    let mut text = grant.to_string();
    if let Some(socket) = grant.socket() {
        let _ = write!(text, ", by the socket {}", socket.display());
    }
    if let Some(file) = grant.authorities() {
        let _ = write!(text, ", trusting {}", file.display());
    }
    if grant.is_private() {
        text.push_str(", also at a private address");
    }
    text
}

fn describe(prepared: &Prepared) -> Value {
    let plan = &prepared.plan;
    let order: serde_json::Map<_, _> = events(plan)
        .map(|(kind, hooks)| (kind.to_string(), json!(hooks.iter().map(|hook| &hook.name).collect::<Vec<_>>())))
        .collect();
    let hooks: Vec<_> = prepared.hooks().map(|(spec, hook)| hook_json(spec, hook)).collect();
    let words = std::iter::once(plan.restic.program.as_os_str()).chain(plan.restic.args.iter().map(AsRef::as_ref));
    json!({
        "version": 1,
        "profile": plan.profile,
        "operation": plan.operation,
        "repository": plan.repository,
        "sources": plan.sources,
        "tags": plan.tags,
        "dry-run": plan.dry_run,
        "order": order,
        "restic": {
            "command": words.map(|word| word.to_string_lossy()).collect::<Vec<_>>(),
            "environment": variables(plan),
        },
        "locks": plan.locks().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "hooks": hooks,
    })
}

fn hook_json(spec: &HookSpec, hook: Result<&Hook, &Failure>) -> Value {
    let limits = &spec.limits;
    let dirs = spec.grants.dirs.iter().map(|dir| {
        json!({ "host": dir.value.host, "guest": dir.value.guest, "write": dir.value.write, "at": dir.location.to_string() })
    });
    let env = spec.grants.env.iter().map(|name| json!({ "name": name.value, "at": name.location.to_string() }));
    let http = spec.grants.http.iter().map(|grant| {
        json!({
            "requests": grant.value.to_string(),
            "unix": grant.value.socket(),
            "ca-file": grant.value.authorities(),
            "private": grant.value.is_private(),
            "at": grant.location.to_string(),
        })
    });
    json!({
        "name": spec.name,
        "scope": spec.scope,
        "kind": spec.kind,
        "on": spec.on,
        "at": spec.location.to_string(),
        "component": spec.component,
        "digest": hook.ok().map(|hook| hook.component().inspection().digest),
        "pinned": spec.digest.is_some(),
        "requests": hook.ok().map(|hook| &hook.component().inspection().requests),
        "failure": hook.err(),
        "grants": { "dirs": dirs.collect::<Vec<_>>(), "env": env.collect::<Vec<_>>(), "http": http.collect::<Vec<_>>() },
        "config": spec.config.iter().map(|(key, _)| key).collect::<Vec<_>>(),
        "limits": {
            "timeout-ms": u64::try_from(limits.timeout.as_millis()).unwrap_or(u64::MAX),
            "fuel": limits.fuel,
            "memory": limits.memory,
            "table-elements": limits.table_elements,
            "instances": limits.instances,
            "handles": limits.handles,
            "output": limits.output,
            "log-lines": limits.log_lines,
            "error-length": limits.error_length,
            "transfer": limits.transfer,
            "http-requests": limits.http_requests,
            "http-body": limits.http_body,
            "http-headers": limits.http_headers,
            "component-size": limits.component_size,
            "compile-time-ms": u64::try_from(limits.compile_time.as_millis()).unwrap_or(u64::MAX),
        },
        "retry": { "attempts": spec.retry.attempts },
        "exclusive": spec.exclusive,
    })
}
