//! `wasi:keyvalue/store`: what a hook keeps from one call to the next.
//!
//! A call works on a copy, which is read when the hook first opens its bucket. What
//! it has changed is committed in one piece when it has returned ok, and dropped
//! when it failed in any way: no call leaves half of its state behind.

mod grant;
mod memory;
mod store;

use std::collections::BTreeMap;

use wasmtime::component::{HasSelf, Linker, Resource};

pub use self::grant::{InvalidQuota, StateGrant, StateQuota};
pub use self::memory::MemoryStore;
pub use self::store::{Changes, CommitError, Permit, Snapshot, StateStore};
use crate::Reason;
use crate::limiter::LimitHit;
use crate::reason::Failure;
use crate::state::State;

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "generated; the docs stand in wit/")]

    wasmtime::component::bindgen!({
        path: "wit/wasi/keyvalue.wit",
        world: "imports",
        imports: {
            "wasi:keyvalue/store.open": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:keyvalue/store.bucket": super::Bucket,
        },
    });
}

use bindings::wasi::keyvalue::store as wit;

/// Names of the one bucket that there is.
const NAMES: &[&str] = &["", "default"];

/// Bytes of the longest key.
const MAX_KEY: usize = 256;

/// Keys that one call of `list-keys` returns.
const PAGE: usize = 100;

/// A hook's hold on its bucket.
#[allow(unreachable_pub, reason = "the generated module exports it")]
pub struct Bucket;

/// Ends a call whose state can't be read. Told as it stands.
#[derive(Debug, thiserror::Error)]
#[error("its state can't be read: {0}")]
pub(crate) struct Unreadable(String);

impl Unreadable {
    pub(crate) fn failure(&self) -> Failure {
        Failure::new(Reason::State, crate::text::clean(&self.to_string()))
    }
}

/// The state of one call.
pub(crate) struct Kept {
    grant: StateGrant,
    copy: Option<Copy>,
}

/// What a call works on.
#[derive(Default)]
struct Copy {
    version: u64,
    entries: BTreeMap<String, Vec<u8>>,
    /// Bytes of all keys and values.
    size: u64,
    /// Keys that the call has changed, and whether they were there before it.
    touched: BTreeMap<String, bool>,
    /// The keys that are handed out page by page: those of the first page's time, so
    /// that who deletes what it reads misses none.
    listed: Vec<String>,
}

impl Copy {
    fn new(snapshot: Snapshot) -> Self {
        let Snapshot { entries, version } = snapshot;
        let size = entries.iter().fold(0, |sum: u64, (key, value)| sum.saturating_add(size(key, value)));
        Self { version, entries, size, ..Self::default() }
    }

    /// A state that is larger than its quota, which somebody has lowered, may shrink.
    fn set(&mut self, key: String, value: Vec<u8>, quota: StateQuota) -> Result<(), LimitHit> {
        let before = self.entries.get(&key).map(|value| size(&key, value));
        let sum = (self.size - before.unwrap_or_default()).saturating_add(size(&key, &value));
        if sum > quota.bytes() && sum > self.size {
            return Err(LimitHit(Reason::StateSize));
        }
        self.size = sum;
        self.touched.entry(key.clone()).or_insert(before.is_some());
        self.entries.insert(key, value);
        Ok(())
    }

    fn delete(&mut self, key: String) {
        let Some(value) = self.entries.remove(&key) else { return };
        self.size -= size(&key, &value);
        // What came and went within the call is no change, and takes no room.
        if self.touched.get(&key) == Some(&false) {
            self.touched.remove(&key);
        } else {
            self.touched.insert(key, true);
        }
    }

    fn page(&mut self, cursor: Option<u64>) -> wit::KeyResponse {
        if cursor.is_none() {
            self.listed.clear();
            if self.entries.len() > PAGE {
                self.listed.extend(self.entries.keys().cloned());
            }
        }
        let start = cursor.map_or(0, |cursor| usize::try_from(cursor).unwrap_or(usize::MAX));
        let end = start.saturating_add(PAGE);
        let keys = if cursor.is_none() {
            self.entries.keys().take(PAGE).cloned().collect()
        } else {
            let page = self.listed.iter().skip(start).take(PAGE);
            page.filter(|key| self.entries.contains_key(*key)).cloned().collect()
        };
        wit::KeyResponse { keys, cursor: (end < self.listed.len()).then_some(end as u64) }
    }
}

fn size(key: &str, value: &[u8]) -> u64 {
    (key.len() as u64).saturating_add(value.len() as u64)
}

impl Kept {
    pub(crate) fn new(grant: StateGrant) -> Self {
        Self { grant, copy: None }
    }

    async fn load(&mut self) -> wasmtime::Result<()> {
        if self.copy.is_none() {
            let store = self.grant.store.clone();
            let loaded = tokio::task::spawn_blocking(move || store.load()).await;
            let loaded = loaded.unwrap_or_else(|error| Err(format!("reading it has crashed: {error}")));
            self.copy = Some(Copy::new(loaded.map_err(Unreadable)?));
        }
        Ok(())
    }

    /// What there is to be committed, if the call has changed anything.
    pub(crate) fn changes(self) -> Option<(StateGrant, Changes, u64)> {
        let Copy { version, mut entries, touched, .. } = self.copy?;
        if touched.is_empty() {
            return None;
        }
        let changes = touched.into_keys().map(|key| {
            let value = entries.remove(&key);
            (key, value)
        });
        Some((self.grant, changes.collect(), version))
    }
}

/// Links the interface, which needs the grant `state`.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl State {
    /// What an open bucket holds. A bucket is opened only once the copy is there.
    fn bucket(&mut self, bucket: &Resource<Bucket>) -> wasmtime::Result<(&mut Copy, StateQuota)> {
        self.table.get(bucket)?;
        let kept = self.kept.as_mut().and_then(|kept| Some((kept.copy.as_mut()?, kept.grant.quota)));
        kept.ok_or_else(|| wasmtime::Error::msg("a bucket without a state"))
    }
}

fn check(key: &str) -> Result<(), wit::Error> {
    let message = if key.is_empty() {
        "the key is empty".to_owned()
    } else if key.len() > MAX_KEY {
        format!("the key has {} bytes, more than {MAX_KEY}", key.len())
    } else {
        return Ok(());
    };
    Err(wit::Error::Other(message))
}

impl wit::Host for State {
    async fn open(&mut self, identifier: String) -> wasmtime::Result<Result<Resource<Bucket>, wit::Error>> {
        let Some(kept) = &mut self.kept else { return Ok(Err(wit::Error::AccessDenied)) };
        if !NAMES.contains(&identifier.as_str()) {
            return Ok(Err(wit::Error::NoSuchStore));
        }
        kept.load().await?;
        Ok(Ok(self.table.push(Bucket)?))
    }
}

impl wit::HostBucket for State {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, wit::Error>> {
        let (copy, _) = self.bucket(&bucket)?;
        Ok(check(&key).map(|()| copy.entries.get(&key).cloned()))
    }

    fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let (copy, quota) = self.bucket(&bucket)?;
        if let Err(error) = check(&key) {
            return Ok(Err(error));
        }
        Ok(Ok(copy.set(key, value, quota)?))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> wasmtime::Result<Result<(), wit::Error>> {
        let (copy, _) = self.bucket(&bucket)?;
        Ok(check(&key).map(|()| copy.delete(key)))
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> wasmtime::Result<Result<bool, wit::Error>> {
        let (copy, _) = self.bucket(&bucket)?;
        Ok(check(&key).map(|()| copy.entries.contains_key(&key)))
    }

    fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> wasmtime::Result<Result<wit::KeyResponse, wit::Error>> {
        let (copy, _) = self.bucket(&bucket)?;
        Ok(Ok(copy.page(cursor)))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}
