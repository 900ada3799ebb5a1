//! Text of a guest, made fit to be shown: a hook must be able neither to drive
//! the operator's terminal nor to forge a line of another hook's log.

use crate::Mask;

/// Removes terminal control sequences and control characters, and turns line
/// breaks and tabs into single spaces. The result is one line.
pub(crate) fn clean(text: &str) -> String {
    if is_clean(text) {
        return text.to_owned();
    }
    let printable = strip_ansi_escapes::strip_str(break_lines(text));
    let mut line = String::with_capacity(printable.len());
    for c in printable.chars() {
        let c = if c == '\n' || c == '\t' { ' ' } else { c };
        if !(c.is_control() || is_direction_override(c) || (c == ' ' && line.ends_with(' '))) {
            line.push(c);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Whether a text is such a line already, as most are. Of ASCII alone: more is looked at in
/// full.
fn is_clean(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && !text.contains("  ") && !text.ends_with(' ')
}

/// The escape parser drops tabs and carriage returns; what they separate must
/// stay apart.
fn break_lines(text: &str) -> String {
    text.replace(['\r', '\t', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'], "\n")
}

/// Characters that reorder what follows, so that a message reads as another.
fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Bytes of a text that are looked at beyond those that are shown. More than that is
/// a text that nobody reads, and the host's time.
const LOOKAHEAD: usize = 1 << 20;

/// A guest's text as it is shown: without secrets, cleaned, and cut only then, since a
/// part of a secret may be too short to be known as such. Says whether it was cut.
pub(crate) fn shown(text: &str, mask: &Mask, max: usize) -> (String, bool) {
    let (head, much_longer) = cut(text, max.saturating_add(LOOKAHEAD));
    let mut line = clean(&mask.mask(head));
    // Without the control sequence in its midst, it may have become one.
    mask.apply(&mut line);
    let end = cut(&line, max).0.len();
    let longer = end < line.len();
    line.truncate(end);
    (line, longer || much_longer)
}

/// The longest prefix of at most `max` bytes that ends between two characters.
pub(crate) fn cut(text: &str, max: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(max);
    text.split_at_checked(end).map_or((text, false), |(head, tail)| (head, !tail.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_text_is_one_harmless_line() {
        for text in ["plain", "", "two words", " begins with a space", "\\[31m {}~!"] {
            assert_eq!(clean(text), text);
        }
        assert_eq!(clean("ends with a space "), "ends with a space");
        assert_eq!(clean("a   b"), "a b");
        assert_eq!(clean("a\nb\r\nc\td"), "a b c d");
        assert_eq!(clean("\x1b[31mred\x1b[0m"), "red");
        assert_eq!(clean("\x1b]0;title\x07after"), "after");
        assert_eq!(clean("\x1b]52;c;aGk=\x1b\\after"), "after");
        assert_eq!(clean("bell\x07 nul\0 del\x7f c1\u{9b}2J"), "bell nul del c12J");
        assert_eq!(clean("abc\u{202e}fed"), "abcfed");
        assert_eq!(clean("ends with a break\n"), "ends with a break");
        assert_eq!(clean("grüße 世界"), "grüße 世界");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("äöü", 3), ("ä", true));
        assert_eq!(cut("abc", 3), ("abc", false));
        assert_eq!(cut("abc", 0), ("", true));
    }
}
