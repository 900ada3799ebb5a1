//! What hooks change in a plan.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hookward_engine::plan::{Change, Variable};

use super::Plan;
use crate::restic::args::Invocation;

/// Where restic takes the password from: it refuses some of these together, and takes
/// the others in an order of its own.
const PASSWORD: &[&str] = &["RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"];

impl Plan {
    /// Makes changes that the engine has checked, in their order. What is there already
    /// isn't added again.
    pub fn change(&mut self, changes: &[Change]) {
        let invocation = Invocation::parse(&self.restic.args);
        let mut here: HashSet<_> = invocation.sources.iter().map(|source| place(source)).collect();
        let mut tags: HashSet<_> = invocation.tags.iter().cloned().collect();
        let mut excludes: HashSet<_> = invocation.excludes.iter().cloned().collect();
        let (mut sources, mut options) = (Vec::<OsString>::new(), Vec::<OsString>::new());
        let mut replace = false;
        for change in changes {
            if let Change::SetSources(_) = change {
                replace = true;
                here.clear();
                sources.clear();
            }
            match change {
                Change::SetSources(paths) | Change::AddSources(paths) => {
                    sources.extend(paths.iter().filter(|path| here.insert(place(path))).map(OsString::from));
                }
                Change::AddTags(added) => {
                    let added = added.iter().filter(|tag| tags.insert((*tag).clone()));
                    options.extend(added.map(|tag| format!("--tag={tag}").into()));
                }
                Change::AddExcludes(added) => {
                    let added = added.iter().filter(|pattern| excludes.insert((*pattern).clone()));
                    options.extend(added.map(|pattern| format!("--exclude={pattern}").into()));
                }
                Change::SetEnv(variable) => self.set_env(variable),
                _ => {}
            }
        }
        let args = invocation.with(&self.restic.args, &options, &sources, replace);
        let Invocation { sources, tags, .. } = Invocation::parse(&args);
        (self.restic.args, self.sources, self.tags) = (args, sources, tags);
    }

    fn set_env(&mut self, Variable { name, value, .. }: &Variable) {
        if PASSWORD.contains(&name.as_str()) {
            for other in PASSWORD {
                self.restic.set_env(other, None);
            }
            if let Some(route) = self.unasked.take() {
                self.restic.stderr = route;
            }
        }
        self.restic.set_env(name, Some(value.into()));
    }
}

/// What a path names, be it written with a slash behind it or not.
fn place(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| Path::new(path).to_owned())
}
