//! How registries are talked to, as a configuration says.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// How one registry is talked to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// Plain HTTP. Not said: on this machine's own addresses, and nowhere else.
    pub insecure: Option<bool>,
    /// Certificate authorities besides those of the system: a PEM file.
    pub ca_file: Option<PathBuf>,
}

impl Connection {
    /// Whether the registry at this host is talked to in the clear.
    pub(crate) fn is_plain(&self, host: &str) -> bool {
        self.insecure.unwrap_or_else(|| self.ca_file.is_none() && is_loopback(host))
    }
}

/// How each registry is talked to, by its host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registries(pub BTreeMap<String, Connection>);

impl Registries {
    /// How the registry at this host is talked to.
    #[must_use]
    pub fn connection(&self, host: &str) -> Connection {
        self.0.get(host).cloned().unwrap_or_default()
    }
}

/// Whether a host, with or without a port, is this machine by its name alone.
pub(crate) fn is_loopback(host: &str) -> bool {
    let without_port = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    without_port == "localhost" || without_port.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
