//! A server of HTTP on loopback that keeps what it is sent, and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A running server. Ends when dropped.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    requests: Mutex<Vec<Received>>,
    answers: Mutex<VecDeque<Answer>>,
    ending: AtomicBool,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// In capitals.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: String,
}

impl Received {
    /// The first header of that name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is something else.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// What the server says to one request.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// This status, and this body.
    #[must_use]
    pub fn new(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self { status, headers: Vec::new(), body: body.as_ref().to_owned() }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Recorder {
    /// One that gives these answers, one after the other, and then `OK` to everything.
    #[must_use]
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::serve(answers, None)
    }

    /// The same with TLS.
    #[must_use]
    pub fn start_tls(config: ServerConfig, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::serve(answers, Some(Arc::new(config)))
    }

    fn serve(answers: impl IntoIterator<Item = Answer>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            answers: Mutex::new(answers.into_iter().collect()),
            ending: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.ending.load(Ordering::SeqCst) {
                    break;
                }
                // A client that hangs up, or doesn't trust it, is the test's to see.
                let _ = stream.and_then(|stream| own.answer(stream, tls.clone()));
            }
        });
        Self { address, scheme, shared, thread: Some(thread) }
    }

    /// Its own URL with this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// What it was sent so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Shared {
    fn answer(&self, stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        match tls {
            None => self.exchange(stream),
            Some(config) => {
                let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
                self.exchange(StreamOwned::new(connection, stream))
            }
        }
    }

    fn exchange(&self, stream: impl Read + Write) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let request = receive(&mut stream)?;
        self.requests.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or_else(|| Answer::new(200, "OK"));
        let mut text = format!("HTTP/1.1 {} Answer\r\nconnection: close\r\n", answer.status);
        for (name, value) in &answer.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
        stream.get_mut().write_all(&[text.as_bytes(), &answer.body].concat())?;
        stream.get_mut().flush()
    }
}

fn receive(stream: &mut BufReader<impl Read>) -> std::io::Result<Received> {
    let line = line(stream)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let line = self::line(stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Received { method, target, headers, body: String::new() };
    // What hooks send tells its length.
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Ok(request)
}

fn line(stream: &mut BufReader<impl Read>) -> std::io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
