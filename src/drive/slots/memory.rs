//! The memory that all downloads share, for what is fetched before its client wants it and for what is kept.
//!
//! A stream needs none of it to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::config;

/// Most memory for edges, whatever the settings allow.
const MAX_EDGES: u64 = 16 << 20;

/// Part of the memory that edges may take, and another that reading ahead of slow clients may.
const SHARE: u64 = 8;

/// Bytes that may lie in memory, of all streams of a tree together.
pub(in crate::drive) struct ByteBudget {
    pub(in crate::drive) settings: config::Download,
    held: AtomicU64,
    /// Most that may be held: the memory without the part that the edges may take.
    limit: u64,
    streams: AtomicUsize,
}

impl ByteBudget {
    pub(in crate::drive) fn new(settings: &config::Download) -> Self {
        let budget = Self {
            settings: settings.clone(),
            held: AtomicU64::new(0),
            limit: settings.memory,
            streams: AtomicUsize::new(0),
        };
        Self { limit: settings.memory - budget.for_edges(), ..budget }
    }

    /// The part of the memory that is for pieces that are kept.
    pub(in crate::drive) fn for_edges(&self) -> u64 {
        (self.settings.memory / SHARE).min(MAX_EDGES)
    }

    /// Streams that share it at the moment.
    pub(in crate::drive) fn streams(&self) -> u64 {
        self.streams.load(Ordering::Relaxed) as u64
    }

    /// Bytes that streams hold before their clients want them.
    pub(in crate::drive) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Room for so many bytes, if there is.
    pub(in crate::drive) fn hold(self: &Arc<Self>, bytes: u64) -> Option<Reservation> {
        let take = |held: u64| held.checked_add(bytes).filter(|held| *held <= self.limit);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(Reservation { budget: self.clone(), bytes })
    }

    /// Whether there is room for so many bytes just now.
    pub(in crate::drive) fn has_room(&self, bytes: u64) -> bool {
        self.held() + bytes <= self.limit
    }

    /// How far one stream may read ahead of its client: less the more streams there are.
    pub(in crate::drive) fn read_ahead(&self) -> u64 {
        let streams = self.streams.load(Ordering::Relaxed).max(1) as u64;
        self.settings.read_ahead.min(self.settings.memory / SHARE / streams)
    }

    /// How far one stream may be ahead over several connections: then its client waits, and what is fetched goes soon.
    pub(in crate::drive) fn ahead_over_lanes(&self) -> u64 {
        self.settings.read_ahead.min(self.limit)
    }

    pub(in crate::drive) fn enter(self: &Arc<Self>) -> StreamCount {
        self.streams.fetch_add(1, Ordering::Relaxed);
        StreamCount(self.clone())
    }
}

/// Memory that is spoken for; given back when dropped.
pub(in crate::drive) struct Reservation {
    budget: Arc<ByteBudget>,
    bytes: u64,
}

impl Reservation {
    /// Gives back what is beyond so many bytes.
    pub(in crate::drive) fn shrink(&mut self, bytes: u64) {
        let excess = self.bytes.saturating_sub(bytes);
        self.budget.held.fetch_sub(excess, Ordering::Relaxed);
        self.bytes -= excess;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// One stream among those that share the memory.
pub(in crate::drive) struct StreamCount(Arc<ByteBudget>);

impl Drop for StreamCount {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_never_promised_twice_nor_that_of_the_edges_and_is_given_back() {
        let budget = Arc::new(ByteBudget::new(&config::Download { memory: 112, ..config::Download::default() }));
        let first = budget.hold(70).unwrap();
        assert!(budget.hold(29).is_none());
        let second = budget.hold(28).unwrap();
        assert_eq!(budget.held(), 98);
        drop((first, second));
        assert_eq!(budget.held(), 0);
    }
}
