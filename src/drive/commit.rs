//! The end of an upload: the content is offered or sent, committed, compared, and takes its place.
//!
//! The old version is removed last. Whatever fails before leaves it as it was, and what the drive made
//! meanwhile is removed again.

use std::sync::Arc;
use std::time::Duration;

use sha1::Digest as _;

use super::members::Change;
use super::rapid::{Spool, proof_of};
use super::tentative::Tentative;
use super::upload::{State, earlier_failure, joined};
use super::upload_parts::{PartPlan, Session};
use super::{Entry, Error, Freshness, Upload};
use crate::upstream::{ContentHint, Created, ErrorKind, Item};

/// Tries to commit when answers are lost, and the first pause between them: the drive may still be at it.
const COMMIT_TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Bytes read from the spool at a time.
const SPOOL_READ: u64 = 256 << 10;

impl Upload {
    /// Commits the body: when this returns, the path has the new content. Runs to its end even if the
    /// caller leaves.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Checksum`], [`Error::Corrupt`], a call's failure; the old content is in
    /// place then.
    pub async fn finish(self) -> Result<Entry, Error> {
        let tree = self.tree.clone();
        tree.see_through(self.commit()).await?
    }

    async fn commit(mut self) -> Result<Entry, Error> {
        if let Some(expected) = self.options.size.filter(|expected| self.received != *expected) {
            return Err(Error::Length { expected, received: self.received });
        }
        let sha1: [u8; 20] = self.hasher.clone().finalize().into();
        if self.options.sha1.is_some_and(|announced| announced != sha1) {
            return Err(Error::Checksum);
        }
        let file = match std::mem::replace(&mut self.state, State::Failed) {
            State::Gathering => self.send_whole(sha1).await?,
            State::Open(session) => self.send_last(session).await?,
            State::Sending(task) => {
                let session = joined(task).await?;
                self.send_last(session).await?
            }
            State::Spooling(spool) => self.send_spooled(spool, sha1).await?,
            State::Attached(file) => file,
            State::Failed => return Err(earlier_failure()),
        };
        let key = (self.target.mount.index, self.target.rest.clone());
        let turn = self.tree.0.uploads.commits.get_with(key, Arc::default);
        let _turn = turn.lock().await;
        if let Some(expected) = self.options.expected.take()
            && expected != self.held_by_name().await?
        {
            file.remove().await;
            return Err(Error::NameExists);
        }
        let item = self.complete(&file).await?;
        if item.size.is_some_and(|stored| stored != self.received) || item.sha1.is_some_and(|stored| stored != sha1) {
            tracing::error!(file = %item.file_id, "the drive stored other content than was sent; removing it");
            file.remove().await;
            return Err(Error::Corrupt);
        }
        file.keep();
        self.replace(&item).await
    }

    /// Entity tag of what the name holds now. Not its id, which an empty file changes when it reaches the drive.
    async fn held_by_name(&self) -> Result<Option<String>, Error> {
        let path = self.target.rest.under(&self.target.mount.path);
        match self.tree.stat(&path, Freshness::Cached).await {
            Ok(resource) => Ok(Some(resource.entry.etag().unwrap_or_default())),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn send_last(&mut self, mut session: Session) -> Result<Tentative, Error> {
        if self.buffer.len() > 0 {
            session = joined(self.send_buffer(session)).await?;
        }
        Ok(self.tentative(session.file_id, Some(session.upload_id)))
    }

    /// A file of at most one part: its hash is known before the first call.
    async fn send_whole(&mut self, sha1: [u8; 20]) -> Result<Tentative, Error> {
        let size = Some(self.received);
        let rapid = self.target.mount.settings.rapid_upload && self.received > 0;
        let chunks = self.buffer.take();
        self.plan = PartPlan::whole(self.received);
        let created = match rapid {
            true => self.create_with_hash(size, sha1, proof_of(chunks.clone())).await?,
            false => self.create(size, ContentHint::None).await?,
        };
        if let Created::Done { file_id, upload_id, .. } = created {
            return Ok(self.tentative(file_id, upload_id));
        }
        self.options.size = size;
        let mut session = self.session_of(created)?;
        if self.received > 0 {
            session.send(1, &chunks).await?;
        }
        Ok(self.tentative(session.file_id, Some(session.upload_id)))
    }

    /// A file whose beginning the drive knows: the whole hash decides, else it is sent from the disk.
    async fn send_spooled(&mut self, mut spool: Spool, sha1: [u8; 20]) -> Result<Tentative, Error> {
        let mut session = match spool.session.take() {
            Some(session) => session,
            None => {
                let proof = spool.proof().await?;
                match self.create_with_hash(self.options.size, sha1, proof).await? {
                    Created::Done { file_id, upload_id, .. } => return Ok(self.tentative(file_id, upload_id)),
                    created => self.session_of(created)?,
                }
            }
        };
        spool.flush().await?;
        for number in 1..=self.plan.count() {
            let start = u64::from(number - 1) * self.plan.size_of(number);
            let end = (start + self.plan.size_of(number)).min(self.received);
            let mut from = start;
            while from < end {
                let to = (from + SPOOL_READ).min(end);
                self.buffer.push(&spool.read(from, to).await?, end - start).await?;
                from = to;
            }
            session.send(number, &self.buffer.take()).await?;
        }
        Ok(self.tentative(session.file_id, Some(session.upload_id)))
    }

    /// Commits the session; after a lost answer the item itself tells whether it took effect.
    async fn complete(&self, file: &Tentative) -> Result<Item, Error> {
        let client = &self.target.mount.account.client;
        let drive = &self.target.drive_id;
        let (file_id, upload_id) = file.ids();
        let Some(upload_id) = upload_id else { return Ok(client.get(drive, file_id).await?) };
        let mut tries = 0;
        loop {
            let error = match client.complete(drive, file_id, upload_id).await {
                Ok(item) if item.size == Some(self.received) && item.sha1.is_some() => return Ok(item),
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
                Ok(item) if !item.uploading && !item.trashed && self.has_the_length_of(&item) => return Ok(item),
                _ if tries >= COMMIT_TRIES => return Err(error.into()),
                _ => tokio::time::sleep(FIRST_PAUSE * 2u32.pow(tries - 1)).await,
            }
        }
    }

    /// Whether the item is the whole upload, as far as its length tells; without one the hash must.
    fn has_the_length_of(&self, item: &Item) -> bool {
        item.size.map_or(item.sha1.is_some(), |size| size == self.received)
    }

    /// The new content is in place; what was served under the name goes.
    async fn replace(&self, item: &Item) -> Result<Entry, Error> {
        let listings = &self.tree.0.resolver.listings;
        // Of that length it was found to be, even if the answer did not repeat it.
        let mut entry = Entry { size: Some(self.received), ..Entry::from(item) };
        if let Some(modified_ms) = self.options.modified_ms {
            entry.modified_ms = modified_ms;
        }
        let (mount, folder) = (&self.target.mount, &self.target.folder.file_id);
        let listing = match listings.get(mount, folder, Freshness::Fresh).await {
            Ok(listing) => Some(listing),
            Err(error) => {
                tracing::warn!(%error, name = self.target.name(), "what was replaced is looked for in an older listing");
                listings.peek(mount, folder).map(|(listing, _)| listing)
            }
        };
        // A listing that was fetched after the commit has the new content too, and serves it.
        let old = listing.and_then(|listing| listing.other(self.target.name(), &entry.file_id).cloned());
        let old = old.filter(|old| !old.is_folder());
        if let Some(old) = &old {
            self.tree.changed(&self.target, Change::Remove(old.file_id.clone())).await;
        }
        self.tree.put(&self.target, entry.clone()).await;
        self.tree.release(&self.target.rest.under(&self.target.mount.path)).await;
        if let Some(old) = old
            && let Err(error) = self.tree.remove_entry(&self.target, &old).await
        {
            // The newest of one name is served, so the client has what it asked for.
            tracing::warn!(%error, file = %old.file_id, "the replaced version could not be removed");
        }
        Ok(entry)
    }
}
