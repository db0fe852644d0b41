//! The removals themselves: in order, one at a time, again after growing pauses. And what becomes of a change of which
//! nobody tells whether it took effect, once the drive was asked.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::calls::Background;
use crate::config::{RemoveWay, Timeouts};
use crate::drive::error::Error;
use crate::drive::removals::evidence::{self, Outcome};
use crate::drive::removals::inquiry::Inquiry;
use crate::drive::removals::journal::{Journal, JournalEntry};
use crate::drive::removals::patience::{LONGEST_PAUSE, complaint, passing, pause, with_remedy};
use crate::drive::removals::record::Removal;
use crate::meters;
use crate::state;
use crate::upstream::{ErrorKind, TaskState, TreeChange};

/// The log says once in so long what fails for long.
const COMPLAIN_EVERY: Duration = Duration::from_secs(3600);

/// Pauses between questions after a background task (reference 3.19), and how long it is waited for.
const POLL: Backoff = Backoff::new(Duration::from_millis(300), Duration::from_secs(2));
const TASK_LIMIT: Duration = Duration::from_secs(600);

/// How long a commit whose answer was lost may still take effect: as long as its answer is waited for
/// (`openFile/complete`), and something for clocks.
pub(super) const LATE: Duration = Duration::from_secs(900);

/// What a try has shown.
enum Verdict {
    Gone,
    /// It is another's by now.
    Kept,
    /// It is not there, but may yet come into being.
    NotYet,
}

/// Who works an account's journal off.
pub(super) struct Worker {
    pub(super) journal: Arc<Journal>,
    pub(super) inquiry: Inquiry,
    /// One removal at a time.
    turn: tokio::sync::Mutex<()>,
    complained: Mutex<Option<Instant>>,
    pub(super) timeouts: Timeouts,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Worker {
    pub(super) fn new(inquiry: Inquiry, timeouts: Timeouts) -> Self {
        Self {
            journal: inquiry.journal.clone(),
            inquiry,
            turn: tokio::sync::Mutex::default(),
            complained: Mutex::default(),
            timeouts,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Works in the background until [`Worker::stop`].
    pub(super) fn begin(self: &Arc<Self>) {
        let (worker, stop) = (self.clone(), self.stop.clone());
        let work = async move {
            stop.run_until_cancelled(worker.work()).await;
        };
        self.tasks.spawn(async move { Background::default().scope(work).await });
        self.follow_others();
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

    async fn work(&self) {
        loop {
            let next = self.journal.next();
            let Some(next) = next else {
                self.journal.changed().await;
                continue;
            };
            tokio::select! {
                () = self.journal.changed() => {}
                () = tokio::time::sleep_until(next) => self.pass().await,
            }
        }
    }

    /// Tries all whose time has come. What fails for all of them is waited out for all of them.
    async fn pass(&self) {
        for id in self.journal.ripe(Instant::now()) {
            let Err(error) = self.advance(id).await else { continue };
            let pause = self.failed(id, &error).await;
            if matches!(&error, Error::Upstream(error) if passing(error).is_some()) {
                return self.journal.put_off(Instant::now() + pause);
            }
        }
    }

    /// What requests have left that were cut.
    async fn last_pass(&self) {
        for id in self.journal.ids(|removal| removal.tries == 0) {
            if let Err(error) = self.advance(id).await {
                self.failed(id, &error).await;
            }
        }
    }

    /// One step of one entry while somebody waits. What fails is tried again later.
    pub(super) async fn settle_now(&self, id: i64) {
        if let Err(error) = self.in_time(self.advance(id)).await {
            self.failed(id, &error).await;
            self.journal.wake();
        }
    }

    /// Asks for the outcome of all changes of which nobody else tells it: none of them is left when a name is changed
    /// again.
    ///
    /// # Errors
    /// The drive cannot be asked now.
    pub(super) async fn settled(&self) -> Result<(), Error> {
        let ids = self.journal.ids(|removal| !removal.is_due());
        if ids.is_empty() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        for id in ids {
            if let Err(error) = self.settle(id).await {
                self.failed(id, &error).await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Decides what becomes of a change. In the caller's turn.
    async fn settle(&self, id: i64) -> Result<(), Error> {
        let Some(removal) = self.journal.get(id) else { return Ok(()) };
        let Some(stage) = &removal.facts.stage else { return Ok(()) };
        self.journal.confirm(id).await?;
        let outcome = match self.inquiry.outcome(&removal, stage).await {
            Err(error) if is_final(&error) => {
                tracing::error!(%error, name = removal.facts.name, replaced = removal.file_id,
                    "the drive does not say whether a change took effect; both versions stay");
                Outcome::Nothing
            }
            outcome => outcome?,
        };
        match outcome {
            Outcome::Nothing => self.journal.forget(id).await,
            Outcome::Open => self.later(id),
            Outcome::TookEffect if removal.file_id.is_none() => self.journal.forget(id).await,
            Outcome::TookEffect => return self.decide(&removal, |kept| kept.removal.facts.stage = None).await,
            Outcome::Leaves { made, way, may_yet } => {
                let until = may_yet.then(|| removal.since.max(self.journal.now().minus(LATE)).plus(LATE));
                return self.decide(&removal, |kept| kept.removal.undo(made, way, until)).await;
            }
        }
        Ok(())
    }

    /// What is to go is hidden at once. If the store cannot keep that, the next run asks the drive again; and where
    /// another instance may do so meanwhile, and come to another end, nothing is decided.
    async fn decide(&self, removal: &Removal, change: impl FnOnce(&mut JournalEntry)) -> Result<(), Error> {
        self.journal.change(removal.id, change);
        match self.journal.write(removal.id).await {
            Err(error) if self.journal.is_shared() => {
                self.journal.change(removal.id, |kept| kept.removal = removal.clone());
                return Err(error.into());
            }
            Err(error) => tracing::error!(%error, "what is to be removed could not be written down"),
            Ok(()) => {}
        }
        self.decided(removal.id).await;
        Ok(())
    }

    /// What is to go by a decision is hidden at once.
    pub(super) async fn decided(&self, id: i64) {
        if let Some(removal) = self.journal.get(id) {
            self.disappear(&removal).await;
        }
        self.journal.wake();
    }

    /// Writes down what a request has decided. If the store cannot keep it, it is written before it is acted on, or the
    /// drive is asked again.
    pub(super) async fn note(&self, id: i64) {
        match self.journal.write(id).await {
            Ok(()) | Err(state::Error::Leased { .. }) => {}
            Err(error) => tracing::error!(%error, "what is to be removed could not be written down"),
        }
        self.decided(id).await;
    }

    /// Takes the item out of all that remembers it.
    pub(super) async fn disappear(&self, removal: &Removal) {
        if let Some(file_id) = removal.hidden() {
            self.inquiry.overview.item_gone(&removal.facts.folder_id, file_id).await;
        }
    }

    /// One step of one entry.
    async fn advance(&self, id: i64) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        if self.journal.is_done(id) {
            self.journal.forget(id).await;
            return Ok(());
        }
        self.settle(id).await?;
        match self.journal.get(id) {
            Some(removal) if removal.is_due() => self.try_to_remove(id, false).await,
            _ => Ok(()),
        }
    }

    /// What is done while somebody waits ends within a time.
    pub(super) async fn in_time(&self, work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        let done = tokio::time::timeout(self.timeouts.removal_try, work).await;
        done.unwrap_or(Err(Error::Task("does not end")))
    }

    /// Removes these while somebody waits.
    pub(super) async fn remove_now(&self, ids: &[i64]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        for id in ids {
            if let Err(error) = self.in_time(self.try_to_remove(*id, false)).await {
                self.failed(*id, &error).await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// One try; what is gone is forgotten. `at_once`: the change that knew the item has just been made.
    pub(super) async fn try_to_remove(&self, id: i64, at_once: bool) -> Result<(), Error> {
        let Some(removal) = self.journal.get(id) else { return Ok(()) };
        self.journal.confirm(id).await?;
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
        self.journal.forget(id).await;
        if outcome == "done" {
            // A listing that was fetched before it went.
            self.disappear(&removal).await;
        }
        Ok(())
    }

    async fn verdict(&self, removal: &Removal, at_once: bool) -> Result<Verdict, Error> {
        let Some(file_id) = &removal.file_id else { return Ok(Verdict::Gone) };
        if let Some(known) = removal.facts.known.as_ref().filter(|_| !at_once) {
            match evidence::item(&self.inquiry.client, &removal.drive_id, file_id).await? {
                Some(item) if known.is(&item, &removal.facts.folder_id) => {}
                Some(_) => return Ok(Verdict::Kept),
                None => return Ok(Verdict::Gone),
            }
        }
        let removed = match removal.way {
            RemoveWay::Trash => self.inquiry.client.trash(&removal.drive_id, file_id).await,
            RemoveWay::Delete => self.inquiry.client.delete(&removal.drive_id, file_id).await,
        };
        match removed {
            Ok(change) => self.task_ends(&change).await.map(|()| Verdict::Gone),
            Err(error) if error.kind == ErrorKind::NotFound => {
                let may_yet = removal.facts.until.is_some_and(|until| self.journal.now() < until);
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
            match self.inquiry.client.task(task).await? {
                TaskState::Succeed => return Ok(()),
                TaskState::Failed => return Err(Error::Task("failed")),
                TaskState::Running if Instant::now() >= deadline => return Err(Error::Task("does not end")),
                TaskState::Running => tokio::time::sleep(POLL.after(asked)).await,
            }
        }
    }

    /// It is looked at again after a pause, which is no failure.
    fn later(&self, id: i64) {
        self.journal.change(id, |kept| {
            kept.removal.tries = kept.removal.tries.saturating_add(1);
            kept.next = Instant::now() + pause(self.timeouts.first_removal, kept.removal.tries);
        });
    }

    /// Notes a failure; gives the pause before the next try.
    pub(super) async fn failed(&self, id: i64, error: &Error) -> Duration {
        let Some(removal) = self.journal.get(id) else { return self.timeouts.first_removal };
        let told = match error {
            Error::Upstream(error) => error.retry_after,
            _ => None,
        };
        let pause =
            pause(self.timeouts.first_removal, removal.tries + 1).max(told.unwrap_or_default()).min(LONGEST_PAUSE);
        self.journal.change(id, |kept| {
            kept.removal.tries = kept.removal.tries.saturating_add(1);
            kept.removal.last_error = Some(with_remedy(error));
            kept.next = Instant::now() + pause;
        });
        metrics::counter!(meters::REMOVALS_FAILED, "reason" => removal.reason.word()).increment(1);
        match self.journal.write(id).await {
            Ok(()) | Err(state::Error::Leased { .. }) => {}
            Err(error) => tracing::error!(%error, "a failed removal could not be noted"),
        }
        self.complain(id);
        pause
    }

    /// Says in the log, once in a while, what cannot be removed for long.
    fn complain(&self, id: i64) {
        let Some(complaint) = self.journal.get(id).and_then(|removal| complaint(&removal, self.journal.now())) else {
            return;
        };
        let mut last = self.complained.lock();
        if last.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            *last = Some(Instant::now());
            tracing::warn!("{complaint}");
        }
    }
}

/// Whether asking again will not lead to another answer.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Upstream(error) => passing(error).is_none(),
        Error::EndlessListing => true,
        _ => false,
    }
}
