//! Uploads: one pass over the body, memory bounded, the old content in place until the new is checked.
//!
//! Bytes are hashed as they come and kept in buffers of one part; a full part is sent while the next one
//! fills. A file of one part is offered to the drive by its hash first; a larger one by the hash of its
//! beginning, and only where the drive may have it is the rest spooled to disk to learn the whole hash.
//! Nothing shows in the tree before [`Upload::finish`], and what is dropped before leaves nothing there.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use sha1::{Digest as _, Sha1};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::members::Change;
use super::upload_parts::{PartPlan, Session};
use super::write::Target;
use super::{Entry, Error, Freshness, Path, Tree};
use crate::config;
use crate::upstream::{CheckNameMode, ContentHint, CreateFile, Created, ErrorKind, Item, ProofSource, calls};

/// First bytes whose hash asks whether the drive may have the content (reference 3.11).
const PRE_HASH_BYTES: usize = 1024;

/// Tries to commit when answers are lost.
const COMMIT_TRIES: u32 = 4;

/// What is known of a body beforehand.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Bytes, where promised.
    pub size: Option<u64>,
    /// SHA-1 that the client announced.
    pub sha1: Option<[u8; 20]>,
    /// Time of modification, Unix milliseconds.
    pub modified_ms: Option<i64>,
}

/// What all uploads share: memory, the spool's limit, one commit at a time for each name.
pub(super) struct UploadRoom {
    settings: config::Upload,
    /// In KiB.
    memory: Arc<Semaphore>,
    memory_kib: u32,
    spooled: Arc<AtomicU64>,
    commits: moka::sync::Cache<(usize, Path), Arc<tokio::sync::Mutex<()>>>,
}

impl UploadRoom {
    pub(super) fn new(settings: &config::Upload) -> Self {
        let memory_kib = u32::try_from(settings.memory >> 10).unwrap_or(u32::MAX).max(1);
        Self {
            settings: settings.clone(),
            memory: Arc::new(Semaphore::new(memory_kib as usize)),
            memory_kib,
            spooled: Arc::default(),
            commits: moka::sync::Cache::builder().max_capacity(10_000).build(),
        }
    }

    async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Error> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, self.memory_kib);
        self.memory.clone().acquire_many_owned(kib).await.map_err(|_| Error::Stopping)
    }
}

/// A body on its way to the drive.
pub struct Upload {
    tree: Tree,
    target: Target,
    options: UploadOptions,
    plan: PartPlan,
    hasher: Sha1,
    received: u64,
    /// The part that fills.
    buffer: Vec<Bytes>,
    buffered: u64,
    permit: Option<OwnedSemaphorePermit>,
    /// Number of the part that fills.
    number: u32,
    state: State,
}

enum State {
    /// No session yet: all that came is in the buffer.
    Gathering,
    /// A session whose last full part may be on its way.
    Sending(JoinHandle<Result<Session, Error>>),
    /// The drive may have the content: it waits on disk for its hash.
    Spooling(Spool),
    /// A call failed; nothing more is taken.
    Failed,
}

struct Spool {
    file: tokio::fs::File,
    /// The same file, for reads at any place.
    reader: Arc<std::fs::File>,
    size: u64,
    spooled: Arc<AtomicU64>,
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.spooled.fetch_sub(self.size, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("received", &self.received).finish_non_exhaustive()
    }
}

impl Tree {
    /// Begins an upload to a path; makes no call but those of resolving the folder.
    ///
    /// # Errors
    /// [`Error::ParentMissing`], [`Error::ReadOnly`], [`Error::Protected`], a listing's failure.
    pub async fn upload(&self, path: &Path, options: UploadOptions) -> Result<Upload, Error> {
        let target = self.target(path).await?;
        Ok(Upload {
            plan: PartPlan::new(self.0.uploads.settings.part_size, options.size),
            tree: self.clone(),
            target,
            options,
            hasher: Sha1::new(),
            received: 0,
            buffer: Vec::new(),
            buffered: 0,
            permit: None,
            number: 1,
            state: State::Gathering,
        })
    }
}

impl Upload {
    /// Whether the body is empty and kept every promise made of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let empty: [u8; 20] = Sha1::new().finalize().into();
        self.received == 0
            && self.options.size.is_none_or(|size| size == 0)
            && self.options.modified_ms.is_none()
            && self.options.sha1.is_none_or(|announced| announced == empty)
    }

    /// Takes the next bytes of the body.
    ///
    /// # Errors
    /// [`Error::Length`] when more come than were promised; a part's failure.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        self.received += bytes.len() as u64;
        if let Some(expected) = self.options.size.filter(|expected| self.received > *expected) {
            return Err(Error::Length { expected, received: self.received });
        }
        self.hasher.update(&bytes);
        if let State::Spooling(spool) = &mut self.state {
            return spool.file.write_all(&bytes).await.map_err(spool_failed);
        }
        while !bytes.is_empty() {
            let part = self.plan.size_of(self.number);
            if self.permit.is_none() {
                let wanted = self.options.size.map_or(part, |size| size.min(part));
                self.permit = Some(self.tree.0.uploads.take(wanted).await?);
            }
            let room = usize::try_from(part - self.buffered).unwrap_or(usize::MAX);
            let piece = bytes.split_to(room.min(bytes.len()));
            self.buffered += piece.len() as u64;
            self.buffer.push(piece);
            // A known last part waits for the end, where it may turn out to be the whole file.
            let last = self.options.size == Some(self.received) && bytes.is_empty();
            if self.buffered == part && !last {
                self.flush_part().await?;
                if let State::Spooling(spool) = &mut self.state {
                    return spool.file.write_all(&bytes).await.map_err(spool_failed);
                }
            }
        }
        Ok(())
    }

    /// Sends the full buffer, after the part before it.
    async fn flush_part(&mut self) -> Result<(), Error> {
        let session = match std::mem::replace(&mut self.state, State::Failed) {
            State::Gathering => match self.open_session().await? {
                Some(session) => session,
                // Now spooling: the buffer is on disk.
                None => return Ok(()),
            },
            State::Sending(task) => joined(task).await?,
            State::Spooling(_) | State::Failed => return Err(Error::Upload("an earlier part failed".to_owned())),
        };
        self.state = State::Sending(self.send_buffer(session));
        Ok(())
    }

    fn send_buffer(&mut self, mut session: Session) -> JoinHandle<Result<Session, Error>> {
        let (chunks, number, permit) = (std::mem::take(&mut self.buffer), self.number, self.permit.take());
        self.buffered = 0;
        self.number += 1;
        calls::spawn(async move {
            let sent = session.send(number, &chunks).await;
            drop(permit);
            sent.map(|()| session)
        })
    }

    /// A session for a file of several parts; none when the drive may have the content, which is then
    /// spooled.
    async fn open_session(&mut self) -> Result<Option<Session>, Error> {
        let rapid = self.target.mount.settings.rapid_upload;
        let hint = match self.options.size.filter(|_| rapid) {
            Some(_) => ContentHint::PreHash(self.pre_hash()),
            None => ContentHint::None,
        };
        let probing = matches!(hint, ContentHint::PreHash(_));
        match self.create(self.options.size, hint).await {
            Err(error) if probing && is(&error, ErrorKind::PreHashMatched) => {
                if self.begin_spool().await? {
                    return Ok(None);
                }
                self.session_of(self.create(self.options.size, ContentHint::None).await?).map(Some)
            }
            created => self.session_of(created?).map(Some),
        }
    }

    fn pre_hash(&self) -> [u8; 20] {
        let mut hasher = Sha1::new();
        let mut left = PRE_HASH_BYTES;
        for chunk in &self.buffer {
            let piece = &chunk[..chunk.len().min(left)];
            hasher.update(piece);
            left -= piece.len();
        }
        hasher.finalize().into()
    }

    async fn create(&self, size: Option<u64>, content: ContentHint) -> Result<Created, Error> {
        let request = CreateFile {
            drive_id: &self.target.drive_id,
            parent_file_id: &self.target.folder.file_id,
            name: self.target.name(),
            check_name_mode: CheckNameMode::Ignore,
            size,
            parts: if size == Some(0) { 0 } else { self.plan.count() },
            content,
            local_modified_ms: self.options.modified_ms,
            local_created_ms: None,
        };
        let client = &self.target.mount.account.client;
        client.create_file(request).await.map_err(|error| self.tree.parent_gone(&self.target, error))
    }

    fn session_of(&self, created: Created) -> Result<Session, Error> {
        match created {
            Created::Session(session) => {
                let count = self.options.size.map(|_| self.plan.count());
                Ok(Session::new(
                    self.target.mount.account.client.clone(),
                    self.target.drive_id.clone(),
                    session,
                    count,
                    self.target.mount.settings.internal_upload,
                ))
            }
            Created::Done { .. } | Created::Exists { .. } => {
                Err(Error::Upload("the drive opened no session".to_owned()))
            }
        }
    }

    /// Turns to the spool if it has room.
    async fn begin_spool(&mut self) -> Result<bool, Error> {
        let room = &self.tree.0.uploads;
        let size = self.options.size.unwrap_or(u64::MAX);
        let before = room.spooled.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) > room.settings.spool_limit {
            room.spooled.fetch_sub(size, Ordering::Relaxed);
            return Ok(false);
        }
        let dir = room.settings.spool_dir.clone().unwrap_or_else(std::env::temp_dir);
        let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(dir)).await;
        let file = file.map_err(|_| Error::Stopping).and_then(|file| file.map_err(spool_failed));
        let (file, reader) = match file.and_then(|file| Ok((file.try_clone().map_err(spool_failed)?, file))) {
            Ok(files) => files,
            Err(error) => {
                room.spooled.fetch_sub(size, Ordering::Relaxed);
                return Err(error);
            }
        };
        let spooled = room.spooled.clone();
        let mut spool = Spool { file: tokio::fs::File::from_std(file), reader: Arc::new(reader), size, spooled };
        for chunk in std::mem::take(&mut self.buffer) {
            spool.file.write_all(&chunk).await.map_err(spool_failed)?;
        }
        (self.buffered, self.permit) = (0, None);
        self.state = State::Spooling(spool);
        Ok(true)
    }

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

fn is(error: &Error, kind: ErrorKind) -> bool {
    matches!(error, Error::Upstream(upstream) if upstream.kind == kind)
}

async fn joined(task: JoinHandle<Result<Session, Error>>) -> Result<Session, Error> {
    match task.await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Stopping),
    }
}

fn spool_failed(error: io::Error) -> Error {
    Error::Spool(error.to_string())
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
