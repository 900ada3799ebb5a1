//! What the files grant to one hook, checked.

mod http;

use std::collections::BTreeMap;

use hookward_engine::DirGrant;

use super::GrantSpec;
use super::diagnostic::{Diagnostic, Located, Place};
use super::schema::{self, At};
use super::value::{Checker, normal};

/// The `grants` table of one hook.
pub(super) fn resolve(check: &mut Checker<'_>, grants: &schema::Grants) -> GrantSpec {
    GrantSpec {
        dirs: dirs(check, &grants.dirs),
        env: env(check, &grants.env),
        http: http::resolve(check, &grants.http),
    }
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
