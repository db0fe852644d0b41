//! What may lie ready of one stream's ranges, and which byte its client wants next.
//!
//! Bytes are counted as they come, so a range may be longer than there is room for just now. The bytes that are next
//! in order need no room: a stream goes on however full the memory is. A range further ahead waits for room; after
//! some time, or as soon as somebody waits for its slot, it gives up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::drive::slots::StreamLimit;
use crate::drive::slots::memory::{ByteBudget, Reservation};

/// How long a range further ahead waits for room with its connection open: a client that has taken nothing for so
/// long has paused, or is slower than the connections.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shared by a stream and the ranges that are fetched for it.
pub(super) struct Window {
    budget: Arc<ByteBudget>,
    /// Most bytes that may lie ready.
    most: u64,
    ready: AtomicU64,
    /// The next byte for the client.
    next: AtomicU64,
    /// Told when the client has taken something.
    taken: Notify,
}

/// Room for bytes that lie ready; given back when dropped.
pub(in crate::drive) struct Ready {
    window: Arc<Window>,
    bytes: u64,
    _hold: Reservation,
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.window.ready.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What a range is told that has bytes in hand.
pub(super) enum Admission {
    /// They may lie ready; without room of their own if the client waits for just these.
    Granted(Option<Ready>),
    /// There is no room, and others need the connection more.
    GiveUp,
}

impl Window {
    pub(in crate::drive) fn new(budget: &Arc<ByteBudget>, next: u64) -> Arc<Self> {
        Arc::new(Self {
            budget: budget.clone(),
            most: budget.ahead_over_lanes(),
            ready: AtomicU64::new(0),
            next: AtomicU64::new(next),
            taken: Notify::new(),
        })
    }

    /// The client has everything before this byte.
    pub(in crate::drive) fn advance(&self, next: u64) {
        if self.next.swap(next, Ordering::AcqRel) != next {
            self.taken.notify_waiters();
        }
    }

    /// Whether so many bytes might lie ready beside what does.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.ready.load(Ordering::Relaxed) + bytes <= self.most && self.budget.has_room(bytes)
    }

    fn hold(self: &Arc<Self>, bytes: u64) -> Option<Ready> {
        let take = |ready: u64| ready.checked_add(bytes).filter(|ready| *ready <= self.most);
        self.ready.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        let Some(hold) = self.budget.hold(bytes) else {
            self.ready.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        };
        Some(Ready { window: self.clone(), bytes, _hold: hold })
    }

    /// Waits until bytes at an offset may lie ready. The range they belong to begins at `start`.
    pub(super) async fn admit(self: &Arc<Self>, start: u64, at: u64, bytes: u64, slots: &StreamLimit) -> Admission {
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        loop {
            let taken = self.taken.notified();
            let next = self.next.load(Ordering::Acquire);
            if next == at {
                return Admission::Granted(None);
            }
            if let Some(ready) = self.hold(bytes) {
                return Admission::Granted(Some(ready));
            }
            // What lies ready of this range is being taken: then there is room, or its next byte's turn comes.
            if next >= start {
                taken.await;
                continue;
            }
            tokio::select! {
                () = taken => {}
                () = &mut patience => return Admission::GiveUp,
                () = slots.somebody_waits() => return Admission::GiveUp,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn window(read_ahead: u64, next: u64) -> (Arc<ByteBudget>, Arc<Window>, Arc<StreamLimit>) {
        let settings = config::Download { read_ahead, memory: 16 << 20, ..config::Download::default() };
        let budget = Arc::new(ByteBudget::new(&settings));
        (
            budget.clone(),
            Window::new(&budget, next),
            StreamLimit::alone(3, Duration::from_secs(20), Duration::from_secs(10)),
        )
    }

    fn granted(admission: Admission) -> Option<Ready> {
        match admission {
            Admission::Granted(ready) => ready,
            Admission::GiveUp => panic!("gave up"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_next_needs_no_room_and_what_is_ahead_is_bounded_and_gives_up() {
        let (room, window, slots) = window(1000, 500);
        let ahead = granted(window.admit(900, 900, 1000, &slots).await).unwrap();
        assert_eq!((room.held(), window.has_room(1)), (1000, false));
        assert!(granted(window.admit(100, 500, 300, &slots).await).is_none());
        assert!(matches!(window.admit(900, 1900, 1, &slots).await, Admission::GiveUp));
        drop(ahead);
        assert!(granted(window.admit(900, 1900, 1, &slots).await).is_some());
        assert_eq!(room.held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_range_that_is_being_taken_waits_for_as_long_as_its_client_does() {
        let (_, window, slots) = window(1000, 500);
        let ready = granted(window.admit(500, 600, 1000, &slots).await).unwrap();
        let waiting = window.admit(500, 1600, 10, &slots);
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(Duration::from_secs(3600), &mut waiting).await.is_err());
        drop(ready);
        window.advance(1600);
        assert!(granted(waiting.await).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_range_without_room_gives_way_at_once_to_one_who_waits_for_a_place() {
        let (_, window, slots) = window(1000, 0);
        let _ready = granted(window.admit(10, 10, 1000, &slots).await).unwrap();
        let begun = tokio::time::Instant::now();
        let _permits = [slots.acquire(true).await, slots.acquire(true).await, slots.acquire(true).await];
        let asking = slots.acquire(true);
        tokio::pin!(asking);
        tokio::select! {
            biased;
            _ = &mut asking => panic!("there was a fourth slot"),
            admission = window.admit(10, 1010, 10, &slots) => assert!(matches!(admission, Admission::GiveUp)),
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
