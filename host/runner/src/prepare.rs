//! Rule 1: nothing starts until all is known good. Loads every component of a plan
//! before the first hook is called.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use hookward_engine::event::{EventKind, Scope};
use hookward_engine::{Digest, Engine, Failure, Grants, Hook, Mask, PlanGrant, Reason, StateGrant};
use hookward_registry::signature::Signer;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::components::{Components, Loaded};
use crate::config::{GrantSpec, HookSpec, Kind, Location, Source};
use crate::plan::{Plan, in_order};
use crate::records::Records;
use crate::state::States;

/// A plan whose hooks can be called.
#[derive(Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// The plan's hooks, in its order.
    pub(crate) hooks: Vec<Ready>,
    /// Hides the secrets of the hooks, in all that is shown and told.
    pub(crate) mask: Mask,
    /// What calls them, and keeps their state; none of a plan without hooks.
    pub(crate) host: Option<(Engine, States)>,
}

/// One hook of a plan. An optional one may be unusable: it then counts as failed
/// wherever it would be called.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) spec: Arc<HookSpec>,
    /// The file that the component was read from; none if it could not be.
    pub(crate) file: Option<PathBuf>,
    /// Who has signed it, of those who have to.
    pub(crate) signed_by: Option<Signer>,
    pub(crate) hook: Result<Hook, Failure>,
    /// Where its calls are recorded, if they are.
    pub(crate) records: Option<Records>,
}

/// Hooks that can't be called, and that the run can't do without.
#[derive(Debug, thiserror::Error)]
#[error("{}", hooks.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Unusable {
    /// All of them.
    pub hooks: Vec<UnusableHook>,
}

/// One hook that can't be called.
#[derive(Debug, Clone)]
pub struct UnusableHook {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub scope: Scope,
    /// What its failure means.
    pub kind: Kind,
    /// The line that the failure is about.
    pub location: Location,
    /// Where the component comes from.
    pub component: Source,
    /// What is wrong.
    pub failure: Failure,
}

impl std::fmt::Display for UnusableHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, location, component, failure, .. } = self;
        write!(f, "hook \"{name}\": {}\n  --> {location}", unusable(component, failure))?;
        help(failure.reason).map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

/// Why a component can't be used, with its name unless the failure has it.
#[must_use]
pub fn unusable(component: &Source, failure: &Failure) -> String {
    let name = component.to_string();
    let subject = if failure.message.contains(&name) { String::new() } else { format!("{name}: ") };
    format!("{subject}{failure} [{}]", failure.reason)
}

/// What to do about a component that can't be used, where its failure doesn't say.
pub(crate) fn help(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::ImportNotGranted => "add it to the hook's `grants`; `hookward hook inspect` lists all that it asks for",
        Reason::Unreadable => "correct the path, or put the component there",
        Reason::Lock => "`hookward lock` writes what is missing, `hookward lock --update` takes what has changed",
        Reason::Signature => "have it signed (`hookward hook sign`), or correct who has to in the configuration",
        Reason::Digest => "if the new component is meant, pin its digest; if not, put the pinned one back",
        Reason::Empty | Reason::NotWasm | Reason::Truncated | Reason::Invalid => {
            "name the component's file; `hookward hook inspect` looks into one"
        }
        Reason::CoreModule => "make a component of it, as the target wasm32-wasip2 does",
        _ => return None,
    })
}

impl Prepared {
    /// Loads and checks every component of the plan.
    ///
    /// # Errors
    /// When a hook that isn't optional can't be called.
    pub async fn new(plan: Plan, engine: &Engine, states: &States, components: &Components) -> Result<Self, Unusable> {
        let mask = Mask::default();
        let hooks = load(&plan.hooks, engine, Some(components), &Surroundings::of(&plan, states, &mask)).await;
        let unusable: Vec<_> = unusable_hooks(&hooks).filter(|hook| hook.kind != Kind::Optional).collect();
        if !unusable.is_empty() {
            return Err(Unusable { hooks: unusable });
        }
        Ok(Self { plan, hooks, mask, host: Some((engine.clone(), states.clone())) })
    }

    /// Loads the components of a plan that is only going to be looked at: a hook that
    /// can't be called is told as such.
    pub async fn to_explain(plan: Plan, engine: &Engine, states: &States, components: &Components) -> Self {
        let mask = Mask::default();
        let hooks = load(&plan.hooks, engine, Some(components), &Surroundings::of(&plan, states, &mask)).await;
        Self { plan, hooks, mask, host: Some((engine.clone(), states.clone())) }
    }

    /// A plan that calls no hook.
    #[must_use]
    pub fn without_hooks(mut plan: Plan) -> Self {
        plan.hooks.clear();
        Self { plan, hooks: Vec::new(), mask: Mask::default(), host: None }
    }

    /// Drops the plan, but for its compiled components: they are taken apart piece by piece,
    /// where the end of the process, which is near, frees them all at once.
    pub fn leave_components(self) {
        for (_, hook) in self.hooks() {
            std::mem::forget(hook.map(|hook| hook.component().clone()));
        }
    }

    /// Hides what the hooks of the plan have read as secrets.
    #[must_use]
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// The hooks of an event, in the order of their calls, each with its place in the
    /// plan. Only what was prepared can be called: no other list is asked.
    pub(crate) fn hooks_on(&self, kind: EventKind) -> Vec<(usize, &Ready)> {
        in_order(self.hooks.iter().enumerate().filter(|(_, ready)| ready.spec.on.contains(&kind)), kind)
    }

    /// What each hook of the plan is, in its order.
    pub fn hooks(&self) -> impl Iterator<Item = (&HookSpec, Result<&Hook, &Failure>)> {
        self.hooks.iter().map(|ready| (&*ready.spec, ready.hook.as_ref()))
    }

    /// Who has signed the component of each hook of the plan, in its order, of those who
    /// have to.
    pub fn signers(&self) -> impl Iterator<Item = Option<&Signer>> {
        self.hooks.iter().map(|ready| ready.signed_by.as_ref())
    }
}

/// Every hook of the list that can't be called, optional ones too.
pub async fn check(hooks: &[HookSpec], engine: &Engine, states: &States, components: &Components) -> Vec<UnusableHook> {
    let mask = Mask::default();
    let surroundings = Surroundings { profile: None, fixed_sources: None, states, mask: &mask, records: None };
    unusable_hooks(&load(hooks, engine, Some(components), &surroundings).await).collect()
}

/// Loads the components of hooks that were kept, each as its copy: `component` and
/// `digest` say which.
pub(crate) async fn restore(
    hooks: &[HookSpec],
    profile: Option<&str>,
    engine: &Engine,
    states: &States,
    mask: &Mask,
    records: Option<&Records>,
) -> Vec<Ready> {
    load(hooks, engine, None, &Surroundings { profile, fixed_sources: None, states, mask, records }).await
}

/// Loads the components, each once, and as many side by side as there are processors:
/// mapping an image takes a part of a millisecond, compiling one takes hundreds, and
/// memory. Without `components` they are copies of our own, which nobody else has a say
/// in.
async fn load(
    hooks: &[HookSpec],
    engine: &Engine,
    components: Option<&Components>,
    surroundings: &Surroundings<'_>,
) -> Vec<Ready> {
    type Key = (Source, Option<Digest>);
    let key = |spec: &HookSpec| -> Key { (spec.component.clone(), spec.digest) };
    // Ends its tasks when it is dropped, and with them their compilers.
    let mut loading = JoinSet::new();
    let mut begun = HashSet::new();
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let turns = Arc::new(Semaphore::new(processors));
    for spec in hooks {
        if begun.insert(key(spec)) {
            let (engine, key, limits) = (engine.clone(), key(spec), spec.limits.clone());
            let (components, turns) = (components.cloned(), Arc::clone(&turns));
            loading.spawn(async move {
                // An error: it is closed, which nobody does.
                let _turn = turns.acquire().await;
                let component = match (&components, &key.0) {
                    (Some(components), source) => components.load(&engine, source, key.1, &limits).await,
                    (None, Source::File(path)) => {
                        let component = engine.load_file(path, key.1, &limits).await;
                        component.map(|component| Loaded { component, file: path.clone(), signed_by: None })
                    }
                    (None, source) => Err(Failure::new(Reason::Host, format!("{source} is no copy of our own"))),
                };
                (key, component)
            });
        }
    }
    let mut loaded = HashMap::new();
    while let Some(ended) = loading.join_next().await {
        loaded.extend(ended);
    }
    let ready = |spec: &HookSpec| {
        // Missing when its task has crashed.
        let crashed = || Err(Failure::new(Reason::Host, "loading the component has crashed"));
        let loaded: Result<Loaded, Failure> = loaded.get(&key(spec)).cloned().unwrap_or_else(crashed);
        let known = loaded.as_ref().ok();
        let (file, signed_by) = (known.map(|loaded| loaded.file.clone()), known.and_then(|one| one.signed_by.clone()));
        let hook = loaded.and_then(|one| one.component.hook(spec.limits.clone(), surroundings.grants(spec)));
        Ready { spec: Arc::new(spec.clone()), file, signed_by, hook, records: surroundings.records.cloned() }
    };
    hooks.iter().map(ready).collect()
}

fn unusable_hooks(hooks: &[Ready]) -> impl Iterator<Item = UnusableHook> {
    hooks.iter().filter_map(|ready| Some(UnusableHook::new(&ready.spec, ready.hook.as_ref().err()?)))
}

impl UnusableHook {
    fn new(spec: &HookSpec, failure: &Failure) -> Self {
        let place = match failure.reason {
            Reason::Digest => spec.digest_location.as_ref().unwrap_or(&spec.component_location),
            // What is missing would stand in the hook's own table.
            Reason::ImportNotGranted => &spec.location,
            _ => &spec.component_location,
        };
        Self {
            name: spec.name.clone(),
            scope: spec.scope,
            kind: spec.kind,
            location: place.clone(),
            component: spec.component.clone(),
            failure: failure.clone(),
        }
    }
}

/// What the hooks of one run have in common.
#[derive(Debug)]
struct Surroundings<'a> {
    profile: Option<&'a str>,
    /// Why the plan's sources can't be changed.
    fixed_sources: Option<&'a str>,
    /// Where what they keep is kept.
    states: &'a States,
    /// Hides the secrets of all of them.
    mask: &'a Mask,
    /// Where their calls are recorded.
    records: Option<&'a Records>,
}

impl<'a> Surroundings<'a> {
    fn of(plan: &'a Plan, states: &'a States, mask: &'a Mask) -> Self {
        Self {
            profile: plan.profile.as_deref(),
            fixed_sources: plan.fixed_sources.as_deref(),
            states,
            mask,
            records: plan.records.as_ref(),
        }
    }

    fn grants(&self, spec: &HookSpec) -> Grants {
        let mut grants = grants(&spec.grants);
        grants.config = spec.config.clone();
        grants.plan.fixed_sources = self.fixed_sources.map(str::to_owned);
        grants.state = spec.grants.state.as_ref().map(|quota| StateGrant {
            store: self.states.of(self.profile, spec.scope, &spec.name),
            quota: quota.value,
        });
        grants.mask = self.mask.clone();
        grants
    }
}

/// Resolves the names in the grants. A variable that isn't set isn't there for the
/// hook either. What isn't the grants' alone to say is left out: the hook's settings
/// and the store of its state.
#[must_use]
pub fn grants(spec: &GrantSpec) -> Grants {
    let mut grants = Grants::default();
    grants.dirs = spec.dirs.iter().map(|dir| dir.value.clone()).collect();
    grants.env =
        spec.env.iter().filter_map(|name| Some((name.value.clone(), std::env::var(&name.value).ok()?))).collect();
    grants.commands = spec.commands.iter().map(|(name, command)| (name.clone(), command.value.clone())).collect();
    grants.http = spec.http.iter().map(|grant| grant.value.clone()).collect();
    grants.secrets = spec.secrets.iter().map(|(name, source)| (name.clone(), source.value.clone())).collect();
    grants.plan = PlanGrant::new(spec.plan.iter().map(|part| part.value.clone()));
    grants.empty.clone_from(&spec.empty);
    grants.tcp = spec.tcp.iter().map(|address| address.value.clone()).collect();
    grants
}
