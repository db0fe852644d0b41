//! A large file by its plan: what it is made of, and how that repeats. Its bytes come into being as they are read, from
//! any offset, and the same from each.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// A piece of a plan.
#[derive(Clone)]
pub(super) enum Part {
    /// These bytes.
    Kept(Bytes),
    /// One byte, so many times.
    Fill(u8, u64),
    /// So many entries of one size, each made by its number.
    Each { size: u64, count: u64, entry: Arc<dyn Fn(u64) -> Layout + Send + Sync> },
}

impl Part {
    pub(super) fn kept(bytes: impl Into<Bytes>) -> Self {
        Self::Kept(bytes.into())
    }

    /// Entries that are all as large as the first.
    pub(super) fn each(count: u64, entry: impl Fn(u64) -> Layout + Send + Sync + 'static) -> Self {
        Self::Each { size: entry(0).size(), count, entry: Arc::new(entry) }
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Kept(bytes) => bytes.len() as u64,
            Self::Fill(_, size) => *size,
            Self::Each { size, count, .. } => size * count,
        }
    }

    fn read(&self, start: u64, end: u64, out: &mut Vec<u8>) {
        match self {
            Self::Kept(bytes) => out.extend_from_slice(&bytes[index(start)..index(end)]),
            Self::Fill(byte, _) => out.resize(out.len() + index(end - start), *byte),
            Self::Each { size, entry, .. } => {
                let mut at = start;
                while at < end {
                    let from = at % size;
                    let to = (from + end - at).min(*size);
                    entry(at / size).read(from, to, out);
                    at += to - from;
                }
            }
        }
    }
}

/// Parts one after another.
#[derive(Clone)]
pub(super) struct Layout {
    /// Each with where it ends.
    parts: Arc<[(u64, Part)]>,
}

impl Layout {
    pub(super) fn of(parts: Vec<Part>) -> Self {
        let ending = |end: &mut u64, part: Part| {
            *end += part.size();
            Some((*end, part))
        };
        Self { parts: parts.into_iter().scan(0, ending).collect() }
    }

    pub(super) fn size(&self) -> u64 {
        self.parts.last().map_or(0, |(end, _)| *end)
    }

    /// Adds the bytes from `start` to `end`, which lie within.
    pub(super) fn read(&self, start: u64, end: u64, out: &mut Vec<u8>) {
        let first = self.parts.partition_point(|(part_end, _)| *part_end <= start);
        for (part_end, part) in &self.parts[first..] {
            let begin = part_end - part.size();
            if begin >= end {
                break;
            }
            part.read(start.max(begin) - begin, end.min(*part_end) - begin, out);
        }
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layout").field("size", &self.size()).finish_non_exhaustive()
    }
}

/// A position within what is in memory.
fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_the_same_from_every_offset() {
        let entry = |number: u64| Layout::of(vec![Part::kept(number.to_be_bytes().to_vec()), Part::Fill(7, 2)]);
        let layout =
            Layout::of(vec![Part::kept(&b"head"[..]), Part::each(5, entry), Part::kept(&b""[..]), Part::Fill(1, 3)]);
        let mut whole = Vec::new();
        layout.read(0, layout.size(), &mut whole);
        assert_eq!((layout.size(), whole.len()), (57, 57));
        assert_eq!(whole[14..24], [0, 0, 0, 0, 0, 0, 0, 1, 7, 7]);
        for start in 0..57 {
            for end in start..=57 {
                let mut piece = Vec::new();
                layout.read(start, end, &mut piece);
                assert_eq!(piece, whole[index(start)..index(end)]);
            }
        }
    }
}
