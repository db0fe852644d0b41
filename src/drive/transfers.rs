//! MOVE and COPY of what a path shows: of a file that stays here, is held back or made by a view, by its content, of
//! what is on the drive by the drive's own calls, and between drives file by file where the drive has no call for it.

mod across;
mod compare;
mod drive_file;
mod failures;
pub(super) mod follower;
pub(super) mod jobs;
mod plan;
mod work;

use std::sync::Arc;

use crate::calls::Background;
use crate::drive::change::copy::Copies;
use crate::drive::change::namespace::Namespace;
use crate::drive::change::relocate::{Moves, check_places};
use crate::drive::change::target::Target;
use crate::drive::change::terms::{Expected, Placed, Terms};
use crate::drive::change::turns::Turn;
use crate::drive::download::Downloads;
use crate::drive::entry::{Entry, Origin};
use crate::drive::error::Error;
use crate::drive::held::Held;
use crate::drive::held::files::HeldFile;
use crate::drive::listing::Listings;
use crate::drive::listing::cache::Freshness;
use crate::drive::mounts::Mounts;
use crate::drive::path::Path;
use crate::drive::removals::Begun;
use crate::drive::removals::record::Stage;
use crate::drive::transfers::across::Across;
use crate::drive::transfers::follower::Followers;
use crate::drive::transfers::jobs::Jobs;
use crate::drive::transfers::work::Tools;
use crate::drive::upload::Uploads;
use crate::drive::upload::options::UploadOptions;

/// What puts an item of one path to another.
pub(super) struct Transfers {
    mounts: Arc<Mounts>,
    listings: Listings,
    names: Namespace,
    held: Arc<Held>,
    uploads: Uploads,
    moves: Moves,
    copies: Copies,
    across: Across,
    pub(super) standing: Standing,
}

/// What outlives a change of the settings; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Standing {
    pub(super) jobs: Arc<Jobs>,
    pub(super) followers: Followers,
}

impl Transfers {
    pub(super) fn new(
        mounts: Arc<Mounts>,
        listings: Listings,
        names: Namespace,
        held: Arc<Held>,
        uploads: Uploads,
        downloads: Downloads,
        standing: Standing,
    ) -> Self {
        let (moves, copies) = (Moves::new(names.clone()), Copies::new(names.clone()));
        let followers = standing.followers.clone();
        let across = Across::new(Tools { names: names.clone(), uploads: uploads.clone(), downloads, followers });
        Self { mounts, listings, names, held, uploads, moves, copies, across, standing }
    }

    /// Puts an item to another path.
    pub(super) async fn relocate(&self, from: &Path, to: &Path, terms: &Terms) -> Result<Placed, Error> {
        if self.mounts.lie_below(from) {
            return Err(Error::Protected);
        }
        if self.mounts.of(from).map(|(mount, _)| mount.index) != self.mounts.of(to).map(|(mount, _)| mount.index) {
            self.held.settle_below(from).await?;
        }
        let (source, target, turn) = self.names.both_ends(from, to, true).await?;
        if let Some(local) = self.names.held(&source).filter(HeldFile::is_local) {
            terms.expected.check(Some(&local.entry))?;
            // What the drive has under the name must not come to light.
            let covered = self.names.look(&source, None).await?;
            let begun = covers(&source, covered.as_deref()).await?;
            let placed = self.place_local(&local, &target, terms.overwrite, true).await?;
            if let Some(begun) = begun {
                self.names.remove_replaced(&source, covered.as_deref(), begun).await;
            }
            return Ok(placed);
        }
        if !source.same_drive(&target) {
            return self.between_drives(&source, &target, turn, terms, true).await;
        }
        check_places(&source, &target)?;
        self.held.settle_in_turn(&source.key()).await?;
        turn.check().await?;
        self.moves.relocate(&source, &target, terms).await
    }

    /// Copies an item, a folder with all below it.
    pub(super) async fn copy(&self, from: &Path, to: &Path, terms: &Terms) -> Result<Placed, Error> {
        if self.mounts.is_in_view(from) {
            return self.copy_out_of_view(from, to, terms).await;
        }
        self.copy_listed(from, to, terms).await
    }

    /// What a view makes becomes a file of its own; what it shows is copied where it is. A folder is neither.
    async fn copy_out_of_view(&self, from: &Path, to: &Path, terms: &Terms) -> Result<Placed, Error> {
        let source = self.listings.stat(from, Freshness::Cached).await?;
        if source.is_folder() {
            return Err(Error::InView);
        }
        if source.entry.origin != Origin::View {
            return self.copy_listed(&source.path, to, terms).await;
        }
        terms.expected.check(Some(&source.entry))?;
        let content = self.listings.made_by_view(&source).await?;
        let expected = if terms.overwrite { Expected::Anything } else { Expected::Nothing };
        let options = UploadOptions { size: Some(content.len() as u64), expected, ..UploadOptions::default() };
        let mut upload = self.uploads.begin(to, options).await?;
        upload.write(content.into()).await?;
        upload.finish().await
    }

    async fn copy_listed(&self, from: &Path, to: &Path, terms: &Terms) -> Result<Placed, Error> {
        self.held.settle_below(from).await?;
        let (source, target, turn) = self.names.both_ends(from, to, false).await?;
        if let Some(local) = self.names.held(&source).filter(HeldFile::is_local) {
            terms.expected.check(Some(&local.entry))?;
            return self.place_local(&local, &target, terms.overwrite, false).await;
        }
        if !source.same_drive(&target) {
            return self.between_drives(&source, &target, turn, terms, false).await;
        }
        check_places(&source, &target)?;
        self.held.settle_in_turn(&source.key()).await?;
        turn.check().await?;
        self.copies.copy(&source, &target, terms).await
    }

    /// Copies to another drive: by one call if both are drives of one account and the service does so, else file by file,
    /// which waits behind everybody's requests and has no turn at the whole.
    async fn between_drives(
        &self,
        source: &Target,
        target: &Target,
        turn: Turn,
        terms: &Terms,
        moves: bool,
    ) -> Result<Placed, Error> {
        if self.mounts.lie_below(&target.path()) {
            return Err(Error::Protected);
        }
        self.held.settle_in_turn(&source.key()).await?;
        let one_account = Arc::ptr_eq(&source.mount.account, &target.mount.account);
        let job = self.standing.jobs.begin(moves, source.path(), target.path());
        let copied = match job.goes_on() {
            Ok(()) if one_account => self.copies.copy(source, target, terms).await,
            goes_on => goes_on.and(Err(Error::CrossDrive)),
        };
        drop(turn);
        let work = async {
            let placed = match copied {
                Err(Error::CrossDrive) => self.across.copy(&job, source, target, terms).await?,
                copied => copied?,
            };
            if moves {
                self.remove_moved(source, target, &placed).await?;
            }
            Ok(placed)
        };
        let result = Background::default().scope(work).await;
        job.ends(&result);
        result
    }

    /// Takes away what was moved to another drive, once all of it is there.
    async fn remove_moved(&self, source: &Target, target: &Target, placed: &Placed) -> Result<(), Error> {
        let Some(moved) = &placed.copy_of else { return Ok(()) };
        let below = match self.names.look(source, None).await? {
            Some(entry) if entry.is_folder() => self.names.held_below(source, &entry).await,
            _ => Vec::new(),
        };
        for local in below.iter().filter(|held| held.is_local()) {
            let Some(rest) = local.path.strip_base(&source.path()) else { continue };
            let place = self.names.target(&rest.under(&target.path())).await?;
            let _turn = self.names.turn(&place).await?;
            self.place_local(local, &place, true, false).await?;
        }
        self.across.remove_source(source, target, moved).await?;
        for local in below {
            self.held.files.forget(&local.key).await;
        }
        Ok(())
    }

    /// A file that stays here is put to another path: here again, or to the drive. `moves` says whether it goes where
    /// it was.
    async fn place_local(
        &self,
        local: &HeldFile,
        target: &Target,
        overwrite: bool,
        moves: bool,
    ) -> Result<Placed, Error> {
        let replaced = self.names.look(target, None).await?;
        let covered = self.names.held(target).filter(|held| held.key != local.key);
        if !overwrite && (replaced.is_some() || covered.is_some()) {
            return Err(Error::NameExists);
        }
        let content = self.held.files.content(&local.key).await?;
        let placed = if self.held.keeps_here(&target.path()) {
            let begun = covers(target, replaced.as_deref()).await?;
            let entry = self.held.keep_in_turn(target, content, moves.then_some(&*local.entry)).await?;
            if let Some(begun) = begun {
                self.names.remove_replaced(target, replaced.as_deref(), begun).await;
            }
            let replaced = replaced.or(covered.map(|held| held.entry)).map(|entry| entry.file_id.clone());
            Placed { entry, replaced, copy_of: None }
        } else {
            let placed = self.uploads.put_in_turn(target, content, false).await?;
            if moves {
                self.held.succeeded(&local.entry.file_id, &placed.entry.file_id).await;
            }
            placed
        };
        if moves && local.key != target.key() {
            self.held.files.forget(&local.key).await;
        }
        Ok(Placed { copy_of: (!moves).then(|| local.entry.file_id.clone()), ..placed })
    }
}

/// What the drive has is about to be covered by a file that stays here, which hides it whatever comes then.
async fn covers(target: &Target, covered: Option<&Entry>) -> Result<Option<Begun>, Error> {
    match covered {
        Some(covered) => target.write_down(Some(covered), Stage::Begun).await.map(Some),
        None => Ok(None),
    }
}
