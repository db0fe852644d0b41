//! The file that an upload makes: the calls that make it, and what of them is written down.
//!
//! Content that the drive had shows in the tree as soon as it is attached, and a commit may take effect though its
//! answer never comes. So what an upload makes and what it replaces is written down beforehand (`removals`): unless
//! the upload ends well, what it made goes again, since the client was told that nothing was stored.
//!
//! Its calls are made by whoever sees them through: half of one is for the journal to find out.

use std::sync::Arc;

use crate::digest::Sha1;
use crate::drive::account::uploading::Counted;
use crate::drive::change::namespace::Namespace;
use crate::drive::change::target::Target;
use crate::drive::change::terms::Expected;
use crate::drive::change::turns::Turn;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::removals::Begun;
use crate::drive::removals::record::{Stage, hex};
use crate::drive::upload::body::Content;
use crate::drive::upload::options::UploadOptions;
use crate::drive::upload::plan::PartPlan;
use crate::drive::upload::session::Session;
use crate::drive::upload::uncommitted::UncommittedFile;
use crate::upstream::{self, CheckNameMode, ContentHint, CreateFile, Created, ErrorKind};

/// How often what is found under a name may be gone again before its upload begins.
const MOST_SURPRISES: u32 = 4;

/// A file that is to be made under a name.
pub(super) struct Draft {
    pub(super) names: Namespace,
    pub(super) target: Target,
    pub(super) options: UploadOptions,
    /// Takes no name that holds anything.
    pub(super) gives_way: bool,
    /// Whoever uploads has the turn at the name already.
    in_turn: bool,
    /// What the drive is known to have under the name. Where it is nothing, the drive is asked to refuse.
    known: Option<Arc<Entry>>,
    /// All of the body has come and is what was promised.
    whole: bool,
    /// What of it shows on the drive before its end, as it is written down. Dropped, it is seen to.
    begun: Option<Begun>,
    /// It is one of the account's uploads to its very end.
    _counted: Counted,
}

impl Draft {
    /// Makes no call.
    pub(super) async fn new(names: Namespace, target: Target, options: UploadOptions) -> Self {
        let known = names.known(&target, None).await.entry();
        let _counted = target.mount.account.uploads.begin();
        Self { names, target, options, gives_way: false, in_turn: false, known, whole: false, begun: None, _counted }
    }

    /// The same by who has the turn at the name; not where something is if it `gives_way`.
    pub(super) fn in_turn(self, gives_way: bool) -> Self {
        Self { gives_way, in_turn: true, ..self }
    }

    /// All of the body has come and is what was promised: whatever shows of it from now on may as well stay.
    pub(super) fn is_whole(&mut self) {
        self.whole = true;
    }

    /// The turn at the name, unless it is had already.
    ///
    /// # Errors
    /// As [`Namespace::turn`].
    pub(super) async fn turn_to_offer(&self) -> Result<Option<Turn>, Error> {
        if self.in_turn { Ok(None) } else { self.names.turn(&self.target).await.map(Some) }
    }

    /// Takes over what is known of the name by now.
    pub(super) async fn look_again(&mut self) {
        self.known = self.names.known(&self.target, None).await.entry().or(self.known.take());
    }

    /// Opens a session for content that is not offered.
    pub(super) async fn plain_session(&mut self, plan: PartPlan) -> Result<Session, Error> {
        let created = self.create(plan, ContentHint::None).await?;
        self.session(plan, created)
    }

    /// The session that the drive has opened.
    pub(super) fn session(&self, plan: PartPlan, created: Created) -> Result<Session, Error> {
        match created {
            Created::Session(session) => Ok(Session::new(&self.target, session, plan.size().map(|_| plan.count()))),
            Created::Done { .. } | Created::Exists { .. } => {
                Err(Error::Upload("the drive opened no session".to_owned()))
            }
        }
    }

    /// The first call. What the drive turns out to have under the name is learnt, and replaced if it may be.
    pub(super) async fn create(&mut self, plan: PartPlan, content: ContentHint) -> Result<Created, Error> {
        let mut beside_undecided = false;
        for _ in 0..MOST_SURPRISES {
            let beside = self.known.is_some() || beside_undecided;
            let mode = if beside { CheckNameMode::Ignore } else { CheckNameMode::Refuse };
            let file_id = match self.make(plan, content.clone(), mode).await? {
                Ok(Created::Exists { file_id }) => Some(file_id),
                Ok(created) => return Ok(created),
                Err(error) if error.kind == ErrorKind::NameExists => None,
                Err(error) => return Err(self.names.not_created(&self.target, error).await),
            };
            self.shows_nothing();
            if self.is_nobodys(file_id.as_deref()) {
                beside_undecided = true;
                continue;
            }
            self.known = self.names.learn(&self.target, file_id.as_deref()).await?;
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
            Some(id) => removals.hides(id) || self.names.is_undecided(&self.target, id),
            None => removals.is_in_the_way(&self.target.folder.file_id, self.target.name()),
        }
    }

    /// The call that makes the file. What may show at once is written down before.
    async fn make(
        &mut self,
        plan: PartPlan,
        content: ContentHint,
        mode: CheckNameMode,
    ) -> Result<Result<Created, upstream::Error>, Error> {
        if let ContentHint::Full { sha1, .. } = &content {
            self.offers(*sha1, plan.size().unwrap_or_default()).await?;
        }
        let target = &self.target;
        let journal = &target.mount.account.removals;
        let _making = journal.makes(&target.folder.file_id);
        let request = CreateFile {
            drive_id: &target.drive_id,
            parent_file_id: &target.folder.file_id,
            name: target.name(),
            check_name_mode: mode,
            size: plan.size(),
            parts: if plan.size() == Some(0) { 0 } else { plan.count() },
            content,
            local_modified: self.options.modified,
            local_created: None,
        };
        let made = target.mount.account.client.create_file(request).await;
        if let Ok(Created::Done { file_id, .. }) = &made {
            journal.is_known(&target.folder.file_id, file_id).await;
        }
        Ok(made)
    }

    /// Content is about to be offered to the drive, which may attach it beside what it is to replace.
    async fn offers(&mut self, sha1: Sha1, size: u64) -> Result<(), Error> {
        let old = self.known.clone().filter(|known| !known.is_folder());
        if self.whole && old.is_none() {
            // Whatever comes, the name holds what was to be there.
            return Ok(());
        }
        self.write_down(old.as_deref(), Stage::Offered { sha1: hex(&sha1), size, whole: self.whole }).await
    }

    /// The drive has attached content that was offered. That it is to go again is written down, unless all of it has
    /// come: then it may as well stay.
    pub(super) async fn attached(
        &mut self,
        file_id: String,
        upload_id: Option<String>,
    ) -> Result<UncommittedFile, Error> {
        let file = UncommittedFile::attached(self.names.undecided(), file_id, upload_id);
        if !self.whole {
            self.attaches(&file.file_id).await?;
        }
        Ok(file)
    }

    /// All parts of a session are sent.
    pub(super) fn sent(&self, session: Session) -> UncommittedFile {
        UncommittedFile::sent(self.names.undecided(), session)
    }

    /// The drive has opened a session or refused: nothing shows.
    pub(super) fn shows_nothing(&self) {
        if let Some(begun) = &self.begun {
            begun.shows_nothing();
        }
    }

    /// The commit is about to be made; `old` goes if it takes effect.
    pub(super) async fn commits(
        &mut self,
        file: &UncommittedFile,
        content: Content,
        old: Option<&Entry>,
    ) -> Result<(), Error> {
        let (sha1, size) = (hex(&content.sha1), content.size);
        self.write_down(old, Stage::Committed { file_id: file.file_id.clone(), sha1, size }).await
    }

    /// Makes sure that the commit is still ours to tell. If it is not, the draft is to be dropped.
    ///
    /// # Errors
    /// As [`Namespace::confirm`].
    pub(super) async fn confirm(&self) -> Result<(), Error> {
        self.names.confirm(self.begun.as_ref(), &[&self.target]).await
    }

    /// The commit has taken effect; gives what is written down of it.
    pub(super) fn took_place(&mut self) -> Option<Begun> {
        self.begun.take()
    }

    /// The upload has failed; returns when what it made is gone, or is hidden. `may_yet`: the drive may still be at
    /// its commit.
    pub(super) async fn came_to_nothing(&mut self, file: &UncommittedFile, may_yet: bool) {
        if file.attached
            && let Err(error) = self.attaches(&file.file_id).await
        {
            tracing::error!(%error, file = file.file_id, "what is to be removed could not be written down");
        }
        if let Some(begun) = self.begun.take() {
            begun.came_to_nothing(may_yet).await;
        }
    }

    async fn attaches(&mut self, file_id: &str) -> Result<(), Error> {
        let stage = Stage::Attached { file_id: file_id.to_owned() };
        match &self.begun {
            Some(begun) => begun.reach(stage).await,
            None => self.write_down(None, stage).await,
        }
    }

    async fn write_down(&mut self, old: Option<&Entry>, stage: Stage) -> Result<(), Error> {
        match &self.begun {
            Some(begun) => {
                let way = self.target.mount.settings.remove_way;
                begun.replaces(old.map(|old| (old, way)), stage).await
            }
            None => {
                self.begun = Some(self.target.write_down(old, stage).await?);
                Ok(())
            }
        }
    }
}
