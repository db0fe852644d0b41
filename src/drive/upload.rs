//! Uploads: one pass over the body, memory bounded, the old content in place until the new is checked.
//!
//! Bytes are hashed as they come and kept in buffers of one part; a full part is sent while the next one
//! fills, unless the drive has the content already (see `offer`). Nothing shows in the tree before [`Upload::finish`], and what is dropped before leaves nothing there.

mod buffer;
mod commit;
pub(super) mod limits;
mod memory;
mod offer;
mod session;
mod tentative;

use std::sync::Arc;

use bytes::Bytes;
use sha1::Digest as _;
use tokio::task::JoinHandle;

use crate::calls;
use crate::digest::Sha1;
use crate::drive::change::Expected;
use crate::drive::change::target::Target;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::path::Path;
use crate::drive::removals::Begun;
use crate::drive::tree::Tree;
use crate::drive::upload::buffer::PartBuffer;
use crate::drive::upload::offer::{PRE_HASH_BYTES, Spool};
use crate::drive::upload::session::{PartPlan, Session};
use crate::drive::upload::tentative::Tentative;
use crate::upstream::{CheckNameMode, ContentHint, Created, ErrorKind};

/// How often what is found under a name may be gone again before its upload begins.
const MOST_SURPRISES: u32 = 4;

/// What is known of a body beforehand.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Bytes, where promised.
    pub size: Option<u64>,
    /// SHA-1 that the client announced.
    pub sha1: Option<Sha1>,
    /// Time of modification, Unix milliseconds.
    pub modified_ms: Option<i64>,
    /// What the name must still hold when the content takes its place.
    pub expected: Expected,
}

/// A body on its way to the drive.
pub struct Upload {
    pub(super) tree: Tree,
    pub(super) target: Target,
    /// What the drive is known to have under the name. Where it is nothing, the drive is asked to refuse.
    pub(super) known: Option<Arc<Entry>>,
    /// Takes no name that holds anything.
    gives_way: bool,
    /// Whoever uploads has the turn at the name already.
    in_turn: bool,
    options: UploadOptions,
    plan: PartPlan,
    pub(super) hasher: sha1::Sha1,
    pub(super) received: u64,
    /// The part that fills.
    pub(super) buffer: PartBuffer,
    /// Number of the part that fills.
    number: u32,
    /// All of the body has come and is what was promised.
    pub(super) whole: bool,
    /// What of it shows on the drive before its end, as it is written down. Dropped, it is seen to.
    pub(super) begun: Option<Begun>,
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
    /// [`Error::ParentMissing`], [`Error::ReadOnly`], [`Error::Protected`], a listing's failure;
    /// [`Error::PartsTooLarge`] if the memory cannot hold a part of a file of this size.
    pub async fn upload(&self, path: &Path, options: UploadOptions) -> Result<Upload, Error> {
        let target = self.target(path).await?;
        self.upload_to(target, options).await
    }

    async fn upload_to(&self, target: Target, options: UploadOptions) -> Result<Upload, Error> {
        let limits = &self.0.uploads;
        let largest = limits.memory.largest_part();
        let plan = PartPlan::new(limits.settings.part_size, options.size, largest).ok_or(Error::PartsTooLarge)?;
        let known = self.known(&target, None).await.flatten();
        Ok(Upload { known, ..Upload::new(self.clone(), target, options, plan) })
    }
}

impl Upload {
    fn new(tree: Tree, target: Target, options: UploadOptions, plan: PartPlan) -> Self {
        Self {
            buffer: PartBuffer::new(tree.0.uploads.memory.clone()),
            plan,
            tree,
            target,
            options,
            hasher: sha1::Sha1::new(),
            received: 0,
            number: 1,
            known: None,
            gives_way: false,
            in_turn: false,
            whole: false,
            begun: None,
            state: State::Gathering,
        }
    }

    /// Whether the body is empty and kept every promise made of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.received == 0
            && self.options.size.is_none_or(|size| size == 0)
            && self.options.modified_ms.is_none()
            && self.options.sha1.is_none_or(|announced| announced == Sha1::EMPTY)
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
                    return self.offer_if_ready().await;
                }
                State::Attached(attached) => {
                    self.state = State::Attached(attached);
                    return Ok(());
                }
                // Until its bytes are in the buffer nothing may be made of it.
                state => self.take(state, &mut bytes).await?,
            }
        }
        Ok(())
    }

    /// Takes as much as the part has room for, and sends it when it is whole.
    async fn take(&mut self, state: State, bytes: &mut Bytes) -> Result<(), Error> {
        let part = self.plan.size_of(self.number);
        let room = usize::try_from(part - self.buffer.len()).unwrap_or(usize::MAX);
        let piece = bytes.split_to(room.min(bytes.len()));
        self.buffer.push(&piece, self.options.size.map_or(part, |size| size.min(part))).await?;
        self.state = state;
        // A known last part waits for the end, where it may turn out to be the whole file.
        let last = self.options.size == Some(self.received) && bytes.is_empty();
        let ready = !last && (self.buffer.len() == part || self.goes_early(bytes.len() as u64));
        if matches!(self.state, State::Gathering) && (ready || self.offers_early(part)) {
            self.offer_through().await?;
        }
        if ready {
            self.flush_part().await?;
        }
        Ok(())
    }

    /// Whether the part is sent before it is whole: it fills slowly while others wait for memory. Parts may differ in
    /// size (reference 3.12), but their number is bounded.
    fn goes_early(&self, ahead: u64) -> bool {
        let come = self.received - ahead;
        self.plan.may_cut(self.number, self.buffer.len(), come) && self.buffer.is_in_the_way()
    }

    /// Carries an offer out to its end and takes what it made, even if the client leaves meanwhile: content that the
    /// drive attached shows in the tree, and only who knows its id can remove it.
    async fn offer_through(&mut self) -> Result<(), Error> {
        let tree = self.tree.clone();
        let empty = Self::new(tree.clone(), self.target.clone(), self.options.clone(), self.plan);
        let mut offering = std::mem::replace(self, Self { state: State::Failed, ..empty });
        let work = async move {
            let state = std::mem::replace(&mut offering.state, State::Failed);
            let offered = match state {
                State::Spooling(spool) => offering.offer_spooled(spool).await,
                _ => offering.offer().await,
            };
            offered.map(|state| {
                offering.state = state;
                offering
            })
        };
        *self = tree.see_through(work).await??;
        Ok(())
    }

    /// Offers a spooled body once its proof has come.
    async fn offer_if_ready(&mut self) -> Result<(), Error> {
        match &self.state {
            State::Spooling(spool) if spool.can_be_offered(self.received) => self.offer_through().await,
            _ => Ok(()),
        }
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

    fn send_buffer(&mut self, mut session: Session) -> JoinHandle<Result<Session, Error>> {
        let (chunks, number) = (self.buffer.take(), self.number);
        self.number += 1;
        calls::spawn(async move {
            session.send(number, &chunks).await?;
            Ok(session)
        })
    }

    /// The first call. What the drive turns out to have under the name is learnt, and replaced if it may be.
    async fn create(&mut self, size: Option<u64>, content: ContentHint) -> Result<Created, Error> {
        let mut beside_undecided = false;
        for _ in 0..MOST_SURPRISES {
            let beside = self.known.is_some() || beside_undecided;
            let mode = if beside { CheckNameMode::Ignore } else { CheckNameMode::Refuse };
            let file_id = match self.make(size, content.clone(), mode).await? {
                Ok(Created::Exists { file_id }) => Some(file_id),
                Ok(created) => return Ok(created),
                Err(error) if error.kind == ErrorKind::NameExists => None,
                Err(error) => return Err(self.tree.not_created(&self.target, error).await),
            };
            self.shows_nothing();
            if self.is_nobodys(file_id.as_deref()) {
                beside_undecided = true;
                continue;
            }
            self.known = self.tree.learn(&self.target, file_id.as_deref()).await?;
            let known = self.known.as_deref();
            if known.is_some_and(Entry::is_folder) {
                return Err(Error::IsAFolder);
            }
            if known.is_some() && (self.gives_way || self.options.expected == Expected::Nothing) {
                return Err(if self.gives_way { Error::NameExists } else { Error::ConditionFailed });
            }
        }
        Err(Error::Upload("the drive refuses the name and has nothing of it".to_owned()))
    }

    /// Whether what bears the name is shown to nobody: attached for an upload that is not decided, or on its way out.
    fn is_nobodys(&self, file_id: Option<&str>) -> bool {
        let removals = &self.target.mount.account.removals;
        match file_id {
            Some(id) => removals.hides(id) || self.tree.0.uploads.undecided.lock().contains(id),
            None => removals.is_in_the_way(&self.target.folder.file_id, self.target.name()),
        }
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
}

fn earlier_failure() -> Error {
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
