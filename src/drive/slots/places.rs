//! An account's download slots over all instances: each open body has a *place* besides, by a lease of the state store.
//!
//! There are as many places as slots. Who finds none tells the others ([`Change::Wanted`]), so that a paused body or a
//! spare connection gives way there as it would here, and looks again whenever one is given back. A seek that comes to
//! another instance than the read before it tells them too ([`Change::Sought`]). While the store is away an instance
//! keeps to its share of the slots.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::drive::error::Error;
use crate::state::{Change, Changes, Heard, Lease, LeaseKey, Leases, Store};

/// Somebody who waits at another instance says so again within this time.
const WANTED: Duration = Duration::from_millis(1500);

/// How long one that waits sleeps at most before he says so again.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// The places of one account.
pub(super) struct Places {
    account: Box<str>,
    keys: Vec<LeaseKey>,
    leases: Leases,
    changes: Changes,
    /// Which of them this instance has.
    taken: Mutex<Vec<bool>>,
    /// One is taken at a time, so that no two take the same.
    taking: tokio::sync::Mutex<()>,
    /// Until when somebody waits at another instance, and for something urgent.
    wanted: Mutex<Wanted>,
    /// One for a connection that could do without, asked for when the last such found none.
    spare: Mutex<Spare>,
}

#[derive(Default, Clone, Copy)]
struct Wanted {
    until: Option<Instant>,
    urgently_until: Option<Instant>,
}

enum Spare {
    None,
    Asked,
    Had(Place, Instant),
}

/// A place; given back when it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    number: usize,
    /// Absent where the store could not be asked.
    _lease: Option<Lease>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.lock()[self.number] = false;
    }
}

impl Places {
    /// Those of an account, if its slots are shared.
    pub(super) fn of(account: &str, slots: usize, store: &Store) -> Option<Arc<Self>> {
        let leases = store.leases();
        let key = |number: usize| LeaseKey::new("place", &[account, &number.to_string()]);
        leases.are_shared().then(|| {
            Arc::new(Self {
                account: account.into(),
                keys: (0..slots).map(key).collect(),
                leases,
                changes: store.changes(),
                taken: Mutex::new(vec![false; slots]),
                taking: tokio::sync::Mutex::default(),
                wanted: Mutex::default(),
                spare: Mutex::new(Spare::None),
            })
        })
    }

    /// What the other instances tell.
    pub(super) fn heard(&self) -> Option<Heard> {
        self.changes.subscribe()
    }

    /// Whether something that was told is of this account.
    pub(super) fn is_of(&self, account: &str) -> bool {
        *self.account == *account
    }

    /// A free place, if there is one.
    pub(super) async fn take(self: &Arc<Self>) -> Option<Place> {
        let _one = self.taking.lock().await;
        let free: Vec<usize> = (0..self.keys.len()).filter(|number| !self.taken.lock()[*number]).collect();
        let keys: Vec<LeaseKey> = free.iter().map(|number| self.keys[*number]).collect();
        let (number, lease) = match self.leases.any(&keys).await {
            Ok(lease) => {
                let lease = lease?;
                let key = *lease.keys().first()?;
                (self.keys.iter().position(|own| *own == key)?, Some(lease))
            }
            Err(error) => {
                tracing::warn!(%error, "downloads keep to this instance's share of the slots");
                let share = (self.keys.len() / self.leases.sharers()).max(1);
                let number = *free.first().filter(|_| self.keys.len() - free.len() < share)?;
                (number, None)
            }
        };
        self.taken.lock()[number] = true;
        Some(Place { places: self.clone(), number, _lease: lease })
    }

    /// A place that nobody waits for. Asked for behind, so that the next who comes finds it; given back soon if nobody
    /// comes.
    pub(super) fn spare(self: &Arc<Self>) -> Option<Place> {
        let mut spare = self.spare.lock();
        match std::mem::replace(&mut *spare, Spare::Asked) {
            Spare::Had(place, _) => {
                *spare = Spare::None;
                Some(place)
            }
            Spare::Asked => None,
            Spare::None => {
                let places = self.clone();
                tokio::spawn(async move {
                    let place = places.take().await;
                    let until = Instant::now() + LOOK;
                    *places.spare.lock() = place.map_or(Spare::None, |place| Spare::Had(place, until));
                    tokio::time::sleep_until(until).await;
                    let mut spare = places.spare.lock();
                    if matches!(*spare, Spare::Had(_, had_until) if had_until == until) {
                        *spare = Spare::None;
                    }
                });
                None
            }
        }
    }

    /// Somebody waits here; returns when it is time to look again.
    pub(super) async fn wait(&self, heard: Option<&mut Heard>, urgent: bool, deadline: Instant) {
        self.changes.tell(Change::Wanted { account: self.account.to_string(), urgent });
        let until = deadline.min(Instant::now() + LOOK);
        match heard {
            Some(heard) => heard.until_freed(until).await,
            None => tokio::time::sleep_until(until).await,
        }
    }

    /// Somebody waits at another instance.
    pub(super) fn note_wanted(&self, urgent: bool) {
        let until = Some(Instant::now() + WANTED);
        let mut wanted = self.wanted.lock();
        wanted.until = until;
        if urgent {
            wanted.urgently_until = until;
        }
        *self.spare.lock() = Spare::None;
    }

    pub(super) fn wanted_elsewhere(&self) -> bool {
        self.wanted.lock().until.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn wanted_urgently_elsewhere(&self) -> bool {
        self.wanted.lock().urgently_until.is_some_and(|until| Instant::now() < until)
    }

    /// A reader begins to read a file here, perhaps on from where another instance had it.
    pub(super) fn seeks(&self, reader: u64, file_id: &str) {
        self.changes.tell(Change::Sought { account: self.account.to_string(), reader, file_id: file_id.to_owned() });
    }
}

/// What a wait for a slot ends with when the store says no for too long.
pub(super) fn none_free(max_wait: Duration) -> Error {
    Error::NoFreeStream { retry_after: max_wait / 2 }
}
