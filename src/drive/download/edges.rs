//! Small files and the heads and tails of large ones that were read lately, kept by content.
//!
//! Without room a stream hands on what it gets and keeps nothing.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::digest::Sha1;
use crate::drive::download::identity::ContentId;
use crate::drive::entry::Entry;
use crate::drive::slots::memory::{ByteBudget, Reservation};

/// What is kept of a large file's beginning and end: players look at both before they play.
const EDGE: u64 = 256 << 10;

/// Files up to this are kept whole: posters and subtitles, which media centres read again and again.
const SMALL_FILE: u64 = 5 << 20;

/// The pieces that are kept, for all streams of a tree.
pub(in crate::drive) struct EdgeCache {
    budget: Arc<ByteBudget>,
    edges: moka::sync::Cache<EdgeKey, Edge>,
}

/// Content, not place: a file of the same bytes has the same edges, and an overwritten one has others.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct EdgeKey {
    sha1: Sha1,
    size: u64,
    tail: bool,
}

/// A kept piece and where it begins.
#[derive(Clone)]
struct Edge {
    start: u64,
    bytes: Bytes,
    identity: ContentId,
}

/// What is at hand of a range's beginning.
pub(in crate::drive) struct Kept {
    pub(in crate::drive) bytes: Bytes,
    /// What the content was known by. What follows must be of the same.
    pub(super) identity: ContentId,
}

impl EdgeCache {
    /// Within the part of the memory that `budget` leaves to it.
    pub(in crate::drive) fn new(budget: &Arc<ByteBudget>) -> Self {
        let edges = moka::sync::Cache::builder()
            .max_capacity(budget.for_edges())
            .weigher(|_, edge: &Edge| u32::try_from(edge.bytes.len()).unwrap_or(u32::MAX))
            // The film opened last is the one whose edges are asked for next, however often others were.
            .eviction_policy(moka::policy::EvictionPolicy::lru())
            .build();
        Self { budget: budget.clone(), edges }
    }

    /// What is kept of the file from `range.start` on, up to `range.end`; absent if nothing is.
    pub(in crate::drive) fn find(&self, entry: &Entry, range: &Range<u64>) -> Option<Kept> {
        let found = [false, true].into_iter().filter_map(|tail| self.edges.get(&key(entry, tail)?));
        found.into_iter().find_map(|edge| {
            let from = usize::try_from(range.start.checked_sub(edge.start)?).ok()?;
            let to = usize::try_from(range.end.saturating_sub(edge.start)).unwrap_or(usize::MAX);
            let bytes = (from < edge.bytes.len()).then(|| edge.bytes.slice(from..to.min(edge.bytes.len())))?;
            Some(Kept { bytes, identity: edge.identity })
        })
    }

    /// Whether all of the range is kept.
    pub(in crate::drive) fn has(&self, entry: &Entry, range: &Range<u64>) -> bool {
        self.find(entry, range).is_some_and(|kept| kept.bytes.len() as u64 == range.end - range.start)
    }

    /// Keeps a small file that has been read whole.
    pub(in crate::drive) fn keep(&self, entry: &Entry, whole: Bytes, identity: ContentId) {
        if let Some(key) = key(entry, false) {
            self.insert(key, Edge { start: 0, bytes: whole, identity });
        }
    }

    fn insert(&self, key: EdgeKey, edge: Edge) {
        self.edges.insert(key, edge);
        // At once: left to itself, the cache first gathers hundreds of insertions beyond its limit.
        self.edges.run_pending_tasks();
    }

    /// The drive has other content by now.
    pub(in crate::drive) fn forget(&self, entry: &Entry) {
        for tail in [false, true] {
            if let Some(key) = key(entry, tail) {
                self.edges.invalidate(&key);
            }
        }
    }

    /// Keeps what a read of `range` passes of the file's edges, where that is more than is kept yet. Of more
    /// streams than have room for their edges, each would push out another's before it is asked for again.
    pub(super) fn recorders(self: &Arc<Self>, entry: &Entry, range: &Range<u64>) -> Vec<Recorder> {
        let room = self.edges.policy().max_capacity().unwrap_or(0) / (2 * EDGE);
        let crowded = self.budget.streams() > room;
        let Some(size) = entry.size.filter(|_| !crowded) else { return Vec::new() };
        let head = 0..if size <= SMALL_FILE { size } else { EDGE }.min(range.end);
        let tail = size.saturating_sub(EDGE).max(range.start)..size;
        let head_passes = range.start == 0 && !range.is_empty();
        let tail_passes = tail.end <= range.end && !tail.is_empty() && !(head_passes && head.end == size);
        let wanted = [(false, head_passes, head), (true, tail_passes, tail)].into_iter().filter(|wanted| wanted.1);
        wanted
            .filter_map(|(tail, _, target)| {
                let key = key(entry, tail)?;
                let known = self.edges.get(&key).is_some_and(|edge| edge.covers(&target));
                (!known).then(|| Recorder {
                    cache: self.clone(),
                    key,
                    target,
                    bytes: BytesMut::new(),
                    hold: None,
                    identity: None,
                })
            })
            .collect()
    }
}

impl Edge {
    fn covers(&self, range: &Range<u64>) -> bool {
        self.start <= range.start && range.end <= self.start + self.bytes.len() as u64
    }
}

/// Without a hash there is no telling whether content is the same; a live photo's hash is not its stream's.
fn key(entry: &Entry, tail: bool) -> Option<EdgeKey> {
    let (Some(sha1), Some(size), None) = (entry.sha1, entry.size, entry.livp) else { return None };
    Some(EdgeKey { sha1, size, tail })
}

/// Gathers one edge from the frames that pass. What it has when it is dropped is kept.
pub(super) struct Recorder {
    cache: Arc<EdgeCache>,
    key: EdgeKey,
    target: Range<u64>,
    bytes: BytesMut,
    /// Room for the whole edge, from the first byte on.
    hold: Option<Reservation>,
    /// What the bytes are of.
    identity: Option<ContentId>,
}

impl Recorder {
    /// Takes what a frame at an offset has of the edge; false when nothing more is to come.
    pub(in crate::drive) fn pass(&mut self, at: u64, frame: &[u8], identity: &ContentId) -> bool {
        let next = self.target.start + self.bytes.len() as u64;
        let end = at + frame.len() as u64;
        if end <= next {
            return true;
        }
        if at > next || !self.has_room() {
            return false;
        }
        self.identity.get_or_insert_with(|| identity.clone());
        let within = |offset: u64| usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX).min(frame.len());
        self.bytes.extend_from_slice(&frame[within(next)..within(self.target.end)]);
        end < self.target.end
    }

    /// Room and a buffer of the edge's whole size, so that it is never copied to a larger one.
    fn has_room(&mut self) -> bool {
        if self.hold.is_none() {
            let size = self.target.end - self.target.start;
            self.hold = self.cache.budget.hold(size);
            if self.hold.is_some() {
                self.bytes.reserve(usize::try_from(size).unwrap_or(0));
            }
        }
        self.hold.is_some()
    }

    /// What has been gathered is not of this content.
    pub(super) fn discard(&mut self) {
        self.bytes.clear();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let Some(identity) = self.identity.take().filter(|identity| !self.bytes.is_empty() && identity.tells()) else {
            return;
        };
        let gathered = self.target.start..self.target.start + self.bytes.len() as u64;
        // A reader that left early has less than one that stayed.
        if self.cache.edges.get(&self.key).is_some_and(|edge| edge.covers(&gathered)) {
            return;
        }
        // A copy, where the buffer is larger than what came: the cache counts bytes, not buffers.
        let bytes = std::mem::take(&mut self.bytes);
        let bytes = if bytes.capacity() > bytes.len() { Bytes::copy_from_slice(&bytes) } else { bytes.freeze() };
        self.cache.insert(self.key, Edge { start: self.target.start, bytes, identity });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMillis;
    use crate::config;

    fn cache(settings: &config::Download) -> Arc<EdgeCache> {
        Arc::new(EdgeCache::new(&Arc::new(ByteBudget::new(settings))))
    }

    fn entry(size: u64) -> Entry {
        Entry { size: Some(size), sha1: Some([7; 20].into()), ..Entry::synthetic("film", "id", UnixMillis(0)) }
    }

    fn film_now() -> ContentId {
        ContentId::of_tag(Some("\"v1\""))
    }

    #[test]
    fn keeps_nothing_that_could_not_be_told_from_other_content() {
        let room = cache(&config::Download::default());
        assert!(!room.recorders(&entry(10), &(0..10))[0].pass(0, &[1; 10], &ContentId::of_tag(None)));
        assert!(room.find(&entry(10), &(0..10)).is_none());
    }

    #[test]
    fn keeps_both_edges_of_a_film() {
        let room = cache(&config::Download::default());
        let content: Vec<u8> = (0..6_000_000u32).map(|i| i.to_le_bytes()[1]).collect();
        let film = entry(6_000_000);
        let mut recorders = room.recorders(&film, &(0..6_000_000));
        assert_eq!(recorders.len(), 2);
        for (number, frame) in content.chunks(70_001).enumerate() {
            recorders.retain_mut(|recorder| recorder.pass(number as u64 * 70_001, frame, &film_now()));
        }
        assert!(recorders.is_empty() && room.recorders(&film, &(0..6_000_000)).is_empty());
        assert_eq!(room.find(&film, &(100..6_000_000)).unwrap().bytes, content[100..256 << 10]);
        assert_eq!(room.find(&film, &(5_900_000..5_900_010)).unwrap().bytes, content[5_900_000..5_900_010]);
        assert!(room.find(&film, &(1_000_000..6_000_000)).is_none());
        let other = Entry { sha1: Some([8; 20].into()), ..film.clone() };
        assert!(room.find(&other, &(0..10)).is_none());
        room.forget(&film);
        assert!(room.find(&film, &(0..10)).is_none());
    }

    #[test]
    fn keeps_a_small_file_whole_and_of_a_broken_read_what_came() {
        let room = cache(&config::Download::default());
        let poster = entry(1_000_000);
        let content = vec![5; 1_000_000];
        let mut recorders = room.recorders(&poster, &(0..1_000_000));
        assert_eq!(recorders.len(), 1);
        assert!(recorders[0].pass(0, &content[..300_000], &film_now()));
        assert_eq!(room.budget.held(), 1_000_000);
        recorders.clear();
        assert_eq!((room.budget.held(), room.find(&poster, &(0..1_000_000)).unwrap().bytes.len()), (0, 300_000));

        let mut recorders = room.recorders(&poster, &(0..1_000_000));
        assert!(!recorders[0].pass(0, &content, &film_now()));
        recorders.clear();
        assert_eq!(room.find(&poster, &(0..1_000_000)).unwrap().bytes.len(), 1_000_000);
        assert!(room.recorders(&poster, &(0..1_000_000)).is_empty());
    }

    #[test]
    fn keeps_the_edges_read_last_and_none_of_a_crowd() {
        let settings = config::Download { memory: 4 * EDGE * 8, ..config::Download::default() };
        let room = cache(&settings);
        let films: Vec<Entry> =
            (0..20).map(|number| Entry { sha1: Some([number; 20].into()), ..entry(6_000_000) }).collect();
        let head = vec![5; 256 << 10];
        for film in &films {
            assert!(!room.recorders(film, &(0..6_000_000))[0].pass(0, &head, &film_now()));
        }
        assert_eq!(room.edges.weighted_size(), 4 * EDGE);
        let kept: Vec<bool> = films.iter().map(|film| room.find(film, &(0..10)).is_some()).collect();
        assert_eq!(kept, [vec![false; 16], vec![true; 4]].concat());

        let crowd = [room.budget.enter(), room.budget.enter(), room.budget.enter()];
        assert!(room.recorders(&films[0], &(0..6_000_000)).is_empty());
        drop(crowd);
        assert_eq!(room.recorders(&films[0], &(0..6_000_000)).len(), 2);
    }

    #[test]
    fn keeps_nothing_where_there_is_no_room_and_nothing_of_other_content() {
        let settings = config::Download { memory: 240_000, ..config::Download::default() };
        let room = cache(&settings);
        let poster = entry(190_000);
        let taken = room.budget.hold(21_000).unwrap();
        assert!(!room.recorders(&poster, &(0..190_000))[0].pass(0, &[1; 1000], &film_now()));
        drop(taken);
        let mut recorders = room.recorders(&poster, &(0..190_000));
        assert!(recorders[0].pass(0, &[1; 1000], &film_now()));
        recorders[0].discard();
        drop(recorders);
        assert!(room.find(&poster, &(0..10)).is_none() && room.budget.held() == 0);
    }
}
