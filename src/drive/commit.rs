//! The end of an upload: the content is offered or sent, committed, compared, and takes its place.
//!
//! The old version is removed last. Whatever fails before leaves it as it was; what the drive stored
//! otherwise than it was sent is removed again.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use sha1::Digest as _;
use tokio::io::AsyncWriteExt as _;

use super::members::Change;
use super::upload::{Spool, State, is, joined, spool_failed};
use super::upload_parts::PartPlan;
use super::{Entry, Error, Freshness, Upload};
use crate::upstream::{ContentHint, Created, ErrorKind, Item, ProofSource, calls};

/// Tries to commit when answers are lost.
const COMMIT_TRIES: u32 = 4;

impl Upload {
    /// Commits the body: when this returns, the path has the new content. Runs to its end even if the
    /// caller leaves.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Checksum`], [`Error::Corrupt`], a call's failure; the old content is in
    /// place then.
    pub async fn finish(self) -> Result<Entry, Error> {
        match calls::spawn(self.commit()).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Stopping),
        }
    }

    async fn commit(mut self) -> Result<Entry, Error> {
        if let Some(expected) = self.options.size.filter(|expected| self.received != *expected) {
            return Err(Error::Length { expected, received: self.received });
        }
        let sha1: [u8; 20] = self.hasher.clone().finalize().into();
        if self.options.sha1.is_some_and(|announced| announced != sha1) {
            return Err(Error::Checksum);
        }
        let (file_id, upload_id) = match std::mem::replace(&mut self.state, State::Failed) {
            State::Gathering => self.send_whole(sha1).await?,
            State::Sending(task) => {
                let mut session = joined(task).await?;
                if self.buffered > 0 {
                    session = joined(self.send_buffer(session)).await?;
                }
                (session.file_id, Some(session.upload_id))
            }
            State::Spooling(spool) => self.send_spooled(spool, sha1).await?,
            State::Failed => return Err(Error::Upload("an earlier part failed".to_owned())),
        };
        let key = (self.target.mount.index, self.target.rest.clone());
        let turn = self.tree.0.uploads.commits.get_with(key, Arc::default);
        let _turn = turn.lock().await;
        let item = self.complete(&file_id, upload_id.as_deref()).await?;
        self.check(&item, sha1).await?;
        self.replace(&item).await
    }

    /// A file of at most one part: its hash is known before the first call.
    async fn send_whole(&mut self, sha1: [u8; 20]) -> Result<(String, Option<String>), Error> {
        let size = Some(self.received);
        let rapid = self.target.mount.settings.rapid_upload && self.received > 0;
        let chunks = std::mem::take(&mut self.buffer);
        self.plan = PartPlan::new(self.received.max(1), size);
        let hint = if rapid { ContentHint::Full { sha1, proof: proof_of(chunks.clone()) } } else { ContentHint::None };
        let created = match self.create(size, hint).await {
            Err(error) if is(&error, ErrorKind::ProofRefused) => self.create(size, ContentHint::None).await?,
            created => created?,
        };
        if let Created::Done { file_id, upload_id, .. } = created {
            return Ok((file_id, upload_id));
        }
        self.options.size = size;
        let mut session = self.session_of(created)?;
        if self.received > 0 {
            session.send(1, &chunks).await?;
        }
        Ok((session.file_id, Some(session.upload_id)))
    }

    /// A file whose beginning the drive knows: the whole hash decides, else it is sent from the disk.
    async fn send_spooled(&mut self, mut spool: Spool, sha1: [u8; 20]) -> Result<(String, Option<String>), Error> {
        spool.file.flush().await.map_err(spool_failed)?;
        let reader = spool.reader.clone();
        let proof = ProofSource(Arc::new(move |start, end| read_at(&reader, start, end)));
        let created = match self.create(self.options.size, ContentHint::Full { sha1, proof }).await {
            Err(error) if is(&error, ErrorKind::ProofRefused) => {
                self.create(self.options.size, ContentHint::None).await?
            }
            created => created?,
        };
        if let Created::Done { file_id, upload_id, .. } = created {
            return Ok((file_id, upload_id));
        }
        let mut session = self.session_of(created)?;
        for number in 1..=self.plan.count() {
            let start = u64::from(number - 1) * self.plan.size_of(number);
            let end = (start + self.plan.size_of(number)).min(self.received);
            let _permit = self.tree.0.uploads.take(end - start).await?;
            let reader = spool.reader.clone();
            let bytes = tokio::task::spawn_blocking(move || read_at(&reader, start, end)).await;
            let bytes = bytes.map_err(|_| Error::Stopping)?.map_err(spool_failed)?;
            session.send(number, &[bytes.into()]).await?;
        }
        Ok((session.file_id, Some(session.upload_id)))
    }

    /// Commits the session; after a lost answer the item itself tells whether it took effect.
    async fn complete(&self, file_id: &str, upload_id: Option<&str>) -> Result<Item, Error> {
        let client = &self.target.mount.account.client;
        let drive = &self.target.drive_id;
        let Some(upload_id) = upload_id else { return Ok(client.get(drive, file_id).await?) };
        let mut tries = 0;
        loop {
            let error = match client.complete(drive, file_id, upload_id).await {
                Ok(item) => return Ok(item),
                Err(error) => error,
            };
            tries += 1;
            let lost = matches!(
                error.kind,
                ErrorKind::Unavailable
                    | ErrorKind::Unreachable
                    | ErrorKind::Timeout
                    | ErrorKind::Malformed
                    | ErrorKind::UploadGone
            );
            if !lost {
                return Err(error.into());
            }
            tracing::warn!(%error, "the answer to a commit was lost; asking for the item");
            match client.get(drive, file_id).await {
                Ok(item) if !item.uploading && !item.trashed && item.size == self.received => return Ok(item),
                _ if tries >= COMMIT_TRIES || error.kind == ErrorKind::UploadGone => return Err(error.into()),
                _ => {}
            }
        }
    }

    /// What the drive stored must be what came; else it goes again.
    async fn check(&self, item: &Item, sha1: [u8; 20]) -> Result<(), Error> {
        if item.size == self.received && item.sha1.is_none_or(|stored| stored == sha1) {
            return Ok(());
        }
        tracing::error!(file = %item.file_id, "the drive stored other content than was sent; removing it");
        let client = &self.target.mount.account.client;
        client.delete(&self.target.drive_id, &item.file_id).await.ok();
        Err(Error::Corrupt)
    }

    /// The new content is in place; what was served under the name goes.
    async fn replace(&self, item: &Item) -> Result<Entry, Error> {
        let listings = &self.tree.0.resolver.listings;
        let mut entry = Entry::from(item);
        if let Some(modified_ms) = self.options.modified_ms {
            entry.modified_ms = modified_ms;
        }
        let listing = listings.get(&self.target.mount, &self.target.folder.file_id, Freshness::Fresh).await;
        let old = listing.ok().and_then(|listing| listing.find(self.target.name()).cloned());
        let old = old.filter(|old| old.file_id != entry.file_id && !old.is_folder());
        if let Some(old) = &old {
            listings.apply(&self.target.mount, &self.target.folder.file_id, Change::Remove(old.file_id.clone()));
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

/// The proof's bytes out of the chunks of a body.
fn proof_of(chunks: Vec<Bytes>) -> ProofSource {
    ProofSource(Arc::new(move |start, end| {
        let mut at = 0u64;
        let mut found = Vec::new();
        for chunk in &chunks {
            let length = chunk.len() as u64;
            let within = |position: u64| usize::try_from(position.saturating_sub(at).min(length)).unwrap_or(0);
            found.extend_from_slice(&chunk[within(start)..within(end)]);
            at += length;
        }
        Ok(found)
    }))
}

#[cfg(unix)]
fn read_at(file: &std::fs::File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, start)?;
    Ok(bytes)
}
