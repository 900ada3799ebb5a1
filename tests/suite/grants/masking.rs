//! What a hook can't show, wherever and however it tries.

use hookward_engine::Reason;

use crate::secrets_support::{Call, SecretFile};

/// Has what every encoding treats in its own way, and no part of it is a word.
const SECRET: &str = "vT9#kLm2/Qx+7Zp\"!eWc4 Rn8&Yb5=";

const PLACES: &[&str] = &[
    "stdout",
    "stderr",
    "two-writes",
    "byte-by-byte",
    "log",
    "field",
    "field-key",
    "warning",
    "skip",
    "error",
    "panic",
    "last-words",
];

const FORMS: &[&str] = &[
    "raw",
    "head",
    "tail",
    "base64",
    "base64-aligned-1",
    "base64-aligned-2",
    "base64-url",
    "hex",
    "hex-upper",
    "percent",
    "percent-upper",
    "json",
    "debug",
    "escapes",
    "controls",
    "carriage-return",
];

async fn leak(place: &str, form: &str, before: &str) -> String {
    let file = SecretFile::new(SECRET, 0o600);
    let call = Call::of(file.source()).config("place", place).config("form", form).config("before", before);
    call.config("expect", SECRET).run().await.all()
}

/// Whether five bytes of the secret stand in the text, in whatever form. Base64 keeps
/// up to one character of its edges, never more.
#[track_caller]
fn assert_hidden(text: &str, what: &str) {
    use base64::Engine as _;
    assert!(text.contains("***"), "{what}: {text}");
    let encodings: [fn(&[u8]) -> String; 3] = [
        |part| String::from_utf8_lossy(part).into_owned(),
        |part| part.iter().map(|byte| format!("{byte:02x}")).collect(),
        |part| base64::engine::general_purpose::STANDARD_NO_PAD.encode(part),
    ];
    for part in SECRET.as_bytes().windows(6) {
        for encode in encodings {
            let part = encode(part);
            assert!(!text.contains(&part) && !text.contains(&part.to_uppercase()), "{what}: {part} in {text}");
        }
    }
}

#[tokio::test]
async fn a_secret_is_hidden_in_every_place_and_form() {
    for place in PLACES {
        for form in FORMS {
            let all = leak(place, form, "it is ").await;
            assert_hidden(&all, &format!("{form} in {place}"));
            assert!(all.contains("it is"), "{all}");
        }
    }
}

/// Lines are shown in pieces of 4 KiB; a secret may stand across their edges.
#[tokio::test]
async fn a_secret_across_two_pieces_is_hidden() {
    for place in ["stdout", "stderr", "two-writes", "byte-by-byte"] {
        for (form, length) in [("raw", 1), ("raw", 9), ("raw", 25), ("escapes", 40), ("hex", 30), ("base64", 20)] {
            // The edge may be in the midst of the mask.
            let all = leak(place, form, &"-".repeat(4096 - length)).await.replace('\n', "");
            assert_hidden(&all, &format!("{form}, {length} bytes before the edge, in {place}"));
        }
    }
    // Nor does the end of the output cut it.
    let file = SecretFile::new(SECRET, 0o600);
    let mut call = Call::of(file.source()).config("place", "stdout").config("before", &"-".repeat(990));
    call.limits.output = 1010;
    let outcome = call.run().await;
    outcome.failed(Reason::Output);
    assert!(!outcome.all().contains(&SECRET[..15]), "{outcome:?}");
}

/// The error is cut at its limit after it was masked.
#[tokio::test]
async fn a_secret_across_the_end_of_an_error_is_hidden() {
    for place in ["error", "warning", "skip"] {
        for length in [1, 5, 12, 31] {
            let all = leak(place, "raw", &"-".repeat(4096 - length)).await;
            let shown = all.lines().next_back().unwrap();
            assert!(shown.len() <= 4096 && shown.trim_start_matches('-').trim_start_matches('*').is_empty(), "{shown}");
        }
    }
}

#[tokio::test]
async fn an_honest_text_is_left_alone() {
    let file = SecretFile::new(SECRET, 0o600);
    let text = "nothing of it: 100%, a+b, \\n, vT9#kLm, YW55dGhpbmc=";
    let outcome =
        Call::of(file.source()).config("place", "log").config("form", "head").config("before", text).run().await;
    assert_eq!(outcome.records[0].message, format!("{text}***"));
}

/// All hooks of a run share one mask: what one has read is hidden in what the others say.
#[tokio::test]
async fn a_mask_is_shared() {
    let (one, other) = (SecretFile::new(SECRET, 0o600), SecretFile::new("another-secret", 0o600));
    let first = Call::of(one.source());
    let mask = first.grants.mask.clone();
    first.run().await.report.result.unwrap();
    let mut second = Call::of(other.source()).config("place", "error").config("before", SECRET);
    second.grants.mask = mask;
    assert_eq!(second.run().await.error(), "***");
    let alone = Call::of(other.source()).config("place", "error").config("before", "vT9#kLm2 and ");
    assert_eq!(alone.run().await.error(), "vT9#kLm2 and ***");
}
