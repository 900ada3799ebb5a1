//! HTTP requests that are granted.

use hookward_engine::{HttpGrant, InvalidHttpGrant};

use crate::config::diagnostic::Located;
use crate::config::schema::{self, At};
use crate::config::value::Checker;

pub(super) fn resolve(check: &mut Checker<'_>, grants: &[At<schema::Http>]) -> Vec<Located<HttpGrant>> {
    let mut granted = Vec::new();
    for at in grants {
        if let Some(grant) = grant(check, at.get()) {
            granted.push(check.located(at, grant));
        }
    }
    granted
}

/// Puts the grant together key by key, so that each error stands where its key does.
fn grant(check: &mut Checker<'_>, grant: &schema::Http) -> Option<HttpGrant> {
    let mut granted = step(check, &grant.url, HttpGrant::new(grant.url.get()))?;
    if let Some(methods) = &grant.methods {
        let list = texts(check, methods, HttpGrant::methods)?;
        granted = step(check, methods, granted.methods(&list))?;
    }
    if let Some(allow) = &grant.allow {
        let list = texts(check, allow, HttpGrant::allow)?;
        granted = step(check, allow, granted.allow(&list))?;
    }
    if let Some(at) = &grant.unix {
        let socket = check.path("`unix`", at)?;
        granted = step(check, at, granted.unix(socket))?;
    }
    if let Some(at) = &grant.ca_file {
        let file = check.path("`ca-file`", at)?;
        granted = step(check, at, granted.ca_file(file))?;
    }
    if let Some(at) = grant.private.as_ref().filter(|at| *at.get()) {
        granted = step(check, at, granted.private())?;
    }
    Some(granted)
}

/// The texts of a list, each tried alone first: the error then points to it.
fn texts<'a>(
    check: &mut Checker<'_>,
    list: &'a At<Vec<At<String>>>,
    apply: fn(HttpGrant, &[&'a str]) -> Result<HttpGrant, InvalidHttpGrant>,
) -> Option<Vec<&'a str>> {
    let mut good = true;
    for at in list.get() {
        let plain = HttpGrant::new("http://host").and_then(|plain| apply(plain, &[at.get()]));
        good &= step(check, at, plain).is_some();
    }
    good.then(|| list.get().iter().map(|at| at.get().as_str()).collect())
}

fn step<T>(check: &mut Checker<'_>, at: &At<T>, made: Result<HttpGrant, InvalidHttpGrant>) -> Option<HttpGrant> {
    made.map_err(|error| check.error(at, error.to_string(), help(&error))).ok()
}

fn help(error: &InvalidHttpGrant) -> &'static str {
    match error {
        InvalidHttpGrant::Url { .. } => "write scheme, host and path, such as `https://hc-ping.com/*`",
        InvalidHttpGrant::Method { .. } => "write methods such as `GET`, `POST` or `PUT`",
        InvalidHttpGrant::Rule { .. } => "write a method and a path, such as `POST /containers/db/stop`",
        InvalidHttpGrant::Nothing => "name what is allowed, or remove the key",
        InvalidHttpGrant::Twice(_) => "keep one: `methods` with a path in `url`, or `allow` without one",
        InvalidHttpGrant::Unsaid => "add `allow`, a list of requests such as `POST /containers/db/stop`, or `methods`",
        _ => "remove the key, or grant another host",
    }
}
