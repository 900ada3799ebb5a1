//! What the files grant to one hook, checked.

mod commands;
mod http;

use std::collections::{BTreeMap, BTreeSet};

use hookward_engine::plan::{InvalidPart, Part};
use hookward_engine::{DirGrant, EventKind, InvalidTcp, StateQuota, TcpGrant};

use super::diagnostic::{Diagnostic, Located, Place, suggest};
use super::schema::{self, At};
use super::secrets::secrets;
use super::value::{Checker, normal};
use super::{GrantSpec, Operations};

/// The `grants` table of one hook.
pub(super) fn resolve(check: &mut Checker<'_>, grants: &schema::Grants) -> GrantSpec {
    GrantSpec {
        dirs: dirs(check, &grants.dirs),
        env: env(check, &grants.env),
        commands: commands::resolve(check, grants.commands.as_ref()),
        http: http::resolve(check, grants.http.as_deref().unwrap_or_default()),
        secrets: secrets(check, grants.secrets.as_ref()),
        plan: plan(check, grants.plan.as_deref().unwrap_or_default()),
        state: grants.state.as_ref().and_then(|at| state(check, at)),
        tcp: tcp(check, &grants.tcp),
        empty: empty(grants),
    }
}

/// The keys of gated interfaces that are written with nothing in them.
fn empty(grants: &schema::Grants) -> BTreeSet<String> {
    let keys = [
        ("commands", grants.commands.as_ref().is_some_and(BTreeMap::is_empty)),
        ("http", grants.http.as_ref().is_some_and(Vec::is_empty)),
        ("secrets", grants.secrets.as_ref().is_some_and(BTreeMap::is_empty)),
        ("plan", grants.plan.as_ref().is_some_and(Vec::is_empty)),
    ];
    keys.into_iter().filter(|(_, empty)| *empty).map(|(key, _)| key.to_owned()).collect()
}

fn dirs(check: &mut Checker<'_>, dirs: &[At<schema::Dir>]) -> Vec<Located<DirGrant>> {
    let mut granted = Vec::new();
    let mut guests = BTreeMap::new();
    for at in dirs {
        let dir = at.get();
        let Some(host) = check.path("`host`", &dir.host) else { continue };
        let guest = match &dir.guest {
            Some(guest) => check.text("`guest`", guest),
            None => {
                let guest = host.to_str().map(str::to_owned);
                if guest.is_none() {
                    let message = format!("the path {} is not UTF-8", host.display());
                    check.error(&dir.host, message, "add `guest`, the path at which the hook sees it");
                }
                guest
            }
        };
        let Some(guest) = guest else { continue };
        let place = check.place(dir.guest.as_ref().unwrap_or(&dir.host).span());
        match guests.get(&normal(&guest)) {
            Some(first) => {
                let message = format!("two directories are granted at `{guest}`");
                let help = "give each its own `guest`";
                let first: &Place = first;
                check.errors.push(Diagnostic::at(place, message, help).related(first.clone(), "the first one"));
            }
            None => {
                guests.insert(normal(&guest), place);
            }
        }
        granted.push(check.located(at, DirGrant { host, guest, write: dir.write }));
    }
    granted
}

fn env(check: &mut Checker<'_>, names: &[At<String>]) -> Vec<Located<String>> {
    let mut granted = Vec::new();
    for at in names {
        if at.get().contains('=') {
            let message = format!("`{}` is not the name of a variable", at.get());
            check.error(at, message, "write the name alone: its value is that of hookward's own environment");
        } else if let Some(name) = check.text("a name in `env`", at) {
            granted.push(check.located(at, name));
        }
    }
    granted
}

fn plan(check: &mut Checker<'_>, parts: &[At<String>]) -> Vec<Located<Part>> {
    let mut granted = Vec::new();
    for at in parts {
        match at.get().parse() {
            Ok(part) => granted.push(check.located(at, part)),
            Err(error) => {
                let help = match &error {
                    InvalidPart::Unknown(text) => suggest(text, "parts", Part::ALL.iter().copied()),
                    InvalidPart::Name(_) => "write `env:` and a name, such as `env:TMPDIR`".to_owned(),
                    _ => "set it yourself, in hookward's own environment or in the configuration".to_owned(),
                };
                check.error(at, error.to_string(), help);
            }
        }
    }
    granted
}

/// Refuses a grant that could never be used: a plan is changed before it is carried
/// out, and only a backup has one.
pub(super) fn plan_in_time(
    check: &mut Checker<'_>,
    grants: &schema::Grants,
    on: &BTreeSet<EventKind>,
    operations: &Operations,
) {
    let Some(part) = grants.plan.as_ref().and_then(|parts| parts.first()) else { return };
    // Events that were no events have an error of their own.
    if !on.is_empty() && !on.contains(&EventKind::Before) {
        let message = "the plan is granted to a hook that isn't called in `before`";
        check.error(part, message, "add \"before\" to `on`, or remove the grant: nothing can be changed later");
    }
    if !operations.contains("backup") {
        let message = "the plan is granted to a hook that isn't called for a `backup`";
        check.error(part, message, "add \"backup\" to `operations`, or remove the grant: nothing else has a plan");
    }
}

fn state(check: &mut Checker<'_>, at: &At<schema::State>) -> Option<Located<StateQuota>> {
    let quota = match &at.get().max_bytes {
        None => StateQuota::default(),
        Some(bytes) => match StateQuota::new(check.size(bytes)?) {
            Ok(quota) => quota,
            Err(error) => {
                let help = "write a size such as `64KiB`; for more, grant a directory with `dirs`";
                check.error(bytes, error.to_string(), help);
                return None;
            }
        },
    };
    Some(check.located(at, quota))
}

fn tcp(check: &mut Checker<'_>, addresses: &[At<String>]) -> Vec<Located<TcpGrant>> {
    let mut granted = Vec::new();
    for at in addresses {
        match at.get().parse::<TcpGrant>() {
            Ok(address) => granted.push(check.located(at, address)),
            Err(error) => {
                let help = match error {
                    InvalidTcp::Brackets => "write `[ADDRESS]:PORT`, such as `[::1]:5432`",
                    _ => "write `HOST:PORT`, such as `127.0.0.1:5432` or `db.internal:5432`",
                };
                check.error(at, format!("`{}` is not an address to connect to: {error}", at.get()), help);
            }
        }
    }
    granted
}
