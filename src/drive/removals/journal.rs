//! What is written down, in memory and in the state store, and what of it is hidden.
//!
//! Makes no call to the drive. Whoever changes an entry has it hidden or shown by that; the store follows by
//! [`Journal::write`]. What other instances have written down is known too (`others`).

mod others;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::UnixMillis;
use crate::drive::error::Error;
use crate::drive::path::nfc_key;
use crate::drive::removals::patience;
use crate::drive::removals::record::{Known, Removal, Stage};
use crate::state::{self, RemovalRow, Store};
use crate::upstream::Item;

/// Most entries of an account. One takes less than a kilobyte of memory.
const MOST: usize = 10_000;

/// What of an account waits to be removed.
#[derive(Debug, Clone)]
pub struct PendingRemovals {
    /// The account by its name.
    pub account: String,
    /// How many items.
    pub count: usize,
    /// Why the oldest of them cannot be removed, and what to do, if that lasts.
    pub complaint: Option<String>,
}

/// The journal of one account.
pub(super) struct Journal {
    account: String,
    store: Store,
    entries: Mutex<BTreeMap<i64, JournalEntry>>,
    /// What other instances work on, as it was last read.
    others: Mutex<BTreeMap<i64, Removal>>,
    /// One reading of the store at a time: what was read later is what counts.
    reading: tokio::sync::Mutex<()>,
    /// What is due, by its id, which no two items of the service share.
    hidden: RwLock<HashMap<Box<str>, Hidden>>,
    /// Folders that our own changes put something into at the moment, of which no entry knows.
    making: Arc<Mutex<Vec<Box<str>>>>,
    changed: Notify,
}

/// How something is known that is shown to nobody.
struct Hidden {
    folder_id: Box<str>,
    /// Absent for what was made on the way.
    known: Option<Known>,
}

/// One entry.
pub(super) struct JournalEntry {
    pub(super) removal: Removal,
    /// The life by which this instance has it.
    owner: i64,
    /// The store has it as it is here.
    written: bool,
    /// A request is at it.
    pub(super) live: bool,
    /// It is gone; only the store does not know yet.
    pub(super) done: bool,
    /// When it is tried next.
    pub(super) next: Instant,
}

impl Journal {
    pub(super) fn new(account: &str, store: Store) -> Self {
        Self {
            account: account.to_owned(),
            store,
            entries: Mutex::default(),
            others: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            hidden: RwLock::default(),
            making: Arc::default(),
            changed: Notify::new(),
        }
    }

    /// Takes up what the last run has left, or instances that live no more.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn load(&self) -> Result<(), state::Error> {
        if self.is_shared() {
            self.take_over(&[]).await?;
            return self.reread().await.map(drop);
        }
        let rows = self.store.removals(&self.account).await?;
        self.have(rows);
        Ok(())
    }

    /// These are this instance's from now on.
    fn have(&self, rows: Vec<RemovalRow>) {
        let (mut entries, mut others) = (self.entries.lock(), self.others.lock());
        for row in rows {
            let (id, owner) = (row.id, row.owner);
            others.remove(&id);
            // One that it had in a life before: memory may be ahead of what was written down.
            if let Some(kept) = entries.get_mut(&id) {
                kept.owner = owner;
                continue;
            }
            let Some(removal) = Removal::from_row(row) else {
                tracing::error!(id, "an entry of the removals is of another version of alidav and is left alone");
                continue;
            };
            entries.insert(
                id,
                JournalEntry { removal, owner, written: true, live: false, done: false, next: Instant::now() },
            );
        }
        drop((entries, others));
        self.refresh();
    }

    /// Whether the item is to be shown to nobody.
    pub(super) fn hides(&self, file_id: &str) -> bool {
        self.hidden.read().contains_key(file_id)
    }

    /// The same for an item that the drive has just told: what another program has renamed, moved or changed since it
    /// was replaced is shown.
    pub(super) fn hides_item(&self, item: &Item) -> bool {
        let hidden = self.hidden.read();
        let Some(Hidden { folder_id, known }) = hidden.get(&*item.file_id) else { return false };
        known.as_ref().is_none_or(|known| known.is(item, folder_id))
    }

    /// Whether an entry is about the item: it is to go, or a change has made it that is not decided yet.
    pub(super) fn concerns(&self, file_id: &str) -> bool {
        let is_about = |removal: &Removal| {
            let made = removal.facts.stage.as_ref().and_then(Stage::made);
            removal.file_id.as_deref() == Some(file_id) || made == Some(file_id)
        };
        self.any(is_about)
    }

    /// Whether an entry is such, be it another instance's.
    fn any(&self, is: impl Fn(&Removal) -> bool) -> bool {
        self.entries.lock().values().any(|kept| is(&kept.removal)) || self.others.lock().values().any(is)
    }

    /// Whether anything is hidden.
    pub(super) fn hides_any(&self) -> bool {
        !self.hidden.read().is_empty()
    }

    /// Whether something is hidden under a name.
    pub(super) fn hides_name(&self, folder_id: &str, name: &str) -> bool {
        self.hides_any() && self.any(|removal| is_due_at(removal, folder_id, name))
    }

    /// Writes a new entry down, at which a request is; its id.
    ///
    /// # Errors
    /// The state store failed, or too much waits already.
    pub(super) async fn add(&self, mut removal: Removal) -> Result<i64, Error> {
        if self.entries.lock().len() >= MOST {
            return Err(Error::TooManyRemovals);
        }
        let owner = self.store.life().await?;
        removal.facts.maker = owner;
        let id = self.store.add_removal(&removal.to_row(&self.account, owner)).await?;
        removal.id = id;
        let entry = JournalEntry { removal, owner, written: true, live: true, done: false, next: Instant::now() };
        self.entries.lock().insert(id, entry);
        self.refresh();
        Ok(id)
    }

    /// Something is about to be put into a folder. Until the guard is dropped, nothing new there is taken for what
    /// another change has made.
    pub(super) fn makes(&self, folder_id: &str) -> Making {
        self.making.lock().push(folder_id.into());
        Making { making: self.making.clone(), folder_id: folder_id.into() }
    }

    /// One of our own changes has put an item into a folder: it is not what another one has made there.
    pub(super) async fn is_known(&self, folder_id: &str, file_id: &str) {
        let seeks = |removal: &Removal| {
            removal.facts.folder_id == folder_id && removal.facts.stage.as_ref().is_some_and(Stage::is_sought)
        };
        let ids: Vec<i64> = {
            let entries = self.entries.lock();
            entries.iter().filter(|(_, kept)| seeks(&kept.removal)).map(|(id, _)| *id).collect()
        };
        for id in ids {
            self.change(id, |kept| kept.removal.facts.others.push(file_id.to_owned()));
            if let Err(error) = self.write(id).await {
                tracing::error!(%error, "what a change has not made could not be written down");
            }
        }
    }

    /// What is surely not what the change has made, so that it is not taken for it; absent while another change is
    /// under way in that folder of which it cannot be told apart.
    pub(super) fn others(&self, removal: &Removal) -> Option<HashSet<String>> {
        if self.making.lock().iter().any(|folder| **folder == *removal.facts.folder_id) {
            return None;
        }
        // What has been told since the caller looked counts too, and none is missed between the two.
        let entries = self.entries.lock();
        let told = entries.get(&removal.id).map_or(&removal.facts.others, |kept| &kept.removal.facts.others);
        let mut others: HashSet<String> = told.iter().chain(&removal.file_id).cloned().collect();
        for kept in entries.values().filter(|kept| kept.removal.id != removal.id) {
            let Some(stage) = &kept.removal.facts.stage else { continue };
            if kept.live && stage.is_sought() && kept.removal.facts.folder_id == removal.facts.folder_id {
                return None;
            }
            others.extend(stage.made().map(str::to_owned));
        }
        let elsewhere = self.others.lock();
        let stages = elsewhere.values().filter_map(|removal| removal.facts.stage.as_ref());
        others.extend(stages.filter_map(Stage::made).map(str::to_owned));
        Some(others)
    }

    /// This moment by the clock that all owners of entries go by.
    pub(super) fn now(&self) -> UnixMillis {
        self.store.now()
    }

    /// What waits, for metrics and health.
    pub(super) fn pending(&self) -> PendingRemovals {
        let entries = self.entries.lock();
        let waiting = entries.values().filter(|kept| !kept.live && !kept.done);
        PendingRemovals {
            account: self.account.clone(),
            count: waiting.clone().count(),
            complaint: waiting.map(|kept| &kept.removal).find_map(|removal| patience::complaint(removal, self.now())),
        }
    }

    /// Entries that no request is at, in order.
    pub(super) fn ids(&self, wanted: impl Fn(&Removal) -> bool) -> Vec<i64> {
        self.select(|kept| wanted(&kept.removal))
    }

    /// What is hidden under a name.
    pub(super) fn ids_at(&self, folder_id: &str, name: &str) -> Vec<i64> {
        self.ids(|removal| is_due_at(removal, folder_id, name))
    }

    /// Entries whose time has come, in order.
    pub(super) fn ripe(&self, now: Instant) -> Vec<i64> {
        self.select(|kept| kept.next <= now)
    }

    fn select(&self, wanted: impl Fn(&JournalEntry) -> bool) -> Vec<i64> {
        let entries = self.entries.lock();
        entries.iter().filter(|(_, kept)| !kept.live && wanted(kept)).map(|(id, _)| *id).collect()
    }

    /// When the time of the next entry comes.
    pub(super) fn next(&self) -> Option<Instant> {
        self.entries.lock().values().filter(|kept| !kept.live).map(|kept| kept.next).min()
    }

    /// No entry's time comes before.
    pub(super) fn put_off(&self, until: Instant) {
        for kept in self.entries.lock().values_mut() {
            kept.next = kept.next.max(until);
        }
    }

    /// Ends when there may be something new to do.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// There may be something new to do.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    pub(super) fn get(&self, id: i64) -> Option<Removal> {
        self.entries.lock().get(&id).map(|kept| kept.removal.clone())
    }

    /// Whether only the store does not know that nothing is left to do.
    pub(super) fn is_done(&self, id: i64) -> bool {
        self.entries.lock().get(&id).is_some_and(|kept| kept.done)
    }

    /// Changes what is in memory; the store follows by [`Journal::write`].
    pub(super) fn change(&self, id: i64, change: impl FnOnce(&mut JournalEntry)) {
        if let Some(kept) = self.entries.lock().get_mut(&id) {
            change(kept);
            kept.written = false;
        }
        self.refresh();
    }

    /// # Errors
    /// The state store failed; memory is ahead of it. [`state::Error::Leased`] when another instance has the entry by now,
    /// which is forgotten here.
    pub(super) async fn write(&self, id: i64) -> Result<(), state::Error> {
        let row = self.entries.lock().get(&id).map(|kept| kept.removal.to_row(&self.account, kept.owner));
        let Some(row) = row else { return self.is_lost() };
        let written = self.store.update_removal(&row).await;
        let is_lost = matches!(written, Err(state::Error::Leased { .. }));
        let mut entries = self.entries.lock();
        if is_lost && entries.get(&id).is_some_and(|kept| kept.owner == row.owner) {
            entries.remove(&id);
        } else if let Some(kept) = entries.get_mut(&id).filter(|_| written.is_ok()) {
            kept.written = kept.removal.to_row(&self.account, kept.owner) == row;
        }
        drop(entries);
        self.refresh();
        written
    }

    /// Makes what is hidden what is due now.
    fn refresh(&self) {
        let (entries, others) = (self.entries.lock(), self.others.lock());
        let own = entries.values().filter(|kept| !kept.done).map(|kept| &kept.removal);
        let due = own.chain(others.values()).filter_map(|removal| {
            let facts = &removal.facts;
            let hidden = Hidden { folder_id: facts.folder_id.as_str().into(), known: facts.known.clone() };
            Some((removal.hidden()?.into(), hidden))
        });
        *self.hidden.write() = due.collect();
    }

    /// Nothing is left to do.
    pub(super) async fn forget(&self, id: i64) {
        let Some(owner) = self.entries.lock().get(&id).map(|kept| kept.owner) else { return };
        match self.store.delete_removal(id, owner).await {
            Ok(()) => {
                self.entries.lock().remove(&id);
                self.refresh();
            }
            Err(error) => {
                tracing::error!(%error, "what is removed could not be forgotten; it is tried again");
                self.change(id, |kept| {
                    (kept.done, kept.live) = (true, false);
                    kept.next = Instant::now() + patience::LONGEST_PAUSE;
                });
                self.wake();
            }
        }
    }
}

/// See [`Journal::makes`].
#[must_use]
pub(in crate::drive) struct Making {
    making: Arc<Mutex<Vec<Box<str>>>>,
    folder_id: Box<str>,
}

impl Drop for Making {
    fn drop(&mut self) {
        let mut making = self.making.lock();
        if let Some(at) = making.iter().position(|folder| *folder == self.folder_id) {
            making.swap_remove(at);
        }
    }
}

fn is_due_at(removal: &Removal, folder_id: &str, name: &str) -> bool {
    removal.is_due() && removal.facts.folder_id == folder_id && nfc_key(&removal.facts.name) == nfc_key(name)
}
