//! The host's functions themselves, where the standard library stands in the way:
//! it refuses a path before the host could.

use hookward_sdk::__private::hookward::hook::log::{self, Field};
use hookward_sdk::Level;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasip2::io::poll::Pollable;

pub(crate) fn subscribe() -> Pollable {
    subscribe_duration(u64::MAX)
}

/// A message whose fields have neither names nor values.
pub(crate) fn log_empty_fields(count: usize) {
    let fields: Vec<_> = (0..count).map(|_| Field { key: String::new(), value: String::new() }).collect();
    log::write(Level::Info, "", &fields);
}

pub(crate) fn write_nothing() -> ! {
    let stdout = wasip2::cli::stdout::get_stdout();
    loop {
        // The stream can't fail: it takes what it gets, or ends the call.
        let _ = stdout.write(&[]);
    }
}

/// How many bytes came.
pub(crate) fn random(bytes: u64) -> usize {
    wasip2::random::random::get_random_bytes(bytes).len()
}

/// What a file holds that is reached from the first granted directory, by a path
/// that the host gets as it stands.
pub(crate) fn open_at(path: &str) -> String {
    match get_directories().first() {
        Some((dir, _)) => read_at(dir, path).unwrap_or_else(|error| format!("refused: {}", error.name())),
        None => "no directory".to_owned(),
    }
}

/// The same through a link of this guest's own making.
pub(crate) fn symlink_then_open(target: &str) -> String {
    match get_directories().first() {
        Some((dir, _)) => dir
            .symlink_at(target, "link")
            .and_then(|()| read_at(dir, "link"))
            .unwrap_or_else(|error| format!("refused: {}", error.name())),
        None => "no directory".to_owned(),
    }
}

fn read_at(dir: &Descriptor, path: &str) -> Result<String, ErrorCode> {
    let file = dir.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ)?;
    let (bytes, _) = file.read(1 << 10, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn resolve(name: &str) -> String {
    let network = wasip2::sockets::instance_network::instance_network();
    let stream = match wasip2::sockets::ip_name_lookup::resolve_addresses(&network, name) {
        Ok(stream) => stream,
        Err(error) => return format!("refused: {}", error.name()),
    };
    stream.subscribe().block();
    match stream.resolve_next_address() {
        Ok(address) => format!("{address:?}"),
        Err(error) => format!("refused: {}", error.name()),
    }
}

#[cfg(target_family = "wasm")]
pub(crate) fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn trap() -> ! {
    std::process::abort()
}
