//! Registries that lie, flood, or send us elsewhere: played by a server that counts
//! what it was asked for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hookward_registry::client::MANIFEST;
use hookward_registry::{COMPONENT, CONFIG};
use hookward_tests::counterparts::{Answer, Recorder};
use hookward_tests::lab::Lab;
use serde_json::Value;

use crate::support::{bad, configure, digest, file, fine, good, hook, manifest};

const JSON: &str = "application/vnd.oci.image.manifest.v1+json";

fn reference(server: &Recorder, rest: &str) -> String {
    server.url("").replace("http://", "oci://") + "/" + rest
}

/// A manifest for these bytes, which says that they have this size.
fn of(bytes: &[u8], size: usize) -> Value {
    let mut manifest = manifest((CONFIG, b"{}"), (COMPONENT, bytes));
    manifest["layers"][0]["size"] = size.into();
    manifest
}

fn answer(manifest: &Value) -> Answer {
    Answer::new(200, manifest.to_string()).header("content-type", JSON)
}

fn targets(server: &Recorder) -> Vec<String> {
    server.requests().into_iter().map(|request| request.target).collect()
}

#[test]
fn two_gigabytes_are_refused_before_they_are_downloaded() {
    let (lab, bytes) = (Lab::new(), fine("it"));
    let large = of(&bytes, 2 << 30);
    let server = Recorder::start([answer(&large), answer(&large), answer(&large)]);
    let it = reference(&server, "it:1");
    let says = "its component has 2147483648 bytes, more than 67108864 (limit `component-size`): it was not downloaded";
    bad(&lab, &["hook", "pull", &it], 78, &[says]);
    configure(&lab, &hook("h", &it));
    bad(&lab, &["lock"], 78, &[says, "[component-size]"]);
    let pinned = reference(&server, &format!("it@{}", digest(large.to_string().as_bytes())));
    configure(&lab, &hook("h", &pinned));
    bad(&lab, &["run", "p"], 78, &[says, "[component-size]"]);
    assert!(targets(&server).iter().all(|target| target.starts_with("/v2/it/manifests/")), "{:?}", targets(&server));
}

#[test]
fn a_hook_may_have_a_smaller_limit() {
    let (lab, bytes) = (Lab::new(), fine("it"));
    let server = Recorder::start([answer(&of(&bytes, bytes.len()))]);
    configure(&lab, &hook("h", &reference(&server, "it:1")).replace("on =", "limits.component-size = 100\non ="));
    bad(&lab, &["lock"], 78, &["more than 100 (limit `component-size`): it was not downloaded"]);
}

#[test]
fn more_is_not_read_than_was_said() {
    let (lab, bytes) = (Lab::new(), fine("it"));
    let short = of(&bytes, bytes.len() - 1);
    let server = Recorder::start([answer(&short), Answer::new(200, &bytes)]);
    let says = format!("the registry sends more than the {} bytes it has said", bytes.len() - 1);
    bad(&lab, &["hook", "pull", &reference(&server, "it:1")], 78, &[&says]);

    let long = of(&bytes, bytes.len() + 1);
    let server = Recorder::start([answer(&long), Answer::new(200, &bytes[..bytes.len() - 1])]);
    bad(&lab, &["hook", "pull", &reference(&server, "it:1")], 78, &["another blob than it was asked for"]);
    assert!(!lab.path("it.wasm").exists());
}

/// Sends an answer that has no end, and counts how much of it was taken.
fn flood() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (host, sent) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicU64::new(0)));
    let counter = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"));
            let chunk = [b' '; 64 << 10];
            while stream.write_all(&chunk).is_ok() {
                counter.fetch_add(chunk.len() as u64, Ordering::SeqCst);
            }
        }
    });
    (host, sent)
}

#[test]
fn a_manifest_without_an_end_is_cut_off() {
    let (lab, (host, sent)) = (Lab::new(), flood());
    let reference = format!("oci://{host}/it:1");
    bad(&lab, &["hook", "pull", &reference], 78, &[&format!("its manifest has more than {MANIFEST} bytes")]);
    // What was on its way, in the buffers of two sockets, is not ours to count.
    assert!(sent.load(Ordering::SeqCst) < 8 * MANIFEST, "{sent:?}");

    let large = " ".repeat(usize::try_from(MANIFEST).unwrap() + 1);
    let server = Recorder::start([Answer::new(200, large)]);
    let reference = self::reference(&server, "it:1");
    bad(&lab, &["hook", "pull", &reference], 78, &[&format!("its manifest has more than {MANIFEST} bytes")]);
}

#[test]
fn what_is_no_manifest_is_told_in_one_line() {
    let lab = Lab::new();
    for (body, says) in [
        ("<html>welcome</html>", "its manifest can't be read: expected value at line 1 column 1"),
        ("{}", "its manifest can't be read: missing field `schemaVersion`"),
        ("{\"schemaVersion\": 1}", "its manifest is of another type (schema version 1)"),
        ("{\"schemaVersion\": 2, \"mediaType\": \"\\u001b[31m\", \"layers\": []}", "of another type ( [31m)"),
        (
            "{\"schemaVersion\": 2, \"layers\": [], \"manifests\": []}",
            "its manifest is of another type (schema version 2)",
        ),
    ] {
        let server = Recorder::start([Answer::new(200, body)]);
        let finished = bad(&lab, &["hook", "pull", &reference(&server, "it:1")], 78, &[says]);
        assert!(!finished.stderr.contains('\u{1b}'), "{finished:?}");
    }
    // A digest that is none, and a refusal with words of its own.
    let mut odd = of(b"", 0);
    odd["layers"][0]["digest"] = "sha256:../../etc/passwd".into();
    let server = Recorder::start([
        answer(&odd),
        Answer::new(429, "{\"errors\": [{\"code\": \"TOOMANYREQUESTS\", \"message\": \"come back later\"}]}"),
    ]);
    let it = reference(&server, "it:1");
    bad(&lab, &["hook", "pull", &it], 78, &["its manifest names sha256:../../etc/passwd, which is no SHA-256 digest"]);
    bad(
        &lab,
        &["hook", "pull", &it],
        78,
        &["the registry was asked too often (429 Too Many Requests: come back later)"],
    );
}

/// A registry that wants a password, and has it by the time it sends us elsewhere.
fn asking(then: impl IntoIterator<Item = Answer>) -> Recorder {
    let challenge = Answer::new(401, "{}").header("www-authenticate", "Basic realm=\"here\"");
    Recorder::start([challenge.clone(), challenge].into_iter().chain(then))
}

fn login(lab: &Lab, server: &Recorder) {
    let host = server.url("").replace("http://", "");
    // alice:secret
    let text = format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"YWxpY2U6c2VjcmV0\"}}}}}}");
    file(lab, "home/.docker/config.json", text.as_bytes());
}

#[test]
fn a_blob_may_come_from_another_host_and_no_password_goes_there() {
    let (lab, bytes) = (Lab::new(), fine("it"));
    let storage = Recorder::start([Answer::new(200, &bytes)]);
    let server = asking([
        answer(&of(&bytes, bytes.len())),
        Answer::new(307, "").header("location", &storage.url("/bucket/it?signed=1")),
    ]);
    login(&lab, &server);
    good(&lab, &["hook", "pull", &reference(&server, "it:1")]);
    assert_eq!(std::fs::read(lab.path("it.wasm")).unwrap(), bytes);
    let told = |server: &Recorder| server.requests().iter().filter(|r| r.header("authorization").is_some()).count();
    assert_eq!((told(&server), told(&storage)), (2, 0), "{:?}", server.requests());
    assert_eq!(targets(&storage), ["/bucket/it?signed=1"]);
}

#[test]
fn a_manifest_may_not_and_nobody_is_sent_round_in_circles() {
    let (lab, bytes) = (Lab::new(), fine("it"));
    let elsewhere = Recorder::start([]);
    let away = || Answer::new(307, "").header("location", &elsewhere.url("/v2/it/manifests/1"));
    let server = Recorder::start([away()]);
    let says =
        "the registry sends us to 127.0.0.1: only a blob, which is known by its digest, may come from another host";
    bad(&lab, &["hook", "pull", &reference(&server, "it:1")], 78, &[says]);
    assert!(elsewhere.requests().is_empty());

    let circle = || Answer::new(307, "").header("location", "/v2/it/blobs/again");
    let server = Recorder::start(std::iter::once(answer(&of(&bytes, bytes.len()))).chain((0..20).map(|_| circle())));
    bad(&lab, &["hook", "pull", &reference(&server, "it:1")], 78, &["it sends us on again and again"]);
    assert!(server.requests().len() < 10);
}

#[test]
fn who_listens_and_says_nothing_is_not_waited_for_in_a_run_that_is_cached() {
    let (lab, bytes) = (Lab::new(), fine("it"));
    let server = Recorder::start([answer(&of(&bytes, bytes.len())), Answer::new(200, &bytes)]);
    configure(&lab, &hook("h", &reference(&server, "it:1")));
    good(&lab, &["lock"]);
    let asked = server.requests().len();
    for args in [&["run", "p"] as &[&str], &["validate"], &["explain", "p"], &["lock"]] {
        good(&lab, args);
    }
    assert_eq!(server.requests().len(), asked, "{:?}", targets(&server));
}
