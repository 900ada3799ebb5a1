//! A hook for tests of `wasi:sockets`: takes the steps that its settings name, and
//! logs what came of each as `STEP: RESULT`.

mod raw;

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};

use hookward_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    steps: Vec<String>,
}

/// Takes the steps.
#[hook]
pub fn run(_: Event) -> Result<(), Box<dyn std::error::Error>> {
    let config: Config = config()?;
    for step in &config.steps {
        let result = take(step)?;
        info!("{step}: {result}");
    }
    Ok(())
}

fn take(step: &str) -> Result<String, Box<dyn std::error::Error>> {
    let said = |result: io::Result<String>| result.unwrap_or_else(|error| format!("refused: {error}"));
    Ok(match step.split(' ').collect::<Vec<_>>().as_slice() {
        ["connect", address] => said(TcpStream::connect(*address).map(|_| "ok".to_owned())),
        ["echo", address, size] => said(echo(address, size.parse()?)),
        ["read", address] => said(TcpStream::connect(*address).and_then(|mut stream| {
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        })),
        ["hold", address, count] => {
            let held: Vec<_> = (0..count.parse()?).map(|_| TcpStream::connect(*address)).collect();
            format!("{} open", held.iter().filter(|stream| stream.is_ok()).count())
        }
        ["again", address, count] => {
            let made = (0..count.parse()?).filter(|_: &u32| TcpStream::connect(*address).is_ok());
            format!("{} made", made.count())
        }
        ["listen", address] => said(TcpListener::bind(*address).map(|_| "ok".to_owned())),
        ["udp", address] => said(UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
            socket.send_to(b"x", *address)?;
            Ok("ok".to_owned())
        })),
        ["resolve", name] => raw::resolve(name),
        ["resolve-often", name, count] => {
            let answers: Vec<_> = (0..count.parse::<u32>()?).map(|_| raw::resolve(name)).collect();
            format!("{} answers", answers.iter().filter(|answer| !answer.starts_with("refused")).count())
        }
        ["listen-anywhere"] => raw::listen(),
        ["bind-then-connect", port] => raw::bind_then_connect(port.parse()?),
        ["mapped", port] => raw::connect_mapped(port.parse()?),
        _ => return Err("no such step".into()),
    })
}

/// Sends bytes and reads them back, piece by piece.
fn echo(address: &str, size: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let (mut sent, mut same) = (0, true);
    let mut back = vec![0; 8 << 10];
    while sent < size {
        let piece: Vec<u8> = (sent..size.min(sent + back.len())).map(|n| (n % 251).to_le_bytes()[0]).collect();
        stream.write_all(&piece)?;
        back.truncate(piece.len());
        stream.read_exact(&mut back)?;
        same &= back == piece;
        sent += piece.len();
    }
    Ok(format!("{sent} bytes, same={same}"))
}
