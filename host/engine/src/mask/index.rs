//! Finds needles, and long parts of them, in one pass over a text.
//!
//! A part of `window` bytes holds one of the grams (pieces of 8 bytes) that are taken
//! from the needle every `window - 7` bytes. So only grams are looked up, and a hit is
//! extended to both sides as far as the needle goes on. Needles of fewer than 8 bytes
//! have one gram of 4, and must be there as a whole.

use std::ops::Range;

use zeroize::Zeroizing;

use super::forms::Needle;

const LONG: usize = 8;
const SHORT: usize = 4;

/// Grams of one needle that are the same: the first few find a secret that repeats
/// itself, and the time for it stays bounded.
const REPEATED: usize = 8;

/// A piece of a needle: its bytes, the needle, where in it.
type Gram = (u64, u32, u32);

/// All that is looked for.
#[derive(Default)]
pub(super) struct Index {
    needles: Vec<Needle>,
    long: Grams<LONG>,
    short: Grams<SHORT>,
    /// The longest window of a needle.
    widest: usize,
}

impl Index {
    pub(super) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    pub(super) fn knows(&self, secret: &[u8]) -> bool {
        self.needles.iter().any(|needle| needle.bytes.as_slice() == secret)
    }

    pub(super) fn add(&mut self, needles: Vec<Needle>) {
        self.needles.extend(needles);
        self.widest = self.needles.iter().map(|needle| needle.window).max().unwrap_or_default().max(LONG);
        let is_long = |needle: &Needle| needle.window >= LONG;
        self.long = Grams::of(&self.needles, is_long, |needle| needle.window + 1 - LONG);
        self.short = Grams::of(&self.needles, |needle| !is_long(needle), |needle| needle.bytes.len());
    }

    /// Hands over where needles are; the ranges may overlap.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        let mut at = 0;
        let mut last = 0..0;
        while let Some(rest) = text.get(at..).filter(|rest| rest.len() >= SHORT) {
            for (_, needle, offset) in self.long.at(rest).iter().chain(self.short.at(rest)) {
                let Some(needle) = self.needles.get(*needle as usize) else { continue };
                if needle.ends_within(&last, text, at, *offset as usize) {
                    continue;
                }
                if let Some(span) = needle.around(text, at, *offset as usize) {
                    last = if span.start <= last.end {
                        last.start.min(span.start)..last.end.max(span.end)
                    } else {
                        span.clone()
                    };
                    found(span);
                }
            }
            // What reaches beyond the last find has a gram from here on.
            at = (at + 1).max((last.end + 1).saturating_sub(self.widest));
        }
    }
}

impl Needle {
    /// Whether it can't be found around this place beyond what has been found already:
    /// told by one byte at each end, since a secret that repeats itself is found at
    /// every place of it again.
    fn ends_within(&self, found: &Range<usize>, text: &[u8], at: usize, offset: usize) -> bool {
        if !found.contains(&at) {
            return false;
        }
        let same = |of_text: usize, of_needle: Option<usize>| {
            let byte = of_needle.and_then(|place| self.bytes.get(place));
            byte.is_some() && text.get(of_text) == byte
        };
        let before = found.start.checked_sub(1);
        let goes_back = before.is_some_and(|before| same(before, (offset + before).checked_sub(at)));
        !goes_back && !same(found.end, Some(offset + found.end - at))
    }

    /// The part of the text around `at` that is also around `offset` of the needle.
    fn around(&self, text: &[u8], at: usize, offset: usize) -> Option<Range<usize>> {
        let (text_before, text_after) = text.split_at_checked(at)?;
        let (before, after) = self.bytes.split_at_checked(offset)?;
        let right = text_after.iter().zip(after).take_while(|(a, b)| a == b).count();
        let left = text_before.iter().rev().zip(before.iter().rev()).take_while(|(a, b)| a == b).count();
        if left + right < self.window {
            return None;
        }
        let (mut start, mut end) = (at - left, at + right);
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
        if self.shares_first && left == before.len() && text.get(..start)?.last().is_some_and(is_base64) {
            start -= 1;
        }
        if self.shares_last && right == after.len() && text.get(end).is_some_and(is_base64) {
            end += 1;
        }
        Some(start..end)
    }
}

/// Pieces of needles, sorted, behind a filter that turns away nearly all others.
#[derive(Default)]
struct Grams<const N: usize> {
    sorted: Zeroizing<Vec<Gram>>,
    /// Bits; as many as a power of two.
    filter: Zeroizing<Vec<u64>>,
}

impl<const N: usize> Grams<N> {
    /// The pieces of these needles, one every `stride` bytes.
    fn of(needles: &[Needle], wanted: impl Fn(&Needle) -> bool, stride: impl Fn(&Needle) -> usize) -> Self {
        let wanted = || (0_u32..).zip(needles).filter(|(_, needle)| wanted(needle));
        let pieces = || {
            wanted().flat_map(|(number, needle)| {
                let windows = (0_u32..).zip(needle.bytes.windows(N)).step_by(stride(needle));
                windows.map(move |(offset, piece)| (value(piece), number, offset))
            })
        };
        // Counted first: a vector that grows leaves copies behind.
        let mut sorted: Zeroizing<Vec<Gram>> = Zeroizing::new(Vec::with_capacity(pieces().count()));
        sorted.extend(pieces());
        sorted.sort_unstable();
        let (mut last, mut same) = ((0, 0), 0);
        sorted.retain(|&(gram, needle, _)| {
            same = if last == (gram, needle) { same + 1 } else { 0 };
            last = (gram, needle);
            same < REPEATED
        });
        if sorted.is_empty() {
            return Self::default();
        }
        let words = (sorted.len() / 4).next_power_of_two().max(1 << 8);
        let mut filter = Zeroizing::new(vec![0_u64; words]);
        for (gram, _, _) in sorted.iter() {
            let (word, bit) = place(*gram, words);
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
        }
        Self { sorted, filter }
    }

    /// The grams that this text begins with.
    fn at(&self, text: &[u8]) -> &[Gram] {
        let Some(piece) = text.get(..N).filter(|_| !self.filter.is_empty()) else { return &[] };
        let gram = value(piece);
        let (word, bit) = place(gram, self.filter.len());
        if self.filter.get(word).is_none_or(|word| word & bit == 0) {
            return &[];
        }
        let first = self.sorted.partition_point(|(other, _, _)| *other < gram);
        let from = self.sorted.get(first..).unwrap_or_default();
        let count = from.iter().take_while(|(other, _, _)| *other == gram).count();
        from.get(..count).unwrap_or_default()
    }
}

fn value(piece: &[u8]) -> u64 {
    let long = piece.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    long.or_else(|| piece.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes).into())).unwrap_or_default()
}

/// The filter's word and bit for a gram.
fn place(gram: u64, words: usize) -> (usize, u64) {
    // Fibonacci hashing: the upper bits are the well mixed ones.
    let mixed = gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let word = usize::try_from(mixed >> 6).unwrap_or_default() & (words - 1);
    (word, 1 << (mixed & 63))
}
