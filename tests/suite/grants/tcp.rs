//! `tcp`: connections to the granted addresses, and to no other.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hookward_engine::{Component, InvalidTcp, Reason, TcpGrant};
use tokio::sync::OnceCell;

use crate::steps_support::{Call, GRACE, Outcome, load};

async fn guest() -> &'static Component {
    static COMPONENT: OnceCell<Component> = OnceCell::const_new();
    COMPONENT.get_or_init(|| load("tcp")).await
}

/// A server that sends back what it gets, and counts who comes.
struct Server {
    port: u16,
    met: Arc<AtomicUsize>,
}

impl Server {
    fn at(address: &str) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        let (port, met) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counter = met.clone();
        // Ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let mut buffer = [0; 4 << 10];
                    while let Ok(length @ 1..) = stream.read(&mut buffer) {
                        if stream.write_all(&buffer[..length]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Some(Self { port, met })
    }

    fn start() -> Self {
        Self::at("127.0.0.1:0").unwrap()
    }

    fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    /// Waits for so many, whom the kernel may have let in before the server has.
    fn meets(&self, wanted: usize) {
        let begin = Instant::now();
        while self.met() < wanted && begin.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(self.met(), wanted);
    }
}

fn call(granted: &[String], steps: &[String]) -> Call {
    let mut call = Call::new(steps);
    call.grants.tcp = granted.iter().map(|address| address.parse().unwrap()).collect();
    call
}

async fn run(granted: &[String], steps: &[String]) -> Outcome {
    call(granted, steps).of(guest().await).await
}

/// Every step is refused, and nobody came to the server.
#[track_caller]
fn assert_refused(outcome: &Outcome, server: &Server) {
    let results = outcome.results();
    assert!(results.iter().all(|result| result.starts_with("refused: ")), "{outcome:?}");
    assert_eq!(server.met(), 0, "{outcome:?}");
}

#[tokio::test]
async fn nothing_is_reached_without_the_grant() {
    let server = Server::start();
    let port = server.port;
    let steps = [
        format!("connect 127.0.0.1:{port}"),
        format!("connect localhost:{port}"),
        format!("connect [::1]:{port}"),
        format!("mapped {port}"),
        "resolve localhost".to_owned(),
        "listen 127.0.0.1:0".to_owned(),
        "listen-anywhere".to_owned(),
        format!("udp 127.0.0.1:{port}"),
    ];
    assert_refused(&run(&[], &steps).await, &server);
}

#[tokio::test]
async fn a_granted_address_is_reached() {
    let server = Server::start();
    let address = format!("127.0.0.1:{}", server.port);
    let steps = [format!("connect {address}"), format!("echo {address} 1048576")];
    let outcome = run(std::slice::from_ref(&address), &steps).await;
    assert_eq!(outcome.results(), ["ok", "1048576 bytes, same=true"]);
    server.meets(2);
}

#[tokio::test]
async fn a_granted_name_is_looked_up_and_reached() {
    let server = Server::start();
    let address = format!("localhost:{}", server.port);
    let steps = [
        format!("connect {address}"),
        format!("connect LOCALHOST:{}", server.port),
        // Reached once its name has told of it.
        format!("connect 127.0.0.1:{}", server.port),
        "resolve localhost".to_owned(),
    ];
    let outcome = run(&[address], &steps).await;
    let results = outcome.results();
    assert_eq!(results[..3], ["ok"; 3]);
    assert!(results[3].contains("127.0.0.1"), "{results:?}");
    server.meets(3);
}

#[tokio::test]
async fn a_granted_address_of_ipv6_is_reached() {
    let Some(server) = Server::at("[::1]:0") else {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    };
    let steps = [format!("echo [::1]:{} 10000", server.port), format!("connect [::2]:{}", server.port)];
    let outcome = run(&[format!("[::1]:{}", server.port)], &steps).await;
    let results = outcome.results();
    assert_eq!(results[0], "10000 bytes, same=true");
    assert!(results[1].starts_with("refused: "), "{results:?}");
}

#[tokio::test]
async fn no_other_port_address_or_name_is_reached() {
    let server = Server::start();
    let elsewhere = Server::start();
    let port = server.port;
    let granted = [
        format!("127.0.0.1:{}", elsewhere.port),
        format!("127.0.0.2:{port}"),
        format!("localhost:{}", elsewhere.port),
        format!("db.invalid:{port}"),
    ];
    let steps = [
        format!("connect 127.0.0.1:{port}"),
        // The name is granted with another port.
        format!("connect localhost:{port}"),
        format!("connect 127.0.0.3:{}", elsewhere.port),
        format!("connect [::1]:{port}"),
        format!("connect db.invalid:{port}"),
        "resolve example.com".to_owned(),
        "resolve localhost.".to_owned(),
        "resolve a.localhost".to_owned(),
        "resolve 127.0.0.3".to_owned(),
        "resolve localhost:80".to_owned(),
    ];
    assert_refused(&run(&granted, &steps).await, &server);
    assert_eq!(elsewhere.met(), 0);
}

#[tokio::test]
async fn an_address_is_forgotten_with_the_call_that_looked_it_up() {
    let server = Server::start();
    let granted = [format!("localhost:{}", server.port)];
    run(&granted, &["resolve localhost".to_owned()]).await.results();
    assert_refused(&run(&granted, &[format!("connect 127.0.0.1:{}", server.port)]).await, &server);
}

#[tokio::test]
async fn an_address_is_the_same_in_its_mapped_form() {
    let server = Server::start();
    let port = server.port;
    // The system's own form of it is no way around, and none in: wasmtime refuses it.
    let mapped = [format!("mapped {port}")];
    assert_refused(&run(&[format!("127.0.0.2:{port}")], &mapped).await, &server);
    assert_refused(&run(&[format!("127.0.0.1:{port}")], &mapped).await, &server);
    let granted = format!("[::ffff:127.0.0.1]:{port}");
    assert_eq!(granted.parse::<TcpGrant>().unwrap().to_string(), format!("127.0.0.1:{port}"));
    assert_eq!(run(&[granted], &[format!("connect 127.0.0.1:{port}")]).await.results(), ["ok"]);
}

#[tokio::test]
async fn a_grant_to_connect_is_none_to_listen_or_to_send_datagrams() {
    let server = Server::start();
    let port = server.port;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let granted = [format!("127.0.0.1:{port}"), format!("127.0.0.1:{free}"), format!("localhost:{free}")];
    let steps = [
        format!("listen 127.0.0.1:{free}"),
        "listen 127.0.0.1:0".to_owned(),
        "listen 0.0.0.0:0".to_owned(),
        "listen-anywhere".to_owned(),
        format!("bind-then-connect {port}"),
        format!("udp 127.0.0.1:{port}"),
    ];
    assert_refused(&run(&granted, &steps).await, &server);
}

#[tokio::test]
async fn a_server_that_never_answers_is_cut_by_the_timeout() {
    let server = Server::start();
    let address = format!("127.0.0.1:{}", server.port);
    let began = Instant::now();
    let steps = [format!("read {address}")];
    call(std::slice::from_ref(&address), &steps).timeout(500).of(guest().await).await.failed(Reason::Timeout);
    assert!(began.elapsed() < Duration::from_millis(500) + GRACE);
    // An address from which no answer comes at all.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full(&silent).to_string();
    let outcome = call(std::slice::from_ref(&address), &[format!("hold {address} 1")]).timeout(500);
    outcome.of(guest().await).await.failed(Reason::Timeout);
}

/// Fills the queue of a listener that takes nobody.
fn full(listener: &TcpListener) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    // Kept open for the rest of the process.
    let queue = (0..5000).map_while(|_| {
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok().map(std::mem::forget)
    });
    queue.for_each(drop);
    address
}

#[tokio::test]
async fn connections_are_counted_as_handles_while_they_are_open() {
    let server = Server::start();
    let address = format!("127.0.0.1:{}", server.port);
    let few = |step: String| call(std::slice::from_ref(&address), &[step]).limits(|limits| limits.handles = 60);
    few(format!("hold {address} 500")).of(guest().await).await.failed(Reason::Handles);
    assert!(server.met() <= 60, "{}", server.met());
    let outcome = few(format!("again {address} 200")).of(guest().await).await;
    assert_eq!(outcome.results(), ["200 made"]);
    let outcome = few("resolve-often localhost 10".to_owned()).of(guest().await).await;
    assert_eq!(outcome.results(), ["0 answers"]);
    let outcome = call(&["localhost:1".to_owned()], &["resolve-often localhost 200".to_owned()]);
    assert_eq!(outcome.limits(|limits| limits.handles = 60).of(guest().await).await.results(), ["200 answers"]);
}

#[test]
fn an_address_is_a_host_and_a_port() {
    for (text, shown) in [
        ("127.0.0.1:5432", "127.0.0.1:5432"),
        ("db.internal:5432", "db.internal:5432"),
        ("DB_1.Internal:1", "db_1.internal:1"),
        ("[::1]:65535", "[::1]:65535"),
        ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"),
    ] {
        assert_eq!(text.parse::<TcpGrant>().unwrap().to_string(), shown);
    }
    for (text, error) in [
        ("", InvalidTcp::NoPort),
        ("localhost", InvalidTcp::NoPort),
        ("[::1]", InvalidTcp::NoPort),
        (":80", InvalidTcp::NoHost),
        ("localhost:", InvalidTcp::Port),
        ("localhost:0", InvalidTcp::Port),
        ("localhost:65536", InvalidTcp::Port),
        ("localhost:+80", InvalidTcp::Port),
        ("localhost:http", InvalidTcp::Port),
        ("localhost:*", InvalidTcp::Port),
        ("*:80", InvalidTcp::Wildcard),
        ("*.internal:80", InvalidTcp::Wildcard),
        ("::1", InvalidTcp::Brackets),
        ("fe80::1:80:x:80", InvalidTcp::Brackets),
        ("tcp://localhost:80", InvalidTcp::Url),
        ("10.0.0.0/8:80", InvalidTcp::Url),
        ("a b:80", InvalidTcp::Host),
        ("a,b:80", InvalidTcp::Host),
        ("[fe80::1%eth0]:80", InvalidTcp::Host),
        ("300.1.1.1:80", InvalidTcp::Host),
        ("0.0.0.0:80", InvalidTcp::Unspecified),
        ("[::]:80", InvalidTcp::Unspecified),
    ] {
        assert_eq!(text.parse::<TcpGrant>(), Err(error), "{text}");
    }
}
