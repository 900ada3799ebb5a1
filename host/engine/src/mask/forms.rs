//! The forms in which a secret is looked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

/// Secrets of fewer bytes are looked for as a whole alone.
const WHOLE: usize = 8;

/// Bounds of the part of a secret that is hidden.
const PART: std::ops::RangeInclusive<usize> = 8..=24;

/// One form of a secret.
pub(super) struct Needle {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// Bytes of the shortest part that is hidden.
    pub(super) window: usize,
    /// It is base64, whose first character stands for bits of what comes before, too.
    pub(super) shares_first: bool,
    /// The same of the last one.
    pub(super) shares_last: bool,
}

/// Every form of a secret; the first is the secret itself.
pub(super) fn needles(secret: &[u8]) -> Vec<Needle> {
    let part = if secret.len() < WHOLE { None } else { Some((secret.len() / 2).clamp(*PART.start(), *PART.end())) };
    let plain = |bytes: Zeroizing<Vec<u8>>, window: Option<usize>| {
        let window = window.unwrap_or(bytes.len()).min(bytes.len());
        Needle { bytes, window, shares_first: false, shares_last: false }
    };
    let mut lower = Zeroizing::new(vec![0; secret.len() * 2]);
    // Fails only when the room doesn't fit.
    let _ = hex::encode_to_slice(secret, &mut lower);
    let mut upper = lower.clone();
    upper.make_ascii_uppercase();
    let mut needles = vec![plain(Zeroizing::new(secret.to_vec()), part)];
    if *upper != *lower {
        needles.push(plain(upper, part.map(|part| part * 2)));
    }
    needles.push(plain(lower, part.map(|part| part * 2)));
    for before in 0..3 {
        let standard = base64(secret, before, part);
        if standard.bytes.contains(&b'+') || standard.bytes.contains(&b'/') {
            needles.push(url_safe(&standard));
        }
        needles.push(standard);
    }
    needles
}

/// The characters that stand for nothing but the secret when `before` bytes (modulo
/// three) precede it.
fn base64(secret: &[u8], before: usize, part: Option<usize>) -> Needle {
    let mut input = Zeroizing::new(Vec::with_capacity(before + secret.len()));
    input.resize(before, 0);
    input.extend_from_slice(secret);
    let mut encoded = Zeroizing::new(vec![0; input.len().div_ceil(3) * 4]);
    let _ = STANDARD_NO_PAD.encode_slice(&*input, &mut encoded);
    let (first, end) = ((before * 8).div_ceil(6), input.len() * 8 / 6);
    let bytes = Zeroizing::new(encoded.get(first..end).unwrap_or_default().to_vec());
    // At its worst place a part begins four bits into a character.
    let window = part.map_or(bytes.len(), |part| (part * 8 - 4) / 6).min(bytes.len());
    Needle { bytes, window, shares_first: before != 0, shares_last: input.len() * 8 % 6 != 0 }
}

fn url_safe(standard: &Needle) -> Needle {
    let mut bytes = standard.bytes.clone();
    for byte in bytes.iter_mut() {
        *byte = match *byte {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        };
    }
    Needle { bytes, ..*standard }
}
