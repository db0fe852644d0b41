//! The memory of all uploads: one pool of segments, counted as they fill, given back to the system when no upload
//! is left.
//!
//! - *A bound.* A segment counts from when it is handed out until the last reader of its bytes is gone. Segments are pages of
//!   their own, so that no allocator keeps them; those of a part that was sent serve the next.
//! - *Small files never wait behind large ones.* A quarter of the pool is for the first mebibyte of each upload. Whoever
//!   grows beyond it, or is known to, has all of its segments from the rest.
//! - *Nothing locks up.* Parts fill side by side, each of which must become whole before it can be sent. A segment is handed out only if
//!   afterwards all parts that have begun can become whole one after another (Dijkstra's banker).
//! - *No wait without an end*: after the longest wait it is an error.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use memmap2::MmapMut;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::drive::error::Error;

/// Bytes of a segment: a small file takes one.
pub(super) const SEGMENT: usize = 64 << 10;

/// Most segments that an upload has from the reserve for small files.
const FIRST: usize = 16;

/// When to come back after a wait in vain.
const RETRY: Duration = Duration::from_secs(5);

/// The pool; clones are the same.
#[derive(Clone)]
pub(in crate::drive) struct UploadMemory(Arc<Pool>);

struct Pool {
    /// Segments for first shares.
    small: usize,
    /// Segments for everything else.
    large: usize,
    /// Segments of a first share.
    first: usize,
    max_wait: Duration,
    ledger: Mutex<Ledger>,
    /// Told when there may be more to have.
    changed: Notify,
}

#[derive(Default)]
struct Ledger {
    /// Pages to be used again; none while nobody holds any.
    idle: Vec<MmapMut>,
    small_used: usize,
    large_used: usize,
    next: u64,
    shares: HashMap<u64, Held>,
    waiting: usize,
    /// Of those that wait, parts that have begun.
    waiting_begun: usize,
}

/// What one part holds.
struct Held {
    segments: usize,
    /// As many as the part may need.
    most: usize,
    /// From which of the two it has all of them.
    large: bool,
    /// Whether it may ask for more before it gives any back.
    fills: bool,
}

/// One part's share of the pool; given back when it and its segments are dropped.
pub(in crate::drive) struct Share {
    id: u64,
    pool: UploadMemory,
}

/// Pages with the bytes of a part.
pub(in crate::drive) struct Segment {
    /// Absent only while it is dropped.
    map: Option<MmapMut>,
    length: usize,
    share: Arc<Share>,
}

impl UploadMemory {
    pub(in crate::drive) fn new(bytes: u64, max_wait: Duration) -> Self {
        let all = usize::try_from(bytes / SEGMENT as u64).unwrap_or(usize::MAX).max(2);
        let small = (all / 4).max(1);
        Self(Arc::new(Pool {
            small,
            large: all - small,
            first: (all / 16).clamp(1, FIRST),
            max_wait,
            ledger: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Bytes held now.
    pub(in crate::drive) fn held(&self) -> u64 {
        let ledger = self.0.ledger.lock();
        ((ledger.small_used + ledger.large_used) * SEGMENT) as u64
    }

    /// Largest part that finds room.
    pub(super) fn largest_part(&self) -> u64 {
        // One segment may be cut short when the part is looked at before it is whole.
        (self.0.large.saturating_sub(1).max(1) * SEGMENT) as u64
    }

    /// Whether somebody waits, so that who can do with less should.
    pub(super) fn is_short(&self) -> bool {
        self.0.ledger.lock().waiting > 0
    }

    /// How long a part may fill before it counts as slow.
    pub(in crate::drive) fn patience(&self) -> Duration {
        self.0.max_wait / 4
    }

    /// A share for a part of at most so many bytes.
    pub(in crate::drive) fn share(&self, bytes: u64) -> Arc<Share> {
        let most = usize::try_from(bytes.div_ceil(SEGMENT as u64)).unwrap_or(usize::MAX).saturating_add(1);
        let mut ledger = self.0.ledger.lock();
        let id = ledger.next;
        ledger.next += 1;
        ledger.shares.insert(id, Held { segments: 0, most, large: false, fills: true });
        Arc::new(Share { id, pool: self.clone() })
    }
}

impl Ledger {
    /// Counts one segment more for a share, if there is one to have.
    fn grant(&mut self, pool: &Pool, id: u64) -> bool {
        let Some(held) = self.shares.get(&id) else { return false };
        let small = !held.large && held.segments < pool.first && held.most <= pool.first + 1;
        // What is not known to be small begins there as well, but only with what others leave.
        let begins = !held.large && held.segments < pool.first && self.small_used < pool.small / 2;
        let granted = if (small && self.small_used < pool.small) || begins {
            self.small_used += 1;
            true
        } else {
            self.grant_large(pool, id)
        };
        if let Some(held) = self.shares.get_mut(&id).filter(|_| granted) {
            held.segments += 1;
        }
        granted
    }

    /// Takes a segment from the large rest, and moves there what the share had from the reserve.
    fn grant_large(&mut self, pool: &Pool, id: u64) -> bool {
        let Some(held) = self.shares.get(&id) else { return false };
        let moved = if held.large { 0 } else { held.segments };
        // Parts that have begun go first: the room of each of them comes back.
        let begun = held.large && held.segments > 0;
        if (self.waiting_begun > 0 && !begun) || !self.is_safe(pool, id, moved + 1) {
            return false;
        }
        self.large_used += moved + 1;
        self.small_used -= moved;
        if let Some(held) = self.shares.get_mut(&id) {
            held.large = true;
        }
        true
    }

    /// Whether all parts that have begun can become whole, one after another, once a share has so many more from the
    /// rest. What is being sent comes back by itself.
    fn is_safe(&self, pool: &Pool, id: u64, more: usize) -> bool {
        let Some(left) = pool.large.checked_sub(self.large_used + more) else { return false };
        let begun = |(at, held): (&u64, &Held)| match *at == id {
            true => Some((held.segments + 1, held.most)),
            false => (held.large && held.fills && held.segments > 0).then_some((held.segments, held.most)),
        };
        let mut parts: Vec<(usize, usize)> = self.shares.iter().filter_map(begun).collect();
        let filling: usize = parts.iter().map(|(segments, _)| segments).sum();
        let sent = (self.large_used + more).saturating_sub(filling);
        let mut free = left + sent;
        if parts.iter().all(|(segments, most)| most.saturating_sub(*segments) <= free) {
            return true;
        }
        parts.sort_unstable_by_key(|(segments, most)| most.saturating_sub(*segments));
        parts.into_iter().all(|(segments, most)| {
            let whole = most.saturating_sub(segments) <= free;
            free += segments;
            whole
        })
    }

    fn give_back(&mut self, id: u64, map: Option<MmapMut>) {
        let Some(held) = self.shares.get_mut(&id) else { return };
        held.segments -= 1;
        if held.large {
            self.large_used -= 1;
        } else {
            self.small_used -= 1;
        }
        self.idle.extend(map);
        if self.small_used + self.large_used == 0 {
            self.idle = Vec::new();
        }
    }
}

impl Share {
    /// A segment to fill.
    ///
    /// # Errors
    /// [`Error::NoUploadMemory`] if there is none within the longest wait.
    pub(in crate::drive) async fn segment(self: &Arc<Self>) -> Result<Segment, Error> {
        if let Some(segment) = self.try_segment()? {
            return Ok(segment);
        }
        let pool = &self.pool.0;
        let deadline = Instant::now() + pool.max_wait;
        let _waiting = Waiting::new(self);
        loop {
            let changed = pool.changed.notified();
            tokio::pin!(changed);
            // What comes back between the look and the wait counts.
            changed.as_mut().enable();
            if let Some(segment) = self.try_segment()? {
                return Ok(segment);
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return Err(Error::NoUploadMemory { retry_after: RETRY });
            }
        }
    }

    fn try_segment(self: &Arc<Self>) -> Result<Option<Segment>, Error> {
        let mut ledger = self.pool.0.ledger.lock();
        if !ledger.grant(&self.pool.0, self.id) {
            return Ok(None);
        }
        let map = match ledger.idle.pop().map_or_else(|| MmapMut::map_anon(SEGMENT), Ok) {
            Ok(map) => map,
            Err(error) => {
                ledger.give_back(self.id, None);
                tracing::error!(%error, "the system has no memory for an upload; lower upload.memory");
                return Err(Error::NoUploadMemory { retry_after: RETRY });
            }
        };
        Ok(Some(Segment { map: Some(map), length: 0, share: self.clone() }))
    }

    /// The part is whole: nothing more is asked for.
    pub(in crate::drive) fn close(&self) {
        if let Some(held) = self.pool.0.ledger.lock().shares.get_mut(&self.id) {
            held.fills = false;
        }
        self.pool.0.changed.notify_waiters();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pool.0.ledger.lock().shares.remove(&self.id);
        self.pool.0.changed.notify_waiters();
    }
}

/// One that waits, for as long as it does.
struct Waiting<'a> {
    pool: &'a Pool,
    begun: bool,
}

impl<'a> Waiting<'a> {
    fn new(share: &'a Share) -> Self {
        let pool = &*share.pool.0;
        let mut ledger = pool.ledger.lock();
        let begun = ledger.shares.get(&share.id).is_some_and(|held| held.large && held.segments > 0);
        ledger.waiting += 1;
        ledger.waiting_begun += usize::from(begun);
        Self { pool, begun }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut ledger = self.pool.ledger.lock();
        ledger.waiting -= 1;
        ledger.waiting_begun -= usize::from(self.begun);
        drop(ledger);
        if self.begun {
            self.pool.changed.notify_waiters();
        }
    }
}

impl Segment {
    /// Takes as many of the bytes as find room; gives the rest.
    pub(in crate::drive) fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(map) = &mut self.map else { return bytes };
        let (now, later) = bytes.split_at(bytes.len().min(SEGMENT - self.length));
        map[self.length..self.length + now.len()].copy_from_slice(now);
        self.length += now.len();
        later
    }

    pub(in crate::drive) fn is_full(&self) -> bool {
        self.length == SEGMENT
    }
}

impl AsRef<[u8]> for Segment {
    fn as_ref(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[..self.length])
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // Who waits is told when the whole share comes back, once instead of hundreds of times.
        self.share.pool.0.ledger.lock().give_back(self.share.id, self.map.take());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pool(segments: usize) -> UploadMemory {
        UploadMemory::new((segments * SEGMENT) as u64, SECOND)
    }

    fn now(share: &Arc<Share>) -> Option<Segment> {
        share.segment().now_or_never().map(Result::unwrap)
    }

    #[tokio::test]
    async fn a_small_file_never_waits_behind_large_ones() {
        let pool = pool(128);
        let large: Vec<_> = (0..50).map(|_| pool.share(40 * SEGMENT as u64)).collect();
        let mut held = Vec::new();
        while let Some(segment) = large.iter().find_map(now) {
            held.push(segment);
        }
        assert!(pool.held() <= 128 * SEGMENT as u64);
        for _ in 0..10 {
            let small = pool.share(1);
            held.push(now(&small).unwrap());
        }
        assert!(pool.held() <= 128 * SEGMENT as u64);
        drop(held);
        assert_eq!(pool.held(), 0);
        assert!(pool.0.ledger.lock().idle.is_empty());
    }

    #[tokio::test]
    async fn parts_that_fill_in_any_order_all_become_whole() {
        let mut seed = 7u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for parts in 2..40 {
            let pool = pool(40 + parts);
            let size = |at: usize| if at.is_multiple_of(3) { 25 } else { 10 };
            let mut filling: Vec<_> =
                (0..parts).map(|at| (size(at), pool.share((size(at) * SEGMENT) as u64), Vec::new())).collect();
            let mut sent = Vec::new();
            while !filling.is_empty() {
                let from = random(filling.len());
                let ready = (0..filling.len()).map(|n| (from + n) % filling.len());
                let mut granted = None;
                for at in ready {
                    if let Some(segment) = now(&filling[at].1) {
                        filling[at].2.push(segment);
                        granted = Some(at);
                        break;
                    }
                }
                assert!(pool.held() <= ((40 + parts) * SEGMENT) as u64);
                match granted {
                    Some(at) if filling[at].2.len() == filling[at].0 => {
                        let (_, share, segments) = filling.swap_remove(at);
                        share.close();
                        sent.push(segments);
                    }
                    Some(_) => {}
                    None => assert!(sent.pop().is_some(), "{parts} parts have locked up"),
                }
            }
            sent.clear();
            assert_eq!(pool.held(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_in_an_error_and_what_comes_back_in_a_grant() {
        let pool = pool(16);
        let first = pool.share(10 * SEGMENT as u64);
        let mut held: Vec<_> = std::iter::from_fn(|| now(&first)).collect();
        let second = pool.share(10 * SEGMENT as u64);
        held.extend(std::iter::from_fn(|| now(&second)));
        let started = Instant::now();
        assert!(matches!(second.segment().await, Err(Error::NoUploadMemory { .. })));
        assert_eq!(started.elapsed(), SECOND);
        assert!(!pool.is_short());
        let waits = tokio::spawn({
            let second = second.clone();
            async move { second.segment().await.is_ok() }
        });
        tokio::task::yield_now().await;
        assert!(pool.is_short());
        drop((held, first));
        assert!(waits.await.unwrap());
    }

    #[test]
    fn a_segment_is_given_back_with_its_last_reader() {
        let pool = pool(16);
        let share = pool.share(1);
        let mut segment = now(&share).unwrap();
        assert_eq!(segment.fill(b"content"), b"");
        let bytes = bytes::Bytes::from_owner(segment);
        let slice = bytes.slice(3..);
        drop((bytes, share));
        assert_eq!((&slice[..], pool.held()), (&b"tent"[..], SEGMENT as u64));
        drop(slice);
        assert_eq!(pool.held(), 0);
    }
}
