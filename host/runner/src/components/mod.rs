//! Where the components of a configuration come from, and what is known of them before
//! they are loaded.
//!
//! lock -> digest -> store -> bytes. A registry is asked for what the lock names, or a
//! digest in the configuration, and only if it isn't kept already: what runs tonight is
//! what was looked at, and not what was pushed since.

mod locking;
mod vendor;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookward_engine::{Component, Digest, Engine, Failure, Limits, Reason};
use hookward_registry::lock::{LockFileError, Locked};
use hookward_registry::signature::{Keyless, Policy, PublicKey, Signature, Signer};
use hookward_registry::{Artifact, Client, Lock, Reference, Store, StoreError};

pub use self::locking::{Change, Entry, Proposal, Unlocked, Wanted, wanted};
pub use self::vendor::{VendorError, Vendored};
use crate::config::{ComponentSettings, Location, SignatureSpec, Source};

/// How far components may be gone for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// No registry is asked.
    pub offline: bool,
    /// Nothing is taken that isn't in the lock.
    pub locked: bool,
}

/// Gets the components of one configuration. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Components(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: ComponentSettings,
    lock: Option<Lock>,
    store: Store,
    client: Client,
    reach: Reach,
}

/// A component that was loaded.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) component: Component,
    /// The file that has its bytes.
    pub(crate) file: PathBuf,
    /// Who has signed it, of those who have to.
    pub(crate) signed_by: Option<Signer>,
}

/// A component that was got.
#[derive(Debug, Clone)]
pub struct Got {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The file that has them.
    pub file: PathBuf,
    /// Who has signed it, of those who have to.
    pub signed_by: Option<Signer>,
}

impl Components {
    /// Reads the lock, if there is one. What was pulled is kept below `cache`.
    ///
    /// # Errors
    /// When the lock can't be read: then nothing is known to be as it was.
    pub fn new(settings: &ComponentSettings, cache: &Path, reach: Reach) -> Result<Self, LockFileError> {
        let lock = Lock::read(&settings.lock())?;
        let client = Client::new(settings.registries.clone());
        Ok(Self(Arc::new(Inner { settings: settings.clone(), lock, store: Store::cache(cache), client, reach })))
    }

    /// What the lock says of a component, if it has it.
    #[must_use]
    pub fn locked(&self, source: &Source) -> Option<&Locked> {
        self.find(source)
    }

    /// Where the lock is; none if there is no lock.
    #[must_use]
    pub fn lock_file(&self) -> Option<PathBuf> {
        self.0.lock.as_ref().map(|_| self.0.settings.lock())
    }

    /// Whose signature a component needs, by the configuration.
    #[must_use]
    pub fn signature(&self, source: &Source) -> Option<&SignatureSpec> {
        self.0.settings.signature(source)
    }

    /// Gets a component, checks it, and has it loaded.
    pub(crate) async fn load(
        &self,
        engine: &Engine,
        source: &Source,
        pin: Option<Digest>,
        limits: &Limits,
    ) -> Result<Loaded, Failure> {
        let Inner { settings, .. } = &*self.0;
        match source {
            // The engine reads it in its own way.
            Source::File(path) if settings.vendor.is_none() && settings.signature(source).is_none() => {
                let locked = self.locked_file(source)?.map(|locked| locked.digest);
                let loaded = engine.load_file(path, locked.or(pin), limits).await;
                let component = loaded.map_err(|failure| match (failure.reason, locked) {
                    (Reason::Digest, Some(locked)) => changed(path, locked),
                    _ => failure,
                })?;
                let component = match pin.filter(|pin| *pin != component.inspection().digest) {
                    // The lock and the pin are not of one mind: the engine's words fit.
                    Some(pin) => engine.load_file(path, Some(pin), limits).await?,
                    None => component,
                };
                Ok(Loaded { component, file: path.clone(), signed_by: None })
            }
            _ => {
                let Got { bytes, file, signed_by } = self.get(source, limits.component_size).await?;
                Ok(Loaded { component: engine.load(bytes, pin, limits).await?, file, signed_by })
            }
        }
    }

    /// Gets a component, and checks that it is what the lock says, and signed as the
    /// configuration wants it.
    ///
    /// # Errors
    /// When it can't be had, or isn't.
    pub async fn get(&self, source: &Source, limit: u64) -> Result<Got, Failure> {
        match source {
            Source::File(path) if self.0.settings.vendor.is_none() => {
                let locked = self.locked_file(source)?;
                let bytes = read(path, limit).await?;
                if let Some(locked) = locked.filter(|locked| Digest::of(&bytes) != locked.digest) {
                    return Err(changed(path, locked.digest));
                }
                let signed_by = self.check_file(source, &bytes, || Signature::beside(path))?;
                Ok(Got { bytes, file: path.clone(), signed_by })
            }
            Source::File(_) => self.vendored_file(source, limit),
            Source::Registry(reference) => self.pulled(source, reference, limit).await,
        }
    }

    /// What the lock calls a source.
    fn key(&self, source: &Source) -> String {
        match source {
            Source::Registry(reference) => reference.to_string(),
            Source::File(path) => {
                let path = path.strip_prefix(&self.0.settings.base).unwrap_or(path);
                path.to_string_lossy().into_owned()
            }
        }
    }

    fn find(&self, source: &Source) -> Option<&Locked> {
        self.0.lock.as_ref()?.find(&self.key(source))
    }

    /// What the lock says of a file. One that isn't in it is let through, with a word,
    /// unless that is forbidden.
    fn locked_file(&self, source: &Source) -> Result<Option<&Locked>, Failure> {
        let found = self.find(source);
        if found.is_none() && self.0.reach.locked {
            return Err(self.not_locked(source));
        }
        if found.is_none() && self.0.lock.is_some() {
            tracing::warn!("{source} is not in {}: `hookward lock` adds it", self.0.settings.lock().display());
        }
        Ok(found)
    }

    fn not_locked(&self, source: &Source) -> Failure {
        let lock = self.0.settings.lock();
        let message = match &self.0.lock {
            Some(_) => format!("{source} is not in {}", lock.display()),
            None => format!("{source} is not locked: there is no {}", lock.display()),
        };
        Failure::new(Reason::Lock, message)
    }

    /// A file's copy among those that were vendored.
    fn vendored_file(&self, source: &Source, limit: u64) -> Result<Got, Failure> {
        let locked = self.find(source).ok_or_else(|| self.not_locked(source))?;
        let store = self.store();
        let bytes = store.read(locked.digest, limit).map_err(of_store)?.ok_or_else(|| self.not_vendored(source))?;
        let signatures = || store.signatures(locked.digest).map_err(|error| unreadable(&error));
        let signed_by = self.check_file(source, &bytes, signatures)?;
        Ok(Got { bytes, file: store.path(locked.digest), signed_by })
    }

    async fn pulled(&self, source: &Source, reference: &Reference, limit: u64) -> Result<Got, Failure> {
        let locked = self.find(source);
        let first = match locked {
            Some(locked) => {
                let first = locked.manifest.filter(|first| reference.digest().is_none_or(|pinned| pinned == *first));
                first.ok_or_else(|| Failure::new(Reason::Lock, format!("{source} is locked as another")))?
            }
            // A digest can't be anything else tomorrow, a tag can.
            None => {
                let allowed = !self.0.reach.locked && self.0.settings.vendor.is_none();
                reference.digest().filter(|_| allowed).ok_or_else(|| self.not_locked(source))?
            }
        };
        let artifact = self.artifact(source, reference, first).await?;
        if let Some(locked) = locked.filter(|locked| locked.digest != artifact.component) {
            let (is, locked) = (artifact.component, locked.digest);
            return Err(Failure::new(
                Reason::Lock,
                format!("the component of {source} is {is}, the lock says {locked}"),
            ));
        }
        // Before the component itself: what nobody has signed isn't even downloaded.
        let signed_by = self.check_artifact(source, reference, &artifact).await?;
        let bytes = self.bytes(source, reference, &artifact, limit).await?;
        Ok(Got { bytes, file: self.store().path(artifact.component), signed_by })
    }

    /// The store that runs are served from.
    fn store(&self) -> Store {
        let Inner { settings, store, .. } = &*self.0;
        settings.vendor.as_deref().map_or_else(|| store.clone(), Store::vendored)
    }

    /// Whether a registry may be asked.
    fn may_ask(&self) -> bool {
        self.0.settings.vendor.is_none() && !self.0.reach.offline
    }

    /// What is kept by a digest. A cached copy that was changed is no copy: it is
    /// removed, and got again.
    fn kept<T>(&self, found: Result<Option<T>, StoreError>) -> Result<Option<T>, Failure> {
        match found {
            Err(StoreError::Changed { path, digest }) if self.0.settings.vendor.is_none() => {
                tracing::warn!("{} was changed, and is not used", path.display());
                self.0.store.remove(digest);
                Ok(None)
            }
            found => found.map_err(of_store),
        }
    }

    fn absent(&self, source: &Source) -> Failure {
        if self.0.settings.vendor.is_some() {
            return self.not_vendored(source);
        }
        let message = format!("{source} is not in the cache, and offline no registry is asked");
        Failure::new(Reason::Registry, message)
    }

    fn not_vendored(&self, source: &Source) -> Failure {
        let dir = self.0.settings.vendor.clone().unwrap_or_default();
        let dir = dir.display();
        let message = format!("{source} is not in {dir}, from which all components come (`vendor`)");
        Failure::new(Reason::Registry, message)
    }

    async fn artifact(&self, source: &Source, reference: &Reference, first: Digest) -> Result<Artifact, Failure> {
        if let Some(artifact) = self.kept(self.store().artifact(first))? {
            return Ok(artifact);
        }
        if !self.may_ask() {
            return Err(self.absent(source));
        }
        let artifact = self.0.client.resolve(&reference.at(first)).await.map_err(of_registry)?;
        self.0.store.keep(&artifact).map_err(of_store)?;
        Ok(artifact)
    }

    async fn bytes(
        &self,
        source: &Source,
        reference: &Reference,
        artifact: &Artifact,
        limit: u64,
    ) -> Result<Vec<u8>, Failure> {
        if let Some(bytes) = self.kept(self.store().read(artifact.component, limit))? {
            return Ok(bytes);
        }
        if !self.may_ask() {
            return Err(self.absent(source));
        }
        tracing::info!("pulling {source}, {} bytes", artifact.size);
        let bytes = self.0.client.component(reference, artifact, limit).await.map_err(of_registry)?;
        self.0.store.write(&bytes).map_err(of_store)?;
        Ok(bytes)
    }

    fn check_file(
        &self,
        source: &Source,
        bytes: &[u8],
        signatures: impl FnOnce() -> Result<Vec<Signature>, hookward_registry::Failure>,
    ) -> Result<Option<Signer>, Failure> {
        let Some(spec) = self.0.settings.signature(source) else { return Ok(None) };
        let check = || spec.read()?.check_file(bytes, &signatures()?);
        check().map(Some).map_err(|failure| about(source, &failure))
    }

    async fn check_artifact(
        &self,
        source: &Source,
        reference: &Reference,
        artifact: &Artifact,
    ) -> Result<Option<Signer>, Failure> {
        let Some(spec) = self.0.settings.signature(source) else { return Ok(None) };
        let policy = spec.read().map_err(|failure| about(source, &failure))?;
        let store = self.store();
        let kept = artifact.subjects().into_iter().map(|subject| store.signatures(subject));
        let kept: Result<Vec<_>, _> = kept.collect();
        let kept = kept.map_err(|error| about(source, &unreadable(&error)))?.concat();
        let failed = match policy.check_artifact(artifact, &kept) {
            Ok(signer) => return Ok(Some(signer)),
            Err(failed) => failed,
        };
        if !self.may_ask() {
            let why = format!("{failed} (among the signatures that are kept)");
            return Err(Failure::new(Reason::Signature, format!("{source}: {why}")));
        }
        // It may have been signed since it was pulled.
        let found = self.0.client.signatures(reference, &artifact.subjects(), &policy).await.map_err(of_registry)?;
        let signer = policy.check_artifact(artifact, &found).map_err(|failure| about(source, &failure))?;
        self.0.store.keep_signatures(artifact.manifest.digest, &found).map_err(of_store)?;
        Ok(Some(signer))
    }
}

impl SignatureSpec {
    /// Reads the keys and the trust root.
    ///
    /// # Errors
    /// When one of them can't be used.
    pub fn read(&self) -> Result<Policy, hookward_registry::Failure> {
        let unusable = |error: &dyn std::fmt::Display, location: &Location| {
            let message = format!("{error} ({location})");
            hookward_registry::Failure::new(hookward_registry::Reason::Signature, message)
        };
        let keys =
            self.keys.iter().map(|key| PublicKey::read(&key.value).map_err(|error| unusable(&error, &key.location)));
        let keyless = self.keyless.as_ref().map(|keyless| {
            let root = &keyless.trust_root;
            Keyless::read(&root.value, keyless.identities.clone()).map_err(|error| unusable(&error, &root.location))
        });
        Ok(Policy { keys: keys.collect::<Result<_, _>>()?, keyless: keyless.transpose()?, origin: self.origin.clone() })
    }
}

fn about(source: &Source, failure: &hookward_registry::Failure) -> Failure {
    Failure::new(Reason::Signature, format!("{source}: {failure}"))
}

fn changed(path: &Path, locked: Digest) -> Failure {
    let is = std::fs::read(path).map_or_else(|error| error.to_string(), |bytes| Digest::of(&bytes).to_string());
    Failure::new(
        Reason::Lock,
        format!("{} has changed since it was locked: it is {is}, and was {locked}", path.display()),
    )
}

fn unreadable(error: &StoreError) -> hookward_registry::Failure {
    hookward_registry::Failure::new(hookward_registry::Reason::File, error.to_string())
}

fn of_store(error: StoreError) -> Failure {
    let reason = match &error {
        StoreError::TooLarge { .. } => Reason::ComponentSize,
        StoreError::Changed { .. } => Reason::Digest,
        _ => Reason::Unreadable,
    };
    Failure::new(reason, error.to_string())
}

fn of_registry(failure: hookward_registry::Failure) -> Failure {
    use hookward_registry::Reason as From;
    let reason = match failure.reason {
        From::TooLarge => Reason::ComponentSize,
        From::Digest => Reason::Digest,
        From::Signature => Reason::Signature,
        From::File => Reason::Unreadable,
        _ => Reason::Registry,
    };
    Failure::new(reason, failure.message)
}

/// A component's file. One byte more than allowed is read, for the engine to see.
async fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let owned = path.to_owned();
    let read = move || -> std::io::Result<Vec<u8>> {
        // A pipe or a device would be read for ever.
        if !std::fs::metadata(&owned)?.is_file() {
            return Err(std::io::Error::other("it is not a file"));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(&owned)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Reason::Unreadable, format!("cannot read {}: {error}", path.display()))
    };
    let bytes = tokio::task::spawn_blocking(read).await.map_err(|error| failed(&error))?;
    bytes.map_err(|error| failed(&error))
}
