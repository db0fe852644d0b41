//! What became of a call whose answer does not tell: its background task, or the item itself, is asked.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::drive::change::namespace::Namespace;
use crate::drive::change::target::Target;
use crate::drive::error::Error;
use crate::upstream::{ErrorKind, Item, TaskState, TreeChange};

/// Pauses between questions after a background task (reference 3.19).
const POLL: Backoff = Backoff::new(Duration::from_millis(300), Duration::from_secs(2));

/// Longest a background task is waited for.
const TASK_LIMIT: Duration = Duration::from_secs(600);

/// Questions after a task, or after an item, that may fail one after another before the answer is given up.
const MOST_SILENCE: u32 = 4;

/// Pauses after such a failure.
const SILENCE: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(4));

/// Where an item is, after a call that may have moved it.
pub(super) enum Whereabouts {
    /// In the folder of that id, under that name.
    At(Box<Item>),
    /// Removed, or in the recycle bin.
    Gone,
    /// The drive does not say.
    Unknown,
}

/// Asks an item where it is.
pub(super) async fn whereabouts(target: &Target, file_id: &str) -> Whereabouts {
    for failures in 1..=MOST_SILENCE {
        match target.mount.account.client.get(&target.drive_id, file_id).await {
            Ok(item) if item.trashed => return Whereabouts::Gone,
            Ok(item) => return Whereabouts::At(Box::new(item)),
            Err(error) if error.kind == ErrorKind::NotFound => return Whereabouts::Gone,
            Err(error) if error.kind.leaves_doubt() || error.kind == ErrorKind::Throttled => {
                tokio::time::sleep(error.retry_after.unwrap_or(SILENCE.after(failures))).await;
            }
            Err(_) => break,
        }
    }
    Whereabouts::Unknown
}

/// Waits for a background task, if there is one. A question without an answer is asked again.
pub(super) async fn wait_for(names: &Namespace, target: &Target, change: &TreeChange) -> Result<(), Error> {
    let Some(task) = &change.async_task_id else { return Ok(()) };
    let deadline = Instant::now() + TASK_LIMIT;
    let (mut asked, mut silence) = (0, 0);
    let failure = loop {
        match target.mount.account.client.task(task).await {
            Ok(TaskState::Succeed) => return Ok(()),
            Ok(TaskState::Failed) => break Error::Task("failed"),
            Ok(TaskState::Running) if Instant::now() >= deadline => break Error::Task("does not end"),
            Ok(TaskState::Running) => silence = 0,
            Err(error)
                if silence < MOST_SILENCE && (error.kind.leaves_doubt() || error.kind == ErrorKind::Throttled) =>
            {
                silence += 1;
            }
            Err(error) => break error.into(),
        }
        asked += 1;
        tokio::time::sleep(POLL.after(asked)).await;
    };
    names.resolver.listings.refresh_behind(&target.mount, &target.folder.file_id);
    Err(failure)
}
