//! Which addresses are the public network's.
//!
//! `std` knows some of it (`is_global` is unstable), and no crate states it with its
//! sources, so the registries of special-purpose addresses stand here as tables.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whose an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Of a host on the public network.
    Public,
    /// Of this machine.
    Loopback,
    /// Of a network of the operator's own, or of the provider's.
    Private,
    /// Of a neighbour on the link: with many providers the machine's metadata,
    /// credentials included.
    LinkLocal,
    /// Not of one host: multicast, documentation, reserved, a way around the others.
    Special,
}

impl Class {
    /// For a message: what kind of address it is.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Public => "a public",
            Self::Loopback => "a loopback",
            Self::Private => "a private",
            Self::LinkLocal => "a link-local or metadata",
            Self::Special => "a special-purpose",
        }
    }
}

/// What is not public of IPv4: IANA's registry, RFC 6890. The first that covers an
/// address counts.
const V4: &[(Ipv4Addr, u32, Class)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, Class::Special),  // RFC 791: this network
    (Ipv4Addr::new(10, 0, 0, 0), 8, Class::Private), // RFC 1918
    // Metadata of Alibaba Cloud, inside of the provider's range below.
    (Ipv4Addr::new(100, 100, 100, 200), 32, Class::LinkLocal),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Class::Private), // RFC 6598: behind a provider's NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8, Class::Loopback),  // RFC 1122
    (Ipv4Addr::new(169, 254, 0, 0), 16, Class::LinkLocal), // RFC 3927
    (Ipv4Addr::new(172, 16, 0, 0), 12, Class::Private), // RFC 1918
    (Ipv4Addr::new(192, 0, 0, 0), 24, Class::Special),  // RFC 6890: protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24, Class::Special),  // RFC 5737: documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24, Class::Special), // RFC 7526: 6to4 relays, withdrawn
    (Ipv4Addr::new(192, 168, 0, 0), 16, Class::Private), // RFC 1918
    (Ipv4Addr::new(198, 18, 0, 0), 15, Class::Special), // RFC 2544: benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24, Class::Special), // RFC 5737: documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24, Class::Special), // RFC 5737: documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4, Class::Special),   // RFC 5771: multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4, Class::Special),   // RFC 1112: reserved, broadcast
];

/// The same of IPv6. What is global unicast, 2000::/3 (RFC 4291), and not listed is
/// public; nothing else is.
const V6: &[(Ipv6Addr, u32, Class)] = &[
    (Ipv6Addr::LOCALHOST, 128, Class::Loopback), // RFC 4291
    // Metadata of Amazon and of Google, inside of the unique-local range.
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, Class::LinkLocal),
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128, Class::LinkLocal),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Class::Private), // RFC 4193: unique-local
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Class::LinkLocal), // RFC 4291
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Class::Special), // RFC 2928: protocols, Teredo
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Class::Special), // RFC 3849: documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Class::Special), // RFC 9637: documentation
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, Class::Public),  // RFC 4291: global unicast
];

/// Whose this address is.
pub(super) fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            // Reached by a detour, even what may be granted is not what it says.
            Some(inner) if class_v4(inner) == Class::Public => Class::Public,
            Some(_) => Class::Special,
            None => {
                let bits = u128::from(address);
                let covers = |&&(net, length, _): &&(Ipv6Addr, u32, _)| {
                    (bits ^ u128::from(net)).checked_shr(128 - length).unwrap_or_default() == 0
                };
                V6.iter().find(covers).map_or(Class::Special, |&(_, _, class)| class)
            }
        },
    }
}

fn class_v4(address: Ipv4Addr) -> Class {
    let bits = u32::from(address);
    let covers = |&&(net, length, _): &&(Ipv4Addr, u32, _)| {
        (bits ^ u32::from(net)).checked_shr(32 - length).unwrap_or_default() == 0
    };
    V4.iter().find(covers).map_or(Class::Public, |&(_, _, class)| class)
}

/// The IPv4 address that a gateway, or this machine, takes an address for.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] => v4(g, h),      // RFC 4291: IPv4-mapped
        [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),   // RFC 6052: NAT64
        [0x2002, high, low, ..] => v4(high, low), // RFC 3056: 6to4
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_an_address_is() {
        let table = [
            (Class::Public, "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1"),
            (Class::Public, "169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.0 192.167.0.1 198.17.0.1 198.20.0.0"),
            (Class::Public, "223.255.255.255 2606:4700:4700::1111 2a00:1450::1 2001:200::1 2001:4860:4860::8888"),
            (Class::Public, "::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101::1"),
            (Class::Loopback, "127.0.0.1 127.255.255.255 ::1"),
            (Class::Private, "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255"),
            (Class::Private, "100.64.0.1 100.127.255.255 fc00::1 fdff::1 fd00:ec2::253"),
            (
                Class::LinkLocal,
                "169.254.169.254 169.254.0.1 fe80::1 febf::1 fd00:ec2::254 fd20:ce::254 100.100.100.200",
            ),
            (Class::Special, "0.0.0.0 0.1.2.3 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255"),
            (Class::Special, "198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255"),
            (
                Class::Special,
                ":: ff02::1 ff0e::1 2001:db8::1 3fff::1 2001::1 2001:10::1 100::1 fec0::1 4000::1 5f00::1",
            ),
            (Class::Special, "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::1.1.1.1"),
            (Class::Special, "64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1.1.1.1 2002:7f00:1::1 2002:a00:1::1"),
        ];
        for (expected, addresses) in table {
            for address in addresses.split(' ') {
                assert_eq!(class(address.parse().unwrap()), expected, "{address}");
            }
        }
    }
}
