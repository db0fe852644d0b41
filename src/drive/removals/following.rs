//! What an instance does about the removals of the others: it hides what they hide, and works on what they have left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::drive::error::Error;
use crate::drive::removals::Removals;
use crate::drive::removals::worker::Worker;
use crate::state::{self, Change};

/// What is told within so short a time is read at once.
const TOGETHER: Duration = Duration::from_millis(20);

/// Looks for what the dead have left, within the time after which an instance counts as dead.
const LOOKS: u32 = 3;

/// What others tell, for the one who reads it.
struct Following {
    worker: Arc<Worker>,
    /// Something was told that has not been read.
    stale: AtomicBool,
    told: Notify,
}

impl Following {
    async fn hear(self: Arc<Self>, change: Change) {
        if change == Change::Lapsed {
            // What it had is nobody's, or already another's.
            if let Err(error) = self.worker.journal.take_over(&[]).await {
                tracing::warn!(%error, "what is to be removed could not be taken up again yet");
            }
        }
        if change == Change::Lapsed || self.worker.journal.is_meant(&change) {
            self.stale.store(true, Ordering::Release);
            self.told.notify_one();
        }
        // Who asks whether all was heard answers a client next, who may ask here.
        if matches!(change, Change::Asked { .. })
            && let Err(error) = self.read().await
        {
            tracing::debug!(%error, "what other instances are to remove could not be read yet");
        }
    }

    /// Reads what was told.
    async fn read(&self) -> Result<(), state::Error> {
        if !self.stale.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let done = self.worker.reread().await;
        if done.is_err() {
            self.stale.store(true, Ordering::Release);
        }
        done
    }

    async fn follow(self: Arc<Self>) {
        let every = self.worker.timeouts.instance_life / LOOKS;
        let mut look = Instant::now() + every;
        loop {
            let done = tokio::select! {
                () = self.told.notified() => {
                    tokio::time::sleep(TOGETHER).await;
                    self.read().await
                }
                () = tokio::time::sleep_until(look) => {
                    look = Instant::now() + every;
                    self.worker.journal.take_over(&[]).await
                }
            };
            if let Err(error) = done {
                tracing::debug!(%error, "what other instances are to remove could not be read");
                // What was told may have been missed.
                self.told.notify_one();
                tokio::time::sleep(every).await;
            }
        }
    }
}

impl Worker {
    /// Follows what other instances write down, until [`Worker::stop`].
    pub(super) fn follow_others(self: &Arc<Self>) {
        if !self.journal.is_shared() {
            return;
        }
        let (stale, told, stop) = (AtomicBool::new(false), Notify::new(), self.stop.clone());
        let following = Arc::new(Following { worker: self.clone(), stale, told });
        self.journal.changes().hand_to(&following, Following::hear);
        self.tasks.spawn(async move { stop.run_until_cancelled(following.follow()).await });
    }

    /// Reads what the others have, and takes what they hide out of all that remembers it.
    ///
    /// # Errors
    /// The state store failed.
    async fn reread(&self) -> Result<(), state::Error> {
        for (folder_id, file_id) in self.journal.reread().await? {
            self.inquiry.overview.item_hidden(&folder_id, &file_id).await;
        }
        Ok(())
    }
}

impl Removals {
    /// Another instance had the turn at a name that the caller has now: what it has written down is read, and of what it
    /// did there and has not decided the drive is asked ([`Removals::settled`]).
    ///
    /// # Errors
    /// The state store failed.
    pub(in crate::drive) async fn follow_turn(&self, folder_id: &str, name: &str) -> Result<(), Error> {
        self.journal.is_crossed(folder_id);
        self.worker.reread().await?;
        let undecided = self.journal.undecided_elsewhere(folder_id, name);
        if !undecided.is_empty() {
            self.journal.take_over(&undecided).await?;
        }
        Ok(())
    }

    /// Whether an upload of another instance has attached the item and not decided yet.
    pub(in crate::drive) fn is_undecided_elsewhere(&self, file_id: &str) -> bool {
        self.journal.is_undecided_elsewhere(file_id)
    }

    /// What others have that is due, under a name or at all, is removed here.
    pub(super) async fn take_over_due(&self, at: Option<(&str, &str)>) -> Result<(), Error> {
        let due = self.journal.due_elsewhere(at);
        if !due.is_empty() {
            self.journal.take_over(&due).await?;
        }
        Ok(())
    }
}
