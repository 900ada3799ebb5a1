#![allow(clippy::string_slice, reason = "the texts are of ASCII where they are cut")]

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

/// With what each encoding has to treat: `+` and `/` in base64, quotes, a space, other
/// than ASCII.
const SECRET: &str = "pä55 w\"ord\\/+?~\u{ff}÷þ{x}&=";

fn mask(secrets: &[&str]) -> Mask {
    let mask = Mask::default();
    secrets.iter().for_each(|secret| mask.add(secret));
    mask
}

/// Forms of a text in which a hook might show it.
fn forms(text: &str) -> Vec<(&'static str, String)> {
    let percent = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let everything: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let json = serde_json::to_string(text).unwrap();
    let ascii_json: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    vec![
        ("raw", text.to_owned()),
        ("lower hex", hex::encode(text)),
        ("upper hex", hex::encode_upper(text)),
        ("base64", STANDARD.encode(text)),
        ("base64 without padding", STANDARD_NO_PAD.encode(text)),
        ("URL-safe base64", URL_SAFE.encode(text)),
        ("URL-safe base64 without padding", URL_SAFE_NO_PAD.encode(text)),
        ("upper percent", percent.clone()),
        ("lower percent", everything.replace("%20", " ")),
        ("percent of everything", everything),
        ("form", percent.replace("%20", "+")),
        ("JSON", json.trim_matches('"').to_owned()),
        ("JSON with slashes escaped", json.trim_matches('"').replace('/', "\\/")),
        ("JSON in ASCII", ascii_json),
        ("debug", format!("{text:?}").trim_matches('"').to_owned()),
        ("base64, percent-encoded", utf8_percent_encode(&STANDARD.encode(text), NON_ALPHANUMERIC).to_string()),
    ]
}

#[test]
fn a_secret_is_hidden_in_every_form() {
    let long: String = (0..400_u32).map(|n| char::from_u32(33 + n * 7 % 90).unwrap()).collect();
    for secret in [SECRET, "tok1", "abcdefg", "hunter2!", "0123456789abcdef0123", "grüße 世界 🦀 foo", &long] {
        let mask = mask(&[secret]);
        for (form, text) in forms(secret) {
            let shown = mask.mask(&text);
            // What is left of base64 is its padding, which says nothing.
            assert_eq!(shown.trim_end_matches('=').trim_end_matches("%3D"), "***", "{form} of {secret}: {text}");
            let around = format!("<{text}> and <{text}>");
            let shown = mask.mask(&around).replace("%3D", "").replace('=', "");
            assert_eq!(shown, "<***> and <***>", "{form} of {secret}");
        }
    }
}

#[test]
fn base64_hides_at_each_alignment() {
    for secret in [SECRET, "tok1", "abcdef", "hunter2!"] {
        let mask = mask(&[secret]);
        for (before, after) in (0..6).flat_map(|before| (0..6).map(move |after| (before, after))) {
            let text = format!("{}{secret}{}", "u".repeat(before), ":".repeat(after));
            for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                let shown = mask.mask(&encoded);
                let (head, tail) = shown.split_once("***").unwrap_or_else(|| panic!("{before} {after}: {encoded}"));
                // Characters that stand for nothing but the surroundings.
                assert!(encoded.starts_with(head) && head.len() <= before * 8 / 6, "{shown}");
                let rest = tail.trim_end_matches('=');
                assert!(encoded.ends_with(tail) && rest.len() <= after * 8 / 6 + 1, "{shown}");
            }
        }
    }
}

#[test]
fn parts_from_the_window_on_are_hidden() {
    let secret = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (length, window) in [(8, 8), (12, 8), (16, 8), (20, 10), (40, 20), (48, 24), (62, 24)] {
        let secret = &secret[..length];
        let mask = mask(&[secret]);
        for start in 0..length {
            for end in start..=length {
                let text = format!("[{}]", &secret[start..end]);
                let expected = if end - start >= window { "[***]" } else { text.as_str() };
                assert_eq!(mask.mask(&text), expected, "{length}: {start}..{end}");
            }
        }
    }
    // A shorter one only as a whole.
    let mask = mask(&["abcdefg"]);
    assert_eq!(mask.mask("abcdef bcdefg abcdefg"), "abcdef bcdefg ***");
}

#[test]
fn parts_are_hidden_in_encodings_too() {
    let secret = "vT9#kLm2/Qx+7Zp!eWc4 Rn8&Yb5=Ds1";
    let part = &secret[5..25];
    for (form, text) in forms(part) {
        let shown = mask(&[secret]).mask(&format!("<{text}>")).into_owned();
        let left = shown.trim_matches(['<', '>']).replace("***", "");
        assert!(shown.contains("***") && left.len() <= 4, "{form}: {shown}");
    }
}

#[test]
fn neighbours_are_one_and_overlaps_leave_nothing() {
    for (secrets, text, shown) in [
        (&["first-secret", "second-secret"][..], "first-secretsecond-secret", "***"),
        (&["abcdefgh", "efghijkl"], "x abcdefghijkl y", "x *** y"),
        (&["efghijkl", "abcdefgh"], "x abcdefghijkl y", "x *** y"),
        (&["password", "word and more"], "my password and more", "my ***"),
        (&["password", "pass"], "pass password", "*** ***"),
        (&["aaaaaaaa"], "aaaaaaaaaaaaaaaaaaaa b", "*** b"),
        (&["aaaa"], "aaa aaaa aaaaa", "aaa *** ***"),
        (
            &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
            "baaaaaaaaaaaaaaaaaaaaaaaaab",
            "b***b",
        ),
    ] {
        assert_eq!(mask(secrets).mask(text), shown, "{secrets:?}");
    }
}

#[test]
fn lines_are_hidden_one_by_one() {
    let mask = mask(&["user\r\n  hunter2  \nanother-secret\n"]);
    assert_eq!(mask.mask("user hunter2"), "user ***");
    assert_eq!(mask.mask("user: another-secret"), "user: ***");
    assert_eq!(mask.mask(&STANDARD.encode("hunter2")), "***==");
    assert_eq!(mask.mask("user\r\n  hunter2  \nanother-secret\n"), "***");
}

#[test]
fn characters_stay_whole() {
    // Both share bytes of their encoding with the neighbour that isn't secret.
    let mask = mask(&["äääääöä-secret"]);
    assert_eq!(mask.mask("äñäääääöä-secretñ"), "äñ***ñ");
    assert_eq!(mask.mask("🦀äääääé"), "🦀***");
    assert_eq!(mask.mask("世界"), "世界");
}

#[test]
fn an_ordinary_text_is_left_alone() {
    let mask = mask(&["correct horse battery staple", "hunter2", "hunter2!xyz", SECRET, "Zm9vYmFyCg", "k9#f"]);
    for text in [
        "",
        "a",
        "The quick brown fox jumps over the lazy dog, and horse and battery are low, a staple is correct: 100% + 5\\n",
        "restic exited with code 1: Fatal: unable to open config file: stat /srv/repo/config: no such file",
        "%zz %4 100%25 \\u12 \\q \\ud800 a+b=c \\",
        "snapshot 5a6b7c8d9e0f saved; 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
        "hunter 2, Hunter3 and the hunted",
    ] {
        assert!(matches!(mask.mask(text), Cow::Borrowed(same) if same == text), "{text}: {}", mask.mask(text));
    }
    assert_eq!(Mask::default().mask("hunter2"), "hunter2");
}

#[test]
fn what_is_too_short_is_not_hidden() {
    let mask = mask(&["", "abc"]);
    assert!(mask.is_empty());
    assert_eq!(mask.mask("abc"), "abc");
}

#[test]
fn clones_share_their_secrets() {
    let (one, other) = (Mask::default(), Mask::default());
    let clone = one.clone();
    clone.add("hunter2");
    assert_eq!((one.mask("hunter2"), other.mask("hunter2")), ("***".into(), "hunter2".into()));
    assert!(one == clone && one != other);
    assert_eq!(format!("{one:?}"), "Mask { .. }");
}

/// Even where every byte is the beginning of one: hooks may write a mebibyte.
#[test]
fn a_mebibyte_takes_no_time() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = |length: usize| -> String {
        let byte = |random: &mut u64| {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            char::from(b'!' + u8::try_from(*random % 94).unwrap())
        };
        (0..length).map(|_| byte(&mut random)).collect()
    };
    let large = noise(64 << 10);
    let lines: String = (0..1000).map(|_| noise(64) + "\n").collect();
    let (same, pattern) = ("a".repeat(64 << 10), "abcdefgh".repeat(8 << 10));
    let text = noise(1 << 20);
    for (name, secret, text) in [
        ("small", "correct horse battery staple", &text),
        ("large", large.as_str(), &text),
        ("of many lines", lines.as_str(), &text),
        ("itself", large.as_str(), &large.repeat(16)),
        ("one letter", same.as_str(), &"a".repeat(1 << 20)),
        ("one letter, nearly", same.as_str(), &("a".repeat(23) + "b").repeat(1 << 15)),
        ("one pattern", pattern.as_str(), &(pattern[..31].to_owned() + "%+\\").repeat(1 << 15)),
        ("nothing but escapes", "correct horse battery staple", &"%41+\\u0041".repeat(100_000)),
    ] {
        let mask = mask(&[secret]);
        let began = Instant::now();
        let masked = mask.mask(text).len();
        let took = began.elapsed();
        assert!(took < Duration::from_secs(10), "{name}: {took:?}");
        assert!(masked <= text.len(), "{name}");
    }
}
