//! The part of an upload that fills: its bytes, gathered into segments of the uploads' memory.
//!
//! The frames that a body arrives in are slices of the connection's read buffers, each of which stays
//! whole as long as one slice of it lives. Kept as they come they would hold up to twice their length,
//! so they are copied; the copy is a twentieth of the cost of the hash that every byte pays anyway.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::drive::error::Error;
use crate::drive::upload::memory::{Segment, Share, UploadMemory};

pub(in crate::drive) struct PartBuffer {
    memory: UploadMemory,
    /// Absent until the first byte.
    share: Option<Arc<Share>>,
    full: Vec<Bytes>,
    filling: Option<Segment>,
    length: u64,
    since: Instant,
}

impl PartBuffer {
    pub(in crate::drive) fn new(memory: UploadMemory) -> Self {
        Self { memory, share: None, full: Vec::new(), filling: None, length: 0, since: Instant::now() }
    }

    /// Bytes gathered.
    pub(in crate::drive) fn len(&self) -> u64 {
        self.length
    }

    /// Whether the part has been filling for long while others wait for memory.
    pub(in crate::drive) fn is_in_the_way(&self) -> bool {
        self.length > 0 && self.since.elapsed() >= self.memory.patience() && self.memory.is_short()
    }

    /// Takes bytes of a part that will have `most` at the most; waits for memory.
    ///
    /// # Errors
    /// [`Error::NoUploadMemory`] when the wait gets too long.
    pub(in crate::drive) async fn push(&mut self, mut bytes: &[u8], most: u64) -> Result<(), Error> {
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.filling.as_ref().is_none_or(Segment::is_full) {
                self.seal();
                let share = self.share.get_or_insert_with(|| {
                    self.since = Instant::now();
                    self.memory.share(most)
                });
                self.filling = Some(share.segment().await?);
            }
            if let Some(filling) = &mut self.filling {
                bytes = filling.fill(bytes);
            }
        }
        Ok(())
    }

    fn seal(&mut self) {
        self.full.extend(self.filling.take().map(Bytes::from_owner));
    }

    /// The first bytes, so many at the most.
    pub(in crate::drive) fn beginning(&self, most: usize) -> Vec<u8> {
        let pieces = self.full.iter().map(AsRef::as_ref).chain(self.filling.iter().map(AsRef::as_ref));
        pieces.flatten().take(most).copied().collect()
    }

    /// What was gathered, in order; cheap to clone. The segment that fills ends here, for which the share has one to
    /// spare.
    pub(in crate::drive) fn chunks(&mut self) -> &[Bytes] {
        self.seal();
        &self.full
    }

    /// Gives up what was gathered, which keeps its memory until it is dropped, and begins anew.
    pub(in crate::drive) fn take(&mut self) -> Vec<Bytes> {
        let mut taken = std::mem::replace(self, Self::new(self.memory.clone()));
        taken.seal();
        if let Some(share) = taken.share {
            share.close();
        }
        taken.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_back_what_came_in_pieces_of_any_size() {
        let content: Vec<u8> = (0..3_000_000u32).map(|i| i.to_le_bytes()[1]).collect();
        let memory = UploadMemory::new(16 << 20, std::time::Duration::from_secs(1));
        let mut buffer = PartBuffer::new(memory.clone());
        let mut rest = &content[..];
        for length in [1usize, 7, 40_000, 1 << 20, 3, 700_000].into_iter().cycle() {
            let (now, later) = rest.split_at(length.min(rest.len()));
            buffer.push(now, 4_000_000).await.unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        assert_eq!(buffer.len(), 3_000_000);
        assert_eq!(buffer.beginning(100_000), &content[..100_000]);
        assert_eq!(buffer.chunks().concat(), content);
        buffer.push(b"more", 4_000_000).await.unwrap();
        let taken = buffer.take();
        assert_eq!(taken.concat(), [&content[..], b"more"].concat());
        assert_eq!((buffer.len(), buffer.take().len()), (0, 0));
        assert!(memory.held() >= 3_000_000);
        drop(taken);
        assert_eq!(memory.held(), 0);
    }
}
