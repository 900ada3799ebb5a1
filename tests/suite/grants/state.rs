//! `state`: what a call that returned ok has set is there for the next one, and
//! nothing of any other.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use hookward_engine::{
    Changes, CommitError, Component, InvalidQuota, MemoryStore, Permit, Reason, Snapshot, StateGrant, StateQuota,
    StateStore,
};
use tokio::sync::OnceCell;

use crate::steps_support::{Call, GRACE, Outcome, load};

async fn guest() -> &'static Component {
    static COMPONENT: OnceCell<Component> = OnceCell::const_new();
    COMPONENT.get_or_init(|| load("state")).await
}

fn grant(store: &Arc<dyn StateStore>, bytes: u64) -> StateGrant {
    StateGrant { store: store.clone(), quota: StateQuota::new(bytes).unwrap() }
}

fn memory() -> Arc<dyn StateStore> {
    Arc::new(MemoryStore::default())
}

fn call(store: &Arc<dyn StateStore>, steps: &[&str]) -> Call {
    let mut call = Call::new(steps);
    call.grants.state = Some(grant(store, 1 << 20));
    call
}

async fn run(store: &Arc<dyn StateStore>, steps: &[&str]) -> Outcome {
    call(store, steps).of(guest().await).await
}

#[track_caller]
fn assert_untouched(store: &Arc<dyn StateStore>) {
    assert_eq!(store.load().unwrap(), Snapshot::default());
}

#[tokio::test]
async fn a_component_that_keeps_state_is_refused_without_the_grant() {
    let failure = guest().await.hook(hookward_engine::Limits::default(), Call::new::<&str>(&[]).grants).unwrap_err();
    assert_eq!(failure.reason, Reason::ImportNotGranted);
    assert_eq!(
        failure.message,
        "imports wasi:keyvalue/store@0.2.0-draft (keep state from run to run), which needs the grant `state`"
    );
}

#[tokio::test]
async fn what_is_set_is_there_for_the_same_call_and_for_the_next() {
    let store = memory();
    let outcome = run(&store, &["get a", "set a 1", "get a", "exists a", "set-binary b", "set e "]).await;
    assert_eq!(outcome.results(), ["none", "ok", "1", "true", "ok", "ok"]);
    let outcome =
        run(&store, &["open default", "get a", "get-binary b", "get e", "set a 2", "delete b", "delete b"]).await;
    assert_eq!(outcome.results(), ["ok", "1", "true", "", "ok", "ok", "ok"]);
    let outcome = run(&store, &["get a", "exists b", "exists e", "list"]).await;
    assert_eq!(outcome.results(), ["2", "false", "true", "2 a..e sorted=true"]);
}

#[tokio::test]
async fn a_call_that_only_reads_commits_nothing() {
    let store = memory();
    run(&store, &["set a 1"]).await.results();
    let before = store.load().unwrap();
    run(&store, &["get a", "exists b", "list", "delete b", "churn 5"]).await.results();
    assert_eq!(store.load().unwrap(), before);
}

#[tokio::test]
async fn there_is_no_other_bucket() {
    let store = memory();
    let outcome = run(&store, &["open other", "open ../x", "open DEFAULT", "open default"]).await;
    assert_eq!(outcome.results(), ["no such store", "no such store", "no such store", "ok"]);
}

#[tokio::test]
async fn keys_have_from_1_to_256_bytes() {
    let store = memory();
    let steps = ["set-key 0", "get-key 0", "set-key 257", "get-key 257", "set-key 256", "get-key 256"];
    let long = "error: the key has 257 bytes, more than 256";
    let expected = ["error: the key is empty", "error: the key is empty", long, long, "ok", "Some([])"];
    assert_eq!(run(&store, &steps).await.results(), expected);
    assert_eq!(store.load().unwrap().entries.len(), 1);
}

#[tokio::test]
async fn more_than_the_quota_ends_the_call_and_keeps_nothing() {
    for (steps, quota) in [
        (["set a x", "set-size b 100"], 100),
        (["set a x", "set-many k 21 1"], 140),
        // Keys count like values.
        (["set a x", "set-many k 20 0"], 120),
        (["set-size a 60", "set-size b 60"], 100),
    ] {
        let store = memory();
        let mut call = call(&store, &steps);
        call.grants.state = Some(grant(&store, quota));
        let outcome = call.of(guest().await).await;
        let expected = format!("keeps more than {quota} bytes of state (`max-bytes` of the grant `state`)");
        assert_eq!(outcome.failed(Reason::StateSize).message, expected);
        assert_untouched(&store);
    }
}

#[tokio::test]
async fn the_quota_may_be_used_up_and_used_again() {
    let store = memory();
    let steps = ["set-size a 99", "set-size a 50", "set-size b 48", "delete a", "set-size c 50", "churn 1000"];
    let mut call = call(&store, &steps);
    call.grants.state = Some(grant(&store, 109));
    assert_eq!(call.of(guest().await).await.results(), ["ok"; 6]);
    assert_eq!(store.load().unwrap().entries.keys().collect::<Vec<_>>(), ["b", "c"]);
}

#[tokio::test]
async fn a_state_that_is_larger_than_a_lowered_quota_may_shrink() {
    let store = memory();
    run(&store, &["set-size a 100", "set-size b 100"]).await.results();
    let lowered = |steps: &[&str]| {
        let mut call = call(&store, steps);
        call.grants.state = Some(grant(&store, 50));
        call
    };
    lowered(&["set-size a 101"]).of(guest().await).await.failed(Reason::StateSize);
    lowered(&["get-size a", "set-size a 20", "delete b"]).of(guest().await).await.results();
    let sizes: Vec<_> = store.load().unwrap().entries.into_values().map(|value| value.len()).collect();
    assert_eq!(sizes, [20]);
}

#[tokio::test]
async fn a_quota_has_bounds() {
    assert_eq!(StateQuota::new(0), Err(InvalidQuota::Zero));
    assert_eq!(StateQuota::new(StateQuota::MAX + 1), Err(InvalidQuota::TooLarge));
    assert_eq!(StateQuota::new(StateQuota::MAX).unwrap().bytes(), 16 << 20);
    assert_eq!(StateQuota::default().bytes(), 1 << 20);
}

#[tokio::test]
async fn a_call_that_fails_keeps_nothing_of_what_it_set() {
    let base = memory();
    run(&base, &["set a old", "set b old"]).await.results();
    let before = base.load().unwrap();
    for (last, reason) in [
        ("fail", Reason::Error),
        ("panic", Reason::Panic),
        ("exit", Reason::Exit),
        ("spin", Reason::Fuel),
        ("sleep 60000", Reason::Timeout),
        ("hold 1000", Reason::Handles),
    ] {
        let steps = ["set a new", "delete b", "set c new", last];
        let call = call(&base, &steps).limits(|limits| limits.fuel = 200_000_000);
        let call = if reason == Reason::Timeout { call.timeout(300) } else { call };
        call.of(guest().await).await.failed(reason);
        assert_eq!(base.load().unwrap(), before, "{last}");
    }
}

#[tokio::test]
async fn a_call_that_is_called_off_keeps_nothing() {
    let store = memory();
    let call = call(&store, &["set a 1", "sleep 60000"]);
    let cancel = call.cancel.clone();
    let (outcome, ()) = tokio::join!(call.of(guest().await), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel();
    });
    outcome.failed(Reason::Cancelled);
    assert_untouched(&store);
}

#[tokio::test]
async fn keys_are_listed_in_order_page_by_page() {
    for (count, expected) in [
        (0, "0 none sorted=true"),
        (100, "100 k00000..k00099 sorted=true"),
        (101, "100+1 k00000..k00100 sorted=true"),
        (250, "100+100+50 k00000..k00249 sorted=true"),
    ] {
        let store = memory();
        let fill = format!("set-many k {count} 1");
        assert_eq!(run(&store, &[&fill, "list"]).await.results(), ["ok", expected]);
        assert_eq!(run(&store, &["list"]).await.results(), [expected]);
        // Who deletes what it reads misses none.
        assert_eq!(run(&store, &["clear", "list"]).await.results(), [expected, "0 none sorted=true"]);
        assert!(store.load().unwrap().entries.is_empty());
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_is_empty() {
    let store = memory();
    let steps = ["page 0", "set-many k 150 0", "list", "page 18446744073709551615", "page 140"];
    let outcome = run(&store, &steps).await;
    let results = outcome.results();
    assert_eq!([results[0], results[3]], ["KeyResponse { keys: [], cursor: None }"; 2]);
    assert!(results[4].starts_with("KeyResponse { keys: [\"k00140\""), "{}", results[4]);
}

#[tokio::test]
async fn a_call_that_has_read_what_is_no_more_fails_and_changes_nothing() {
    let store = memory();
    run(&store, &["set a 0"]).await.results();
    let slow = call(&store, &["add a", "set mine 1", "sleep 1000"]);
    let (slow, ()) = tokio::join!(slow.of(guest().await), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(run(&store, &["add a"]).await.results(), ["1"]);
    });
    assert_eq!(
        slow.failed(Reason::State).message,
        "another call of this hook has changed its state meanwhile, so this one's changes are not kept"
    );
    let entries = store.load().unwrap().entries;
    assert_eq!(entries.into_iter().collect::<Vec<_>>(), [("a".to_owned(), b"1".to_vec())]);
}

/// A store that does not do its part.
#[derive(Debug, Default)]
struct Broken {
    load: Option<&'static str>,
    commit: Option<&'static str>,
    panics: bool,
}

impl StateStore for Broken {
    fn load(&self) -> Result<Snapshot, String> {
        assert!(!self.panics, "told to");
        self.load.map_or_else(|| Ok(Snapshot::default()), |error| Err(error.to_owned()))
    }

    fn commit(&self, _: &Changes, _: u64, permit: &Permit) -> Result<(), CommitError> {
        assert!(permit.take());
        self.commit.map_or(Ok(()), |error| Err(CommitError::Failed(error.to_owned())))
    }
}

#[tokio::test]
async fn a_store_that_fails_fails_the_hook_in_its_words() {
    for (store, expected) in [
        (
            Broken { load: Some("the disk\u{7} is gone"), ..Broken::default() },
            "its state can't be read: the disk is gone",
        ),
        (Broken { commit: Some("the disk is full"), ..Broken::default() }, "its state can't be kept: the disk is full"),
    ] {
        let store: Arc<dyn StateStore> = Arc::new(store);
        let outcome = run(&store, &["set a 1"]).await;
        assert_eq!(outcome.failed(Reason::State).message, expected);
    }
    let store: Arc<dyn StateStore> = Arc::new(Broken { panics: true, ..Broken::default() });
    run(&store, &["set a 1"]).await.failed(Reason::State);
    // Who doesn't open the bucket needs no store.
    run(&store, &["sleep 1"]).await.results();
}

/// A store that waits before it asks for its permit, or after.
#[derive(Debug, Default)]
struct Slow {
    before: Duration,
    after: Duration,
    ended: Mutex<Option<Result<(), CommitError>>>,
    told: Condvar,
}

impl Slow {
    fn ended(&self) -> Result<(), CommitError> {
        let ended = self.ended.lock().unwrap();
        let (ended, _) = self.told.wait_timeout_while(ended, GRACE, |ended| ended.is_none()).unwrap();
        ended.clone().expect("the commit should have ended")
    }
}

impl StateStore for Slow {
    fn load(&self) -> Result<Snapshot, String> {
        Ok(Snapshot::default())
    }

    fn commit(&self, _: &Changes, _: u64, permit: &Permit) -> Result<(), CommitError> {
        std::thread::sleep(self.before);
        let ended = if permit.take() { Ok(()) } else { Err(CommitError::Withdrawn) };
        std::thread::sleep(self.after);
        *self.ended.lock().unwrap() = Some(ended.clone());
        self.told.notify_all();
        ended
    }
}

#[tokio::test]
async fn a_commit_ends_with_its_call_or_counts() {
    let second = Duration::from_secs(2);
    let waits = Arc::new(Slow { before: second, ..Slow::default() });
    let store: Arc<dyn StateStore> = waits.clone();
    let began = Instant::now();
    call(&store, &["set a 1"]).timeout(1000).of(guest().await).await.failed(Reason::Timeout);
    assert!(began.elapsed() < second + GRACE);
    assert_eq!(tokio::task::spawn_blocking(move || waits.ended()).await.unwrap(), Err(CommitError::Withdrawn));

    // Too late to be undone: it has been made, and the call has done its work.
    let writes = Arc::new(Slow { after: second, ..Slow::default() });
    let store: Arc<dyn StateStore> = writes.clone();
    call(&store, &["set a 1"]).timeout(1000).of(guest().await).await.results();
    assert_eq!(writes.ended(), Ok(()));
}

#[tokio::test]
async fn open_buckets_are_counted_as_handles() {
    let store = memory();
    let outcome = call(&store, &["hold 300"]).limits(|limits| limits.handles = 64).of(guest().await).await;
    outcome.failed(Reason::Handles);
    assert_eq!(run(&store, &["hold 100"]).await.results(), ["100 open"]);
}

#[tokio::test]
async fn the_same_call_takes_the_same_fuel() {
    let mut fuel = Vec::new();
    for _ in 0..3 {
        let store = memory();
        run(&store, &["set-many k 120 3"]).await.results();
        fuel.push(run(&store, &["list", "get k00001"]).await.report.fuel);
    }
    assert!(fuel.windows(2).all(|pair| pair[0] == pair[1]), "{fuel:?}");
}
