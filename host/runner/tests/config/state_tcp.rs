//! The grants `state` and `tcp`: what they mean, and what is said of a wrong one.

use crate::v1;

/// A file with one hook that has this grant in its sixth line.
fn grant(line: &str) -> crate::Files {
    v1(&format!("[[hook]]\nname = \"h\"\ncomponent = \"h.wasm\"\non = [\"before\"]\ngrants.{line}"))
}

#[track_caller]
fn check(line: &str, expected: &str) {
    assert_eq!(grant(line).errors(), [format!("hookward.toml:{expected}")]);
}

#[test]
fn state_has_a_quota() {
    for (line, bytes) in [
        ("state = {}", 1 << 20),
        ("state = { max-bytes = \"64KiB\" }", 64 << 10),
        ("state = { max-bytes = 1 }", 1),
        ("state.max-bytes = \"16MiB\"", 16 << 20),
    ] {
        let config = grant(line).load().unwrap();
        let state = config.hooks[0].grants.state.as_ref().unwrap();
        assert_eq!(state.value.bytes(), bytes, "{line}");
        assert!(state.location.to_string().contains("hookward.toml:6:"), "{}", state.location);
    }
    assert_eq!(grant("dirs = []").load().unwrap().hooks[0].grants.state, None);
}

#[test]
fn a_quota_that_is_none_or_too_large() {
    let help = "write a size such as `64KiB`; for more, grant a directory with `dirs`";
    check("state = { max-bytes = 0 }", &format!("6:30 a state of 0 bytes can't hold anything | {help}"));
    check("state = { max-bytes = \"17MiB\" }", &format!("6:30 a state has at most 16 MiB | {help}"));
    check(
        "state = { max-bytes = \"much\" }",
        "6:30 `much` is not a size | write a number of bytes, or a size such as `64MiB` or `512kB`",
    );
    check("state = { max_bytes = 1 }", "6:18 unknown key `max_bytes` | did you mean `max-bytes`?");
    assert_eq!(grant("state = true").errors().len(), 1);
}

#[test]
fn addresses_are_hosts_with_ports() {
    let config = grant("tcp = [\"127.0.0.1:5432\", \"DB.internal:5432\", \"[::1]:1\"]").load().unwrap();
    let tcp: Vec<_> = config.hooks[0].grants.tcp.iter().map(|address| address.value.to_string()).collect();
    assert_eq!(tcp, ["127.0.0.1:5432", "db.internal:5432", "[::1]:1"]);
    assert!(config.hooks[0].grants.tcp[1].location.to_string().ends_with("hookward.toml:6:34"));
}

#[test]
fn addresses_that_cannot_be_granted() {
    let help = "write `HOST:PORT`, such as `127.0.0.1:5432` or `db.internal:5432`";
    for (text, why) in [
        ("localhost", "it has no port"),
        ("localhost:0", "its port is not a number from 1 to 65535"),
        (":1", "it has no host"),
        ("*.internal:1", "a wildcard can't be granted: each host is named"),
        ("tcp://localhost:1", "it is more than a host and a port"),
        ("a b:1", "its host is neither a name nor an address"),
        ("0.0.0.0:1", "nothing can be reached at an unspecified address"),
    ] {
        check(
            &format!("tcp = [\"db:1\", \"{text}\"]"),
            &format!("6:23 `{text}` is not an address to connect to: {why} | {help}"),
        );
    }
    check(
        "tcp = [\"::1\"]",
        "6:15 `::1` is not an address to connect to: an IPv6 address stands in brackets \
         | write `[ADDRESS]:PORT`, such as `[::1]:5432`",
    );
    // Each of them is told, where it stands.
    assert_eq!(grant("tcp = [\"a\", \"b\"]\ngrants.state.max-bytes = 0").errors().len(), 3);
}
