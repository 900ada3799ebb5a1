//! A text as it reads once an encoding is undone, with the place of each byte.

use std::ops::Range;

use zeroize::Zeroizing;

/// A decoded text.
pub(super) struct View {
    bytes: Zeroizing<Vec<u8>>,
    /// Where each byte begins in the text, and the text's end.
    starts: Vec<usize>,
}

/// The views that differ from the text.
pub(super) fn of(bytes: &[u8]) -> Vec<View> {
    let mut views = Vec::new();
    if bytes.contains(&b'%') {
        views.push(View::new(bytes, percent));
    }
    if bytes.contains(&b'+') {
        views.push(View::new(bytes, form));
    }
    if bytes.contains(&b'\\') {
        views.push(View::new(bytes, escape));
    }
    views
}

impl View {
    /// Decodes by a function that is given the rest of the text, and returns how many
    /// of its bytes it took, and the character; none for a byte as it stands.
    fn new(text: &[u8], decode: impl Fn(&[u8]) -> Option<(usize, Decoded)>) -> Self {
        // Room for all, so that no copy stays behind: nothing gets longer.
        let mut view =
            Self { bytes: Zeroizing::new(Vec::with_capacity(text.len())), starts: Vec::with_capacity(text.len() + 1) };
        let mut at = 0;
        while let Some(rest @ [byte, ..]) = text.get(at..) {
            let taken = match decode(rest) {
                Some((taken, Decoded::Byte(byte))) => {
                    view.push(&[byte], at);
                    taken
                }
                Some((taken, Decoded::Char(c))) => {
                    view.push(c.encode_utf8(&mut [0; 4]).as_bytes(), at);
                    taken
                }
                None => {
                    view.push(&[*byte], at);
                    1
                }
            };
            at += taken;
        }
        view.starts.push(text.len());
        view
    }

    fn push(&mut self, bytes: &[u8], start: usize) {
        self.bytes.extend_from_slice(bytes);
        self.starts.extend(bytes.iter().map(|_| start));
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a part of the view stands in the text.
    pub(super) fn place(&self, span: &Range<usize>) -> Range<usize> {
        let start_of = |at: usize| self.starts.get(at).or(self.starts.last()).copied().unwrap_or_default();
        let start = start_of(span.start);
        let last = start_of(span.end.saturating_sub(1));
        // Bytes of one escaped character share their place.
        let end = (span.end..self.starts.len()).map(start_of).find(|&end| end > last).unwrap_or(last);
        start..end
    }
}

enum Decoded {
    Byte(u8),
    Char(char),
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value: u32, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

/// `%41`
fn percent(text: &[u8]) -> Option<(usize, Decoded)> {
    let [b'%', high, low, ..] = text else { return None };
    let byte = u8::try_from(hex(&[*high, *low])?).ok()?;
    Some((3, Decoded::Byte(byte)))
}

/// The same, and `+` for a space.
fn form(text: &[u8]) -> Option<(usize, Decoded)> {
    if text.first() == Some(&b'+') { Some((1, Decoded::Byte(b' '))) } else { percent(text) }
}

/// Escapes of JSON, and those that Rust and C have besides.
fn escape(text: &[u8]) -> Option<(usize, Decoded)> {
    let [b'\\', kind, rest @ ..] = text else { return None };
    let byte = match kind {
        b'u' => return unicode(rest).map(|(taken, c)| (2 + taken, Decoded::Char(c))),
        b'x' => return Some((4, Decoded::Byte(u8::try_from(hex(rest.get(..2)?)?).ok()?))),
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'0' => 0,
        b'"' | b'\'' | b'\\' | b'/' => *kind,
        _ => return None,
    };
    Some((2, Decoded::Byte(byte)))
}

/// What follows `\u`: four digits, twice four for what UTF-16 has in two, or `{...}`.
fn unicode(text: &[u8]) -> Option<(usize, char)> {
    if let Some(rest) = text.strip_prefix(b"{") {
        let end = rest.iter().take(7).position(|&byte| byte == b'}')?;
        return Some((end + 2, char::from_u32(hex(rest.get(..end)?)?)?));
    }
    let first = hex(text.get(..4)?)?;
    if let Some(c) = char::from_u32(first) {
        return Some((4, c));
    }
    let second = hex(text.get(4..)?.strip_prefix(b"\\u")?.get(..4)?)?;
    let units = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let c = char::decode_utf16(units).next()?.ok()?;
    Some((10, c))
}
