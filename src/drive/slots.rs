//! Places for open download bodies: the service refuses an account's fourth (reference 3.9).
//!
//! Places are given in order of asking. A body's upstream connection lives in its [`Seat`], apart
//! from the stream that the client reads, so that it can be taken away: a seek takes the place of
//! the same reader's older body on that file, and a waiting request takes that of a body whose
//! client has stopped reading. The stream that lost its seat is not broken: should its client
//! read on, it queues again and goes on at the next byte.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream as _;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Error;
use crate::upstream::{DataBody, DataError};

/// A client that takes nothing for this long has paused; its place may go to one that waits.
const PAUSED: Duration = Duration::from_secs(10);

/// How long a place that the service refused is not used: somebody else reads by this account.
const SHRUNK: Duration = Duration::from_secs(300);

/// Least time between two such refusals that count.
const SHRINK_PAUSE: Duration = Duration::from_secs(30);

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

/// Download places of one account.
pub(super) struct Slots {
    shared: Arc<Shared>,
    seats: Mutex<HashMap<SeatKey, Vec<Weak<Seat>>>>,
    /// Held by the first of those who wait and are not urgent.
    patient: tokio::sync::Mutex<()>,
    shrunk_at: Mutex<Option<Instant>>,
    max_wait: Duration,
}

struct Shared {
    places: Arc<Semaphore>,
    /// Places in use or free, without those that are out of use for a while.
    size: AtomicUsize,
    /// Places that go out of use when they are given back.
    excess: AtomicUsize,
    urgent_waiting: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
}

/// One file as read by one reader.
#[derive(Clone, PartialEq, Eq, Hash)]
struct SeatKey {
    id: u64,
    open_ended: bool,
    file_id: Box<str>,
}

/// The right to one open body; given back when dropped.
pub(super) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    shared: Arc<Shared>,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit, shared: &Arc<Shared>) -> Self {
        metrics::gauge!("alidav_download_bodies").increment(1.0);
        Self { permit: Some(permit), shared: shared.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("alidav_download_bodies").decrement(1.0);
        let less = |excess: usize| excess.checked_sub(1);
        let excess = self.shared.excess.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok();
        if let Some(permit) = self.permit.take().filter(|_| excess) {
            permit.forget();
        }
        drop(self.permit.take());
        self.shared.freed.notify_waiters();
    }
}

/// One who waits for a place; leaves the queue when dropped.
struct Waiting<'a> {
    shared: &'a Shared,
    urgent: bool,
}

impl<'a> Waiting<'a> {
    fn join(shared: &'a Shared, urgent: bool) -> Self {
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        if urgent {
            shared.urgent_waiting.fetch_add(1, Ordering::AcqRel);
        }
        metrics::gauge!("alidav_download_waiting").increment(1.0);
        Self { shared, urgent }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        metrics::gauge!("alidav_download_waiting").decrement(1.0);
        self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
        if self.urgent && self.shared.urgent_waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.freed.notify_waiters();
        }
    }
}

/// One stream's upstream body, while it has one.
pub(super) struct Seat {
    key: SeatKey,
    urgent: bool,
    inner: Mutex<SeatState>,
}

#[derive(Default)]
struct SeatState {
    live: Option<Live>,
    /// A place inherited before there is a body.
    kept: Option<Place>,
    /// The task that opens the next body, which holds a place or waits for one.
    opening: Option<AbortHandle>,
    /// The reading task, to wake when its body is taken away while it waits for bytes.
    waker: Option<Waker>,
    /// Since when the client has not asked for more; absent while it waits for us. What is fetched ahead of
    /// it does not count: that goes on, and waits, while the client does nothing.
    idle_since: Option<Instant>,
    /// The body went to a seek, not to a waiting stranger.
    replaced: bool,
    /// Tasks that fetch what follows over other connections.
    helpers: Vec<AbortHandle>,
}

/// An open body and its place. The body goes first when both are dropped.
pub(super) struct Live {
    pub(super) body: DataBody,
    pub(super) place: Place,
}

impl Slots {
    pub(super) fn new(places: usize, max_wait: Duration) -> Self {
        let shared = Shared {
            places: Arc::new(Semaphore::new(places)),
            size: AtomicUsize::new(places),
            excess: AtomicUsize::new(0),
            urgent_waiting: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
            seats: Mutex::default(),
            patient: tokio::sync::Mutex::default(),
            shrunk_at: Mutex::default(),
            max_wait,
        }
    }

    /// An empty seat for a new stream. An open-ended read takes over the place of the reader's older
    /// open-ended bodies on that file, if there is one.
    pub(super) fn seat(&self, reader: Reader, file_id: &str) -> (Arc<Seat>, Option<Place>) {
        let seat = Seat::new(reader, file_id);
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
    pub(super) async fn place(&self, urgent: bool) -> Result<Place, Error> {
        let before = if urgent { 0 } else { self.shared.waiting.load(Ordering::Acquire) };
        if before == 0
            && let Ok(permit) = self.shared.places.clone().try_acquire_owned()
        {
            return Ok(Place::new(permit, &self.shared));
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
        Ok(Place::new(permit, &self.shared))
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
    pub(super) fn spare_place(&self) -> Option<Place> {
        if self.shared.waiting.load(Ordering::Acquire) > 0 {
            return None;
        }
        let permit = self.shared.places.clone().try_acquire_owned().ok()?;
        Some(Place::new(permit, &self.shared))
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
            && since.elapsed() >= PAUSED
        {
            drop(seat.vacate(false));
        }
    }

    /// Forgets a seat whose stream has ended.
    pub(super) fn leave(&self, seat: &Arc<Seat>) {
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

/// What a seat has for its stream.
pub(super) enum Next {
    /// The body's next event.
    Body(Option<Result<Bytes, DataError>>),
    /// There is no body: it was taken away; `replaced` by a seek of the same reader.
    Vacant { replaced: bool },
}

impl Seat {
    pub(super) fn new(reader: Reader, file_id: &str) -> Arc<Self> {
        let key = SeatKey { id: reader.id, open_ended: reader.open_ended, file_id: file_id.into() };
        Arc::new(Self { key, urgent: reader.urgent, inner: Mutex::default() })
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Keeps a place until there is a body for it.
    pub(super) fn keep(&self, place: Option<Place>) {
        self.inner.lock().kept = place;
    }

    pub(super) fn kept(&self) -> Option<Place> {
        self.inner.lock().kept.take()
    }

    /// A task that ends when the seat goes to a seek.
    pub(super) fn help_by(&self, helper: AbortHandle) {
        let mut inner = self.inner.lock();
        inner.helpers.retain(|helper| !helper.is_finished());
        inner.helpers.push(helper);
    }

    pub(super) fn was_replaced(&self) -> bool {
        self.inner.lock().replaced
    }

    /// Puts an open body in.
    pub(super) fn fill(&self, live: Live) {
        let mut inner = self.inner.lock();
        inner.live = Some(live);
        inner.replaced = false;
    }

    /// Notes the task that opens the next body.
    pub(super) fn opens(&self, task: AbortHandle) {
        self.inner.lock().opening = Some(task);
    }

    /// The opening has ended; whether by itself, and not because the seat was vacated.
    pub(super) fn opened(&self) -> bool {
        self.inner.lock().opening.take().is_some()
    }

    /// The client waits for us, or has what it asked for.
    pub(super) fn client_waits(&self, waits: bool) {
        self.inner.lock().idle_since = (!waits).then(Instant::now);
    }

    /// Takes the body out: its connection closes now, its place goes to the caller. A body that is being opened
    /// is given up.
    pub(super) fn vacate(&self, replaced: bool) -> Option<Place> {
        let mut inner = self.inner.lock();
        if replaced {
            inner.replaced = true;
            inner.helpers.drain(..).for_each(|helper| helper.abort());
        }
        if let Some(opening) = inner.opening.take() {
            opening.abort();
        }
        let kept = inner.kept.take();
        let Some(Live { body, place }) = inner.live.take() else { return kept };
        inner.replaced = replaced;
        let waker = inner.waker.take();
        drop(inner);
        drop(body);
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(place)
    }

    fn paused_since(&self) -> Option<Instant> {
        let inner = self.inner.lock();
        let has_place = inner.live.is_some() || inner.kept.is_some() || inner.opening.is_some();
        inner.idle_since.filter(|_| has_place)
    }

    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut inner = self.inner.lock();
        let Some(live) = inner.live.as_mut() else {
            return Poll::Ready(Next::Vacant { replaced: inner.replaced });
        };
        let polled = Pin::new(&mut live.body).poll_next(cx).map(Next::Body);
        if polled.is_pending() && !inner.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            inner.waker = Some(cx.waker().clone());
        }
        polled
    }
}
