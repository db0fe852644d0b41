//! The part of an upload that fills: its bytes, gathered into segments of their own.
//!
//! The frames that a body arrives in are slices of the connection's read buffers, each of which stays
//! whole as long as one slice of it lives. Kept as they come they would hold up to twice their length,
//! so they are copied; the copy is a twentieth of the cost of the hash that every byte pays anyway. A
//! part that was sent gives its segments to the next: the allocator would keep those of each thread apart.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

/// First segment: most files are smaller.
const FIRST_SEGMENT: usize = 32 << 10;
/// All others.
const SEGMENT: usize = 1 << 20;

/// Segments of parts that were sent; clones share them.
#[derive(Clone, Default)]
pub(super) struct Spare(Arc<Mutex<Vec<BytesMut>>>);

impl Spare {
    /// Takes back what was sent, as far as nobody reads it any more.
    pub(super) fn give_back(&self, sent: Vec<Bytes>) {
        let reusable = sent.into_iter().filter_map(|segment| segment.try_into_mut().ok());
        self.0.lock().extend(reusable.filter(|segment| segment.capacity() == SEGMENT).map(|mut segment| {
            segment.clear();
            segment
        }));
    }

    fn segment(&self) -> BytesMut {
        self.0.lock().pop().unwrap_or_else(|| BytesMut::with_capacity(SEGMENT))
    }
}

#[derive(Default)]
pub(super) struct PartBuffer {
    spare: Spare,
    full: Vec<Bytes>,
    filling: BytesMut,
    length: u64,
}

impl PartBuffer {
    /// Bytes gathered.
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Where its segments are to be given back.
    pub(super) fn spare(&self) -> Spare {
        self.spare.clone()
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.filling.len() == self.filling.capacity() {
                let first = self.full.is_empty() && self.filling.is_empty();
                let segment = if first { BytesMut::with_capacity(FIRST_SEGMENT) } else { self.spare.segment() };
                self.seal(segment);
            }
            let room = self.filling.capacity() - self.filling.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.filling.extend_from_slice(now);
            bytes = later;
        }
    }

    fn seal(&mut self, next: BytesMut) {
        let sealed = std::mem::replace(&mut self.filling, next).freeze();
        if !sealed.is_empty() {
            self.full.push(sealed);
        }
    }

    /// What was gathered, in order; cheap to clone.
    pub(super) fn chunks(&mut self) -> &[Bytes] {
        self.seal(BytesMut::new());
        &self.full
    }

    /// Gives up what was gathered and begins anew.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        let mut taken = std::mem::replace(self, Self { spare: self.spare.clone(), ..Self::default() });
        taken.seal(BytesMut::new());
        taken.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_came_in_pieces_of_any_size() {
        let content: Vec<u8> = (0..3_000_000u32).map(|i| i.to_le_bytes()[1]).collect();
        let mut buffer = PartBuffer::default();
        let mut rest = &content[..];
        for length in [1usize, 7, 40_000, 1 << 20, 3, 700_000].into_iter().cycle() {
            let (now, later) = rest.split_at(length.min(rest.len()));
            buffer.push(now);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        assert_eq!(buffer.len(), 3_000_000);
        assert_eq!(buffer.chunks().concat(), content);
        buffer.push(b"more");
        assert_eq!(buffer.take().concat(), [&content[..], b"more"].concat());
        assert_eq!((buffer.len(), buffer.take().len()), (0, 0));
        buffer.push(&content);
        let spare = buffer.spare();
        spare.give_back(buffer.take());
        assert_eq!(spare.0.lock().len(), 3);
        buffer.push(&content);
        assert_eq!(spare.0.lock().len(), 0);
    }
}
