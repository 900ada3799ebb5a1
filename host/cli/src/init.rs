//! `init`: writes a commented configuration.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::Context as _;
use hookward_runner::config::TEMPLATE;

use crate::args::Init;
use crate::output;
use crate::session::Session;

pub(crate) fn init(session: &Session, init: &Init) -> anyhow::Result<i32> {
    let file = &init.file;
    let mut options = OpenOptions::new();
    options.write(true);
    if init.force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut open = options.open(file).with_context(|| {
        let hint = if file.exists() { " (--force overwrites it)" } else { "" };
        format!("cannot write {}{hint}", file.display())
    })?;
    open.write_all(TEMPLATE.as_bytes()).with_context(|| format!("cannot write {}", file.display()))?;
    if !session.global.quiet {
        output::say(format_args!("wrote {}; edit it, then `hookward validate`", file.display()));
    }
    Ok(0)
}
