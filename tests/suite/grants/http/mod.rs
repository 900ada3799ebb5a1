//! `wasi:http`: what is allowed, what is denied, and what a server may do to a hook.

mod denied;
mod good;
mod limits;
mod server;
mod servers;
mod tls;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookward_engine::log::{Record, Source};
use hookward_engine::{
    CancellationToken, Component, Engine, Failure, Grants, HttpGrant, Limits, Options, Reason, Report, Resolver,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// How long after its limit a hook may be stopped on a busy machine.
const GRACE: Duration = Duration::from_secs(5);

async fn load(options: Options) -> Component {
    let path = tokio::task::spawn_blocking(|| hookward_tests::guest("http")).await.unwrap();
    Engine::new(options).unwrap().load_file(&path, None, &Limits::default()).await.unwrap()
}

/// The guest `http`, compiled once.
async fn guest() -> &'static Component {
    static COMPONENT: OnceCell<Component> = OnceCell::const_new();
    COMPONENT.get_or_init(|| load(Options::default())).await
}

/// The same, where the names are those of [`NAMES`].
async fn guest_with_names() -> &'static Component {
    static COMPONENT: OnceCell<Component> = OnceCell::const_new();
    let mut options = Options::default();
    options.resolver = Some(Arc::new(Names));
    COMPONENT.get_or_init(|| load(options)).await
}

/// Names that the tests make up, and what they stand for.
const NAMES: &[(&str, &[&str])] = &[
    ("nas.test", &["127.0.0.1"]),
    ("two.test", &["127.0.0.2", "127.0.0.1"]),
    ("empty.test", &[]),
    ("loopback.test", &["127.0.0.1"]),
    ("loopback6.test", &["::1"]),
    ("private.test", &["192.168.1.1"]),
    ("private6.test", &["fd12::1"]),
    ("shared.test", &["100.64.1.1"]),
    ("metadata.test", &["169.254.169.254"]),
    ("metadata6.test", &["fd00:ec2::254"]),
    ("link.test", &["fe80::1"]),
    ("mapped.test", &["::ffff:127.0.0.1"]),
    ("nat64.test", &["64:ff9b::7f00:1"]),
    ("sixtofour.test", &["2002:7f00:1::"]),
    ("any.test", &["0.0.0.0"]),
    ("group.test", &["224.0.0.1"]),
    ("mixed.test", &["192.0.1.1", "127.0.0.1"]),
    ("localhost", &["192.168.1.1"]),
];

/// Answers by [`NAMES`] alone.
#[derive(Debug)]
struct Names;

impl Resolver for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        let addresses = found.map(|(_, texts)| texts.iter().map(|text| text.parse().unwrap()).collect());
        Box::pin(std::future::ready(addresses.ok_or_else(|| io::ErrorKind::NotFound.into())))
    }
}

/// One call that a test sets up.
struct Call {
    limits: Limits,
    grants: Vec<HttpGrant>,
    requests: Vec<Value>,
    careless: bool,
    names: bool,
}

impl Call {
    /// A call with this grant of GET and HEAD.
    fn granted(url: &str) -> Self {
        Self::with([HttpGrant::new(url).unwrap()])
    }

    fn with(grants: impl IntoIterator<Item = HttpGrant>) -> Self {
        let mut limits = Limits::default();
        limits.timeout = Duration::from_secs(30);
        let grants = grants.into_iter().collect();
        Self { limits, grants, requests: Vec::new(), careless: false, names: false }
    }

    /// Adds a request of these parts.
    fn request(mut self, parts: Value) -> Self {
        self.requests.push(parts);
        self
    }

    /// Adds a GET of a URL.
    fn get(self, url: &str) -> Self {
        self.request(parts(url))
    }

    fn limits(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.limits);
        self
    }

    /// Looks names up in [`NAMES`].
    fn names(mut self) -> Self {
        self.names = true;
        self
    }

    async fn run(self) -> Outcome {
        let component = if self.names { guest_with_names().await } else { guest().await };
        let mut grants = Grants::default();
        grants.http = self.grants;
        grants.config.push(("requests".to_owned(), Value::from(self.requests).to_string()));
        grants.config.push(("careless".to_owned(), self.careless.to_string()));
        let log = Arc::new(Mutex::new(Vec::new()));
        let hook = component.hook(self.limits, grants).unwrap();
        let report = hook.call(&hookward_tests::event(), log.clone(), &CancellationToken::new()).await;
        let records = std::mem::take(&mut *log.lock().unwrap());
        Outcome { report, records }
    }
}

/// The parts of a GET of this URL, as they stand in it.
fn parts(url: &str) -> Value {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = Some(path).filter(|path| !path.is_empty());
    json!({ "scheme": scheme, "authority": authority, "path": path })
}

/// The same with further parts.
fn also(mut parts: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("no parts") };
    parts.as_object_mut().unwrap().extend(more);
    parts
}

#[derive(Debug)]
struct Outcome {
    report: Report,
    records: Vec<Record>,
}

impl Outcome {
    #[track_caller]
    fn failed(&self, reason: Reason) -> &Failure {
        let failure = self.report.result.as_ref().expect_err("the hook should have failed");
        assert_eq!(failure.reason, reason, "{failure:?} after {:?}: {:?}", self.report.wall, self.records);
        failure
    }

    /// What the guest says came of its requests.
    #[track_caller]
    fn said(&self) -> &str {
        &self.failed(Reason::Error).message
    }

    /// What the operator was told.
    fn notes(&self) -> Vec<&str> {
        let host = self.records.iter().filter(|record| record.source == Source::Host);
        host.map(|record| record.message.as_str()).collect()
    }

    /// The one request was denied, and this is why.
    #[track_caller]
    fn denied(&self, why: &str) {
        let said = self.said();
        assert!(said == "ErrorCode::HttpRequestDenied" || said == "ErrorCode::DestinationIpProhibited", "{said}");
        let [note] = self.notes()[..] else { panic!("{:?}", self.notes()) };
        assert!(note.starts_with("denied ") && note.contains(why), "{note}");
    }
}
