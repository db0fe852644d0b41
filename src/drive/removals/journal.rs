//! What is written down, in memory and in the state store, and what of it is hidden.
//!
//! Makes no call to the drive. Whoever changes an entry has it hidden or shown by that; the store follows by
//! [`Journal::write`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::drive::error::Error;
use crate::drive::path::nfc_key;
use crate::drive::removals::patience;
use crate::drive::removals::record::{Known, Removal, Stage};
use crate::state::{self, Store};
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
            hidden: RwLock::default(),
            making: Arc::default(),
            changed: Notify::new(),
        }
    }

    /// Takes up what the last run has left.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn load(&self) -> Result<(), state::Error> {
        for row in self.store.removals(&self.account).await? {
            let id = row.id;
            let Some(removal) = Removal::from_row(row) else {
                tracing::error!(id, "an entry of the removals is of another version of alidav and is left alone");
                continue;
            };
            let kept = JournalEntry { removal, live: false, done: false, next: Instant::now() };
            self.entries.lock().insert(id, kept);
        }
        self.refresh();
        Ok(())
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
        self.entries.lock().values().any(|kept| is_about(&kept.removal))
    }

    /// Whether anything is hidden.
    pub(super) fn hides_any(&self) -> bool {
        !self.hidden.read().is_empty()
    }

    /// Whether something is hidden under a name.
    pub(super) fn hides_name(&self, folder_id: &str, name: &str) -> bool {
        self.hides_any() && self.entries.lock().values().any(|kept| is_due_at(&kept.removal, folder_id, name))
    }

    /// Writes a new entry down, at which a request is; its id.
    ///
    /// # Errors
    /// The state store failed, or too much waits already.
    pub(super) async fn add(&self, mut removal: Removal) -> Result<i64, Error> {
        if self.entries.lock().len() >= MOST {
            return Err(Error::TooManyRemovals);
        }
        let id = self.store.add_removal(&removal.to_row(&self.account)).await?;
        removal.id = id;
        self.entries.lock().insert(id, JournalEntry { removal, live: true, done: false, next: Instant::now() });
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
        Some(others)
    }

    /// What waits, for metrics and health.
    pub(super) fn pending(&self) -> PendingRemovals {
        let entries = self.entries.lock();
        let waiting = entries.values().filter(|kept| !kept.live && !kept.done);
        PendingRemovals {
            account: self.account.clone(),
            count: waiting.clone().count(),
            complaint: waiting.map(|kept| &kept.removal).find_map(patience::complaint),
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
        }
        self.refresh();
    }

    /// # Errors
    /// The state store failed; memory is ahead of it.
    pub(super) async fn write(&self, id: i64) -> Result<(), state::Error> {
        match self.get(id) {
            Some(removal) => self.store.update_removal(&removal.to_row(&self.account)).await,
            None => Ok(()),
        }
    }

    /// Makes what is hidden what is due now.
    fn refresh(&self) {
        let entries = self.entries.lock();
        let due = entries.values().filter(|kept| !kept.done).filter_map(|kept| {
            let facts = &kept.removal.facts;
            let hidden = Hidden { folder_id: facts.folder_id.as_str().into(), known: facts.known.clone() };
            Some((kept.removal.hidden()?.into(), hidden))
        });
        *self.hidden.write() = due.collect();
    }

    /// Nothing is left to do.
    pub(super) async fn forget(&self, id: i64) {
        match self.store.delete_removal(id).await {
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
