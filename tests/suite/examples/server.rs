//! A server of HTTP for hooks: says what it is told to, and keeps what it was asked.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Lives as long as the tests.
pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`; nothing for a unix socket.
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and target.
    pub(crate) line: String,
    pub(crate) body: String,
}

impl Server {
    /// On a port of the loopback address. `answer` is from a request's line to the
    /// response's status and body.
    pub(crate) fn on_port(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(url, answer, move || listener.accept().map(|(stream, _)| stream))
    }

    /// On a unix socket.
    pub(crate) fn on_socket(path: &Path, answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        Self::serve(String::new(), answer, move || listener.accept().map(|(stream, _)| stream))
    }

    fn serve<S: Read + Write>(
        url: String,
        answer: impl Fn(&str) -> (u16, String) + Send + 'static,
        accept: impl Fn() -> std::io::Result<S> + Send + 'static,
    ) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            while let Ok(mut stream) = accept() {
                // One that only looks whether somebody is there asks nothing.
                let Some(request) = read(&mut stream) else { continue };
                let (status, body) = answer(&request.line);
                kept.lock().unwrap().push(request);
                let length = body.len();
                drop(write!(
                    stream,
                    "HTTP/1.1 {status} -\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                ));
            }
        });
        Self { url, asked }
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut stream = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|&read| read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        if header.is_empty() {
            break;
        }
        headers.push(header.to_ascii_lowercase());
    }
    let header = |name: &str| headers.iter().find_map(|header| header.strip_prefix(name).map(str::trim));
    let mut body = Vec::new();
    if header("transfer-encoding:") == Some("chunked") {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).ok()?;
            let size = u64::from_str_radix(size.trim(), 16).ok()?;
            stream.by_ref().take(size).read_to_end(&mut body).ok()?;
            stream.read_line(&mut String::new()).ok()?;
            if size == 0 {
                break;
            }
        }
    } else {
        let length = header("content-length:").map_or(0, |length| length.parse().unwrap());
        stream.take(length).read_to_end(&mut body).ok()?;
    }
    let line = first.rsplit_once(' ')?.0.to_owned();
    Some(Asked { line, body: String::from_utf8_lossy(&body).into_owned() })
}
