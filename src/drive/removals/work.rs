//! The removals themselves: in order, one at a time, again after growing pauses.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::calls::Background;
use crate::clock::UnixMillis;
use crate::config::RemoveWay;
use crate::drive::error::Error;
use crate::drive::removals::Removals;
use crate::drive::removals::patience::{LONGEST_PAUSE, complaint, passing, pause, with_remedy};
use crate::drive::removals::record::Removal;
use crate::meters;
use crate::upstream::{ErrorKind, TaskState, TreeChange};

/// The log says once in so long what fails for long.
const COMPLAIN_EVERY: Duration = Duration::from_secs(3600);

/// Pauses between questions after a background task (reference 3.19), and how long it is waited for.
const POLL: Backoff = Backoff::new(Duration::from_millis(300), Duration::from_secs(2));
const TASK_LIMIT: Duration = Duration::from_secs(600);

/// What a try has shown.
enum Verdict {
    Gone,
    /// It is another's by now.
    Kept,
    /// It is not there, but may yet come into being.
    NotYet,
}

impl Removals {
    pub(super) fn begin_work(self: &Arc<Self>) {
        let (journal, stop) = (self.clone(), self.stop.clone());
        let work = async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = journal.work() => {}
            }
        };
        self.tasks.spawn(async move { Background::default().scope(work).await });
    }

    async fn work(&self) {
        loop {
            let next = self.entries.lock().values().filter(|kept| !kept.live).map(|kept| kept.next).min();
            let Some(next) = next else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep_until(next) => self.pass().await,
            }
        }
    }

    /// Tries all whose time has come. What fails for all of them is waited out for all of them.
    async fn pass(&self) {
        let now = Instant::now();
        let due: Vec<i64> = {
            let entries = self.entries.lock();
            entries.iter().filter(|(_, kept)| !kept.live && kept.next <= now).map(|(id, _)| *id).collect()
        };
        for id in due {
            let Err(error) = self.advance(id).await else { continue };
            let pause = self.failed(id, &error).await;
            if matches!(&error, Error::Upstream(error) if passing(error).is_some()) {
                let until = Instant::now() + pause;
                for kept in self.entries.lock().values_mut() {
                    kept.next = kept.next.max(until);
                }
                return;
            }
        }
    }

    /// What requests have left that were cut.
    pub(super) async fn last_pass(&self) {
        for id in self.ids(|removal| removal.tries == 0) {
            if let Err(error) = self.advance(id).await {
                self.failed(id, &error).await;
            }
        }
    }

    /// One step of one entry while somebody waits. What fails is tried again later.
    pub(super) async fn settle_now(&self, id: i64) {
        let error = match tokio::time::timeout(self.timeouts.removal_try, self.advance(id)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => Error::Task("does not end"),
        };
        self.failed(id, &error).await;
        self.changed.notify_one();
    }

    /// One step of one entry.
    async fn advance(&self, id: i64) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        if self.entries.lock().get(&id).is_some_and(|kept| kept.done) {
            self.forget(id).await;
            return Ok(());
        }
        self.settle(id).await?;
        match self.get(id) {
            Some(removal) if removal.is_due() => self.try_to_remove(id, false).await,
            _ => Ok(()),
        }
    }

    /// Removes these while somebody waits.
    pub(super) async fn remove_now(&self, ids: &[i64]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        for id in ids {
            let tried = tokio::time::timeout(self.timeouts.removal_try, self.try_to_remove(*id, false)).await;
            let error = match tried {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error,
                Err(_) => Error::Task("does not end"),
            };
            self.failed(*id, &error).await;
            return Err(error);
        }
        Ok(())
    }

    /// One try; what is gone is forgotten. `at_once`: the change that knew the item has just been made.
    pub(super) async fn try_to_remove(&self, id: i64, at_once: bool) -> Result<(), Error> {
        let Some(removal) = self.get(id) else { return Ok(()) };
        let verdict = self.verdict(&removal, at_once).await?;
        let outcome = match verdict {
            Verdict::NotYet => {
                self.later(id);
                return Ok(());
            }
            Verdict::Gone => "done",
            Verdict::Kept => {
                tracing::warn!(
                    file = removal.file_id,
                    name = removal.facts.name,
                    "what was replaced has been changed or moved by another program and stays"
                );
                "kept"
            }
        };
        let reason = removal.reason.word();
        metrics::counter!(meters::REMOVALS, "reason" => reason, "outcome" => outcome).increment(1);
        self.forget(id).await;
        if outcome == "done" {
            // A listing that was fetched before it went.
            self.disappear(&removal).await;
        }
        Ok(())
    }

    async fn verdict(&self, removal: &Removal, at_once: bool) -> Result<Verdict, Error> {
        let Some(file_id) = &removal.file_id else { return Ok(Verdict::Gone) };
        if let Some(known) = removal.facts.known.as_ref().filter(|_| !at_once) {
            match self.item(&removal.drive_id, file_id).await? {
                Some(item) if known.is(&item, &removal.facts.folder_id) => {}
                Some(_) => return Ok(Verdict::Kept),
                None => return Ok(Verdict::Gone),
            }
        }
        let removed = match removal.way {
            RemoveWay::Trash => self.client.trash(&removal.drive_id, file_id).await,
            RemoveWay::Delete => self.client.delete(&removal.drive_id, file_id).await,
        };
        match removed {
            Ok(change) => self.task_ends(&change).await.map(|()| Verdict::Gone),
            Err(error) if error.kind == ErrorKind::NotFound => {
                let may_yet = removal.facts.until.is_some_and(|until| UnixMillis::now() < until);
                Ok(if may_yet { Verdict::NotYet } else { Verdict::Gone })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn task_ends(&self, change: &TreeChange) -> Result<(), Error> {
        let Some(task) = &change.async_task_id else { return Ok(()) };
        let deadline = Instant::now() + TASK_LIMIT;
        let mut asked = 0;
        loop {
            asked += 1;
            match self.client.task(task).await? {
                TaskState::Succeed => return Ok(()),
                TaskState::Failed => return Err(Error::Task("failed")),
                TaskState::Running if Instant::now() >= deadline => return Err(Error::Task("does not end")),
                TaskState::Running => tokio::time::sleep(POLL.after(asked)).await,
            }
        }
    }

    /// It is looked at again after a pause, which is no failure.
    pub(super) fn later(&self, id: i64) {
        self.change(id, |kept| {
            kept.removal.tries = kept.removal.tries.saturating_add(1);
            kept.next = Instant::now() + pause(self.timeouts.first_removal, kept.removal.tries);
        });
    }

    /// Notes a failure; gives the pause before the next try.
    pub(super) async fn failed(&self, id: i64, error: &Error) -> Duration {
        let Some(removal) = self.get(id) else { return self.timeouts.first_removal };
        let told = match error {
            Error::Upstream(error) => error.retry_after,
            _ => None,
        };
        let pause =
            pause(self.timeouts.first_removal, removal.tries + 1).max(told.unwrap_or_default()).min(LONGEST_PAUSE);
        self.change(id, |kept| {
            kept.removal.tries = kept.removal.tries.saturating_add(1);
            kept.removal.last_error = Some(with_remedy(error));
            kept.next = Instant::now() + pause;
        });
        metrics::counter!(meters::REMOVALS_FAILED, "reason" => removal.reason.word()).increment(1);
        if let Err(error) = self.write(id).await {
            tracing::error!(%error, "a failed removal could not be noted");
        }
        self.complain(id);
        pause
    }

    /// Says in the log, once in a while, what cannot be removed for long.
    fn complain(&self, id: i64) {
        let Some(complaint) = self.get(id).as_ref().and_then(complaint) else { return };
        let mut last = self.complained.lock();
        if last.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            *last = Some(Instant::now());
            tracing::warn!("{complaint}");
        }
    }
}
