//! Servers on loopback, that answer as a test wants.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

/// A connection of any kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(crate) type Connection = Box<dyn Stream>;

type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Answers a request, of which it is given the head and the body.
pub(crate) type Answer = Arc<dyn Fn(String, Connection) -> Answering + Send + Sync>;

/// Ends with its test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// A server on loopback that answers so.
    pub(crate) async fn new(answer: Answer) -> Self {
        Self::at("127.0.0.1", answer).await.unwrap()
    }

    /// The same at another address of this machine.
    pub(crate) async fn at(host: &str, answer: Answer) -> std::io::Result<Self> {
        let listener = TcpListener::bind((host, 0)).await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Box::new(stream), Arc::clone(&seen), Arc::clone(&answer)));
            }
        });
        Ok(Self { address, requests, accepting })
    }

    /// The same behind a unix socket; its address says nothing.
    pub(crate) fn unix(path: &std::path::Path, answer: Answer) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Box::new(stream), Arc::clone(&seen), Arc::clone(&answer)));
            }
        });
        Self { address: ([0, 0, 0, 0], 0).into(), requests, accepting }
    }

    /// `http://ADDRESS` and this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads one request and answers it.
pub(crate) async fn serve(mut stream: Connection, seen: Arc<Mutex<Vec<String>>>, answer: Answer) {
    let mut request = Vec::new();
    loop {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => break,
            Ok(_) if complete(&request) => break,
            Ok(_) => {}
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    seen.lock().unwrap().push(request.clone());
    answer(request, stream).await;
}

/// Whether the request has its body.
fn complete(request: &[u8]) -> bool {
    // The first record of TLS: no request, and nothing follows it.
    if request.first() == Some(&0x16) {
        return true;
    }
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None => !head.contains("transfer-encoding: chunked") || body.ends_with("0\r\n\r\n"),
    }
}

/// These bytes, then the end.
pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Answer {
    let bytes = bytes.into();
    Arc::new(move |_, mut stream| {
        let bytes = bytes.clone();
        Box::pin(async move {
            // The hook may have hung up.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        })
    })
}

/// Status 200 with this text.
pub(crate) fn text(text: &str) -> Answer {
    bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()))
}

/// These bytes, then some again and again, with a pause before each.
pub(crate) fn dripping(head: &'static str, drop: Vec<u8>, pause: Duration) -> Answer {
    Arc::new(move |_, mut stream| {
        let drop = drop.clone();
        Box::pin(async move {
            let mut sent = stream.write_all(head.as_bytes()).await;
            while sent.is_ok() {
                tokio::time::sleep(pause).await;
                sent = stream.write_all(&drop).await;
            }
        })
    })
}

/// Says nothing, and tells when the hook hangs up.
pub(crate) fn silent(head: &'static str, closed: tokio::sync::mpsc::UnboundedSender<()>) -> Answer {
    Arc::new(move |_, mut stream| {
        let closed = closed.clone();
        Box::pin(async move {
            let _ = stream.write_all(head.as_bytes()).await;
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            let _ = closed.send(());
        })
    })
}
