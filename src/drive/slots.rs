//! Places for open download bodies: the service refuses an account's fourth (reference 3.9).
//!
//! 1. Never more bodies than the service allows: a [`StreamPermit`] is a permit of a semaphore, and a body is dropped before
//!    its place is given back.
//! 2. Fair, but films before copies: [`StreamLimit::place`] serves in order of asking, those that are urgent first.
//! 3. A seek is a new request while the old one still reads: [`StreamLimit::seat`] takes the place of the same reader's older
//!    body on that file.
//! 4. A paused client would hold its place for ever: a waiting request takes that of the body whose client has
//!    stopped reading the longest. For this the upstream body lies in a [`RevocableBody`], apart from the stream that the client
//!    reads. The stream that lost its seat is not broken: should its client read on, it queues again and goes on at the
//!    next byte.
//! 5. Further connections of one film must not starve others: [`StreamLimit::spare_place`] gives what nobody waits for, and
//!    [`StreamLimit::somebody_waits`] tells when to give it back.
//! 6. The service may allow fewer than configured, since other programs read too: [`StreamLimit::shrink`].

pub(super) mod memory;
pub(super) mod place;
pub(super) mod seat;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use self::place::{Reader, SeatKey, Shared, StreamPermit, Waiting};
use self::seat::RevocableBody;
use crate::drive::error::Error;

/// How long a place that the service refused is not used: somebody else reads by this account.
const SHRUNK: Duration = Duration::from_secs(300);

/// Least time between two such refusals that count.
const SHRINK_PAUSE: Duration = Duration::from_secs(30);

/// Download places of one account.
pub(super) struct StreamLimit {
    shared: Arc<Shared>,
    seats: Mutex<HashMap<SeatKey, Vec<Weak<RevocableBody>>>>,
    /// Held by the first of those who wait and are not urgent.
    patient: tokio::sync::Mutex<()>,
    shrunk_at: Mutex<Option<Instant>>,
    max_wait: Duration,
    /// A client that takes nothing for this long has paused; its place may go to one that waits.
    paused: Duration,
}

impl StreamLimit {
    pub(super) fn new(places: usize, max_wait: Duration, paused: Duration) -> Self {
        let shared = Shared {
            places: Arc::new(Semaphore::new(places)),
            size: AtomicUsize::new(places),
            excess: AtomicUsize::new(0),
            urgent_waiting: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
            freed: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
            seats: Mutex::default(),
            patient: tokio::sync::Mutex::default(),
            shrunk_at: Mutex::default(),
            max_wait,
            paused,
        }
    }

    /// An empty seat for a new stream. An open-ended read takes over the place of the reader's older
    /// open-ended bodies on that file, if there is one.
    pub(super) fn seat(&self, reader: Reader, file_id: &str) -> (Arc<RevocableBody>, Option<StreamPermit>) {
        let seat = RevocableBody::new(reader, file_id);
        let key = seat.key.clone();
        let mut seats = self.seats.lock();
        let mut inherited = None;
        if key.open_ended {
            for older in seats.get(&key).into_iter().flatten().filter_map(Weak::upgrade) {
                inherited = older.vacate(true).or(inherited);
            }
        }
        let row = seats.entry(key).or_default();
        row.retain(|other| other.strong_count() > 0);
        row.push(Arc::downgrade(&seat));
        (seat, inherited)
    }

    /// A place: in order of asking, but what is urgent before what is not.
    ///
    /// # Errors
    /// [`Error::NoFreeStream`] when none became free within the longest wait.
    pub(super) async fn place(&self, urgent: bool) -> Result<StreamPermit, Error> {
        let before = if urgent { 0 } else { self.shared.waiting.load(Ordering::Acquire) };
        if before == 0
            && let Ok(permit) = self.shared.places.clone().try_acquire_owned()
        {
            return Ok(StreamPermit::new(permit, &self.shared));
        }
        let deadline = Instant::now() + self.max_wait;
        let _waiting = Waiting::join(&self.shared, urgent);
        let permit = if urgent {
            self.urgent_place(deadline).await?
        } else {
            // Those who are not urgent wait for each other, so the first of them is served first.
            let turn = tokio::time::timeout_at(deadline, self.patient.lock()).await;
            let _turn = turn.map_err(|_| self.no_place())?;
            self.patient_place(deadline).await?
        };
        Ok(StreamPermit::new(permit, &self.shared))
    }

    fn no_place(&self) -> Error {
        Error::NoFreeStream { retry_after: self.max_wait / 2 }
    }

    async fn urgent_place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Error> {
        let waiting = self.shared.places.clone().acquire_owned();
        tokio::pin!(waiting);
        loop {
            self.vacate_paused();
            let step = (Instant::now() + Duration::from_secs(1)).min(deadline);
            match tokio::time::timeout_at(step, &mut waiting).await {
                Ok(permit) => return permit.map_err(|_| Error::Stopping),
                Err(_) if Instant::now() >= deadline => return Err(self.no_place()),
                Err(_) => {}
            }
        }
    }

    async fn patient_place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Error> {
        loop {
            let freed = self.shared.freed.notified();
            self.vacate_paused();
            if self.shared.urgent_waiting.load(Ordering::Acquire) == 0
                && let Ok(permit) = self.shared.places.clone().try_acquire_owned()
            {
                return Ok(permit);
            }
            if Instant::now() >= deadline {
                return Err(self.no_place());
            }
            let step = (Instant::now() + Duration::from_secs(1)).min(deadline);
            tokio::time::timeout_at(step, freed).await.ok();
        }
    }

    /// A place that nobody waits for, for what could do without.
    pub(super) fn spare_place(&self) -> Option<StreamPermit> {
        if self.shared.waiting.load(Ordering::Acquire) > 0 {
            return None;
        }
        let permit = self.shared.places.clone().try_acquire_owned().ok()?;
        Some(StreamPermit::new(permit, &self.shared))
    }

    /// Ends when somebody waits for a place.
    pub(super) async fn somebody_waits(&self) {
        loop {
            let wanted = self.shared.wanted.notified();
            if self.shared.waiting.load(Ordering::Acquire) > 0 {
                return;
            }
            wanted.await;
        }
    }

    /// The service goes on refusing a body for which we had a place: one place less for a while, but not
    /// the last.
    pub(super) fn shrink(&self) {
        let mut last = self.shrunk_at.lock();
        if last.is_some_and(|at| at.elapsed() < SHRINK_PAUSE) || self.shared.size.load(Ordering::Acquire) < 2 {
            return;
        }
        *last = Some(Instant::now());
        let size = self.shared.size.fetch_sub(1, Ordering::AcqRel) - 1;
        self.shared.excess.fetch_add(1, Ordering::AcqRel);
        tracing::warn!(places = size, "the drive allows fewer downloads than configured; does another program read?");
        let shared = self.shared.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SHRUNK).await;
            shared.size.fetch_add(1, Ordering::AcqRel);
            let less = |excess: usize| excess.checked_sub(1);
            if shared.excess.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_err() {
                shared.places.add_permits(1);
            }
        });
    }

    /// Frees the place of the stream whose client has paused the longest.
    fn vacate_paused(&self) {
        let seats = self.seats.lock();
        let longest = seats
            .values()
            .flatten()
            .filter_map(Weak::upgrade)
            .filter_map(|seat| seat.paused_since().map(|since| (since, seat)))
            .min_by_key(|(since, _)| *since);
        drop(seats);
        if let Some((since, seat)) = longest
            && since.elapsed() >= self.paused
        {
            drop(seat.vacate(false));
        }
    }

    /// Forgets a seat whose stream has ended.
    pub(super) fn leave(&self, seat: &Arc<RevocableBody>) {
        let mut seats = self.seats.lock();
        if let Some(row) = seats.get_mut(&seat.key) {
            row.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), Arc::as_ptr(seat)));
            if row.is_empty() {
                seats.remove(&seat.key);
            }
        }
    }

    pub(super) fn max_wait(&self) -> Duration {
        self.max_wait
    }
}
