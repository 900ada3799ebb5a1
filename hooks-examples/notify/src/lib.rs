//! Sends a message about a backup to chats, phones and mailboxes. See the README for
//! its settings.

use hookward_sdk::prelude::*;

mod config;
mod credential;
mod message;
mod send;
mod services;
mod target;

use config::Config;
use message::Message;

/// The hook: one message to every target.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    if event.dry_run && !config.dry_run {
        info!("nobody is notified of a dry run, unless `dry-run = true`");
        return Ok(());
    }
    if !config.wants(event) {
        info!("nobody is notified: `when` doesn't name how this run went");
        return Ok(());
    }
    let key = if config.once { phase(event) } else { event.kind.as_str() };
    let keeps = config.once && !event.dry_run;
    if keeps && state::get::<String>(key).map_err(|error| error.to_string())?.as_ref() == Some(&event.run_id) {
        info!("this run was told of already");
        return Ok(());
    }
    let message = Message::new(event, &config, format!("{}-{key}", event.run_id));
    send::to_all(&config.targets, &message)?;
    if keeps {
        state::set(key, &event.run_id).map_err(|error| error.to_string())?;
    }
    info!(targets = config.targets.len(), "notified: {}", message.title);
    Ok(())
}

/// A run is told of once when it begins, and once when it has ended.
fn phase(event: &Event) -> &'static str {
    if event.kind == EventKind::Before { "begin" } else { "end" }
}
