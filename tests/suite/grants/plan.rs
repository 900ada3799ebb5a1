//! `plan`: what a hook may change of a backup, and when.

use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookward_engine::log::Record;
use hookward_engine::plan::{Change, Part, PlanGrant, Variable};
use hookward_engine::{
    CancellationToken, Component, Engine, Event, EventKind, Grants, Limits, Options, Reason, Report,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// The guest `plan`, compiled once.
async fn guest() -> &'static Component {
    static COMPONENT: OnceCell<Component> = OnceCell::const_new();
    COMPONENT
        .get_or_init(|| async {
            let path = tokio::task::spawn_blocking(|| hookward_tests::guest("plan")).await.unwrap();
            let engine = Engine::new(Options::default()).unwrap();
            engine.load_file(&path, None, &Limits::default()).await.unwrap()
        })
        .await
}

/// One call of the guest.
struct Call {
    grants: Grants,
    limits: Limits,
    event: Event,
    log: Arc<Mutex<Vec<Record>>>,
}

impl Call {
    fn new(parts: &[&str], changes: &Value) -> Self {
        let mut grants = Grants::default();
        grants.plan = PlanGrant::new(parts.iter().map(|part| part.parse().unwrap()));
        grants.config.push(("changes".to_owned(), changes.to_string()));
        let mut limits = Limits::default();
        limits.timeout = Duration::from_secs(30);
        Self { grants, limits, event: hookward_tests::event(), log: Arc::default() }
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.grants.config.push((key.to_owned(), value.to_owned()));
        self
    }

    fn on(mut self, kind: EventKind) -> Self {
        self.event.kind = kind;
        self
    }

    async fn run(&self) -> Report {
        let hook = guest().await.hook(self.limits.clone(), self.grants.clone()).unwrap();
        hook.call(&self.event, self.log.clone(), &CancellationToken::new()).await
    }

    /// The error that the host gave the guest. Nothing has been changed then.
    async fn refused(&self) -> String {
        let report = self.run().await;
        let failure = report.result.unwrap_err();
        assert_eq!((failure.reason, &*report.plan), (Reason::Error, &[][..]), "{failure:?}");
        failure.message
    }
}

const ALL: &[&str] = &["sources", "tags", "excludes", "env"];

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn what_is_granted_is_taken_down_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    symlink("nowhere", path("link")).unwrap();
    let changes = json!([
        { "add-tags": ["a", "b c", "ä"] },
        { "set-sources": [path(""), path("link")] },
        { "add-sources": ["/"] },
        { "add-excludes": ["*.tmp", "/a,b", "-x", "a b"] },
        { "set-env": ["RESTIC_PASSWORD", "pass\nword"] },
    ]);
    let report = Call::new(ALL, &changes).run().await;
    assert_eq!(report.result, Ok(()));
    let variable = Variable { name: "RESTIC_PASSWORD".to_owned(), value: "pass\nword".to_owned() };
    assert_eq!(
        report.plan,
        [
            Change::AddTags(texts(&["a", "b c", "ä"])),
            Change::SetSources(vec![path(""), path("link")]),
            Change::AddSources(texts(&["/"])),
            Change::AddExcludes(texts(&["*.tmp", "/a,b", "-x", "a b"])),
            Change::SetEnv(variable),
        ]
    );
    assert!(!format!("{report:?}").contains("word\""), "{report:?}");
}

#[tokio::test]
async fn without_the_grant_the_import_is_refused() {
    let failure = guest().await.hook(Limits::default(), Grants::default()).unwrap_err();
    assert_eq!(failure.reason, Reason::ImportNotGranted);
    assert!(failure.message.contains("needs the grant `plan`"), "{failure}");
}

#[tokio::test]
async fn a_part_that_is_not_granted_stays_as_it_is() {
    let changes = [
        ("sources", json!({ "set-sources": ["/"] })),
        ("sources", json!({ "add-sources": ["/"] })),
        ("tags", json!({ "add-tags": ["a"] })),
        ("excludes", json!({ "add-excludes": ["a"] })),
        ("env", json!({ "set-env": ["RESTIC_PASSWORD", "a"] })),
    ];
    for (part, change) in changes {
        let others: Vec<_> = ALL.iter().copied().filter(|other| *other != part).collect();
        let message = Call::new(&others, &json!([change])).refused().await;
        assert!(message.starts_with("not-granted: this hook may not "), "{part}: {message}");
        assert!(Call::new(&[part], &json!([change])).run().await.result.is_ok(), "{part}");
    }
}

#[tokio::test]
async fn only_variables_that_carry_a_value_belong_to_env() {
    for name in [
        "RESTIC_PASSWORD_COMMAND",
        "RESTIC_PASSWORD_FILE",
        "RESTIC_REPOSITORY",
        "RESTIC_REPOSITORY_FILE",
        "RESTIC_CACHE_DIR",
        "RESTIC_CACERT",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_PROFILE",
        "AZURE_ENDPOINT_SUFFIX",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES",
        "OS_AUTH_URL",
        "OS_STORAGE_URL",
        "ST_AUTH",
        "RCLONE_CONFIG",
        "RCLONE_PASSWORD_COMMAND",
        "SSH_ASKPASS",
        "LD_PRELOAD",
        "PATH",
        "HOME",
        "TMPDIR",
        "GODEBUG",
        "HTTPS_PROXY",
        "restic_password",
        "RESTIC_PASSWORD=x",
        "RESTIC_PASSWORD\u{0}",
        "",
    ] {
        let message = Call::new(ALL, &json!([{ "set-env": [name, "x"] }])).refused().await;
        assert!(message.starts_with("not-granted: this hook may not set the variable"), "{name}: {message}");
    }
    for name in ["RESTIC_PASSWORD", "AWS_SECRET_ACCESS_KEY", "B2_ACCOUNT_KEY", "RESTIC_COMPRESSION"] {
        let report = Call::new(&["env"], &json!([{ "set-env": [name, "x"] }])).run().await;
        assert_eq!(report.result, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn a_variable_can_be_granted_by_its_name() {
    let change = |name: &str| json!([{ "set-env": [name, "/tmp"] }]);
    assert_eq!(Call::new(&["env:TMPDIR"], &change("TMPDIR")).run().await.result, Ok(()));
    for other in ["RESTIC_PASSWORD", "TMPDI", "TMPDIRS"] {
        let message = Call::new(&["env:TMPDIR"], &change(other)).refused().await;
        assert!(message.starts_with("not-granted: "), "{message}");
    }
    assert!("env:LD_PRELOAD".parse::<Part>().is_err());
}

#[tokio::test]
async fn what_restic_would_take_for_something_else_is_invalid() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing").to_str().unwrap().to_owned();
    let odd = format!("{}/odd\nname", dir.path().display());
    std::fs::write(&odd, "").unwrap();
    let long = "x".repeat(70_000);
    for (change, part) in [
        (json!({ "set-sources": [] }), "there would be nothing to back up"),
        (json!({ "set-sources": ["/", "--option"] }), "the source `--option` is not an absolute path"),
        (json!({ "add-sources": ["-r"] }), "the source `-r` is not an absolute path"),
        (json!({ "add-sources": ["etc"] }), "the source `etc` is not an absolute path"),
        (json!({ "add-sources": ["./etc"] }), "is not an absolute path"),
        (json!({ "add-sources": ["~"] }), "is not an absolute path"),
        (json!({ "add-sources": [""] }), "is not an absolute path"),
        (json!({ "add-sources": [missing] }), "/missing` can't be backed up: No such file or directory"),
        (json!({ "add-sources": [odd] }), "contains a control character"),
        (json!({ "add-sources": ["/etc\u{0}"] }), "contains a control character"),
        (json!({ "add-sources": [format!("/{long}")] }), "a value has more than 65536 bytes"),
        (json!({ "add-tags": ["a", "b,c"] }), "the tag `b,c` contains a comma"),
        (json!({ "add-tags": [""] }), "the tag `` is empty"),
        (json!({ "add-tags": ["--force"] }), "begins with `-`"),
        (json!({ "add-tags": ["a\u{1b}[31mb"] }), "contains a control character"),
        (json!({ "add-tags": ["a\nb"] }), "the tag `a b` contains a control character"),
        (json!({ "add-excludes": [""] }), "the pattern `` is empty"),
        (json!({ "add-excludes": ["a\nb"] }), "contains a control character"),
        (json!({ "add-excludes": ["a\u{0}b"] }), "contains a control character"),
        (json!({ "add-excludes": ["!/etc"] }), "begins with `!`"),
        (json!({ "set-env": ["RESTIC_PASSWORD", ""] }), "the value for `RESTIC_PASSWORD` is empty"),
        (json!({ "set-env": ["RESTIC_PASSWORD", "hunter2\u{0}"] }), "contains the character U+0000"),
        (json!({ "set-env": ["RESTIC_PASSWORD", long] }), "is too long"),
        (json!({ "many-tags": [10_001, 1] }), "10000 things of 1048576 bytes together"),
        (json!({ "many-tags": [9_000, 120] }), "10000 things of 1048576 bytes together"),
    ] {
        let message = Call::new(ALL, &json!([change])).refused().await;
        assert!(message.starts_with("invalid: ") && message.contains(part), "{part}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[tokio::test]
async fn many_small_changes_are_bounded_as_one_large_is() {
    let changes = json!([{ "many-tags": [9_999, 5] }, { "add-tags": ["a"] }, { "add-tags": ["b"] }]);
    let message = Call::new(ALL, &changes).refused().await;
    assert!(message.contains("10000 things"), "{message}");
    let changes = json!([{ "many-tags": [10_000, 5] }]);
    let report = Call::new(ALL, &changes).run().await;
    assert_eq!((report.result, report.plan.len()), (Ok(()), 1));
}

#[tokio::test]
async fn after_the_gate_nothing_can_be_changed() {
    for kind in EventKind::ALL.iter().copied().filter(|kind| *kind != EventKind::Before) {
        for change in
            [json!({ "add-tags": ["a"] }), json!({ "set-sources": ["/"] }), json!({ "set-env": ["ST_KEY", "a"] })]
        {
            let message = Call::new(ALL, &json!([change])).on(kind).refused().await;
            assert_eq!(message, format!("not-now: in `{kind}` the gate is passed: the plan is changed in `before`"));
        }
    }
}

#[tokio::test]
async fn only_a_backup_has_a_plan() {
    for operation in ["forget", "prune", "", "Backup"] {
        let mut call = Call::new(ALL, &json!([{ "add-tags": ["a"] }]));
        call.event.operation = operation.to_owned();
        let message = call.refused().await;
        assert!(message.starts_with(&format!("not-now: the operation is `{operation}`")), "{message}");
    }
}

#[tokio::test]
async fn sources_that_restic_reads_elsewhere_are_fixed() {
    for change in [json!({ "set-sources": ["/"] }), json!({ "add-sources": ["/"] })] {
        let mut call = Call::new(ALL, &json!([{ "add-tags": ["a"] }, change])).set("go-on", "true");
        call.grants.plan.fixed_sources = Some("restic reads stdin".to_owned());
        // The hook learns of it, and its other changes stand.
        let report = call.run().await;
        assert_eq!((report.result, report.plan), (Ok(()), vec![Change::AddTags(texts(&["a"]))]));
        let log = call.log.lock().unwrap();
        assert_eq!(log[0].message, "invalid: the sources can't be changed: restic reads stdin");
    }
}

#[tokio::test]
async fn a_call_that_does_not_return_ok_changes_nothing() {
    let changes = json!([{ "add-tags": ["a"] }]);
    let failed = Call::new(ALL, &changes).set("fail-attempts", "1");
    assert_eq!(failed.refused().await, "told to fail");
    let mut late = Call::new(ALL, &changes).set("spin", "true");
    late.limits.timeout = Duration::from_millis(500);
    let report = late.run().await;
    assert_eq!((report.result.unwrap_err().reason, &*report.plan), (Reason::Timeout, &[][..]));
    // And nothing of it reaches the next call.
    let report = Call::new(ALL, &json!([])).run().await;
    assert_eq!((report.result, &*report.plan), (Ok(()), &[][..]));
}

#[tokio::test]
async fn a_list_of_nothing_is_no_change() {
    let changes = json!([{ "add-tags": [] }, { "add-sources": [] }, { "add-excludes": [] }]);
    let report = Call::new(ALL, &changes).run().await;
    assert_eq!((report.result, &*report.plan), (Ok(()), &[][..]));
}
