//! A body that comes in chunks: in any order, side by side, some of them twice. It is kept on disk until all is there.
//!
//! One file without a name holds it, within the spool's limit, so that no number of chunks takes more than one handle.
//! A chunk has a place of its own from its announced length on, and counts only once all of it has come: one that
//! breaks off leaves what came of it before. Whoever puts the body together reads the chunks in order. What becomes of
//! it then, and for how long it is kept, is not known here.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use parking_lot::Mutex;

use crate::drive::error::Error;
use crate::drive::upload::limits::UploadLimits;
use crate::drive::upload::spool::{Reserve, nameless_file, read_at, spool_error, write_at};

/// Bytes written to the disk, and read from it, at a time.
const PIECE: usize = 256 << 10;

/// Most chunks of a body, as Nextcloud has it (clients reference, section 4).
const MAX_CHUNKS: usize = 10_000;

/// Where a chunk stands in its body, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChunkName {
    /// The number of the chunk, from 0 or 1, or its first byte's.
    Number(u64),
    /// The numbers of its first byte and of its last one, or the one after that: programs differ.
    Range(u64, u64),
}

impl ChunkName {
    /// Reads `17` or `000000000000000-000000010485759`; absent for what is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u64>().ok()).flatten()
        };
        match text.split_once('-') {
            None => number(text).map(Self::Number),
            Some((first, end)) => {
                Some(Self::Range(number(first)?, number(end)?)).filter(|name| name.length().is_some())
            }
        }
    }

    /// What the name says of the chunk's length, at the least.
    fn length(self) -> Option<u64> {
        match self {
            Self::Number(_) => Some(0),
            Self::Range(first, end) => end.checked_sub(first),
        }
    }
}

/// Why chunks make no whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// There is none.
    #[error("no chunk has come")]
    Nothing,
    /// Something is missing before one of them, or overlaps with it.
    #[error("the chunks do not join: something before number {0} of them is missing or overlaps")]
    Before(usize),
    /// There are too many of them.
    #[error("a file may come in {MAX_CHUNKS} chunks at most")]
    TooMany,
}

/// The chunks of one body that have come; clones are the same.
#[derive(Clone)]
pub struct Chunks(Arc<Inner>);

struct Inner {
    file: Arc<std::fs::File>,
    table: Mutex<Table>,
    /// The disk has failed to give back what was written to it.
    damaged: AtomicBool,
}

struct Table {
    chunks: BTreeMap<ChunkName, Region>,
    /// Places of what broke off or came again.
    free: Vec<Region>,
    /// Where the file ends.
    end: u64,
    reserve: Reserve,
}

/// Where in the file a chunk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    start: u64,
    length: u64,
}

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks").field("chunks", &self.0.table.lock().chunks.len()).finish_non_exhaustive()
    }
}

impl Chunks {
    pub(in crate::drive) async fn new(limits: &UploadLimits) -> Result<Self, Error> {
        let file = Arc::new(nameless_file(limits).await?);
        let reserve = Reserve::new(limits);
        let table = Mutex::new(Table { chunks: BTreeMap::new(), free: Vec::new(), end: 0, reserve });
        Ok(Self(Arc::new(Inner { file, table, damaged: AtomicBool::new(false) })))
    }

    /// A place for a chunk of so many bytes.
    ///
    /// # Errors
    /// [`Error::SpoolFull`].
    pub fn place(&self, length: u64) -> Result<Place, Error> {
        let region = self.0.table.lock().claim(length)?;
        let claim = Claim { chunks: self.clone(), region, kept: AtomicBool::new(false) };
        Ok(Place { claim: Arc::new(claim), written: 0, buffer: BytesMut::new() })
    }

    /// A chunk is there, in place of one of its name; whether that is new.
    ///
    /// # Errors
    /// [`Gap::TooMany`]; [`Gap::Before`] where its name tells another length.
    pub fn keep(&self, name: ChunkName, chunk: &Written) -> Result<bool, Gap> {
        let mut table = self.0.table.lock();
        if !table.chunks.contains_key(&name) && table.chunks.len() == MAX_CHUNKS {
            return Err(Gap::TooMany);
        }
        chunk.0.kept.store(true, Ordering::Relaxed);
        let before = table.chunks.insert(name, chunk.0.region);
        table.free.extend(before);
        Ok(before.is_none())
    }

    /// A chunk is not wanted; whether it was there.
    #[must_use]
    pub fn forget(&self, name: ChunkName) -> bool {
        let mut table = self.0.table.lock();
        let gone = table.chunks.remove(&name);
        table.free.extend(gone);
        gone.is_some()
    }

    /// The whole body.
    ///
    /// # Errors
    /// What keeps the chunks from being one.
    pub fn whole(&self) -> Result<WholeBody, Gap> {
        let table = self.0.table.lock();
        let first = table.chunks.keys().next().copied().ok_or(Gap::Nothing)?;
        let (mut size, mut regions) = (0, Vec::with_capacity(table.chunks.len()));
        // Numbers are those of the chunks or of their first bytes, not now these and now those.
        let (mut counted, mut by_offset) = (true, true);
        for (at, (name, region)) in table.chunks.iter().enumerate() {
            let joins = match (*name, first) {
                (ChunkName::Range(start, end), ChunkName::Range(..)) => {
                    let named = end.saturating_sub(start);
                    start == size && (named == region.length || named + 1 == region.length)
                }
                (ChunkName::Number(number), ChunkName::Number(first)) => {
                    counted &= first <= 1 && number == first + at as u64;
                    by_offset &= number == size;
                    counted || by_offset
                }
                _ => false,
            };
            if !joins {
                return Err(Gap::Before(at + 1));
            }
            size += region.length;
            regions.push(*region);
        }
        Ok(WholeBody { chunks: self.clone(), regions, size })
    }

    /// Whether the disk did not give back what was written to it.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.0.damaged.load(Ordering::Relaxed)
    }

    async fn read(&self, start: u64, end: u64) -> io::Result<Bytes> {
        let file = self.0.file.clone();
        let read = tokio::task::spawn_blocking(move || read_at(&file, start, end)).await;
        let read = read.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        if let Err(error) = &read {
            tracing::error!(%error, "a chunk of an upload could not be read back from the spool");
            self.0.damaged.store(true, Ordering::Relaxed);
        }
        read.map(Bytes::from)
    }
}

impl Table {
    fn claim(&mut self, length: u64) -> Result<Region, Error> {
        if let Some(at) = self.free.iter().position(|region| region.length == length) {
            return Ok(self.free.swap_remove(at));
        }
        if !self.reserve.grow(length) {
            return Err(Error::SpoolFull { for_good: !self.reserve.could_grow(length) });
        }
        let region = Region { start: self.end, length };
        self.end += length;
        Ok(region)
    }
}

/// A place that is taken; given back unless a chunk was kept there, when the last write to it has ended.
struct Claim {
    chunks: Chunks,
    region: Region,
    kept: AtomicBool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !*self.kept.get_mut() && self.region.length > 0 {
            self.chunks.0.table.lock().free.push(self.region);
        }
    }
}

/// A chunk that is coming.
pub struct Place {
    claim: Arc<Claim>,
    written: u64,
    buffer: BytesMut,
}

/// A chunk that has come.
pub struct Written(Arc<Claim>);

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("region", &self.claim.region).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Written").field(&self.0.region).finish()
    }
}

impl Place {
    /// Takes the next bytes; true once in a while, when they have gone to the disk.
    ///
    /// # Errors
    /// [`Error::Length`] if they are more than were announced; [`Error::Spool`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        let received = self.written + (self.buffer.len() + bytes.len()) as u64;
        let expected = self.claim.region.length;
        if received > expected {
            return Err(Error::Length { expected, received });
        }
        self.buffer.extend_from_slice(bytes);
        let goes = self.buffer.len() >= PIECE;
        if goes {
            self.flush().await?;
        }
        Ok(goes)
    }

    /// The end of the chunk.
    ///
    /// # Errors
    /// [`Error::Length`] if less came than was announced; [`Error::Spool`].
    pub async fn finish(mut self) -> Result<Written, Error> {
        self.flush().await?;
        let (expected, received) = (self.claim.region.length, self.written);
        if received == expected { Ok(Written(self.claim)) } else { Err(Error::Length { expected, received }) }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let bytes = self.buffer.split();
        let start = self.claim.region.start + self.written;
        self.written += bytes.len() as u64;
        // A write goes on though nobody waits for it any more: its place is not another's before it has ended.
        let claim = self.claim.clone();
        let write = move || write_at(&claim.chunks.0.file, &bytes, start);
        tokio::task::spawn_blocking(write).await.map_err(|_| Error::Stopping)?.map_err(spool_error)
    }
}

/// Chunks that make a whole.
#[derive(Debug)]
pub struct WholeBody {
    chunks: Chunks,
    regions: Vec<Region>,
    size: u64,
}

impl WholeBody {
    /// Bytes of all of them.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes in order.
    pub fn read(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        let Self { chunks, regions, .. } = self;
        let left = regions.into_iter().filter(|region| region.length > 0);
        futures_util::stream::try_unfold((chunks, left, None), async |(chunks, mut left, rest)| {
            let Some(Region { start, length }) = rest.or_else(|| left.next()) else { return Ok(None) };
            let end = start + length.min(PIECE as u64);
            let bytes = chunks.read(start, end).await?;
            let rest = Region { start: end, length: start + length - end };
            Ok(Some((bytes, (chunks, left, (rest.length > 0).then_some(rest)))))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::TryStreamExt as _;

    use super::*;

    async fn chunks(limit: u64) -> (Chunks, UploadLimits) {
        let settings = crate::config::Upload { spool_limit: limit, ..crate::config::Upload::default() };
        let limits = UploadLimits::new(&settings, Duration::from_secs(1));
        (Chunks::new(&limits).await.unwrap(), limits)
    }

    async fn put(chunks: &Chunks, name: &str, bytes: &[u8]) -> bool {
        let mut place = chunks.place(bytes.len() as u64).unwrap();
        for piece in bytes.chunks(70_000) {
            place.write(piece).await.unwrap();
        }
        chunks.keep(ChunkName::parse(name).unwrap(), &place.finish().await.unwrap()).unwrap()
    }

    async fn all(chunks: &Chunks) -> Result<Vec<u8>, Gap> {
        let whole = chunks.whole()?;
        let size = whole.size();
        let bytes = whole.read().try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(size, bytes.len() as u64);
        Ok(bytes)
    }

    #[test]
    fn names_are_numbers_and_ranges() {
        assert_eq!(ChunkName::parse("00017"), Some(ChunkName::Number(17)));
        assert_eq!(ChunkName::parse("000-009"), Some(ChunkName::Range(0, 9)));
        for wrong in ["", "a", "-", "1-", "-1", "+1", "5-4", "1-2-3", ".file", "99999999999999999999"] {
            assert_eq!(ChunkName::parse(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn chunks_join_by_number_by_offset_and_by_both_kinds_of_range() {
        let parts: [&[u8]; 3] = [&[1; 600_000], &[2; 600_000], &[3; 5]];
        for names in [
            ["1", "2", "3"],
            ["0", "1", "2"],
            ["0", "600000", "1200000"],
            ["0-599999", "600000-1199999", "1200000-1200004"],
            ["0-600000", "600000-1200000", "1200000-1200005"],
        ] {
            let (chunks, _limits) = chunks(1 << 30).await;
            for at in [2, 0, 1] {
                assert!(put(&chunks, names[at], parts[at]).await);
            }
            assert_eq!(all(&chunks).await.unwrap(), parts.concat(), "{names:?}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_or_overlaps_is_told() {
        let (chunks, _limits) = chunks(1 << 30).await;
        assert_eq!(all(&chunks).await, Err(Gap::Nothing));
        put(&chunks, "1", b"one").await;
        put(&chunks, "3", b"three").await;
        assert_eq!(all(&chunks).await, Err(Gap::Before(2)));
        assert!(chunks.forget(ChunkName::Number(3)) && !chunks.forget(ChunkName::Number(3)));
        put(&chunks, "0-1", b"ab").await;
        assert!(all(&chunks).await.is_err());
        let (chunks, _limits) = self::chunks(1 << 30).await;
        put(&chunks, "2", b"two").await;
        assert_eq!(all(&chunks).await, Err(Gap::Before(1)));
    }

    #[tokio::test]
    async fn the_newer_of_a_name_counts_and_a_broken_one_leaves_the_older() {
        let (chunks, _limits) = chunks(1 << 30).await;
        assert!(put(&chunks, "1", b"old").await);
        let mut broken = chunks.place(3).unwrap();
        broken.write(b"xx").await.unwrap();
        assert!(matches!(broken.finish().await, Err(Error::Length { expected: 3, received: 2 })));
        assert_eq!(all(&chunks).await.unwrap(), b"old");
        assert!(!put(&chunks, "1", b"new").await);
        assert!(!put(&chunks, "1", b"newest").await);
        assert_eq!(all(&chunks).await.unwrap(), b"newest");
        let mut longer = chunks.place(3).unwrap();
        assert!(matches!(longer.write(b"four").await, Err(Error::Length { .. })));
    }

    #[tokio::test]
    async fn the_spools_limit_holds_and_is_given_back() {
        let (first, limits) = chunks(1000).await;
        put(&first, "1", &[1; 600]).await;
        for _ in 0..5 {
            put(&first, "2", &[2; 200]).await;
        }
        let second = Chunks::new(&limits).await.unwrap();
        assert!(matches!(second.place(400), Err(Error::SpoolFull { for_good: false })));
        assert!(matches!(first.place(401), Err(Error::SpoolFull { for_good: true })));
        assert!(matches!(second.place(u64::MAX), Err(Error::SpoolFull { for_good: true })));
        drop(first);
        assert!(second.place(1000).is_ok());
    }
}
