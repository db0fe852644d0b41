//! Turns: one change at a time of what a name in a folder holds.
//!
//! Whatever puts, moves, removes, locks into being, makes or settles something under a name waits for its turn there,
//! looks again at what the name holds, and changes it; the next looks after that. Names are known by drive, folder id
//! and one Unicode form, so that two mounts of one folder, and both forms of a name, share a turn. Who needs several
//! takes them in the order of the names, so that no two wait for each other. Only names that somebody holds or waits
//! for are remembered.
//!
//! Where several instances share the drive, whoever is first in line here takes the names' leases as well. A turn that
//! another instance had last says so ([`Turn::is_foreign`]): what is remembered of the names may be old.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::drive::error::Error;
use crate::drive::path::nfc_key;
use crate::state::{Lease, LeaseKey, Leases};

/// How long another instance's turn is waited for: what takes longer may be tried again by the client.
const LONGEST: Duration = Duration::from_secs(60);

/// A name in a folder of a drive, the same for both of its Unicode forms.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::drive) struct NameKey {
    pub(in crate::drive) drive_id: Box<str>,
    pub(in crate::drive) folder_id: Box<str>,
    /// In one Unicode form.
    pub(in crate::drive) name: Box<str>,
}

impl NameKey {
    pub(in crate::drive) fn new(drive_id: &str, folder_id: &str, name: &str) -> Self {
        Self { drive_id: drive_id.into(), folder_id: folder_id.into(), name: nfc_key(name).into() }
    }

    /// By what instances agree on whose turn it is at the name.
    pub(in crate::drive) fn lease(&self) -> LeaseKey {
        LeaseKey::new("name", &[&self.drive_id, &self.folder_id, &self.name])
    }
}

type Queue = Arc<tokio::sync::Mutex<()>>;

type Queues = Arc<Mutex<HashMap<NameKey, Queue>>>;

/// All names whose turn somebody has or waits for; cheap to clone.
#[derive(Clone)]
pub(in crate::drive) struct Turns {
    queues: Queues,
    leases: Leases,
}

/// The right to change what some names hold. When it is dropped, the next in line begins.
#[must_use = "a turn that is dropped at once guards nothing"]
pub(in crate::drive) struct Turn {
    /// Given back before the next in line begins.
    lease: Lease,
    _tickets: Vec<Ticket>,
}

/// One who waits for the turn at one name, or has it.
struct Ticket {
    queues: Queues,
    name: NameKey,
    queue: Option<Queue>,
    head: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    pub(in crate::drive) fn new(leases: Leases) -> Self {
        Self { queues: Queues::default(), leases }
    }

    /// Waits until nobody else changes any of the names.
    ///
    /// # Errors
    /// Another instance is at one of them for very long; the state store failed.
    pub(in crate::drive) async fn take(&self, names: impl IntoIterator<Item = NameKey>) -> Result<Turn, Error> {
        let names: BTreeSet<_> = names.into_iter().collect();
        let keys: Vec<LeaseKey> = names.iter().filter(|_| self.leases.are_shared()).map(NameKey::lease).collect();
        let mut tickets = Vec::new();
        // In their order, whoever asks.
        for name in names {
            tickets.push(self.line_up(name).await);
        }
        Ok(Turn { lease: self.leases.all(&keys, LONGEST).await?, _tickets: tickets })
    }

    async fn line_up(&self, name: NameKey) -> Ticket {
        let queue = self.queues.lock().entry(name.clone()).or_default().clone();
        // Made before the wait: who gives up waiting leaves the queue too.
        let mut ticket = Ticket { queues: self.queues.clone(), name, queue: Some(queue.clone()), head: None };
        ticket.head = Some(queue.lock_owned().await);
        ticket
    }
}

impl Turn {
    /// Whether another instance had one of the names last: what is remembered of them may be old.
    pub(in crate::drive) fn is_foreign(&self) -> bool {
        self.lease.is_foreign()
    }

    /// Makes sure, before something is done, that the turn was not given to another instance meanwhile.
    ///
    /// # Errors
    /// It was, or nobody can say: this process was stopped or cut off from the state store.
    pub(in crate::drive) async fn check(&self) -> Result<(), Error> {
        Ok(self.lease.check().await?)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.head = None;
        let mut queues = self.queues.lock();
        self.queue = None;
        if queues.get(&self.name).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn name(name: &str) -> NameKey {
        NameKey::new("d", "f", name)
    }

    fn soon<F: Future>(future: F) -> tokio::time::Timeout<F> {
        tokio::time::timeout(Duration::from_secs(1), future)
    }

    #[tokio::test(start_paused = true)]
    async fn both_unicode_forms_of_a_name_share_a_turn_and_other_names_do_not_wait() {
        let turns = Turns::new(Leases::alone());
        let first = turns.take([name("caf\u{e9}")]).await.unwrap();
        assert!(soon(turns.take([name("cafe\u{301}")])).await.is_err());
        drop(soon(turns.take([name("cafe")])).await.unwrap().unwrap());
        drop(first);
        drop(soon(turns.take([name("cafe\u{301}")])).await.unwrap().unwrap());
        assert!(turns.queues.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_needs_two_waits_for_nobody_who_needs_them_the_other_way_round() {
        let turns = Turns::new(Leases::alone());
        let cross = |a: &'static str, b: &'static str| {
            let turns = turns.clone();
            tokio::spawn(async move {
                for _ in 0..200 {
                    let _turn = turns.take([name(a), name(b), name(a)]).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        };
        let (one, other) = (cross("a", "b"), cross("b", "a"));
        soon(async { (one.await.unwrap(), other.await.unwrap()) }).await.unwrap();
        assert!(turns.queues.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_is_forgotten() {
        let turns = Turns::new(Leases::alone());
        let first = turns.take([name("a"), name("b")]).await.unwrap();
        assert!(soon(turns.take([name("b")])).await.is_err());
        assert_eq!(turns.queues.lock().len(), 2);
        drop(first);
        assert!(turns.queues.lock().is_empty());
    }
}
