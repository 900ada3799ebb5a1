//! What a host and its supervisor say to each other, over one socket.
//!
//! The host sends a [`Spec`] and the bytes for stdin, and nothing more: its end of
//! the socket, open, says that the command is still wanted. The supervisor answers
//! with [`Told`]s. Each message is JSON behind its length.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

/// Bytes of one message: more than a guest can pass at once, escaped. What is too long
/// for a command line is then refused by the system.
const LONGEST: u32 = 256 << 20;

/// What the supervisor is to start.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    /// Absolute path, or a name to be looked for in the fixed path.
    pub(super) program: String,
    pub(super) args: Vec<String>,
    /// Besides what every command has.
    pub(super) env: Vec<(String, Zeroizing<String>)>,
    pub(super) user: Option<String>,
    pub(super) cwd: String,
    /// Bytes for stdin, which follow this message.
    pub(super) stdin: Option<usize>,
}

/// What the supervisor tells.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Told {
    /// Nothing has been started, and why.
    NotStarted(String),
    /// The command has ended by itself, with this code.
    Exited(i32),
    /// The command was killed by this signal.
    Killed(i32),
    /// So many processes could not be killed.
    Left(usize),
}

fn encode<T: Serialize>(message: &T) -> io::Result<Zeroizing<Vec<u8>>> {
    let body = Zeroizing::new(serde_json::to_vec(message)?);
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("a message is too long"))?;
    let mut bytes = Zeroizing::new(length.to_be_bytes().to_vec());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn length(bytes: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(bytes);
    if length > LONGEST {
        return Err(io::Error::other("a message is too long"));
    }
    usize::try_from(length).map_err(io::Error::other)
}

/// Sends a message, blocking.
pub(super) fn send<T: Serialize>(mut to: impl Write, message: &T) -> io::Result<()> {
    to.write_all(&encode(message)?)
}

/// Receives a message, blocking.
pub(super) fn receive<T: DeserializeOwned>(mut from: impl Read) -> io::Result<T> {
    let mut head = [0; 4];
    from.read_exact(&mut head)?;
    let mut body = Zeroizing::new(vec![0; length(head)?]);
    from.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

/// Sends a message.
pub(super) async fn send_async<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), message: &T) -> io::Result<()> {
    to.write_all(&encode(message)?).await
}

/// Receives a message; none at the end of the stream.
pub(super) async fn receive_async<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    match from.read_exact(&mut head).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut body = Zeroizing::new(vec![0; length(head)?]);
    from.read_exact(&mut body).await?;
    Ok(Some(serde_json::from_slice(&body)?))
}
