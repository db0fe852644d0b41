//! The end of an upload: the content is committed, compared, and takes its place.
//!
//! The old version is removed last. Whatever fails before leaves it as it was, and what the drive made
//! meanwhile is removed again.

use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::clock::UnixMillis;
use crate::drive::change::terms::{Placed, seen};
use crate::drive::change::turns::Turn;
use crate::drive::entry::{Entry, Kind};
use crate::drive::error::Error;
use crate::drive::upload::body::Content;
use crate::drive::upload::draft::Draft;
use crate::drive::upload::uncommitted::UncommittedFile;
use crate::upstream::{ErrorKind, Item};

/// Tries to commit when answers are lost, and the longest pause between them: the drive may still be at it.
const COMMIT_TRIES: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Whether what the drive has attached is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::drive) enum Check {
    /// At once, by a call.
    Now,
    /// By a listing later, for many files together; unless something is replaced, which goes only for what was compared.
    Later,
}

/// A commit that has come to nothing.
struct Failed {
    error: Error,
    /// The drive may still be at it.
    may_yet: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, may_yet: false }
    }
}

/// Takes the turn at the name, and the file its place.
pub(super) async fn in_turn(
    mut draft: Box<Draft>,
    file: UncommittedFile,
    content: Content,
    check: Check,
) -> Result<Placed, Error> {
    match draft.names.clone().turn(&draft.target).await {
        Ok(turn) => take_place(draft, file, content, check, Some(&turn)).await,
        Err(error) => {
            draft.came_to_nothing(&file, false).await;
            Err(error)
        }
    }
}

/// The last look at the name, the commit, and the end of what the name held; by whoever has the turn, which is looked
/// at once more if it is told.
pub(super) async fn take_place(
    mut draft: Box<Draft>,
    file: UncommittedFile,
    content: Content,
    check: Check,
    turn: Option<&Turn>,
) -> Result<Placed, Error> {
    match committed(&mut draft, &file, content, check, turn).await {
        Ok((entry, old)) => {
            draft.confirm().await?;
            Ok(replace(&mut draft, entry, old).await)
        }
        Err(Failed { error, may_yet }) => {
            draft.came_to_nothing(&file, may_yet).await;
            Err(error)
        }
    }
}

/// The new file, and what the drive has under the name beside it, which is written down to go.
async fn committed(
    draft: &mut Draft,
    file: &UncommittedFile,
    content: Content,
    check: Check,
    turn: Option<&Turn>,
) -> Result<(Entry, Option<Arc<Entry>>), Failed> {
    let old = may_be_replaced(draft, &file.file_id).await?;
    if let Some(turn) = turn {
        turn.check().await?;
    }
    if check == Check::Later && file.attached && old.is_none() {
        return Ok((attached(draft, file, content), None));
    }
    draft.commits(file, content, old.as_deref()).await?;
    let completed = complete(draft, file, content).await;
    let item = completed.map_err(|error| Failed { may_yet: may_yet_take_effect(&error), error })?;
    let is = |stored: Content| {
        let is_it = item.sha1.map_or(stored.hashed, |sha1| sha1 == stored.sha1);
        is_it && item.size.is_none_or(|size| size == stored.size)
    };
    if !is(content) {
        tracing::error!(file = %item.file_id, "the drive stored other content than was sent; removing it");
        return Err(Error::Corrupt.into());
    }
    // Of that length it was found to be, even if the answer did not repeat it.
    Ok((Entry { size: Some(content.size), ..Entry::from(&item) }, old))
}

/// What the drive has attached, as far as that is known without a call.
fn attached(draft: &Draft, file: &UncommittedFile, content: Content) -> Entry {
    Entry {
        kind: Kind::File,
        size: Some(content.size),
        sha1: Some(content.sha1),
        ..Entry::synthetic(draft.target.name(), &file.file_id, UnixMillis::now())
    }
}

async fn may_be_replaced(draft: &Draft, file_id: &str) -> Result<Option<Arc<Entry>>, Error> {
    let old = draft.names.look(&draft.target, Some(file_id)).await?;
    if old.as_ref().is_some_and(|old| old.is_folder()) {
        return Err(Error::IsAFolder);
    }
    if draft.gives_way {
        return if old.is_some() { Err(Error::NameExists) } else { Ok(None) };
    }
    let held = draft.names.held(&draft.target);
    draft.options.expected.check(seen(held.as_ref(), old.as_ref()))?;
    Ok(old)
}

/// Commits the session; after a lost answer the item itself tells whether it took effect.
async fn complete(draft: &Draft, file: &UncommittedFile, content: Content) -> Result<Item, Error> {
    let account = &draft.target.mount.account;
    let (client, pauses) = (&account.client, Backoff::new(account.timeouts.first_commit_retry, LONGEST_PAUSE));
    let (drive, file_id) = (&draft.target.drive_id, &file.file_id);
    let Some(upload_id) = &file.upload_id else { return Ok(client.get(drive, file_id).await?) };
    let mut tries = 0;
    loop {
        let error = match client.complete(drive, file_id, upload_id).await {
            Ok(item) if item.size == Some(content.size) && item.sha1.is_some() => return Ok(item),
            // An answer that does not tell all, or tells what cannot be, is not the last word (reference 0.2).
            Ok(item) => return Ok(client.get(drive, file_id).await.unwrap_or(item)),
            Err(error) => error,
        };
        tries += 1;
        let lost = error.kind.leaves_doubt() || error.kind == ErrorKind::UploadGone;
        if !lost {
            return Err(error.into());
        }
        tracing::warn!(%error, "the answer to a commit was lost; asking for the item");
        match client.get(drive, file_id).await {
            Ok(item) if !item.uploading && !item.trashed && has_the_length(&item, content.size) => return Ok(item),
            _ if tries >= COMMIT_TRIES => return Err(error.into()),
            _ => tokio::time::sleep(pauses.after(tries)).await,
        }
    }
}

/// Whether the item is the whole upload, as far as its length tells; without one the hash must.
fn has_the_length(item: &Item, size: u64) -> bool {
    item.size.map_or(item.sha1.is_some(), |stored| stored == size)
}

/// The new content is in place; what the name held goes.
async fn replace(draft: &mut Draft, mut entry: Entry, old: Option<Arc<Entry>>) -> Placed {
    if let Some(modified) = draft.options.modified {
        entry.modified = modified;
    }
    let held = draft.names.held(&draft.target);
    draft.names.applied(&draft.target, entry.clone()).await;
    if let Some(begun) = draft.took_place() {
        draft.names.remove_replaced(&draft.target, old.as_deref(), begun).await;
    }
    let replaced = held.map(|held| held.entry).or(old).map(|entry| entry.file_id.clone());
    Placed { entry: Arc::new(entry), replaced, copy_of: None }
}

/// Whether a commit that failed so may yet take effect.
fn may_yet_take_effect(error: &Error) -> bool {
    matches!(error, Error::Upstream(error) if error.kind.leaves_doubt() || error.kind == ErrorKind::UploadGone)
}
