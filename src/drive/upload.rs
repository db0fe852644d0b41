//! Uploads: one pass over the body, memory bounded, the old content in place until the new is checked.
//!
//! An upload is a state machine, and this file alone holds its state; the others answer what the drive makes of a call.
//!
//! ```text
//!                  the first part is full, or so far that the drive can be asked
//! Gathering ──┬── it wants the content ──────────────► Open ── a part is full ──► Sending ─┐ ◄─┘ the next
//!             ├── it may have it, by its beginning ──► Spooling ── it has what the client announced ─┐
//!             └── it has what the client announced ──► Attached ◄────────────────────────────────────┘
//! ```
//!
//! [`Upload::finish`] ends each of them: what is left is sent, or offered by its whole hash, and committed. A call that
//! fails or is cut short leaves no state at all. Nothing shows in the tree before the end, and what is dropped before
//! leaves nothing there.

mod body;
mod buffer;
pub(super) mod carry;
pub(super) mod chunks;
pub(super) mod commit;
mod draft;
pub(super) mod known;
pub(super) mod limits;
mod memory;
mod offer;
pub(super) mod options;
mod plan;
mod remembered;
mod resume;
mod send;
mod session;
pub(super) mod source;
mod spool;
mod uncommitted;

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::config;
use crate::drive::accounts::Accounts;
use crate::drive::change::namespace::Namespace;
use crate::drive::change::target::Target;
use crate::drive::change::terms::Placed;
use crate::drive::error::Error;
use crate::drive::path::Path;
use crate::drive::tasks::Tasks;
use crate::drive::upload::body::{Body, Content};
use crate::drive::upload::chunks::Chunks;
use crate::drive::upload::commit::Check;
use crate::drive::upload::draft::Draft;
use crate::drive::upload::limits::UploadLimits;
use crate::drive::upload::offer::{Offer, Opening};
use crate::drive::upload::options::UploadOptions;
use crate::drive::upload::plan::PartPlan;
use crate::drive::upload::remembered::Remembered;
use crate::drive::upload::session::{Session, joined};
use crate::drive::upload::spool::Spool;
use crate::drive::upload::uncommitted::UncommittedFile;
use crate::state::Store;

/// A body on its way to the drive.
pub struct Upload {
    uploads: Uploads,
    body: Body,
    has_time: bool,
    /// Absent once a call has failed: nothing more is taken.
    progress: Option<Progress>,
}

/// The file that is made, and how far that has come. Dropped in this order: what shows of it is hidden before it is
/// anybody's to replace.
struct Progress {
    draft: Box<Draft>,
    state: State,
}

enum State {
    /// No session yet: all that came is in the buffer.
    Gathering,
    /// A session of which no part is on its way yet.
    Open(Session),
    /// A session whose last full part may be on its way.
    Sending(JoinHandle<Result<Session, Error>>),
    /// The drive may have the content: it waits on disk for its hash.
    Spooling(Spool),
    /// The drive had what the client announced: the rest is only compared.
    Attached(UncommittedFile),
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("received", &self.body.received()).finish_non_exhaustive()
    }
}

/// What makes uploads; cheap to clone.
#[derive(Clone)]
pub(super) struct Uploads {
    limits: Arc<UploadLimits>,
    names: Namespace,
    tasks: Tasks,
    remembered: Remembered,
}

impl Uploads {
    /// `limits` are those of all uploads of the process.
    pub(super) fn new(limits: Arc<UploadLimits>, names: Namespace, tasks: Tasks, store: Store) -> Self {
        Self { limits, names, tasks, remembered: Remembered::new(store) }
    }

    /// The same limits over other mounts.
    pub(super) fn over(&self, names: Namespace) -> Self {
        Self { names, ..self.clone() }
    }

    pub(super) fn settings(&self) -> &config::Upload {
        &self.limits.settings
    }

    /// Gives up the sessions of cut uploads that nobody has come back for.
    pub(super) async fn leave_old(&self, accounts: &Accounts) -> Result<(), Error> {
        self.remembered.leave_old(accounts.by_name()).await
    }

    /// Bytes that all uploads hold.
    pub(super) fn memory(&self) -> u64 {
        self.limits.memory.held()
    }

    /// Begins a body that comes in chunks; makes no call.
    pub(super) async fn chunks(&self) -> Result<Chunks, Error> {
        Chunks::new(&self.limits).await
    }

    /// Begins an upload to a path; makes no call but those of resolving the folder.
    pub(super) async fn begin(&self, path: &Path, options: UploadOptions) -> Result<Upload, Error> {
        let target = self.names.target(path).await?;
        Upload::new(self.clone(), Draft::new(self.names.clone(), target, options).await)
    }

    /// Puts content that is at hand under a name, by whoever has the turn; not where something is if it `gives_way`.
    pub(super) async fn put_in_turn(
        &self,
        target: &Target,
        content: Vec<u8>,
        gives_way: bool,
    ) -> Result<Placed, Error> {
        let options = UploadOptions { size: Some(content.len() as u64), ..UploadOptions::default() };
        let draft = Draft::new(self.names.clone(), target.clone(), options).await.in_turn(gives_way);
        let mut upload = Upload::new(self.clone(), draft)?;
        upload.write(content.into()).await?;
        let (draft, file, content) = upload.send().await?;
        commit::take_place(draft, file, content, Check::Now, None).await
    }
}

impl Upload {
    fn new(uploads: Uploads, draft: Draft) -> Result<Self, Error> {
        let limits = &uploads.limits;
        let largest = limits.memory.largest_part();
        let plan = PartPlan::new(limits.settings.part_size, draft.options.size, largest).ok_or(Error::PartsTooLarge)?;
        Ok(Self {
            body: Body::new(&draft.options, plan, limits.memory.clone()),
            has_time: draft.options.modified.is_some(),
            uploads,
            progress: Some(Progress { draft: Box::new(draft), state: State::Gathering }),
        })
    }

    /// Whether the body is empty and kept every promise made of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.body.is_empty() && !self.has_time
    }

    /// Takes the next bytes of the body.
    ///
    /// # Errors
    /// [`Error::Length`] when more come than were promised; a part's failure.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        self.body.count(&bytes)?;
        while !bytes.is_empty() {
            // Until the bytes have found their place nothing may be made of the upload.
            let progress = self.progress.take().ok_or_else(earlier_failure)?;
            self.progress = Some(self.take(progress, &mut bytes).await?);
        }
        Ok(())
    }

    /// Takes as much of what has come as the state has room for; gives the next state.
    async fn take(&mut self, progress: Progress, bytes: &mut Bytes) -> Result<Progress, Error> {
        match progress.state {
            State::Attached(_) => {
                bytes.clear();
                Ok(progress)
            }
            State::Spooling(mut spool) => {
                spool.write(bytes).await?;
                bytes.clear();
                self.spooled(progress.draft, spool).await
            }
            State::Gathering | State::Open(_) | State::Sending(_) => self.fill(progress, bytes).await,
        }
    }

    /// Takes as much as the part has room for, asks the drive for a place when it can, and sends what is whole.
    async fn fill(&mut self, mut progress: Progress, bytes: &mut Bytes) -> Result<Progress, Error> {
        let filled = self.body.fill(bytes).await?;
        if filled.opens && matches!(progress.state, State::Gathering) {
            progress = self.open(progress.draft).await?;
        }
        if !filled.ready {
            return Ok(progress);
        }
        let Progress { draft, state } = progress;
        let session = match state {
            State::Open(session) => session,
            State::Sending(task) => joined(task).await?,
            // What the drive has, or may have, is not sent.
            state @ (State::Gathering | State::Spooling(_) | State::Attached(_)) => {
                return Ok(Progress { draft, state });
            }
        };
        Ok(Progress { draft, state: State::Sending(self.body.send(session)) })
    }

    /// Asks the drive for a place.
    async fn open(&mut self, mut draft: Box<Draft>) -> Result<Progress, Error> {
        let beginning = self.body.beginning();
        let work = async move { offer::open(&mut draft, beginning).await.map(|opening| (draft, opening)) };
        let (draft, opening) = self.carried_out(work).await?;
        let offer = match opening {
            Opening::Known(offer) => offer,
            Opening::MayHave { ask_at } => return self.begin_spool(draft, ask_at).await,
        };
        let state = match offer {
            Offer::Wanted(session) => State::Open(session),
            Offer::Attached(file) => {
                self.body.buffer.take();
                State::Attached(file)
            }
        };
        Ok(Progress { draft, state })
    }

    /// Carries an offer out to its end and takes what it made, even if the client leaves meanwhile: content that the
    /// drive attached shows in the tree, and only who knows its id can remove it.
    async fn carried_out<T: Send + 'static>(
        &self,
        offer: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.uploads.tasks.see_through(offer).await?
    }

    /// Turns to the spool if it has room, else to a session.
    async fn begin_spool(&mut self, mut draft: Box<Draft>, ask_at: Option<u64>) -> Result<Progress, Error> {
        let plan = self.body.plan;
        let Some(mut spool) = Spool::begin(&self.uploads.limits, plan.size().unwrap_or_default(), ask_at).await? else {
            let work = async move { draft.plain_session(plan).await.map(|session| (draft, session)) };
            let (draft, session) = self.carried_out(work).await?;
            return Ok(Progress { draft, state: State::Open(session) });
        };
        for chunk in self.body.buffer.take() {
            spool.write(&chunk).await?;
        }
        Ok(Progress { draft, state: State::Spooling(spool) })
    }

    /// More has come to the spool: the announced content is asked for once its proof is there.
    async fn spooled(&mut self, mut draft: Box<Draft>, mut spool: Spool) -> Result<Progress, Error> {
        let announced = self.body.announced().filter(|_| spool.can_be_offered(self.body.received()));
        let Some(sha1) = announced else { return Ok(Progress { draft, state: State::Spooling(spool) }) };
        spool.ask_at = None;
        let (proof, plan) = (spool.proof().await?, self.body.plan);
        let work = async move { offer::offer_hash(&mut draft, plan, sha1, proof).await.map(|offer| (draft, offer)) };
        let (draft, offer) = self.carried_out(work).await?;
        let state = match offer {
            Offer::Attached(file) => State::Attached(file),
            Offer::Wanted(session) => {
                spool.session = Some(session);
                State::Spooling(spool)
            }
        };
        Ok(Progress { draft, state })
    }

    /// Commits the body: when this returns, the path has the new content. Runs to its end even if the
    /// caller leaves.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Checksum`], [`Error::Corrupt`], a call's failure; the old content is in
    /// place then.
    pub async fn finish(self) -> Result<Placed, Error> {
        let tasks = self.uploads.tasks.clone();
        let work = async move {
            let (draft, file, content) = self.send().await?;
            commit::in_turn(draft, file, content, Check::Now).await
        };
        tasks.see_through(work).await?
    }

    /// All of the body gets to the drive.
    async fn send(self) -> Result<(Box<Draft>, UncommittedFile, Content), Error> {
        let mut body = self.body;
        let content = body.end()?;
        let Progress { mut draft, state } = self.progress.ok_or_else(earlier_failure)?;
        draft.is_whole();
        let file = match state {
            State::Gathering => send::whole(&mut draft, &mut body, content).await?,
            State::Open(session) => draft.sent(body.send_last(session).await?),
            State::Sending(task) => draft.sent(body.send_last(joined(task).await?).await?),
            State::Spooling(spool) => send::spooled(&mut draft, &mut body, spool, content).await?,
            State::Attached(file) => file,
        };
        Ok((draft, file, content))
    }
}

fn earlier_failure() -> Error {
    Error::Upload("an earlier part failed".to_owned())
}
