//! One hook: what the files say of it, checked and with every default filled in.

use std::collections::{BTreeMap, BTreeSet};

use hookward_engine::{EventKind, Limits, Scope};
use hookward_registry::{InvalidReference, Reference};

use super::diagnostic::{Diagnostic, Place, suggest};
use super::schema::{self, At, Size};
use super::value::Checker;
use super::{Backoff, Digest, HookSpec, Kind, OPERATIONS, Operations, Retry, Source, grants};

/// The hooks of one scope; `names` holds those that it already has.
pub(super) fn hooks(
    check: &mut Checker<'_>,
    scope: Scope,
    hooks: &[At<schema::Hook>],
    limits: &Limits,
    names: &mut BTreeMap<String, Place>,
) -> Vec<HookSpec> {
    let mut specs = Vec::new();
    for at in hooks {
        let name = &at.get().name;
        let place = check.place(name.span());
        match names.get(name.get()) {
            Some(first) => {
                let message = format!("two hooks of this scope are named `{}`", name.get());
                let help = format!("rename one; the first is at {}", first.location());
                let diagnostic = Diagnostic::at(place, message, help).related(first.clone(), "the first one");
                check.errors.push(diagnostic);
            }
            None => {
                names.insert(name.get().clone(), place);
            }
        }
        specs.extend(hook(check, scope, at, limits));
    }
    specs
}

fn hook(check: &mut Checker<'_>, scope: Scope, at: &At<schema::Hook>, defaults: &Limits) -> Option<HookSpec> {
    let hook = at.get();
    let name = check.name("hook", &hook.name);
    let component = component(check, &hook.component);
    let on = events(check, &hook.on);
    let mut limits = defaults.clone();
    self::limits(check, LimitFields::from(hook), &mut limits);
    let exclusive = hook.exclusive.as_ref().and_then(|name| check.name("thing in `exclusive`", name));
    let digest = hook.digest.as_ref().and_then(|digest| self::digest(check, digest));
    let operations = hook.operations.as_ref().map_or_else(Operations::default, |given| operations(check, given));
    let kind = choice(check, "kind", hook.kind.as_ref(), Kind::ALL, Kind::as_str);
    let retry = hook.retry.as_ref().map_or_else(Retry::default, |given| retry(check, given));
    let grants = grants::resolve(check, &hook.grants);
    grants::plan_in_time(check, &hook.grants, &on, &operations);
    Some(HookSpec {
        name: name?,
        scope,
        component: component?,
        component_location: check.location(&hook.component),
        digest,
        digest_location: hook.digest.as_ref().map(|digest| check.location(digest)),
        on,
        operations,
        kind,
        limits,
        retry,
        exclusive,
        config: hook_settings(&hook.config),
        grants,
        location: check.location(at),
    })
}

fn component(check: &mut Checker<'_>, at: &At<String>) -> Option<Source> {
    let text = check.expanded("`component`", at)?;
    if Reference::is_meant(&text) {
        let reference = text.parse().map_err(|error: InvalidReference| {
            let help = "write `oci://HOST/NAME:TAG`, `oci://HOST/NAME@sha256:...`, or both";
            check.error(at, error.to_string(), help);
        });
        return reference.map(Source::Registry).ok();
    }
    if text.contains("://") {
        let help = "name a file, or a registry: `oci://ghcr.io/acme/hook:1.2.0`";
        check.error(at, format!("`{text}` is neither the path of a file nor a reference to a registry"), help);
        return None;
    }
    check.path("`component`", at).map(Source::File)
}

fn digest(check: &mut Checker<'_>, at: &At<String>) -> Option<Digest> {
    at.get()
        .parse()
        .map_err(|_| {
            let help = "write `sha256:` and 64 hexadecimal digits, as `hookward hook inspect` shows";
            check.error(at, format!("`{}` is not a digest", at.get()), help);
        })
        .ok()
}

fn events(check: &mut Checker<'_>, at: &At<Vec<At<String>>>) -> BTreeSet<EventKind> {
    if at.get().is_empty() {
        let help = "name the events that it is for, such as `on = [\"before\", \"finally\"]`";
        check.error(at, "the hook is for no event: `on` is empty", help);
    }
    let mut events = BTreeSet::new();
    for event in at.get() {
        match event.get().parse::<EventKind>() {
            Ok(kind) => {
                events.insert(kind);
            }
            Err(error) => {
                let help = suggest(event.get(), "events", error.known.iter().copied());
                check.error(event, format!("no event `{}`", event.get()), help);
            }
        }
    }
    events
}

fn operations(check: &mut Checker<'_>, at: &At<Vec<At<String>>>) -> Operations {
    if at.get().is_empty() {
        let help = "name subcommands of restic, or `*` for every one; without the key it is `backup`";
        check.error(at, "the hook is for no operation: `operations` is empty", help);
    }
    let mut names = BTreeSet::new();
    let mut all = false;
    for operation in at.get() {
        let name = operation.get().as_str();
        if name == "*" {
            all = true;
        } else if OPERATIONS.contains(&name) {
            names.insert(name.to_owned());
        } else {
            let help = suggest(name, "operations", OPERATIONS.iter().copied());
            check.error(operation, format!("restic has no subcommand `{name}`"), help);
        }
    }
    if all { Operations::All } else { Operations::Only(names) }
}

/// One of a few values; the default where there is none.
fn choice<T: Copy + Default>(
    check: &mut Checker<'_>,
    key: &str,
    at: Option<&At<String>>,
    all: &[T],
    text: fn(T) -> &'static str,
) -> T {
    let Some(at) = at else { return T::default() };
    match all.iter().find(|value| text(**value) == at.get()) {
        Some(value) => *value,
        None => {
            let known: Vec<_> = all.iter().map(|value| text(*value)).collect();
            let help = suggest(at.get(), "values", known);
            check.error(at, format!("`{}` is no value of `{key}`", at.get()), help);
            T::default()
        }
    }
}

fn retry(check: &mut Checker<'_>, retry: &schema::Retry) -> Retry {
    let defaults = Retry::default();
    let attempts = *retry.attempts.get();
    if attempts == 0 {
        let help = "it counts the first call too: write 1 or more, or remove `retry`";
        check.error(&retry.attempts, "`attempts` is zero", help);
    }
    let backoff = choice(check, "backoff", retry.backoff.as_ref(), Backoff::ALL, Backoff::as_str);
    let delay = retry.delay.as_ref().and_then(|delay| check.duration("delay", delay));
    let delay = delay.unwrap_or(defaults.delay);
    let longest = retry.max_delay.as_ref().and_then(|at| Some((at, check.duration("max-delay", at)?)));
    if let Some((at, longest)) = longest
        && longest < delay
    {
        let delay = humantime::format_duration(delay);
        check.error(
            at,
            format!("`max-delay` is shorter than `delay`, which is {delay}"),
            "make it longer, or remove it",
        );
    }
    let max_delay = longest.map_or(defaults.max_delay.max(delay), |(_, longest)| longest);
    Retry { attempts, delay, backoff, max_delay }
}

/// A hook's settings as it reads them: a text as it is, anything else as JSON.
#[must_use]
pub fn hook_settings(table: &toml::Table) -> Vec<(String, String)> {
    table.iter().map(|(key, value)| (key.clone(), setting(value))).collect()
}

fn setting(value: &toml::Value) -> String {
    match json(value) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

fn json(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        // JSON has no word for these two kinds of number.
        toml::Value::Float(number) if !number.is_finite() => value.to_string().into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(boolean) => (*boolean).into(),
        toml::Value::Datetime(datetime) => datetime.to_string().into(),
        toml::Value::Array(values) => values.iter().map(json).collect(),
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}

/// The limits that one table gives.
#[derive(Clone, Copy)]
pub(super) struct LimitFields<'a> {
    timeout: Option<&'a At<String>>,
    fuel: Option<&'a At<u64>>,
    memory: Option<&'a At<Size>>,
    rarer: &'a schema::Limits,
}

impl<'a> From<&'a schema::Defaults> for LimitFields<'a> {
    fn from(table: &'a schema::Defaults) -> Self {
        Self {
            timeout: table.timeout.as_ref(),
            fuel: table.fuel.as_ref(),
            memory: table.memory.as_ref(),
            rarer: &table.limits,
        }
    }
}

impl<'a> From<&'a schema::Hook> for LimitFields<'a> {
    fn from(table: &'a schema::Hook) -> Self {
        Self {
            timeout: table.timeout.as_ref(),
            fuel: table.fuel.as_ref(),
            memory: table.memory.as_ref(),
            rarer: &table.limits,
        }
    }
}

/// Puts what a table gives over what there is.
pub(super) fn limits(check: &mut Checker<'_>, given: LimitFields<'_>, limits: &mut Limits) {
    fn set<T>(field: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *field = value;
        }
    }
    fn size(check: &mut Checker<'_>, at: Option<&At<Size>>) -> Option<usize> {
        Some(usize::try_from(check.size(at?)?).unwrap_or(usize::MAX))
    }
    let rarer = given.rarer;
    set(&mut limits.timeout, given.timeout.and_then(|at| check.positive_duration("timeout", at)));
    set(&mut limits.fuel, given.fuel.and_then(|at| check.positive("fuel", at, *at.get(), 0)));
    set(&mut limits.memory, given.memory.and_then(|at| check.positive_size("memory", at)));
    set(&mut limits.table_elements, rarer.table_elements.as_ref().map(|at| *at.get()));
    let instances = rarer.instances.as_ref();
    set(&mut limits.instances, instances.and_then(|at| check.positive("instances", at, *at.get(), 0)));
    set(&mut limits.handles, rarer.handles.as_ref().map(|at| *at.get()));
    set(&mut limits.output, rarer.output.as_ref().and_then(|at| check.size(at)));
    set(&mut limits.log_lines, rarer.log_lines.as_ref().map(|at| *at.get()));
    set(&mut limits.error_length, size(check, rarer.error_length.as_ref()));
    set(&mut limits.transfer, size(check, rarer.transfer.as_ref()));
    set(&mut limits.commands, rarer.commands.as_ref().map(|at| *at.get()));
    set(&mut limits.http_requests, rarer.http_requests.as_ref().map(|at| *at.get()));
    set(&mut limits.http_body, rarer.http_body.as_ref().and_then(|at| check.size(at)));
    set(&mut limits.http_headers, size(check, rarer.http_headers.as_ref()));
    let component_size = rarer.component_size.as_ref();
    set(&mut limits.component_size, component_size.and_then(|at| check.positive_size("component-size", at)));
    let compile_time = rarer.compile_time.as_ref();
    set(&mut limits.compile_time, compile_time.and_then(|at| check.positive_duration("compile-time", at)));
}
