//! The newest lines of the log, in memory, for those who look at the status page and not at the machine.
//!
//! There is one log to a process, and so one tail. Whoever starts the log feeds it; it knows nothing of how. Values are
//! the log's: what must not be there is in types that do not print.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Lines that are kept.
const LINES: usize = 200;

/// Characters of a line, at most: with `LINES` some 200 KB.
pub const MAX_CHARS: usize = 500;

static TAIL: Mutex<VecDeque<Line>> = Mutex::new(VecDeque::new());

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written, in milliseconds since 1970.
    pub at: i64,
    /// `info`, `warn`, `error`.
    pub level: &'static str,
    /// What it says, with its values; of one line whatever they hold.
    pub words: String,
}

/// Keeps a line; the oldest gives way to it.
pub fn keep(line: Line) {
    let mut tail = TAIL.lock();
    if tail.len() >= LINES {
        tail.pop_front();
    }
    tail.push_back(line);
}

/// The lines that are kept, the oldest first.
#[must_use]
pub fn newest() -> Vec<Line> {
    TAIL.lock().iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_line_gives_way() {
        for number in 0..LINES + 3 {
            keep(Line { at: 0, level: "info", words: format!("tail-{number}") });
        }
        // Other tests of this process may write lines too.
        let lines = newest();
        assert_eq!(lines.len(), LINES);
        assert!(!lines.iter().any(|line| line.words == "tail-2"));
        assert!(lines.iter().any(|line| line.words == format!("tail-{}", LINES + 2)));
    }
}
