use hookward_engine::Mask;
use hookward_runner::restic::messages::{Heard, Lines, Message};

/// Not all of what is kept of stderr may be told.
const TAIL: usize = 4 << 10;

const SECRET: &str = "correct-horse-battery";

pub(crate) fn body(data: &[u8]) {
    let Some((&first, data)) = data.split_first() else { return };
    let whole = lines(&[data]);
    let pieces: Vec<_> = data.chunks(usize::from(first).max(1)).collect();
    assert_eq!(lines(&pieces), whole, "the lines depend on how they come");
    assert!(whole.iter().all(|line| !line.is_empty() && !line.contains(&b'\n')));
    let mask = Mask::default();
    mask.add(SECRET);
    let mut heard = Heard::new(mask);
    let mut errors = 0;
    for line in &whole {
        match heard.message(line) {
            Some(Message::Error(error)) => {
                errors += 1;
                assert!(!error.message().contains(SECRET) && !error.item.contains(SECRET));
            }
            Some(message) => assert!(!format!("{message:?}").contains(SECRET), "{message:?}"),
            None => assert!(!heard.line(line).contains(SECRET)),
        }
    }
    assert_eq!(heard.item_errors.1, errors);
    for (at, piece) in pieces.iter().enumerate() {
        heard.stderr(piece);
        assert!(at % 256 != 0 || heard.stderr_tail().len() <= TAIL);
    }
    assert!(heard.stderr_tail().len() <= TAIL);
    assert!(!heard.stderr_tail().contains(SECRET));
    if let Some(complaint) = heard.complaint() {
        assert!(!complaint.contains('\n') && !complaint.contains(SECRET), "{complaint:?}");
    }
}

fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut lines, mut found) = (Lines::default(), Vec::new());
    for piece in pieces {
        lines.feed(piece, |line| found.push(line.to_vec()));
    }
    lines.finish(|line| found.push(line.to_vec()));
    found
}
