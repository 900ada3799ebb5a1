//! A hook that runs commands, and what it says of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookward_engine::log::{Record, Source};
use hookward_engine::{
    CancellationToken, CommandGrant, Component, Engine, Failure, Grants, Limits, Options, Reason, Report,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::supervisor::supervisor;

/// The guest, loaded once into an engine with a supervisor.
async fn component() -> &'static Component {
    static COMPONENT: OnceCell<Component> = OnceCell::const_new();
    COMPONENT
        .get_or_init(|| async {
            let mut options = Options::default();
            options.supervisor = Some(supervisor());
            load(options).await
        })
        .await
}

pub(crate) async fn load(options: Options) -> Component {
    let path = tokio::task::spawn_blocking(|| hookward_tests::guest("command")).await.unwrap();
    Engine::new(options).unwrap().load_file(&path, None, &Limits::default()).await.unwrap()
}

/// A grant of these words, with these places.
pub(crate) fn grant(argv: &[&str], patterns: &[(&str, &str)]) -> CommandGrant {
    let argv: Vec<_> = argv.iter().map(|&word| word.to_owned()).collect();
    let patterns = patterns.iter().map(|&(place, pattern)| (place.to_owned(), pattern.to_owned())).collect();
    CommandGrant::new(&argv, &patterns).unwrap()
}

/// A grant of a script for `sh`.
pub(crate) fn script(script: &str) -> CommandGrant {
    grant(&["sh", "-c", &script.replace('{', "{{").replace('}', "}}")], &[])
}

/// One call of the hook.
pub(crate) struct Call {
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) cancel: CancellationToken,
    calls: Vec<Value>,
}

impl Call {
    pub(crate) fn new() -> Self {
        let mut limits = Limits::default();
        limits.timeout = Duration::from_secs(60);
        Self { grants: Grants::default(), limits, cancel: CancellationToken::new(), calls: Vec::new() }
    }

    /// Grants the command `c`.
    pub(crate) fn granting(grant: CommandGrant) -> Self {
        Self::new().and("c", grant)
    }

    pub(crate) fn and(mut self, name: &str, grant: CommandGrant) -> Self {
        self.grants.commands.insert(name.to_owned(), grant);
        self
    }

    /// Runs the command `c`; `more` are further keys.
    pub(crate) fn runs(mut self, more: Value) -> Self {
        let mut call = json!({ "command": "c" });
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.calls.push(call);
        self
    }

    pub(crate) async fn call(mut self) -> Called {
        self.grants.config.push(("calls".to_owned(), json!(self.calls).to_string()));
        let hook = component().await.hook(self.limits, self.grants).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let report = hook.call(&hookward_tests::event(), log.clone(), &self.cancel).await;
        let log = std::mem::take(&mut *log.lock().unwrap());
        Called { report, log }
    }

    /// What the hook was told, of each run, when it has ended well.
    pub(crate) async fn told(self) -> Vec<Value> {
        let called = self.call().await;
        assert_eq!(called.report.result, Ok(()));
        called.told()
    }

    /// What the hook was told of its only run.
    pub(crate) async fn told_once(self) -> Value {
        let [told] = self.told().await.try_into().unwrap();
        told
    }

    /// Why its only run was refused.
    pub(crate) async fn refused(self) -> String {
        let told = self.told_once().await;
        told["refused"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
    }
}

#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) report: Report,
    log: Vec<Record>,
}

impl Called {
    pub(crate) fn told(&self) -> Vec<Value> {
        let said = self.log.iter().filter(|record| record.source == Source::Log);
        said.map(|record| serde_json::from_str(&record.message).unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn failed(&self, reason: Reason) -> &Failure {
        let failure = self.report.result.as_ref().expect_err("the hook should have failed");
        assert_eq!(failure.reason, reason, "{failure:?}");
        failure
    }
}
