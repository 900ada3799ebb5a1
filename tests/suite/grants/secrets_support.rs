//! A call of the guest `secrets`, set up in one line.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hookward_engine::log::Record;
use hookward_engine::{
    CancellationToken, Component, Engine, Failure, Grants, Limits, Options, Reason, Report, SecretSource,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::supervisor::supervisor;

pub(crate) async fn component() -> &'static Component {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    static COMPONENT: OnceCell<Component> = OnceCell::const_new();
    COMPONENT
        .get_or_init(|| async {
            let engine = ENGINE.get_or_init(|| {
                let mut options = Options::default();
                options.supervisor = Some(supervisor());
                Engine::new(options).unwrap()
            });
            let path = tokio::task::spawn_blocking(|| hookward_tests::guest("secrets")).await.unwrap();
            engine.load_file(&path, None, &Limits::default()).await.unwrap()
        })
        .await
}

/// A file with these bytes and this mode, in a directory that goes with it.
pub(crate) struct SecretFile {
    dir: TempDir,
}

impl SecretFile {
    pub(crate) fn new(bytes: impl AsRef<[u8]>, mode: u32) -> Self {
        let file = Self { dir: TempDir::new().unwrap() };
        std::fs::write(file.path(), bytes).unwrap();
        set_mode(&file.path(), mode);
        file
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("secret")
    }

    pub(crate) fn source(&self) -> SecretSource {
        SecretSource::file(self.path()).unwrap()
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// One call that gets the secret `token`.
pub(crate) struct Call {
    pub(crate) limits: Limits,
    pub(crate) grants: Grants,
    pub(crate) cancel: CancellationToken,
}

impl Call {
    pub(crate) fn of(source: SecretSource) -> Self {
        let mut grants = Grants::default();
        grants.secrets.insert("token".to_owned(), source);
        let mut limits = Limits::default();
        limits.timeout = Duration::from_secs(60);
        Self { limits, grants, cancel: CancellationToken::new() }.config("name", "token")
    }

    pub(crate) fn config(mut self, key: &str, value: &str) -> Self {
        self.grants.config.retain(|(known, _)| known != key);
        self.grants.config.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) async fn run(self) -> Outcome {
        let Self { limits, grants, cancel } = self;
        let log: Arc<Mutex<Vec<Record>>> = Arc::default();
        let hook = component().await.hook(limits, grants).unwrap();
        let report = hook.call(&hookward_tests::event(), log.clone(), &cancel).await;
        let records = std::mem::take(&mut *log.lock().unwrap());
        Outcome { report, records }
    }
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Report,
    pub(crate) records: Vec<Record>,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn failed(&self, reason: Reason) -> &Failure {
        let failure = self.report.result.as_ref().expect_err("the hook should have failed");
        assert_eq!(failure.reason, reason, "{failure:?} after {:?}", self.report.wall);
        failure
    }

    /// The hook's own error.
    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        &self.failed(Reason::Error).message
    }

    /// Every text that came out of the call, one a line.
    pub(crate) fn all(&self) -> String {
        let mut texts: Vec<&str> = Vec::new();
        for Record { message, fields, .. } in &self.records {
            texts.push(message);
            texts.extend(fields.iter().flat_map(|(key, value)| [key.as_str(), value]));
        }
        texts.extend(self.report.result.as_ref().err().map(|failure| failure.message.as_str()));
        texts.extend(self.report.skip.as_deref());
        texts.extend(self.report.warnings.iter().map(String::as_str));
        texts.join("\n")
    }
}
