//! `explain`: the plan of a run, as it would happen.

mod grants;
mod origin;

use std::fmt::Write as _;

use anyhow::Context as _;
use bytesize::ByteSize;
use hookward_engine::event::millis;
use hookward_engine::{Access, EventKind, Failure, Hook, Request as Import, Trigger};
use hookward_registry::signature::Signer;
use hookward_runner::components::Components;
use hookward_runner::config::HookSpec;
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
    let (prepared, components) = if plan.calls_hooks() {
        let runtime = session.runtime()?;
        let (engine, components) = (session.engine()?, session.components(&config.components)?);
        let prepared = runtime.block_on(Prepared::to_explain(plan, &engine, &session.states(), &components));
        runtime.shutdown_background();
        (prepared, Some(components))
    } else {
        (Prepared::without_hooks(plan), None)
    };
    let explained = Explained { prepared: &prepared, components: components.as_ref() };
    if session.global.json {
        output::result(format_args!("{:#}", describe(&explained)))?;
    } else {
        output::result(text(&explained).context("cannot write the plan")?.trim_end())?;
    }
    Ok(0)
}

/// A plan, and what its components come from; none of a plan without hooks.
struct Explained<'a> {
    prepared: &'a Prepared,
    components: Option<&'a Components>,
}

/// A hook of a plan, and what is known of it.
struct Explanation<'a> {
    spec: &'a HookSpec,
    hook: Result<&'a Hook, &'a Failure>,
    components: &'a Components,
    signed_by: Option<&'a Signer>,
}

impl<'a> Explained<'a> {
    fn hooks(&self) -> impl Iterator<Item = Explanation<'a>> {
        let hooks = self.prepared.hooks().zip(self.prepared.signers());
        let of = |components: &'a Components| {
            hooks.map(move |((spec, hook), signed_by)| Explanation { spec, hook, components, signed_by })
        };
        self.components.map(of).into_iter().flatten()
    }
}

/// The events in the order in which they can come.
fn events(plan: &Plan) -> impl Iterator<Item = (EventKind, Vec<&HookSpec>)> {
    EventKind::ALL.iter().map(|&kind| (kind, plan.hooks_on(kind))).filter(|(_, hooks)| !hooks.is_empty())
}

fn command_line(prepared: &Prepared) -> String {
    let Prepared { plan, .. } = prepared;
    let words = std::iter::once(plan.restic.program.as_os_str()).chain(plan.restic.args.iter().map(AsRef::as_ref));
    let line = words.map(|word| quoted(&word.to_string_lossy(), "-_./=:,@+%")).collect::<Vec<_>>().join(" ");
    prepared.mask().mask(&line).into_owned()
}

/// A word as a shell reads it. These characters are plain, besides letters and digits.
fn quoted(text: &str, plain: &str) -> String {
    if !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || plain.contains(c)) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Variables that are set for restic, by name: their values may be secret.
fn variables(plan: &Plan) -> Vec<&str> {
    plan.restic.env.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.as_str()).collect()
}

/// What an import gets: nothing more than its grant says.
fn access(import: &Import, hook: &HookSpec) -> String {
    match import.access {
        Access::Free => "free".to_owned(),
        Access::Empty(grant) | Access::Gated(grant) if hook.grants.has(grant) => format!("granted by `{grant}`"),
        Access::Gated(grant) if hook.grants.empty.contains(grant) => format!("nothing behind it: `{grant}` is empty"),
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

fn text(explained: &Explained<'_>) -> Result<String, std::fmt::Error> {
    let prepared = explained.prepared;
    let plan = &prepared.plan;
    let mut out = String::new();
    let profile = plan.profile.as_deref().unwrap_or("(none)");
    writeln!(out, "profile {profile}, operation {}, repository {}", plan.operation, plan.repository)?;
    writeln!(out, "\norder")?;
    let mut gate_shown = false;
    for (kind, hooks) in events(plan) {
        if kind != EventKind::Before && !gate_shown {
            gate(&mut out, prepared)?;
            gate_shown = true;
        }
        let names: Vec<_> = hooks.iter().map(|hook| hook.name.as_str()).collect();
        writeln!(out, "  {kind:<10}  {}", names.join(", "))?;
    }
    if !gate_shown {
        gate(&mut out, prepared)?;
    }
    for lock in plan.locks() {
        writeln!(out, "  locks       {lock}")?;
    }
    for explanation in explained.hooks() {
        describe_hook(&mut out, &explanation)?;
    }
    Ok(out)
}

fn gate(out: &mut String, prepared: &Prepared) -> std::fmt::Result {
    let Prepared { plan, .. } = prepared;
    writeln!(out, "  -- gate --  {}", command_line(prepared))?;
    if !variables(plan).is_empty() {
        writeln!(out, "              with {} in the environment", variables(plan).join(" and "))?;
    }
    Ok(())
}

fn describe_hook(out: &mut String, explanation: &Explanation<'_>) -> std::fmt::Result {
    let &Explanation { spec, hook, components, signed_by } = explanation;
    writeln!(out, "\nhook \"{}\" ({}, {})  {}", spec.name, spec.scope, spec.kind, spec.location)?;
    writeln!(out, "  component   {}", spec.component)?;
    match hook {
        Ok(hook) => {
            let inspection = hook.component().inspection();
            let pinned = if spec.digest.is_some() { " (pinned)" } else { "" };
            writeln!(out, "              {}{pinned}", inspection.digest)?;
            if let Some(module) = inspection.label() {
                writeln!(out, "              {module}")?;
            }
            origin::lines(out, components, &spec.component, signed_by)?;
            writeln!(out, "  asks for")?;
            for (access, purposes) in requests(&inspection.requests, spec) {
                writeln!(out, "    {} [{access}]", purposes.join(", "))?;
            }
        }
        Err(failure) => {
            writeln!(out, "  UNUSABLE    {failure} [{}]", failure.reason)?;
            origin::lines(out, components, &spec.component, signed_by)?;
        }
    }
    writeln!(out, "  gets")?;
    for line in grants::lines(&spec.grants) {
        writeln!(out, "    {line}")?;
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
        "              {} table elements, {} instances, {} handles, output {}, {} log lines, error {}, transfer {}, \
         {} commands",
        limits.table_elements,
        limits.instances,
        limits.handles,
        ByteSize(limits.output).display().iec(),
        limits.log_lines,
        ByteSize(limits.error_length as u64).display().iec(),
        ByteSize(limits.transfer as u64).display().iec(),
        limits.commands,
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

fn describe(explained: &Explained<'_>) -> Value {
    let prepared = explained.prepared;
    let plan = &prepared.plan;
    let order: serde_json::Map<_, _> = events(plan)
        .map(|(kind, hooks)| (kind.to_string(), json!(hooks.iter().map(|hook| &hook.name).collect::<Vec<_>>())))
        .collect();
    let hooks: Vec<_> = explained.hooks().map(|explanation| hook_json(&explanation)).collect();
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
            "command": words.map(|word| prepared.mask().mask(&word.to_string_lossy()).into_owned()).collect::<Vec<_>>(),
            "environment": variables(plan),
        },
        "locks": plan.locks().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "hooks": hooks,
    })
}

fn hook_json(explanation: &Explanation<'_>) -> Value {
    let &Explanation { spec, hook, components, signed_by } = explanation;
    let limits = &spec.limits;
    json!({
        "name": spec.name,
        "scope": spec.scope,
        "kind": spec.kind,
        "on": spec.on,
        "at": spec.location.to_string(),
        "component": spec.component,
        "module": hook.ok().and_then(|hook| hook.component().inspection().label()),
        "digest": hook.ok().map(|hook| hook.component().inspection().digest),
        "pinned": spec.digest.is_some(),
        "locked": origin::locked(components, &spec.component),
        "signature": components.signature(&spec.component).map(origin::wanted),
        "signed-by": signed_by.map(Signer::name),
        "issuer": signed_by.and_then(Signer::issuer),
        "requests": hook.ok().map(|hook| &hook.component().inspection().requests),
        "failure": hook.err(),
        "grants": grants::describe(&spec.grants),
        "config": spec.config.iter().map(|(key, _)| key).collect::<Vec<_>>(),
        "limits": {
            "timeout-ms": millis::of(limits.timeout),
            "fuel": limits.fuel,
            "memory": limits.memory,
            "table-elements": limits.table_elements,
            "instances": limits.instances,
            "handles": limits.handles,
            "output": limits.output,
            "log-lines": limits.log_lines,
            "error-length": limits.error_length,
            "transfer": limits.transfer,
            "commands": limits.commands,
            "http-requests": limits.http_requests,
            "http-body": limits.http_body,
            "http-headers": limits.http_headers,
            "component-size": limits.component_size,
            "compile-time-ms": millis::of(limits.compile_time),
        },
        "retry": { "attempts": spec.retry.attempts },
        "exclusive": spec.exclusive,
    })
}
