//! Components from registries: references, `[components]`, `[registry."HOST"]`.

use std::path::PathBuf;

use hookward_registry::signature::{Identity, Signatory};
use hookward_runner::config::{ComponentSettings, Config, HookSpec, Source};

use crate::v1;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn hook(component: &str) -> String {
    format!("[[hook]]\nname = \"h\"\ncomponent = \"{component}\"\non = [\"finally\"]")
}

fn source(component: &str) -> Source {
    v1(&hook(component)).load().unwrap().hooks[0].component.clone()
}

#[test]
fn a_component_is_a_file_or_a_reference() {
    for reference in [
        "oci://ghcr.io/acme/hook:1.2.0".to_owned(),
        format!("oci://ghcr.io/acme/hook@{DIGEST}"),
        format!("oci://ghcr.io/acme/deep/hook:1.2.0@{DIGEST}"),
        "oci://localhost:5000/hook:latest".to_owned(),
        "oci://localhost/hook:1".to_owned(),
    ] {
        let Source::Registry(parsed) = source(&reference) else { panic!("{reference} is a file") };
        assert_eq!(parsed.to_string(), reference);
    }
    let Source::Registry(parsed) = source(&format!("oci://localhost:5000/a/b:1@{DIGEST}")) else { panic!() };
    assert_eq!((parsed.host(), parsed.repository(), parsed.tag()), ("localhost:5000", "a/b", Some("1")));
    assert_eq!(parsed.digest().unwrap().to_string(), DIGEST);
    assert_eq!(source("${PLACE}/hook.wasm"), Source::File(PathBuf::from("/mnt/place/hook.wasm")));
    assert_eq!(source("oci://${HOST:-ghcr.io}/a:1").to_string(), "oci://ghcr.io/a:1");
}

#[test]
fn the_journal_reads_it_back() {
    for component in ["oci://ghcr.io/acme/hook:1.2.0", "/srv/hook.wasm"] {
        let spec = v1(&hook(component)).load().unwrap().hooks.remove(0);
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<HookSpec>(&text).unwrap(), spec, "{text}");
    }
}

fn settings(text: &str) -> (ComponentSettings, PathBuf) {
    let files = v1(text);
    let Config { components, .. } = files.load().unwrap();
    (components, files.path(""))
}

/// The keys that a component needs the signature of one of; none if of none.
fn keys(settings: &ComponentSettings, component: &str) -> Option<String> {
    let spec = settings.signature(&source(component))?;
    Some(spec.keys.iter().map(|key| key.value.file_name().unwrap().to_string_lossy()).collect::<Vec<_>>().join("+"))
}

#[test]
fn the_longest_prefix_says_who_has_to_sign() {
    let (settings, _) = settings(
        "components.keys = [\"all.pub\"]\n\
         [registry.\"ghcr.io\"]\nkeys = [\"ghcr.pub\"]\n\
         [registry.\"ghcr.io/acme\"]\nrequire-signature = true\nkeys = [\"acme.pub\", \"other.pub\"]\n\
         [registry.\"ghcr.io/acme/trial\"]\nrequire-signature = false\n\
         [registry.\"localhost:5000\"]\ninsecure = true",
    );
    for (component, expected) in [
        ("oci://ghcr.io/x/hook:1", Some("ghcr.pub")),
        ("oci://ghcr.io/acme/hook:1", Some("acme.pub+other.pub")),
        ("oci://ghcr.io/acme:1", Some("acme.pub+other.pub")),
        ("oci://ghcr.io/acme-evil/hook:1", Some("ghcr.pub")),
        ("oci://ghcr.io/acme/trial/hook:1", None),
        ("oci://ghcr.io.evil.example/acme/hook:1", Some("all.pub")),
        ("oci://localhost:5000/hook:1", Some("all.pub")),
        ("hook.wasm", Some("all.pub")),
    ] {
        assert_eq!(keys(&settings, component).as_deref(), expected, "{component}");
    }
}

#[test]
fn nothing_said_means_nothing_needed() {
    let (settings, dir) =
        settings("[registry.\"ghcr.io/acme\"]\nkeys = [\"k/acme.pub\"]\n[components]\nvendor = \"v\"");
    assert_eq!(keys(&settings, "oci://ghcr.io/other/hook:1"), None);
    assert_eq!(keys(&settings, "hook.wasm"), None);
    assert_eq!(settings.vendor, Some(dir.join("v")));
    assert_eq!(settings.lock(), dir.join("hookward.lock"));
}

#[test]
fn what_makes_no_sense() {
    for (text, expected) in [
        (
            "[registry.\"acme\"]\ninsecure = true",
            "hookward.toml:2:11 `acme` is no registry | write its host, such as `ghcr.io` or `localhost:5000`, and a \
             prefix of names: `ghcr.io/acme`",
        ),
        (
            "[registry.\"ghcr.io/acme\"]\ninsecure = true",
            "hookward.toml:3:12 how a registry is talked to is said of its host, not of a part of its names \
             | move this line to `[registry.\"ghcr.io\"]`",
        ),
        (
            "[registry.\"a.b\"]\ninsecure = true\nca-file = \"x\"",
            "hookward.toml:4:11 `ca-file` has no meaning beside `insecure = true` | remove one of the two",
        ),
        (
            "[components]\nrequire-signature = true",
            "hookward.toml:3:21 a signature is required, and by nobody | name the public keys, \
             `keys = [\"acme.pub\"]`, or the `identities` of who signs without one",
        ),
        (
            "[registry.\"a.b/c\"]\nrequire-signature = false\nkeys = [\"x\"]",
            "hookward.toml:3:21 keys are named, and no signature is required | remove the keys, or \
             `require-signature`: keys alone mean that a signature is required",
        ),
        ("[components]\nkeys = []", "hookward.toml:3:8 `keys` is empty | name the public keys, or remove the key"),
        (
            "[components]\nidentities = []",
            "hookward.toml:3:14 `identities` is empty | name who signs, or remove the key",
        ),
        (
            "[components]\nidentities = [{ issuer = \"https://a.b\", subject = \"c@d\" }]",
            "hookward.toml:3:14 identities are named, and nothing to check them by | name the file of the certificate \
             authorities and logs: `trust-root = \"trusted_root.json\"`",
        ),
        (
            "[components]\ntrust-root = \"root.json\"",
            "hookward.toml:3:14 a trust root is named, and nobody's identity | name who signs: \
             `identities = [{ issuer = \"https://...\", subject = \"...\" }]`",
        ),
        (
            "[registry.\"a.b/c\"]\nrequire-signature = false\ntrust-root = \"root.json\"\n\
             identities = [{ issuer = \"https://a.b\", subject = \"c@d\" }]",
            "hookward.toml:3:21 identities are named, and no signature is required | remove the identities, or \
             `require-signature`: identities alone mean that a signature is required",
        ),
        (
            "[components]\ntrust-root = \"root.json\"\nidentities = [{ issuer = \"accounts.b\", subject = \"c@d\" }]",
            "hookward.toml:4:26 an issuer is a URL that begins with `https://` | write its URL, such as \
             `https://token.actions.githubusercontent.com`",
        ),
        (
            "[components]\ntrust-root = \"root.json\"\nidentities = [{ issuer = \"https://*.b\", subject = \"c@d\" }]",
            "hookward.toml:4:26 an issuer is compared as it is: `*` has no meaning in it | write its URL, such as \
             `https://token.actions.githubusercontent.com`",
        ),
        (
            "[components]\ntrust-root = \"root.json\"\nidentities = [{ issuer = \"https://a.b\", subject = \"**\" }]",
            "hookward.toml:4:51 the subject is nobody | write the URI or the e-mail address that the issuer knows \
             them by; `*` stands for a part of it",
        ),
        (
            "[components]\ntrust-root = \"root.json\"\nidentities = [{ issuer = \"https://a.b\", name = \"c@d\" }]",
            "hookward.toml:4:41 unknown key `name` | known keys: `issuer`, `subject`",
        ),
        ("[components]\nvendored = \"x\"", "hookward.toml:3:1 unknown key `vendored` | did you mean `vendor`?"),
    ] {
        assert_eq!(v1(text).errors(), [expected], "{text}");
    }
}

#[test]
fn who_signs_without_a_key() {
    let (settings, dir) = settings(
        "components.keys = [\"all.pub\"]\n\
         [registry.\"ghcr.io/acme\"]\nkeys = [\"acme.pub\"]\ntrust-root = \"${PLACE}/root.json\"\n\
         identities = [{ issuer = \"https://a.b\", subject = \"c@d\" }, { issuer = \"https://a.b\", subject = \"e@*\" }]\n\
         [registry.\"ghcr.io/bare\"]\ntrust-root = \"root.json\"\n\
         identities = [{ issuer = \"https://a.b\", subject = \"https://c.d/*\" }]",
    );
    let spec = settings.signature(&source("oci://ghcr.io/acme/hook:1")).unwrap();
    assert_eq!(spec.to_string(), "acme.pub or c@d (of https://a.b) or e@* (of https://a.b)");
    assert_eq!(spec.keyless.as_ref().unwrap().trust_root.value, PathBuf::from("/mnt/place/root.json"));
    let spec = settings.signature(&source("oci://ghcr.io/bare/hook:1")).unwrap();
    assert_eq!((spec.keys.len(), spec.to_string()), (0, "https://c.d/* (of https://a.b)".to_owned()));
    assert_eq!(spec.keyless.as_ref().unwrap().trust_root.value, dir.join("root.json"));
    // The longest prefix decides alone: its identities don't hold elsewhere.
    assert_eq!(settings.signature(&source("oci://ghcr.io/other:1")).unwrap().to_string(), "all.pub");
}

#[test]
fn a_star_stands_for_what_somebody_may_name_as_they_like() {
    let issuer = "https://a.b";
    for (subject, is, is_not) in [
        ("c@d", &["c@d"] as &[&str], &["c@d.e", "xc@d", "C@d", "c@d\n", ""] as &[&str]),
        (
            "https://g.h/acme/x/.ci/r.yml@refs/tags/v*",
            &["https://g.h/acme/x/.ci/r.yml@refs/tags/v1.2", "https://g.h/acme/x/.ci/r.yml@refs/tags/v"],
            &[
                "https://g.h/acme/x/.ci/r.yml@refs/heads/v1",
                "https://g.h/acme/x/.ci/r.yml@refs/tags/v1/2",
                "https://g.h/acme/x/.ci/r.yml@refs/tags/v1@refs",
                "https://gxh/acme/x/.ci/r.yml@refs/tags/v1",
            ],
        ),
        ("*@d.e", &["c@d.e", "@d.e"], &["c@x@d.e", "c/@d.e", "c@dxe"]),
        ("https://g.h/*/x@(a|b)", &["https://g.h/c/x@(a|b)"], &["https://g.h/c/x@a", "https://g.h/c/c/x@(a|b)"]),
    ] {
        let signatory = Signatory::new(subject, issuer).unwrap();
        let known = |subject: &&str| Identity { subject: (*subject).to_owned(), issuer: issuer.to_owned() };
        for one in is {
            assert!(signatory.is(&known(one)), "{subject}: {one:?}");
            assert!(!signatory.is(&Identity { issuer: "https://a.b/".to_owned(), ..known(one) }), "{subject}: {one:?}");
        }
        for one in is_not {
            assert!(!signatory.is(&known(one)), "{subject}: {one:?}");
        }
    }
}
