//! The end of an upload: the content is offered or sent, committed, compared, and takes its place.
//!
//! The old version is removed last. Whatever fails before leaves it as it was, and what the drive made
//! meanwhile is removed again.

use std::sync::Arc;
use std::time::Duration;

use crate::digest::Sha1;
use crate::drive::change::target::Target;
use crate::drive::change::{Placed, seen};
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::tree::Tree;
use crate::drive::upload::offer::{Offer, Spool, proof_of};
use crate::drive::upload::session::{PartPlan, Session};
use crate::drive::upload::tentative::Tentative;
use crate::drive::upload::{State, Upload, UploadOptions, earlier_failure, joined};
use crate::upstream::{ContentHint, ErrorKind, Item};

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
    pub async fn finish(self) -> Result<Placed, Error> {
        let tree = self.tree.clone();
        tree.see_through(self.commit()).await?
    }

    async fn commit(mut self) -> Result<Placed, Error> {
        let (file, sha1) = self.send().await?;
        let _turn = self.tree.turn(&self.target).await;
        self.take_place(file, sha1).await
    }

    /// All of the body gets to the drive, where nothing shows of it yet.
    async fn send(&mut self) -> Result<(Tentative, Sha1), Error> {
        if let Some(expected) = self.options.size.filter(|expected| self.received != *expected) {
            return Err(Error::Length { expected, received: self.received });
        }
        let sha1 = Sha1::from(self.hasher.clone());
        if self.options.sha1.is_some_and(|announced| announced != sha1) {
            return Err(Error::Checksum);
        }
        self.whole = true;
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
        Ok((file, sha1))
    }

    /// The last look at the name, the commit, and the end of what the name held; by whoever has the turn.
    async fn take_place(mut self, file: Tentative, sha1: Sha1) -> Result<Placed, Error> {
        let old = match self.may_take_place(&file, sha1).await {
            Ok(old) => old,
            Err(error) => {
                self.came_to_nothing(&file, false).await;
                return Err(error);
            }
        };
        let item = match self.complete(&file).await {
            Ok(item) => item,
            Err(error) => {
                self.came_to_nothing(&file, may_yet_take_effect(&error)).await;
                return Err(error);
            }
        };
        if item.size.is_some_and(|stored| stored != self.received) || item.sha1.is_some_and(|stored| stored != sha1) {
            tracing::error!(file = %item.file_id, "the drive stored other content than was sent; removing it");
            self.came_to_nothing(&file, false).await;
            return Err(Error::Corrupt);
        }
        Ok(self.replace(&item, old).await)
    }

    /// What the drive has under the name beside the new file, which may take its place and is written down to go.
    async fn may_take_place(&mut self, file: &Tentative, sha1: Sha1) -> Result<Option<Arc<Entry>>, Error> {
        let old = self.may_be_replaced(&file.file_id).await?;
        self.commits(file, sha1, old.as_deref()).await?;
        Ok(old)
    }

    async fn may_be_replaced(&self, file_id: &str) -> Result<Option<Arc<Entry>>, Error> {
        let old = self.tree.look(&self.target, Some(file_id)).await?;
        if old.as_ref().is_some_and(|old| old.is_folder()) {
            return Err(Error::IsAFolder);
        }
        if self.gives_way {
            return if old.is_some() { Err(Error::NameExists) } else { Ok(None) };
        }
        let held = self.tree.0.held.get(&self.target.key());
        self.options.expected.check(seen(held.as_ref(), old.as_ref()))?;
        Ok(old)
    }

    async fn send_last(&mut self, mut session: Session) -> Result<Tentative, Error> {
        if self.buffer.len() > 0 {
            session = joined(self.send_buffer(session)).await?;
        }
        Ok(self.session_file(session.file_id, session.upload_id))
    }

    /// A file of at most one part: its hash is known before the first call.
    async fn send_whole(&mut self, sha1: Sha1) -> Result<Tentative, Error> {
        let size = Some(self.received);
        let rapid = self.target.mount.settings.rapid_upload && self.received > 0;
        let chunks = self.buffer.take();
        self.plan = PartPlan::whole(self.received);
        self.options.size = size;
        let offer = match rapid {
            true => self.offer_hash(size, sha1, proof_of(chunks.clone())).await?,
            false => {
                let created = self.create(size, ContentHint::None).await?;
                Offer::Wanted(self.session_of(created)?)
            }
        };
        let mut session = match offer {
            Offer::Attached(file) => return Ok(file),
            Offer::Wanted(session) => session,
        };
        if self.received > 0 {
            session.send(1, &chunks).await?;
        }
        Ok(self.session_file(session.file_id, session.upload_id))
    }

    /// A file whose beginning the drive knows: the whole hash decides, else it is sent from the disk.
    async fn send_spooled(&mut self, mut spool: Spool, sha1: Sha1) -> Result<Tentative, Error> {
        let mut session = match spool.session.take() {
            Some(session) => session,
            None => {
                let proof = spool.proof().await?;
                match self.offer_hash(self.options.size, sha1, proof).await? {
                    Offer::Attached(file) => return Ok(file),
                    Offer::Wanted(session) => session,
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
        Ok(self.session_file(session.file_id, session.upload_id))
    }

    /// Commits the session; after a lost answer the item itself tells whether it took effect.
    async fn complete(&self, file: &Tentative) -> Result<Item, Error> {
        let client = &self.target.mount.account.client;
        let drive = &self.target.drive_id;
        let file_id = &file.file_id;
        let Some(upload_id) = &file.upload_id else { return Ok(client.get(drive, file_id).await?) };
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

    /// The new content is in place; what the name held goes.
    async fn replace(&mut self, item: &Item, old: Option<Arc<Entry>>) -> Placed {
        // Of that length it was found to be, even if the answer did not repeat it.
        let mut entry = Entry { size: Some(self.received), ..Entry::from(item) };
        if let Some(modified_ms) = self.options.modified_ms {
            entry.modified_ms = modified_ms;
        }
        let key = self.target.key();
        let held = self.tree.0.held.get(&key);
        self.tree.put(&self.target, entry.clone()).await;
        self.tree.0.held.forget(&key).await;
        if let Some(begun) = self.begun.take() {
            self.tree.remove_replaced(&self.target, old.as_deref(), begun).await;
        }
        let replaced = held.map(|held| held.entry).or(old).map(|entry| entry.file_id.clone());
        Placed { entry: Arc::new(entry), replaced, copy_of: None }
    }
}

/// Whether a commit that failed so may yet take effect.
fn may_yet_take_effect(error: &Error) -> bool {
    matches!(error, Error::Upstream(error) if error.kind.leaves_doubt() || error.kind == ErrorKind::UploadGone)
}

impl Tree {
    /// Puts content that is at hand under a name, by whoever has the turn; not where something is if it `gives_way`.
    pub(in crate::drive) async fn upload_in_turn(
        &self,
        target: &Target,
        content: Vec<u8>,
        gives_way: bool,
    ) -> Result<Placed, Error> {
        let options = UploadOptions { size: Some(content.len() as u64), ..UploadOptions::default() };
        let mut upload = self.upload_to(target.clone(), options).await?;
        upload.gives_way = gives_way;
        upload.in_turn = true;
        upload.write(content.into()).await?;
        let (file, sha1) = upload.send().await?;
        upload.take_place(file, sha1).await
    }
}
