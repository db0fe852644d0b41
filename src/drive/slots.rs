//! Slots for open download bodies: the service refuses an account's fourth (reference 3.9).
//!
//! 1. Never more bodies than the service allows: a [`StreamPermit`] is a permit of a semaphore, and a body is dropped
//!    before its permit is given back.
//! 2. Fair, but films before copies: [`StreamLimit::acquire`] serves in order of asking, those that are urgent first.
//! 3. A seek is a new request while the old one still reads: [`StreamLimit::register`] revokes the same reader's older
//!    body on that file and takes over its permit.
//! 4. A paused client would hold its permit for ever: a waiting request takes that of the body whose client has stopped
//!    reading the longest. For this the upstream body lies in a [`RevocableBody`], apart from the stream that the
//!    client reads. The stream that lost its body is not broken: should its client read on, it queues again and goes on
//!    at the next byte.
//! 5. Further connections of one film must not starve others: [`StreamLimit::try_acquire_spare`] gives what nobody
//!    waits for, and [`StreamLimit::somebody_waits`] tells when to give it back.
//! 6. The service may allow fewer than configured, since other programs read too: [`StreamLimit::shrink`].
//! 7. Several instances may read by one account: each permit has a *place* among theirs, and what is said here of seeks,
//!    pauses and those who wait holds over all of them (`places`).

pub(super) mod memory;
pub(super) mod permit;
mod places;
pub(super) mod revocable_body;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use self::permit::{BodyKey, Reader, Shared, StreamPermit, Waiting};
use self::places::{Place, Places, none_free};
use self::revocable_body::RevocableBody;
use crate::drive::error::Error;
use crate::state::{Change, Store};

/// How long a slot that the service refused is not used: somebody else reads by this account.
const SHRUNK: Duration = Duration::from_secs(300);

/// Least time between two such refusals that count.
const SHRINK_PAUSE: Duration = Duration::from_secs(30);

/// Download slots of one account.
pub(super) struct StreamLimit {
    shared: Arc<Shared>,
    bodies: Mutex<HashMap<BodyKey, Vec<Weak<RevocableBody>>>>,
    /// Held by the first of those who wait and are not urgent.
    patient: tokio::sync::Mutex<()>,
    shrunk_at: Mutex<Option<Instant>>,
    max_wait: Duration,
    /// A client that takes nothing for this long has paused; its slot may go to one that waits.
    paused: Duration,
}

impl StreamLimit {
    /// The slots of the `account`, of which the store's other instances may have some.
    pub(super) fn new(slots: usize, max_wait: Duration, paused: Duration, account: &str, store: &Store) -> Arc<Self> {
        let places = Places::of(account, slots, store);
        let limit = Arc::new(Self::with(slots, max_wait, paused, places));
        store.changes().hand_to(&limit, |limit, change| async move { limit.hear(&change) });
        limit
    }

    /// Slots that nobody shares.
    #[cfg(test)]
    pub(in crate::drive) fn alone(slots: usize, max_wait: Duration, paused: Duration) -> Arc<Self> {
        Arc::new(Self::with(slots, max_wait, paused, None))
    }

    fn with(slots: usize, max_wait: Duration, paused: Duration, places: Option<Arc<Places>>) -> Self {
        let shared = Shared {
            semaphore: Arc::new(Semaphore::new(slots)),
            size: AtomicUsize::new(slots),
            excess: AtomicUsize::new(0),
            urgent_waiting: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
            freed: Notify::new(),
            places,
        };
        Self {
            shared: Arc::new(shared),
            bodies: Mutex::default(),
            patient: tokio::sync::Mutex::default(),
            shrunk_at: Mutex::default(),
            max_wait,
            paused,
        }
    }

    /// Where a new stream's body is to lie. An open-ended read takes over the permit of the reader's older
    /// open-ended bodies on that file, if there is one.
    pub(super) fn register(&self, reader: Reader, file_id: &str) -> (Arc<RevocableBody>, Option<StreamPermit>) {
        let body = RevocableBody::new(reader, file_id);
        let key = body.key.clone();
        let mut bodies = self.bodies.lock();
        let mut inherited = None;
        if key.open_ended {
            if let Some(places) = &self.shared.places {
                places.seeks(key.id, file_id);
            }
            for older in bodies.get(&key).into_iter().flatten().filter_map(Weak::upgrade) {
                inherited = older.revoke(true).or(inherited);
            }
        }
        let row = bodies.entry(key).or_default();
        row.retain(|other| other.strong_count() > 0);
        row.push(Arc::downgrade(&body));
        (body, inherited)
    }

    /// Slots that are taken.
    pub(super) fn in_use(&self) -> usize {
        self.shared.size.load(Ordering::Acquire).saturating_sub(self.shared.semaphore.available_permits())
    }

    /// A permit for a slot: in order of asking, but what is urgent before what is not.
    ///
    /// # Errors
    /// [`Error::NoFreeStream`] when none became free within the longest wait.
    pub(super) async fn acquire(&self, urgent: bool) -> Result<StreamPermit, Error> {
        let before = if urgent { 0 } else { self.shared.waiting.load(Ordering::Acquire) };
        if before == 0
            && let Ok(permit) = self.shared.semaphore.clone().try_acquire_owned()
        {
            return self.with_place(permit, urgent, Instant::now() + self.max_wait).await;
        }
        let deadline = Instant::now() + self.max_wait;
        let _waiting = Waiting::join(&self.shared, urgent);
        let permit = if urgent {
            self.acquire_urgent(deadline).await?
        } else {
            // Those who are not urgent wait for each other, so the first of them is served first.
            let turn = tokio::time::timeout_at(deadline, self.patient.lock()).await;
            let _turn = turn.map_err(|_| self.no_slot())?;
            self.acquire_patient(deadline).await?
        };
        self.with_place(permit, urgent, deadline).await
    }

    fn no_slot(&self) -> Error {
        none_free(self.max_wait)
    }

    /// The permit with a place among those of all instances, where these are shared.
    async fn with_place(
        &self,
        permit: OwnedSemaphorePermit,
        urgent: bool,
        deadline: Instant,
    ) -> Result<StreamPermit, Error> {
        let place = match &self.shared.places {
            Some(places) => Some(self.place(places, urgent, deadline).await?),
            None => None,
        };
        Ok(StreamPermit::new(permit, place, &self.shared))
    }

    async fn place(&self, places: &Arc<Places>, urgent: bool, deadline: Instant) -> Result<Place, Error> {
        let mut heard = places.heard();
        let mut waiting = None;
        loop {
            if (urgent || !places.wanted_urgently_elsewhere())
                && let Some(place) = places.take().await
            {
                return Ok(place);
            }
            if Instant::now() >= deadline {
                return Err(self.no_slot());
            }
            waiting.get_or_insert_with(|| Waiting::join(&self.shared, urgent));
            self.revoke_paused();
            places.wait(heard.as_mut(), urgent, deadline).await;
        }
    }

    async fn acquire_urgent(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Error> {
        let waiting = self.shared.semaphore.clone().acquire_owned();
        tokio::pin!(waiting);
        loop {
            self.revoke_paused();
            let step = (Instant::now() + Duration::from_secs(1)).min(deadline);
            match tokio::time::timeout_at(step, &mut waiting).await {
                Ok(permit) => return permit.map_err(|_| Error::Stopping),
                Err(_) if Instant::now() >= deadline => return Err(self.no_slot()),
                Err(_) => {}
            }
        }
    }

    async fn acquire_patient(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Error> {
        loop {
            let freed = self.shared.freed.notified();
            self.revoke_paused();
            if self.shared.urgent_waiting.load(Ordering::Acquire) == 0
                && let Ok(permit) = self.shared.semaphore.clone().try_acquire_owned()
            {
                return Ok(permit);
            }
            if Instant::now() >= deadline {
                return Err(self.no_slot());
            }
            let step = (Instant::now() + Duration::from_secs(1)).min(deadline);
            tokio::time::timeout_at(step, freed).await.ok();
        }
    }

    /// A permit for a slot that nobody waits for, for what could do without.
    pub(super) fn try_acquire_spare(&self) -> Option<StreamPermit> {
        if self.shared.is_wanted() {
            return None;
        }
        let permit = self.shared.semaphore.clone().try_acquire_owned().ok()?;
        let place = match &self.shared.places {
            Some(places) => Some(places.spare()?),
            None => None,
        };
        Some(StreamPermit::new(permit, place, &self.shared))
    }

    /// Ends when somebody waits for a slot.
    pub(super) async fn somebody_waits(&self) {
        loop {
            let wanted = self.shared.wanted.notified();
            if self.shared.is_wanted() {
                return;
            }
            wanted.await;
        }
    }

    /// The service goes on refusing a body for which we had a permit: one slot less for a while, but not
    /// the last.
    pub(super) fn shrink(&self) {
        let mut last = self.shrunk_at.lock();
        if last.is_some_and(|at| at.elapsed() < SHRINK_PAUSE) || self.shared.size.load(Ordering::Acquire) < 2 {
            return;
        }
        *last = Some(Instant::now());
        let size = self.shared.size.fetch_sub(1, Ordering::AcqRel) - 1;
        self.shared.excess.fetch_add(1, Ordering::AcqRel);
        tracing::warn!(slots = size, "the drive allows fewer downloads than configured; does another program read?");
        let shared = self.shared.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SHRUNK).await;
            shared.size.fetch_add(1, Ordering::AcqRel);
            let less = |excess: usize| excess.checked_sub(1);
            if shared.excess.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_err() {
                shared.semaphore.add_permits(1);
            }
        });
    }

    /// Frees the slot of the stream whose client has paused the longest.
    fn revoke_paused(&self) {
        let bodies = self.bodies.lock();
        let longest = bodies
            .values()
            .flatten()
            .filter_map(Weak::upgrade)
            .filter_map(|body| body.paused_since().map(|since| (since, body)))
            .min_by_key(|(since, _)| *since);
        drop(bodies);
        if let Some((since, body)) = longest
            && since.elapsed() >= self.paused
        {
            drop(body.revoke(false));
        }
    }

    /// Forgets the body of a stream that has ended.
    pub(super) fn forget(&self, body: &Arc<RevocableBody>) {
        let mut bodies = self.bodies.lock();
        if let Some(row) = bodies.get_mut(&body.key) {
            row.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), Arc::as_ptr(body)));
            if row.is_empty() {
                bodies.remove(&body.key);
            }
        }
    }

    pub(super) fn max_wait(&self) -> Duration {
        self.max_wait
    }

    /// Takes up what another instance has told, or what became of this one.
    fn hear(&self, change: &Change) {
        let Some(places) = &self.shared.places else { return };
        match change {
            Change::Wanted { account, urgent } if places.is_of(account) => {
                places.note_wanted(*urgent);
                self.revoke_paused();
                self.shared.wanted.notify_waiters();
            }
            Change::Sought { account, reader, file_id } if places.is_of(account) => {
                let key = BodyKey { id: *reader, open_ended: true, file_id: file_id.as_str().into() };
                self.revoke(true, |other| *other == key);
            }
            // Others may have the places by now: each stream waits for another, and goes on where it was.
            Change::Lapsed => self.revoke(false, |_| true),
            _ => {}
        }
    }

    /// Takes away the bodies of some readers; `replaced` by a seek.
    fn revoke(&self, replaced: bool, of: impl Fn(&BodyKey) -> bool) {
        let bodies: Vec<_> = {
            let bodies = self.bodies.lock();
            bodies.iter().filter(|(key, _)| of(key)).flat_map(|(_, row)| row).filter_map(Weak::upgrade).collect()
        };
        bodies.iter().for_each(|body| drop(body.revoke(replaced)));
    }
}
