//! `hookward lock`: writes what each component is, and shows what an update asks for
//! before it does.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use hookward_engine::{Access, Request};
use hookward_registry::lock::Locked;
use hookward_registry::signature::Signer;
use hookward_runner::components::{Change, Entry, Proposal, Wanted, wanted};
use hookward_runner::config::{ComponentSettings, Config};
use serde_json::{Value, json};

use crate::args::Lock;
use crate::output;
use crate::session::{Problem, Session};

/// Exit code of a lock that was not written, for nobody has agreed to it.
const NOT_CONFIRMED: i32 = 1;

pub(crate) fn lock(session: &Session, args: &Lock) -> anyhow::Result<i32> {
    let config = session.config()?;
    let settings = from_their_sources(&config);
    let path = settings.lock();
    let wanted = wanted(&config);
    let update = |one: &Wanted| args.update.as_ref().is_some_and(|names| names.is_empty() || is_among(names, one));
    check_names(args.update.as_deref().unwrap_or_default(), &wanted)?;
    let components = session.components(&settings)?;
    let runtime = session.runtime()?;
    let proposal = runtime.block_on(components.propose(&wanted, update)).map_err(Problem::Unlocked)?;
    runtime.shutdown_background();

    let json = session.global.json;
    if !json && !session.global.quiet {
        let text = text(&proposal).context("cannot write what has changed")?;
        if !text.is_empty() {
            output::result(text.trim_end())?;
        }
    }
    if session.global.locked && proposal.is_new() {
        let message = format!("{} is not up to date, and --locked keeps it as it is", path.display());
        return Err(Problem::Registry(message).into());
    }
    let refused = proposal.asks_for_more() && !session.global.dry_run && !args.yes && !confirmed(session)?;
    let write = !refused && !session.global.dry_run && (proposal.is_new() || !path.exists());
    if write {
        proposal.lock.write(&path).map_err(Problem::from)?;
    }
    let code = if refused { NOT_CONFIRMED } else { 0 };
    if json {
        let entries: Vec<_> = proposal.entries.iter().map(describe).collect();
        let report = json!({
            "version": 1, "exit-code": code, "lock": path, "written": write,
            "asks-for-more": proposal.asks_for_more(), "components": entries,
        });
        output::result(format_args!("{report:#}"))?;
    }
    if refused {
        output::say_aside("hookward: nothing was written: a component asks for more than it did (--yes takes it)");
    } else if !json && !session.global.quiet {
        output::result(outcome(&path, &proposal, write))?;
    }
    Ok(code)
}

/// What a lock is made of: the sources themselves, and not a copy of them.
pub(crate) fn from_their_sources(config: &Config) -> ComponentSettings {
    ComponentSettings { vendor: None, ..config.components.clone() }
}

fn outcome(path: &Path, proposal: &Proposal, written: bool) -> String {
    let (path, count) = (path.display(), proposal.lock.components().len());
    match (written, proposal.is_new()) {
        (true, _) => format!("wrote {path}: {count} locked"),
        (false, true) => format!("{path} would be written: {count} locked"),
        (false, false) => format!("{path} is up to date: {count} locked"),
    }
}

/// Whether a component is named: by a hook, or as the configuration calls it.
fn is_among(names: &[String], wanted: &Wanted) -> bool {
    names.iter().any(|name| wanted.hooks.contains(name) || wanted.source.to_string() == *name)
}

fn check_names(names: &[String], wanted: &[Wanted]) -> Result<(), Problem> {
    let unknown = names.iter().find(|name| !wanted.iter().any(|one| is_among(std::slice::from_ref(name), one)));
    unknown.map_or(Ok(()), |name| {
        Err(Problem::NotNamed(format!("no hook of the configuration is named `{name}`, and no component either")))
    })
}

/// Asks whoever is there. Nobody is, for a script.
fn confirmed(session: &Session) -> anyhow::Result<bool> {
    if session.global.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(false);
    }
    let mut stderr = std::io::stderr();
    stderr.write_all(b"It asks for more than it did. Lock it all the same? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn text(proposal: &Proposal) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    for Entry { locked, change, signed_by, .. } in &proposal.entries {
        let Locked { source, digest, .. } = locked;
        match change {
            Change::None => continue,
            Change::Removed => {
                writeln!(out, "removed  {source}")?;
                continue;
            }
            Change::Added(requests) => {
                writeln!(out, "added    {source}{}", version(locked))?;
                writeln!(out, "         {digest}")?;
                line(&mut out, "asks for", &words(requests))?;
                line(&mut out, "has URLs of", &locked.hosts.iter().cloned().collect::<Vec<_>>())?;
            }
            Change::Updated { from, changes } => {
                writeln!(out, "updated  {source}{}", version(locked))?;
                writeln!(out, "         {}{}", from.digest, version(from))?;
                writeln!(out, "      -> {digest}")?;
                line(&mut out, "ASKS FOR MORE:", &words(&changes.imports))?;
                line(&mut out, "HAS NEW URLS OF", &changes.hosts)?;
                line(&mut out, "no longer asks for", &changes.gone_imports)?;
                line(&mut out, "no longer has URLs of", &changes.gone_hosts)?;
            }
        }
        if let Some(signer) = signed_by {
            writeln!(out, "         signed by {signer}")?;
        }
    }
    Ok(out)
}

fn line(out: &mut String, what: &str, list: &[String]) -> std::fmt::Result {
    if list.is_empty() { Ok(()) } else { writeln!(out, "         {what} {}", list.join("; ")) }
}

/// `, require-path 0.1.0`, as far as it says so.
fn version(locked: &Locked) -> String {
    let parts: Vec<_> = [&locked.name, &locked.version].into_iter().flatten().map(String::as_str).collect();
    if parts.is_empty() { String::new() } else { format!("  ({})", parts.join(" ")) }
}

/// What imports are for, each once, and what they need.
fn words(requests: &[Request]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for request in requests {
        let word = match request.access {
            Access::Empty(grant) | Access::Gated(grant) => format!("{} (grant `{grant}`)", request.purpose),
            Access::Free => request.purpose.to_owned(),
            _ => format!("{} (unknown here)", request.import),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

fn describe(entry: &Entry) -> Value {
    let Entry { locked, hooks, change, signed_by } = entry;
    let (what, from, changes) = match change {
        Change::None => ("none", None, None),
        Change::Added(_) => ("added", None, None),
        Change::Updated { from, changes } => ("updated", Some(from.digest), Some(changes)),
        Change::Removed => ("removed", None, None),
    };
    json!({
        "component": locked,
        "hooks": hooks,
        "change": what,
        "from": from,
        "changes": changes,
        "signed-by": signed_by.as_ref().map(Signer::name),
        "issuer": signed_by.as_ref().and_then(Signer::issuer),
    })
}
