//! The runs that failed once, by name: each is run every time.
//!
//! `kept.txt` has a line for each. `holds NAME`: it must hold now. `fails NAME`: it still fails, and is checked to, so
//! that the list shrinks with the faults. `like PATTERN`, below a `fails`: other runs that fail for the same reason,
//! with `*` for anything.

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) holds: Vec<String>,
    pub(crate) fails: Vec<String>,
    like: Vec<String>,
}

impl Kept {
    pub(crate) fn read() -> Self {
        let mut kept = Self::default();
        for line in include_str!("kept.txt").lines().map(str::trim) {
            match line.split_once(' ') {
                Some(("holds", name)) => kept.holds.push(name.trim().to_owned()),
                Some(("fails", name)) => kept.fails.push(name.trim().to_owned()),
                Some(("like", pattern)) => kept.like.push(pattern.trim().to_owned()),
                _ => assert!(line.is_empty() || line.starts_with('#'), "kept.txt: {line}"),
            }
        }
        kept
    }

    /// Whether a failure of that name is known.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.fails.iter().any(|known| known == name) || self.like.iter().any(|pattern| matches(pattern, name))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(left) = name.strip_prefix(start) else { return false };
    left.char_indices().map(|(at, _)| &left[at..]).chain([""]).any(|left| matches(rest, left))
}

#[test]
fn a_pattern_stands_for_anything_in_its_stars() {
    assert!(matches("*put*/present/*/killed@*", "lock+put_new/present/warm/01/killed@7"));
    assert!(matches("put/*", "put/"));
    assert!(!matches("put/*/lost@1", "put/present/warm/0/lost@12"));
    assert!(!matches("put", "put_new"));
}
