//! What was not granted can't be reached, and what was granted is no more than that.

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use hookward_engine::Reason;

use crate::support::{Call, still_serves};

const SECRET: &str = "the secret";

/// A directory to grant, beside a secret.
struct Files {
    root: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("secret"), SECRET).unwrap();
        std::fs::create_dir(root.path().join("granted")).unwrap();
        std::fs::write(root.path().join("granted/inside"), "inside").unwrap();
        Self { root }
    }

    fn granted(&self) -> PathBuf {
        self.root.path().join("granted")
    }

    fn secret(&self) -> String {
        self.root.path().join("secret").to_str().unwrap().to_owned()
    }

    fn call(&self, mode: &str, text: &str, write: bool) -> Call {
        Call::mode(mode).text(text).dir(&self.granted(), "/in", write)
    }

    async fn refused(&self, mode: &str, text: &str, write: bool) {
        let outcome = self.call(mode, text, write).run().await;
        let error = outcome.error();
        assert!(error.starts_with("refused: "), "{mode} {text}: {error}");
        assert!(!error.contains(SECRET));
        still_serves().await;
    }
}

#[tokio::test]
async fn a_granted_directory_can_be_read() {
    let files = Files::new();
    assert_eq!(files.call("read-file", "/in/inside", false).run().await.error(), "inside");
    assert_eq!(files.call("open-at", "inside", false).run().await.error(), "inside");
    symlink("inside", files.granted().join("link")).unwrap();
    assert_eq!(files.call("open-at", "link", false).run().await.error(), "inside");
}

#[tokio::test]
async fn nothing_outside_of_it_can() {
    let files = Files::new();
    symlink("../secret", files.granted().join("relative")).unwrap();
    symlink(files.secret(), files.granted().join("absolute")).unwrap();
    symlink("..", files.granted().join("parent")).unwrap();
    symlink("/proc/self/root", files.granted().join("root")).unwrap();
    let absolute = files.secret();
    let through_root = format!("root{absolute}");
    for path in [
        "../secret",
        "./../secret",
        "inside/../../secret",
        "../granted/../secret",
        &absolute,
        "/etc/passwd",
        "relative",
        "absolute",
        "parent/secret",
        &through_root,
    ] {
        files.refused("open-at", path, false).await;
        files.refused("open-at", path, true).await;
    }
    for path in ["/in/../secret", "../secret", &absolute, "/etc/passwd", "/in/relative", "/in/parent/secret"] {
        files.refused("read-file", path, false).await;
    }
}

#[tokio::test]
async fn a_link_of_the_guests_own_leads_nowhere_else() {
    for target in ["../secret", "/etc/passwd", "."] {
        let files = Files::new();
        files.refused("symlink-then-open", target, true).await;
        files.refused("symlink-then-open", target, false).await;
    }
    let files = Files::new();
    assert_eq!(files.call("symlink-then-open", "inside", true).run().await.error(), "inside");
}

#[tokio::test]
async fn a_directory_granted_to_be_read_is_not_written() {
    let files = Files::new();
    for (mode, path) in
        [("write", "/in/inside"), ("write", "/in/new"), ("create", "/in/new"), ("symlink-then-open", "inside")]
    {
        files.refused(mode, path, false).await;
    }
    assert_eq!(std::fs::read_dir(files.granted()).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(files.granted().join("inside")).unwrap(), "inside");

    assert_eq!(files.call("write", "/in/new", true).run().await.error(), "allowed");
    assert_eq!(std::fs::read_to_string(files.granted().join("new")).unwrap(), "written");
}

#[tokio::test]
async fn without_a_grant_there_are_no_files() {
    let files = Files::new();
    assert_eq!(Call::mode("open-at").text("/").run().await.error(), "no directory");
    for path in [files.secret().as_str(), "/etc/passwd", "/in/inside", "."] {
        let outcome = Call::mode("read-file").text(path).run().await;
        assert!(outcome.error().starts_with("refused: "), "{path}: {}", outcome.error());
    }
}

#[tokio::test]
async fn a_granted_directory_that_is_gone_has_its_reason() {
    let files = Files::new();
    for host in [files.root.path().join("missing"), files.root.path().join("secret")] {
        let outcome = Call::mode("ok").dir(&host, "/in", false).run().await;
        let message = &outcome.failed(Reason::Directory).message;
        assert!(message.contains(host.to_str().unwrap()), "{message}");
    }
    still_serves().await;
}

#[tokio::test]
async fn the_environment_is_what_was_granted() {
    assert!(std::env::var_os("PATH").is_some());
    assert_eq!(Call::mode("env").text("PATH").run().await.error(), "not set");
    let mut call = Call::mode("env").text("GRANTED");
    call.grants.env.push(("GRANTED".to_owned(), "a value".to_owned()));
    assert_eq!(call.run().await.error(), "a value");
}

#[tokio::test]
async fn standard_input_is_empty() {
    assert_eq!(Call::mode("stdin").run().await.error(), "Ok(0)");
}

#[tokio::test]
async fn no_address_can_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_nonblocking(true).unwrap();
    let tcp = listener.local_addr().unwrap().to_string();
    let udp = receiver.local_addr().unwrap().to_string();
    for (mode, text) in [
        ("connect", tcp.as_str()),
        ("connect", "[::1]:1"),
        ("listen", "127.0.0.1:0"),
        ("datagram", &udp),
        ("resolve", "localhost"),
        ("resolve", "example.com"),
        ("resolve", "127.0.0.1"),
    ] {
        let outcome = Call::mode(mode).text(text).timeout(5000).run().await;
        let error = outcome.error();
        // An address in text needs no look-up, and is of no use.
        assert!(error.starts_with("refused: ") || text == "127.0.0.1", "{mode} {text}: {error}");
        still_serves().await;
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(receiver.recv(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
}
