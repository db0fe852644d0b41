//! The journal of what is to be removed from an account's drives.
//!
//! A change that makes something obsolete, or that may leave something behind, is written down in the state store
//! before it is made ([`Removals::begin`]). Its maker tells what became of it; if he does not, because the process was
//! killed, the drive is asked (`settle`). What then is to go is shown to nobody ([`Removals::hides`]) and removed, at
//! once, and after failures in the background, until it is gone (`work`).
//!
//! Nothing is removed for a replacement that did not arrive, and nothing that is elsewhere by now. One task an account
//! does the work; its calls let everybody else's go first.

mod between;
pub(super) mod overview;
mod patience;
pub(super) mod record;
mod settle;
mod work;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, OnceCell};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::UnixMillis;
use crate::config::{RemoveWay, Timeouts};
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::path::nfc_key;
use crate::drive::removals::overview::Overview;
use crate::state::Store;
use crate::upstream::{Client, Item};
use record::{Facts, Known, Removal};

use self::record::{Reason, Stage};

/// Most entries of an account. One takes less than a kilobyte of memory.
const MOST: usize = 10_000;

/// How long a commit whose answer was lost may still take effect: as long as its answer is waited for
/// (`openFile/complete`), and something for clocks.
const LATE: Duration = Duration::from_secs(900);

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
pub(super) struct Removals {
    client: Client,
    store: Store,
    overview: Arc<dyn Overview>,
    entries: Mutex<BTreeMap<i64, Kept>>,
    /// What is due, by its id, which no two items of the service share.
    hidden: RwLock<HashMap<Box<str>, Hidden>>,
    /// Folders that our own changes put something into at the moment, of which the journal does not know.
    making: Arc<Mutex<Vec<Box<str>>>>,
    /// One removal at a time.
    turn: tokio::sync::Mutex<()>,
    changed: Notify,
    loaded: OnceCell<()>,
    complained: Mutex<Option<Instant>>,
    timeouts: Timeouts,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// How something is known that is shown to nobody.
struct Hidden {
    folder_id: Box<str>,
    /// Absent for what was made on the way.
    known: Option<Known>,
}

struct Kept {
    removal: Removal,
    /// A request is at it.
    live: bool,
    /// It is gone; only the store does not know yet.
    done: bool,
    next: Instant,
}

impl Removals {
    pub(super) fn new(client: Client, store: Store, overview: Arc<dyn Overview>, timeouts: Timeouts) -> Arc<Self> {
        Arc::new(Self {
            client,
            store,
            overview,
            timeouts,
            entries: Mutex::default(),
            hidden: RwLock::default(),
            making: Arc::default(),
            turn: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            loaded: OnceCell::new(),
            complained: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Takes up what the last run has left, once, and begins to work on it.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn restore(self: &Arc<Self>) -> Result<(), crate::state::Error> {
        let load = async {
            for row in self.store.removals(self.client.account()).await? {
                let id = row.id;
                let Some(removal) = Removal::from_row(row) else {
                    tracing::error!(id, "an entry of the removals is of another version of alidav and is left alone");
                    continue;
                };
                let kept = Kept { removal, live: false, done: false, next: Instant::now() };
                self.entries.lock().insert(id, kept);
            }
            self.refresh();
            self.begin_work();
            Ok(())
        };
        self.loaded.get_or_try_init(|| load).await.map(drop)
    }

    /// Begins no further work.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Tries once more what has not been tried; the rest is taken up by the next run.
    pub(super) async fn end(&self) {
        self.stop();
        self.tasks.close();
        self.tasks.wait().await;
        self.last_pass().await;
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

    /// Whether anything is hidden.
    pub(super) fn hides_any(&self) -> bool {
        !self.hidden.read().is_empty()
    }

    /// Writes a change down that is about to be made; `replaced` goes if it takes effect. `others` are there already and
    /// not to be taken for what it makes.
    ///
    /// # Errors
    /// The state store failed, or too much waits already: the change must not be made.
    pub(super) async fn begin(
        self: &Arc<Self>,
        place: Place<'_>,
        replaced: Option<(&Entry, RemoveWay)>,
        stage: Stage,
        others: Vec<String>,
    ) -> Result<Begun, Error> {
        if self.entries.lock().len() >= MOST {
            return Err(Error::TooManyRemovals);
        }
        let mut removal = Removal {
            id: 0,
            drive_id: place.drive_id.to_owned(),
            file_id: None,
            way: RemoveWay::Trash,
            reason: Reason::Replaced,
            since: UnixMillis::now(),
            tries: 0,
            last_error: None,
            facts: Facts {
                folder_id: place.folder_id.to_owned(),
                name: place.name.to_owned(),
                known: None,
                stage: Some(stage),
                others,
                until: None,
            },
        };
        replace(&mut removal, replaced);
        let id = self.store.add_removal(&removal.to_row(self.client.account())).await.map_err(failed)?;
        removal.id = id;
        self.entries.lock().insert(id, Kept { removal, live: true, done: false, next: Instant::now() });
        self.refresh();
        Ok(Begun { journal: self.clone(), id, open: true })
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

    /// What waits, for metrics and health.
    pub(super) fn pending(&self) -> PendingRemovals {
        let entries = self.entries.lock();
        let waiting = entries.values().filter(|kept| !kept.live && !kept.done);
        PendingRemovals {
            account: self.client.account().to_owned(),
            count: waiting.clone().count(),
            complaint: waiting.map(|kept| &kept.removal).find_map(patience::complaint),
        }
    }

    /// Whether something is hidden under a name.
    pub(super) fn is_in_the_way(&self, folder_id: &str, name: &str) -> bool {
        self.hides_any() && self.entries.lock().values().any(|kept| is_due_at(&kept.removal, folder_id, name))
    }

    /// Removes at once what is hidden under a name, so that something new can be made there.
    ///
    /// # Errors
    /// It cannot be removed now.
    pub(super) async fn clear(&self, folder_id: &str, name: &str) -> Result<(), Error> {
        self.remove_now(&self.ids(|removal| is_due_at(removal, folder_id, name))).await
    }

    /// Removes at once all that is due: the copy of a folder would have it too.
    ///
    /// # Errors
    /// It cannot be removed now.
    pub(super) async fn clear_all(&self) -> Result<(), Error> {
        self.remove_now(&self.ids(Removal::is_due)).await
    }

    /// Entries that no request is at, in order.
    fn ids(&self, wanted: impl Fn(&Removal) -> bool) -> Vec<i64> {
        let entries = self.entries.lock();
        entries.iter().filter(|(_, kept)| !kept.live && wanted(&kept.removal)).map(|(id, _)| *id).collect()
    }

    fn get(&self, id: i64) -> Option<Removal> {
        self.entries.lock().get(&id).map(|kept| kept.removal.clone())
    }

    /// Changes what is in memory; the store follows by [`Removals::write`].
    fn change(&self, id: i64, change: impl FnOnce(&mut Kept)) {
        if let Some(kept) = self.entries.lock().get_mut(&id) {
            change(kept);
        }
        self.refresh();
    }

    async fn write(&self, id: i64) -> Result<(), crate::state::Error> {
        match self.get(id) {
            Some(removal) => self.store.update_removal(&removal.to_row(self.client.account())).await,
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

    /// Takes the item out of all that remembers it.
    async fn disappear(&self, removal: &Removal) {
        if let Some(file_id) = removal.hidden() {
            self.overview.item_gone(&removal.facts.folder_id, file_id).await;
        }
    }

    /// Nothing is left to do.
    async fn forget(&self, id: i64) {
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
                self.changed.notify_one();
            }
        }
    }
}

/// See [`Removals::makes`].
#[must_use]
pub(super) struct Making {
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

/// Where a change is made.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) drive_id: &'a str,
    pub(super) folder_id: &'a str,
    pub(super) name: &'a str,
}

/// A change that has been written down. If it is dropped before its outcome is told, the drive is asked for it.
pub(super) struct Begun {
    journal: Arc<Removals>,
    id: i64,
    open: bool,
}

impl Begun {
    /// Nothing of the change shows on the drive yet: if it ends here there is nothing to ask.
    pub(super) fn shows_nothing(&self) {
        self.journal.change(self.id, |kept| kept.removal.facts.stage = Some(Stage::Begun));
    }

    /// Writes down how far the change has come.
    ///
    /// # Errors
    /// The state store failed: the change must not go on.
    pub(super) async fn reach(&self, stage: Stage) -> Result<(), Error> {
        self.journal.change(self.id, |kept| kept.removal.facts.stage = Some(stage));
        self.journal.write(self.id).await.map_err(failed)
    }

    /// The same, with what it replaces as it turned out to be.
    ///
    /// # Errors
    /// The state store failed: the change must not go on.
    pub(super) async fn replaces(&self, replaced: Option<(&Entry, RemoveWay)>, stage: Stage) -> Result<(), Error> {
        self.journal.change(self.id, |kept| {
            replace(&mut kept.removal, replaced);
            kept.removal.facts.stage = Some(stage);
        });
        self.journal.write(self.id).await.map_err(failed)
    }

    /// A file's copy whose id the drive has not told, if it has made one.
    pub(super) async fn find_copy(&self) -> Option<String> {
        let removal = self.journal.get(self.id)?;
        match &removal.facts.stage {
            Some(Stage::Copying { of }) if !of.folder => self.journal.copy_of(&removal, of).await.ok()?,
            _ => None,
        }
    }

    /// Nobody knows what became of the change: the drive is asked while the caller waits, and what is to go goes.
    pub(super) async fn settle(mut self) {
        self.open = false;
        self.journal.change(self.id, |kept| kept.live = false);
        self.journal.settle_now(self.id).await;
    }

    /// The change has taken effect: what it replaced is hidden from now on.
    pub(super) async fn took_effect(mut self) -> Obsolete {
        self.open = false;
        let (journal, id) = (self.journal.clone(), self.id);
        journal.change(id, |kept| kept.removal.facts.stage = None);
        if let Some(removal) = journal.get(id) {
            journal.disappear(&removal).await;
        }
        Obsolete { journal, id }
    }

    /// The change has come to nothing: what it has made goes, and what it was to replace stays. `may_yet`: the drive may
    /// still be at it.
    pub(super) async fn came_to_nothing(mut self, may_yet: bool) {
        self.open = false;
        let (journal, id) = (self.journal.clone(), self.id);
        let stage = journal.get(id).and_then(|removal| removal.facts.stage);
        let stage = stage.filter(|stage| !matches!(stage, Stage::Moved { .. }));
        let made = stage.and_then(|stage| Some((stage.made()?.to_owned(), stage.way())));
        let Some((made, way)) = made else { return journal.forget(id).await };
        let until = may_yet.then(late);
        journal.change(id, |kept| kept.removal.undo(made, way, until));
        if let Err(error) = journal.write(id).await {
            tracing::error!(%error, "what is to be removed could not be written down");
        }
        if let Some(removal) = journal.get(id) {
            journal.disappear(&removal).await;
        }
        Obsolete { journal, id }.remove().await;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.open {
            self.journal.change(self.id, |kept| {
                kept.live = false;
                // That this goes is known without a question.
                if let Some(Stage::Attached { file_id }) = kept.removal.facts.stage.clone() {
                    kept.removal.undo(file_id, RemoveWay::Delete, None);
                }
            });
            self.journal.changed.notify_one();
        }
    }
}

/// Something that is to go now.
#[must_use]
pub(super) struct Obsolete {
    journal: Arc<Removals>,
    id: i64,
}

impl Obsolete {
    /// Removes it, if that takes no long time; else it is removed later. It is hidden in either case.
    pub(super) async fn remove(self) {
        let (journal, id) = (self.journal.clone(), self.id);
        let Some(removal) = journal.get(id) else { return };
        if removal.file_id.is_none() {
            return journal.forget(id).await;
        }
        let failure = match tokio::time::timeout(journal.timeouts.removal_try, journal.try_to_remove(id, true)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => Error::Task("does not end"),
        };
        tracing::info!(error = %failure, file = removal.file_id, "what was replaced is hidden and is removed later");
        journal.failed(id, &failure).await;
    }
}

impl Drop for Obsolete {
    fn drop(&mut self) {
        self.journal.change(self.id, |kept| kept.live = false);
        self.journal.changed.notify_one();
    }
}

fn replace(removal: &mut Removal, replaced: Option<(&Entry, RemoveWay)>) {
    removal.file_id = replaced.map(|(entry, _)| entry.file_id.to_string());
    removal.way = replaced.map_or(removal.way, |(_, way)| way);
    removal.facts.known = replaced.map(|(entry, _)| Known::of(entry));
}

fn is_due_at(removal: &Removal, folder_id: &str, name: &str) -> bool {
    removal.is_due() && removal.facts.folder_id == folder_id && nfc_key(&removal.facts.name) == nfc_key(name)
}

/// When an item that may yet come into being will not any more.
fn late() -> UnixMillis {
    UnixMillis::now().plus(LATE)
}

fn failed(error: crate::state::Error) -> Error {
    Error::State(Arc::new(error))
}
