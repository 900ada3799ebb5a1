//! Secrets in a record: none stands in it, and what stands in the place of one has its
//! length, so that the guest goes the same way in a replay.
//!
//! What the guest was answered has a stand-in for each secret that the guest was given,
//! the same wherever the secret stood as it is; and asterisks for whatever else the mask
//! finds. What the guest said has asterisks for both: it is only compared, and a replay
//! says it of the stand-in, which the mask then knows.

use std::collections::BTreeMap;
use std::ops::Range;

use zeroize::Zeroizing;

use super::entry::{Call, Entry, Outcome};
use super::item::Item;
use crate::Mask;

/// Characters of a stand-in: no encoding that keeps letters and digits makes it longer.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// What stands between the parts of URLs and tokens, and ends lines.
const SEPARATORS: &[u8] = b"\n\r:/?#@.=&-_";

pub(crate) struct Hider<'a> {
    mask: &'a Mask,
    stand_ins: Vec<(&'a Zeroizing<String>, String)>,
}

impl<'a> Hider<'a> {
    /// `secrets` are those that the guest was given.
    pub(crate) fn new(mask: &'a Mask, secrets: &'a [Zeroizing<String>]) -> Self {
        let mut stand_ins: Vec<(&Zeroizing<String>, String)> = Vec::new();
        for secret in secrets {
            if !stand_ins.iter().any(|(known, _)| *known == secret) {
                let number = stand_ins.len();
                stand_ins.push((secret, stand_in(number, secret)));
            }
        }
        // One may be a part of another.
        stand_ins.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        Self { mask, stand_ins }
    }

    /// Hides secrets in all entries, those too that stand in several pieces of a stream.
    pub(crate) fn hide(&self, entries: &mut [Entry]) {
        if self.mask.is_empty() && self.stand_ins.is_empty() {
            return;
        }
        self.hide_streams(entries);
        for entry in entries {
            match entry {
                Entry::Note { note, .. } => self.mask.apply(note),
                Entry::Call(call) => {
                    self.argument(&mut call.args);
                    match &mut call.answer {
                        Some(Outcome::Ok(item) | Outcome::Error(item)) => self.answer(item),
                        Some(Outcome::Trap(trap)) => trap.hide(self.mask),
                        None => {}
                    }
                }
            }
        }
    }

    /// What the guest said.
    pub(crate) fn argument(&self, item: &mut Item) {
        if !self.mask.is_empty() {
            item.texts(&mut |text| self.cover(text));
        }
    }

    /// What the guest was answered.
    pub(crate) fn answer(&self, item: &mut Item) {
        item.texts(&mut |text| self.replace(text));
    }

    /// A text that the guest was given otherwise than by an answer.
    pub(crate) fn hide_text(&self, text: &mut String) {
        let mut bytes = std::mem::take(text).into_bytes();
        self.replace(&mut bytes);
        *text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
    }

    fn replace(&self, text: &mut [u8]) {
        let mut given = Vec::new();
        for (secret, stand_in) in &self.stand_ins {
            given.extend(places(text, secret.as_bytes()).into_iter().map(|place| (place, stand_in)));
        }
        self.cover(text);
        // The longest last: one that is a part of another is a part of its stand-in's place.
        for (place, stand_in) in given.iter().rev() {
            put(text, place, stand_in.bytes());
        }
    }

    /// Whatever the mask still finds in the file, but for stand-ins: a URL's has its host.
    pub(crate) fn cover_rest(&self, file: &mut [u8]) {
        let own = self.stand_ins.iter().flat_map(|(_, stand_in)| places(file, stand_in.as_bytes()));
        let own: Vec<_> = own.collect();
        for place in self.mask.places(file) {
            if !own.iter().any(|own| own.start <= place.start && place.end <= own.end) {
                let hidden = file.get_mut(place).unwrap_or_default();
                hidden.iter_mut().filter(|byte| byte.is_ascii_alphanumeric()).for_each(|byte| *byte = b'*');
            }
        }
    }

    fn cover(&self, text: &mut [u8]) {
        for place in self.mask.places(text) {
            put(text, &place, std::iter::repeat(b'*'));
        }
    }

    /// Takes the pieces of each stream for the one text that they are.
    fn hide_streams(&self, entries: &mut [Entry]) {
        type Pieces<'a> = Vec<&'a mut Zeroizing<Vec<u8>>>;
        let mut said: BTreeMap<u64, Pieces<'_>> = BTreeMap::new();
        let mut answered: BTreeMap<u64, Pieces<'_>> = BTreeMap::new();
        for entry in entries {
            let Entry::Call(call) = entry else { continue };
            let Some(Item::Number(stream)) = call.piece_of().cloned() else { continue };
            let Call { args, answer, .. } = call;
            if let Some(Item::Text(text)) = args.get_mut("bytes") {
                said.entry(stream).or_default().push(text);
            }
            let text = match answer {
                Some(Outcome::Ok(Item::Text(text))) => text,
                Some(Outcome::Ok(Item::List(items))) => match items.first_mut() {
                    Some(Item::Text(text)) => text,
                    _ => continue,
                },
                _ => continue,
            };
            answered.entry(stream).or_default().push(text);
        }
        let over = |pieces: Pieces<'_>, hide: &dyn Fn(&mut Vec<u8>)| {
            let mut whole = Zeroizing::new(pieces.iter().flat_map(|piece| piece.iter().copied()).collect::<Vec<u8>>());
            hide(&mut whole);
            let mut rest = whole.iter().copied();
            for piece in pieces {
                piece.iter_mut().zip(&mut rest).for_each(|(byte, hidden)| *byte = hidden);
            }
        };
        said.into_values().for_each(|pieces| over(pieces, &|text| self.cover(text)));
        answered.into_values().for_each(|pieces| over(pieces, &|text| self.replace(text)));
    }
}

/// Writes over a part of a text.
fn put(text: &mut [u8], place: &Range<usize>, with: impl Iterator<Item = u8>) {
    let part = text.get_mut(place.clone()).unwrap_or_default();
    part.iter_mut().zip(with).for_each(|(byte, new)| *byte = new);
}

/// Where a secret stands in a text as it is.
fn places(text: &[u8], secret: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| rest.len() >= secret.len()) {
        if rest.starts_with(secret) {
            places.push(at..at + secret.len());
            at += secret.len();
        } else {
            at += 1;
        }
    }
    places
}

/// Stands in the place of a secret: as many bytes. Its line breaks stay, and what
/// separates the parts of URLs and tokens; of a URL, so that the guest can still make a
/// request of it, the scheme and the host.
fn stand_in(number: usize, secret: &str) -> String {
    let mut noise = vec![0; secret.len()];
    blake3::Hasher::new_derive_key("hookward record stand-in v1")
        .update(&(number as u64).to_le_bytes())
        .finalize_xof()
        .fill(&mut noise);
    let kept = kept(secret);
    let letter = |(index, (byte, noise)): (usize, (u8, &u8))| {
        if SEPARATORS.contains(&byte) || kept.iter().any(|kept| kept.contains(&index)) {
            return char::from(byte);
        }
        // Those who take a URL apart treat digits and the two kinds of letters differently.
        match byte {
            b'0'..=b'9' if !kept.is_empty() => char::from(b'0' + noise % 10),
            b'a'..=b'z' if !kept.is_empty() => char::from(b'a' + noise % 26),
            b'A'..=b'Z' if !kept.is_empty() => char::from(b'A' + noise % 26),
            _ => char::from(*ALPHABET.get(usize::from(noise % 32)).unwrap_or(&b'x')),
        }
    };
    secret.bytes().zip(&noise).enumerate().map(letter).collect()
}

/// Scheme and host of a URL.
fn kept(secret: &str) -> Vec<Range<usize>> {
    let Some((scheme @ ("http" | "https"), rest)) = secret.split_once("://") else { return Vec::new() };
    let begin = scheme.len() + "://".len();
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let end = begin + authority.len();
    // Who may come in is no part of the host.
    let host = authority.rfind('@').map_or(begin, |at| begin + at + 1);
    let plain = authority.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { vec![0..begin, host..end] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "correct horse battery staple";

    fn read(stream: u64, bytes: &[u8]) -> Entry {
        Entry::Call(Call {
            n: 1,
            call: "wasi:io/streams#input-stream.read".to_owned(),
            args: Item::named([("this", Item::Number(stream))]),
            answer: Some(Outcome::Ok(Item::text(bytes))),
        })
    }

    fn write(stream: u64, bytes: &[u8]) -> Entry {
        Entry::Call(Call {
            n: 1,
            call: "wasi:io/streams#output-stream.write".to_owned(),
            args: Item::named([("this", Item::Number(stream)), ("bytes", Item::text(bytes))]),
            answer: Some(Outcome::Ok(Item::Nothing)),
        })
    }

    #[test]
    fn a_secret_is_found_across_the_pieces_of_a_stream() {
        let mask = Mask::default();
        mask.add(SECRET);
        let secrets = [Zeroizing::new(SECRET.to_owned())];
        let (one, two) = SECRET.as_bytes().split_at(3);
        let mut entries = vec![read(1, b"x="), read(1, one), read(2, b"-"), read(1, two), write(1, one), write(1, two)];
        Hider::new(&mask, &secrets).hide(&mut entries);
        let text = serde_json::to_string(&entries).unwrap();
        for part in SECRET.as_bytes().windows(6) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!text.contains(part), "{part} in {text}");
        }
        let stand_in = stand_in(0, SECRET);
        assert_eq!(stand_in.len(), SECRET.len());
        let (first, second) = stand_in.split_at(3);
        assert!(text.contains(first) && text.contains(second), "{text}");
        assert!(text.contains(r#""bytes":"***""#), "{text}");
    }

    #[test]
    fn the_lines_of_a_secret_stay_lines() {
        let url = stand_in(0, "https://user:word@hooks.example.com/services/T0/XxYyZz");
        assert!(url.starts_with("https://") && url.contains("@hooks.example.com/"), "{url}");
        assert!(!url.contains("word") && !url.contains("XxYyZz") && !url.contains("services"), "{url}");
        let text = stand_in(1, "user\nsecret-password\n");
        assert_eq!(text.len(), 21);
        assert_eq!(text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>(), [4, 20]);
        assert_ne!(stand_in(1, SECRET), stand_in(2, SECRET));
    }
}
