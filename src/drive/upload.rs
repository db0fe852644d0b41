//! Uploads: one pass over the body, memory bounded, the old content in place until the new is checked.
//!
//! Bytes are hashed as they come and kept in buffers of one part; a full part is sent while the next one
//! fills, unless the drive has the content already (see `rapid`). Nothing shows in the tree before [`Upload::finish`], and what is dropped before leaves nothing there.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use sha1::{Digest as _, Sha1};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::part_buffer::PartBuffer;
use super::rapid::{PRE_HASH_BYTES, Spool};
use super::tentative::Tentative;
use super::upload_parts::{PartPlan, Session};
use super::write::Target;
use super::{Error, Path, Tree};
use crate::config;
use crate::upstream::{CheckNameMode, ContentHint, CreateFile, Created, ErrorKind, calls};

/// What is known of a body beforehand.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Bytes, where promised.
    pub size: Option<u64>,
    /// SHA-1 that the client announced.
    pub sha1: Option<[u8; 20]>,
    /// Time of modification, Unix milliseconds.
    pub modified_ms: Option<i64>,
    /// Entity tag of what the name must still hold when the content takes its place (absent within for nothing),
    /// where the client made that a condition.
    pub expected: Option<Option<String>>,
}

/// What all uploads share: memory, the spool's limit, one commit at a time for each name.
pub(super) struct UploadRoom {
    pub(super) settings: config::Upload,
    /// In KiB.
    memory: Arc<Semaphore>,
    memory_kib: u32,
    pub(super) spooled: Arc<AtomicU64>,
    /// Work that goes on after its request has ended.
    pub(super) tasks: TaskTracker,
    pub(super) commits: moka::sync::Cache<(usize, Path), Arc<tokio::sync::Mutex<()>>>,
}

impl UploadRoom {
    pub(super) fn new(settings: &config::Upload) -> Self {
        let memory_kib = u32::try_from(settings.memory >> 10).unwrap_or(u32::MAX).max(1);
        Self {
            settings: settings.clone(),
            memory: Arc::new(Semaphore::new(memory_kib as usize)),
            memory_kib,
            spooled: Arc::default(),
            tasks: TaskTracker::new(),
            commits: moka::sync::Cache::builder().max_capacity(10_000).build(),
        }
    }

    pub(super) fn metadata_files(&self) -> config::MetadataFiles {
        self.settings.metadata_files
    }

    pub(super) async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Error> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, self.memory_kib);
        self.memory.clone().acquire_many_owned(kib).await.map_err(|_| Error::Stopping)
    }
}

/// A body on its way to the drive.
pub struct Upload {
    pub(super) tree: Tree,
    pub(super) target: Target,
    pub(super) options: UploadOptions,
    pub(super) plan: PartPlan,
    pub(super) hasher: Sha1,
    pub(super) received: u64,
    /// The part that fills.
    pub(super) buffer: PartBuffer,
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// Number of the part that fills.
    number: u32,
    pub(super) state: State,
}

pub(super) enum State {
    /// No session yet: all that came is in the buffer.
    Gathering,
    /// A session of which no part is on its way yet.
    Open(Session),
    /// A session whose last full part may be on its way.
    Sending(JoinHandle<Result<Session, Error>>),
    /// The drive may have the content: it waits on disk for its hash.
    Spooling(Spool),
    /// The drive had what the client announced: the rest is only compared.
    Attached(Tentative),
    /// A call failed; nothing more is taken.
    Failed,
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
        let settings = &self.0.uploads.settings;
        Ok(Upload {
            plan: PartPlan::new(settings.part_size, options.size, settings.memory),
            tree: self.clone(),
            target,
            options,
            hasher: Sha1::new(),
            received: 0,
            buffer: PartBuffer::default(),
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
        while !bytes.is_empty() {
            match std::mem::replace(&mut self.state, State::Failed) {
                State::Spooling(spool) => {
                    self.state = self.spool(spool, &bytes).await?;
                    return Ok(());
                }
                State::Attached(attached) => {
                    self.state = State::Attached(attached);
                    return Ok(());
                }
                state => self.state = state,
            }
            let part = self.plan.size_of(self.number);
            if self.permit.is_none() {
                let wanted = self.options.size.map_or(part, |size| size.min(part));
                self.permit = Some(self.tree.0.uploads.take(wanted).await?);
            }
            let room = usize::try_from(part - self.buffer.len()).unwrap_or(usize::MAX);
            let piece = bytes.split_to(room.min(bytes.len()));
            self.buffer.push(&piece);
            // A known last part waits for the end, where it may turn out to be the whole file.
            let last = self.options.size == Some(self.received) && bytes.is_empty();
            let full = self.buffer.len() == part && !last;
            if matches!(self.state, State::Gathering) && (full || self.offers_early(part)) {
                self.state = State::Failed;
                self.state = self.offer().await?;
            }
            if full {
                self.flush_part().await?;
            }
        }
        Ok(())
    }

    /// Whether the first call can be made before the first part is full, so that a drive without room says so at
    /// once. An announced hash is worth waiting for the bytes that prove it.
    fn offers_early(&self, part: u64) -> bool {
        self.options.sha1.is_none()
            && self.options.size.is_some_and(|size| size > part)
            && self.buffer.len() >= PRE_HASH_BYTES as u64
    }

    /// Sends the full buffer, after the part before it.
    async fn flush_part(&mut self) -> Result<(), Error> {
        let session = match std::mem::replace(&mut self.state, State::Failed) {
            State::Open(session) => session,
            State::Sending(task) => joined(task).await?,
            // What the drive has, or may have, is not sent.
            state @ (State::Spooling(_) | State::Attached(_)) => {
                self.state = state;
                return Ok(());
            }
            State::Gathering | State::Failed => return Err(earlier_failure()),
        };
        self.state = State::Sending(self.send_buffer(session));
        Ok(())
    }

    pub(super) fn send_buffer(&mut self, mut session: Session) -> JoinHandle<Result<Session, Error>> {
        let (chunks, number, permit) = (self.buffer.take(), self.number, self.permit.take());
        self.number += 1;
        let spare = self.buffer.spare();
        calls::spawn(async move {
            let sent = session.send(number, &chunks).await;
            spare.give_back(chunks);
            drop(permit);
            sent.map(|()| session)
        })
    }

    pub(super) async fn create(&self, size: Option<u64>, content: ContentHint) -> Result<Created, Error> {
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
        match client.create_file(request).await {
            Ok(created) => Ok(created),
            Err(error) => Err(self.tree.not_created(&self.target, error).await),
        }
    }

    pub(super) fn session_of(&self, created: Created) -> Result<Session, Error> {
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
}

pub(super) fn earlier_failure() -> Error {
    Error::Upload("an earlier part failed".to_owned())
}

pub(super) fn is(error: &Error, kind: ErrorKind) -> bool {
    matches!(error, Error::Upstream(upstream) if upstream.kind == kind)
}

pub(super) async fn joined(task: JoinHandle<Result<Session, Error>>) -> Result<Session, Error> {
    match task.await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Stopping),
    }
}
