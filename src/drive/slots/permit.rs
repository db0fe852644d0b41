//! The permit for one open body, who waits for one, and by what two reads are known to be one person's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::drive::slots::places::{Place, Places};
use crate::meters;

/// Who reads: equal ids on one file mean that a new open-ended read replaces the older one (a seek).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reader {
    /// Made of user, address and program by the caller.
    pub id: u64,
    /// The request asked to the end of the file (`bytes=n-` or no range), as players do.
    pub open_ended: bool,
    /// Somebody looks or listens: a film's or a song's bytes by range. Goes before copies.
    pub urgent: bool,
    /// The request named a range: programs that read pieces come back for the same ones, and are served
    /// what is kept of them. Who asks for the whole is to have what the drive has now.
    pub by_range: bool,
}

pub(super) struct Shared {
    pub(super) semaphore: Arc<Semaphore>,
    /// Slots in use or free, without those that are out of use for a while.
    pub(super) size: AtomicUsize,
    /// Slots that go out of use when they are given back.
    pub(super) excess: AtomicUsize,
    pub(super) urgent_waiting: AtomicUsize,
    pub(super) waiting: AtomicUsize,
    /// Notified when somebody begins to wait.
    pub(super) wanted: Notify,
    pub(super) freed: Notify,
    /// What the instances of one account agree on.
    pub(super) places: Option<Arc<Places>>,
}

impl Shared {
    /// Whether somebody waits for a slot, here or at another instance.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0 || self.places.as_ref().is_some_and(|places| places.wanted_elsewhere())
    }
}

/// One file as read by one reader.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct BodyKey {
    pub(super) id: u64,
    pub(super) open_ended: bool,
    pub(super) file_id: Box<str>,
}

/// The right to one slot, which is one open body; given back when dropped.
pub(in crate::drive) struct StreamPermit {
    permit: Option<OwnedSemaphorePermit>,
    /// Where other instances read by the same account.
    place: Option<Place>,
    shared: Arc<Shared>,
}

impl StreamPermit {
    pub(super) fn new(permit: OwnedSemaphorePermit, place: Option<Place>, shared: &Arc<Shared>) -> Self {
        metrics::gauge!(meters::DOWNLOAD_BODIES).increment(1.0);
        Self { permit: Some(permit), place, shared: shared.clone() }
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        metrics::gauge!(meters::DOWNLOAD_BODIES).decrement(1.0);
        let less = |excess: usize| excess.checked_sub(1);
        let excess = self.shared.excess.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok();
        if let Some(permit) = self.permit.take().filter(|_| excess) {
            permit.forget();
        }
        drop((self.place.take(), self.permit.take()));
        self.shared.freed.notify_waiters();
    }
}

/// One who waits for a slot; leaves the queue when dropped.
pub(super) struct Waiting<'a> {
    shared: &'a Shared,
    urgent: bool,
}

impl<'a> Waiting<'a> {
    pub(super) fn join(shared: &'a Shared, urgent: bool) -> Self {
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        if urgent {
            shared.urgent_waiting.fetch_add(1, Ordering::AcqRel);
        }
        metrics::gauge!(meters::DOWNLOAD_WAITING).increment(1.0);
        shared.wanted.notify_waiters();
        Self { shared, urgent }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        metrics::gauge!(meters::DOWNLOAD_WAITING).decrement(1.0);
        self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
        if self.urgent && self.shared.urgent_waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.freed.notify_waiters();
        }
    }
}
