//! Places for open download bodies: the service refuses an account's fourth (reference 3.9).
//!
//! Places are given in order of asking. A body's upstream connection lives in its [`Seat`], apart
//! from the stream that the client reads, so that it can be taken away: a seek takes the place of
//! the same reader's older body on that file, and a waiting request takes that of a body whose
//! client has stopped reading. The stream that lost its seat is not broken: should its client
//! read on, it queues again and goes on at the next byte.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::Stream as _;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Error;
use crate::upstream::{DataBody, DataError};
use bytes::Bytes;
use std::pin::Pin;

/// A client that takes nothing for this long has paused; its place may go to one that waits.
const PAUSED: Duration = Duration::from_secs(10);

/// Who reads: equal ids on one file mean that a new open-ended read replaces the older one (a seek).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reader {
    /// Made of user, address and program by the caller.
    pub id: u64,
    /// The request asked to the end of the file (`bytes=n-` or no range), as players do.
    pub open_ended: bool,
}

/// Download places of one account.
pub(super) struct Slots {
    places: Arc<Semaphore>,
    seats: Mutex<HashMap<SeatKey, Vec<Weak<Seat>>>>,
    max_wait: Duration,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct SeatKey {
    pub(super) reader: Reader,
    pub(super) file_id: Box<str>,
}

/// The right to one open body; given back when dropped.
pub(super) struct Place(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// One stream's upstream body, while it has one.
pub(super) struct Seat {
    key: SeatKey,
    inner: Mutex<SeatState>,
}

struct SeatState {
    live: Option<Live>,
    /// The reading task, to wake when its body is taken away while it waits for bytes.
    waker: Option<Waker>,
    /// Since when the client has not asked for more; absent while it waits for us.
    idle_since: Option<Instant>,
    /// The body went to a seek, not to a waiting stranger.
    replaced: bool,
}

/// An open body and its place. The body goes first when both are dropped.
pub(super) struct Live {
    pub(super) body: DataBody,
    pub(super) place: Place,
}

impl Slots {
    pub(super) fn new(places: usize, max_wait: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), seats: Mutex::default(), max_wait }
    }

    /// An empty seat for a new stream. An open-ended read takes over the place of the reader's older
    /// open-ended bodies on that file, if there is one.
    pub(super) fn seat(&self, key: SeatKey) -> (Arc<Seat>, Option<Place>) {
        let seat = Arc::new(Seat {
            key: key.clone(),
            inner: Mutex::new(SeatState { live: None, waker: None, idle_since: None, replaced: false }),
        });
        let mut seats = self.seats.lock();
        let mut inherited = None;
        if key.reader.open_ended {
            for older in seats.get(&key).into_iter().flatten().filter_map(Weak::upgrade) {
                inherited = older.vacate(true).or(inherited);
            }
        }
        let row = seats.entry(key).or_default();
        row.retain(|other| other.strong_count() > 0);
        row.push(Arc::downgrade(&seat));
        (seat, inherited)
    }

    /// A place, in order of asking.
    ///
    /// # Errors
    /// [`Error::NoFreeStream`] when none became free within the longest wait.
    pub(super) async fn place(&self) -> Result<Place, Error> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(Place(permit));
        }
        let waiting = self.places.clone().acquire_owned();
        tokio::pin!(waiting);
        let deadline = Instant::now() + self.max_wait;
        loop {
            self.vacate_paused();
            let step = (Instant::now() + Duration::from_secs(1)).min(deadline);
            match tokio::time::timeout_at(step, &mut waiting).await {
                Ok(permit) => return permit.map(Place).map_err(|_| Error::Stopping),
                Err(_) if Instant::now() >= deadline => {
                    return Err(Error::NoFreeStream { retry_after: self.max_wait / 2 });
                }
                Err(_) => {}
            }
        }
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
    /// Puts an open body in.
    pub(super) fn fill(&self, live: Live) {
        let mut inner = self.inner.lock();
        inner.live = Some(live);
        inner.replaced = false;
    }

    /// Takes the body out: its connection closes now, its place goes to the caller.
    pub(super) fn vacate(&self, replaced: bool) -> Option<Place> {
        let mut inner = self.inner.lock();
        let Live { body, place } = inner.live.take()?;
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
        inner.live.as_ref()?;
        inner.idle_since
    }

    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut inner = self.inner.lock();
        let Some(live) = inner.live.as_mut() else {
            return Poll::Ready(Next::Vacant { replaced: inner.replaced });
        };
        let polled = Pin::new(&mut live.body).poll_next(cx);
        match polled {
            Poll::Pending => {
                inner.idle_since = None;
                if !inner.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                    inner.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            Poll::Ready(event) => {
                inner.idle_since = Some(Instant::now());
                Poll::Ready(Next::Body(event))
            }
        }
    }
}
