//! The journal of what is to be removed from an account's drives.
//!
//! A change that makes something obsolete, or that may leave something behind, is written down in the state store
//! before it is made ([`Removals::begin`]). Its maker tells what became of it ([`Begun`]); if he does not, because the
//! process was killed, the drive is asked (`inquiry`). What then is to go is shown to nobody ([`Removals::hides`]) and
//! removed, at once, and after failures in the background, until it is gone (`worker`). Several instances that share the
//! store each do their own, know the others', and go on with what one has left that is no more (`following`).
//!
//! Nothing is removed for a replacement that did not arrive, and nothing that is elsewhere by now. One task an account
//! does the work; its calls let everybody else's go first.

mod begun;
mod copies;
mod evidence;
mod following;
mod inquiry;
mod journal;
mod moves;
pub(super) mod overview;
mod patience;
pub(super) mod record;
mod worker;

use std::sync::Arc;

use tokio::sync::OnceCell;

pub(super) use self::begun::{Begun, DriveName};
use self::inquiry::Inquiry;
pub use self::journal::PendingRemovals;
use self::journal::{Journal, Making};
use self::overview::Overview;
use self::record::{Removal, Stage};
use self::worker::Worker;
use crate::config::{RemoveWay, Timeouts};
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::state::{self, Store};
use crate::upstream::{Client, Item};

/// What is to be removed from one account's drives.
pub(super) struct Removals {
    journal: Arc<Journal>,
    worker: Arc<Worker>,
    loaded: OnceCell<()>,
}

impl Removals {
    pub(super) fn new(client: Client, store: Store, overview: Arc<dyn Overview>, timeouts: Timeouts) -> Self {
        let journal = Arc::new(Journal::new(client.account(), store));
        let inquiry = Inquiry { client, journal: journal.clone(), overview };
        Self { journal, worker: Arc::new(Worker::new(inquiry, timeouts)), loaded: OnceCell::new() }
    }

    /// Takes up what the last run has left, once, and begins to work on it.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn restore(&self) -> Result<(), state::Error> {
        let load = async {
            self.journal.load().await?;
            self.worker.begin();
            Ok(())
        };
        self.loaded.get_or_try_init(|| load).await.map(drop)
    }

    /// Begins no further work.
    pub(super) fn stop(&self) {
        self.worker.stop();
    }

    /// Tries once more what has not been tried; the rest is taken up by the next run.
    pub(super) async fn end(&self) {
        self.worker.end().await;
    }

    /// Whether the item is to be shown to nobody.
    pub(super) fn hides(&self, file_id: &str) -> bool {
        self.journal.hides(file_id)
    }

    /// The same for an item that the drive has just told: what another program has renamed, moved or changed since it
    /// was replaced is shown.
    pub(super) fn hides_item(&self, item: &Item) -> bool {
        self.journal.hides_item(item)
    }

    /// Whether the item is to go, or may have to: of some change it is not decided yet.
    pub(super) fn concerns(&self, file_id: &str) -> bool {
        self.journal.concerns(file_id)
    }

    /// Whether anything is hidden.
    pub(super) fn hides_any(&self) -> bool {
        self.journal.hides_any()
    }

    /// Writes a change down that is about to be made; `replaced` goes if it takes effect. `others` are there already and
    /// not to be taken for what it makes.
    ///
    /// # Errors
    /// The state store failed, or too much waits already: the change must not be made.
    pub(super) async fn begin(
        &self,
        place: DriveName<'_>,
        replaced: Option<(&Entry, RemoveWay)>,
        stage: Stage,
        others: Vec<String>,
    ) -> Result<Begun, Error> {
        Begun::write(self.worker.clone(), place, replaced, stage, others).await
    }

    /// Something is about to be put into a folder. Until the guard is dropped, nothing new there is taken for what
    /// another change has made.
    pub(super) fn makes(&self, folder_id: &str) -> Making {
        self.journal.makes(folder_id)
    }

    /// One of our own changes has put an item into a folder: it is not what another one has made there.
    pub(super) async fn is_known(&self, folder_id: &str, file_id: &str) {
        self.journal.is_known(folder_id, file_id).await;
    }

    /// What waits, for metrics and health.
    pub(super) fn pending(&self) -> PendingRemovals {
        self.journal.pending()
    }

    /// Whether something is hidden under a name.
    pub(super) fn is_in_the_way(&self, folder_id: &str, name: &str) -> bool {
        self.journal.hides_name(folder_id, name)
    }

    /// Asks for the outcome of all changes of which nobody else tells it: none of them is left when a name is changed
    /// again.
    ///
    /// # Errors
    /// The drive cannot be asked now.
    pub(super) async fn settled(&self) -> Result<(), Error> {
        self.worker.settled().await
    }

    /// Removes at once what is hidden under a name, so that something new can be made there.
    ///
    /// # Errors
    /// It cannot be removed now.
    pub(super) async fn clear(&self, folder_id: &str, name: &str) -> Result<(), Error> {
        self.take_over_due(Some((folder_id, name))).await?;
        self.worker.remove_now(&self.journal.ids_at(folder_id, name)).await
    }

    /// Removes at once all that is due: the copy of a folder would have it too.
    ///
    /// # Errors
    /// It cannot be removed now.
    pub(super) async fn clear_all(&self) -> Result<(), Error> {
        self.journal.reread().await?;
        self.take_over_due(None).await?;
        self.worker.remove_now(&self.journal.ids(Removal::is_due)).await
    }
}
