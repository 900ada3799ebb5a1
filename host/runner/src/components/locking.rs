//! What `hookward lock` would write, and how that differs from what is written.

use std::collections::BTreeMap;

use hookward_engine::{Failure, Inspection, Reason, Request};
use hookward_registry::lock::{Changes, Locked};
use hookward_registry::signature::{Signature, Signer};
use hookward_registry::{Lock, Reference};

use super::{Components, of_registry, of_store, read};
use crate::config::{Config, HookSpec, Location, Source};
use crate::prepare::{help, unusable};

/// A component that the configuration wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it comes from.
    pub source: Source,
    /// Names of the hooks that it is for.
    pub hooks: Vec<String>,
    /// Where the first of them names it.
    pub location: Location,
    /// Its bytes, at the most.
    pub limit: u64,
}

/// Every component that a configuration wants, once.
#[must_use]
pub fn wanted(config: &Config) -> Vec<Wanted> {
    let of_repositories = config.repositories.values().flat_map(|repository| &repository.hooks);
    let of_profiles = config.profiles.values().flat_map(|profile| &profile.hooks);
    let mut wanted: BTreeMap<&Source, Wanted> = BTreeMap::new();
    for hook in config.hooks.iter().chain(of_repositories).chain(of_profiles) {
        let HookSpec { component, component_location, limits, name, .. } = hook;
        let entry = wanted.entry(component).or_insert_with(|| Wanted {
            source: component.clone(),
            hooks: Vec::new(),
            location: component_location.clone(),
            limit: limits.component_size,
        });
        entry.limit = entry.limit.max(limits.component_size);
        if !entry.hooks.contains(name) {
            entry.hooks.push(name.clone());
        }
    }
    wanted.into_values().collect()
}

/// A lock that could be written.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// It.
    pub lock: Lock,
    /// What it has, and what it no longer has.
    pub entries: Vec<Entry>,
}

/// One component of a proposal.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What would be written; what is written, of one that is removed.
    pub locked: Locked,
    /// Names of the hooks that it is for.
    pub hooks: Vec<String>,
    /// What becomes of it.
    pub change: Change,
    /// Who has signed it, of those who have to.
    pub signed_by: Option<Signer>,
}

/// What becomes of one component.
#[derive(Debug, Clone)]
pub enum Change {
    /// It stays as it is.
    None,
    /// It wasn't there, and asks for this.
    Added(Vec<Request>),
    /// It is another, and asks for this.
    Updated {
        /// As it was.
        from: Box<Locked>,
        /// What it asks for, and didn't; and the other way round.
        changes: Changes,
    },
    /// No hook names it any more.
    Removed,
}

/// A component that can't be locked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}\n  --> {location}{}", unusable(component, failure), in_help(failure.reason))]
pub struct Unlocked {
    /// Where the configuration names it.
    pub location: Location,
    /// Which.
    pub component: Source,
    /// Why.
    pub failure: Failure,
}

fn in_help(reason: Reason) -> String {
    help(reason).map_or_else(String::new, |help| format!("\n  help: {help}"))
}

impl Proposal {
    /// Whether it differs from what is written.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.entries.iter().any(|entry| !matches!(entry.change, Change::None))
    }

    /// Whether a component that was locked asks for more than it did.
    #[must_use]
    pub fn asks_for_more(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(&entry.change, Change::Updated { changes, .. } if changes.ask_for_more()))
    }
}

impl Components {
    /// Looks at all components, and says what is to be written. What is locked stays as
    /// it is, unless `update` says otherwise.
    ///
    /// # Errors
    /// Every component that can't be had, is not signed as it has to be, or has changed
    /// without having been named.
    pub async fn propose(
        &self,
        wanted: &[Wanted],
        update: impl Fn(&Wanted) -> bool,
    ) -> Result<Proposal, Vec<Unlocked>> {
        let (mut entries, mut unlocked) = (Vec::new(), Vec::new());
        for one in wanted {
            match self.entry(one, update(one)).await {
                Ok(entry) => entries.push(entry),
                Err(failure) => {
                    let (location, component) = (one.location.clone(), one.source.clone());
                    unlocked.push(Unlocked { location, component, failure });
                }
            }
        }
        if !unlocked.is_empty() {
            return Err(unlocked);
        }
        let lock = Lock::new(entries.iter().map(|entry| entry.locked.clone()).collect());
        let gone = self.0.lock.iter().flat_map(Lock::components).filter(|old| lock.find(&old.source).is_none());
        entries.extend(gone.map(|old| Entry {
            locked: old.clone(),
            hooks: Vec::new(),
            change: Change::Removed,
            signed_by: None,
        }));
        entries.sort_by(|a, b| a.locked.source.cmp(&b.locked.source));
        Ok(Proposal { lock, entries })
    }

    async fn entry(&self, wanted: &Wanted, update: bool) -> Result<Entry, Failure> {
        let Wanted { source, hooks, limit, .. } = wanted;
        let entry = |locked, change, signed_by| Entry { locked, hooks: hooks.clone(), change, signed_by };
        let old = self.find(source);
        if let Some(old) = old.filter(|_| !update) {
            // Checked, and pulled for the runs to come.
            let got = self.get(source, *limit).await?;
            return Ok(entry(old.clone(), Change::None, got.signed_by));
        }
        let (locked, bytes, signed_by) = match source {
            Source::File(path) => {
                let bytes = read(path, *limit).await?;
                let signed_by = self.check_file(source, &bytes, || Signature::beside(path))?;
                (Locked::of(self.key(source), None, &bytes)?, bytes, signed_by)
            }
            Source::Registry(reference) => self.fresh(source, reference, *limit).await?,
        };
        let requests = || Inspection::of(&bytes).map(|inspection| inspection.requests);
        let change = match old {
            None => Change::Added(requests()?),
            Some(old) if *old == locked => Change::None,
            Some(old) => Change::Updated { from: Box::new(old.clone()), changes: old.changes(&locked, &requests()?) },
        };
        Ok(entry(locked, change, signed_by))
    }

    /// What a reference stands for now.
    async fn fresh(
        &self,
        source: &Source,
        reference: &Reference,
        limit: u64,
    ) -> Result<(Locked, Vec<u8>, Option<Signer>), Failure> {
        if !self.may_ask() {
            return Err(self.absent(source));
        }
        let artifact = self.0.client.resolve(reference).await.map_err(of_registry)?;
        let signed_by = self.check_artifact(source, reference, &artifact).await?;
        let bytes = self.bytes(source, reference, &artifact, limit).await?;
        self.0.store.keep(&artifact).map_err(of_store)?;
        let first = artifact.index.as_ref().map_or(artifact.manifest.digest, |index| index.digest);
        Ok((Locked::of(self.key(source), Some(first), &bytes)?, bytes, signed_by))
    }
}
