//! Names of the tree that are changed: found, taken in turn, looked at, and followed up.
//!
//! Here alone one of our own changes is taken over into what is remembered ([`Namespace::applied`]): the listings of
//! every mount that shows the folder, the answers for whole paths, and the files that are held beside them. Changes
//! nothing on the drive but what a change has replaced.

use std::sync::Arc;

use crate::drive::change::target::{Known, Target};
use crate::drive::change::turns::{NameKey, Turn, Turns};
use crate::drive::change::undecided::Undecided;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::held::files::{HeldFile, HeldFiles};
use crate::drive::listing::cache::Freshness;
use crate::drive::listing::members::{Change, Listing};
use crate::drive::listing::resolve::Resolver;
use crate::drive::mount::Mounted;
use crate::drive::mounts::Mounts;
use crate::drive::path::Path;
use crate::drive::removals::Begun;
use crate::state::Leases;
use crate::upstream::{self, ErrorKind};

/// How often the turn at a path is taken again because folders above it were exchanged meanwhile.
const MOST_TURNS: usize = 16;

/// The names of all mounts; cheap to clone.
#[derive(Clone)]
pub(in crate::drive) struct Namespace {
    pub(super) mounts: Arc<Mounts>,
    pub(super) resolver: Resolver,
    pub(super) held: Arc<HeldFiles>,
    turns: Turns,
    undecided: Undecided,
}

impl Namespace {
    pub(in crate::drive) fn new(mounts: Arc<Mounts>, resolver: Resolver, held: Arc<HeldFiles>, leases: Leases) -> Self {
        Self { mounts, resolver, held, turns: Turns::new(leases), undecided: Undecided::default() }
    }

    /// The same turns and memory over other mounts.
    pub(in crate::drive) fn over(&self, mounts: Arc<Mounts>) -> Self {
        Self { mounts, ..self.clone() }
    }

    /// What uploads have made and not decided yet.
    pub(in crate::drive) fn undecided(&self) -> &Undecided {
        &self.undecided
    }

    /// Whether an upload has made the item and not decided yet, here or at another instance.
    pub(in crate::drive) fn is_undecided(&self, target: &Target, file_id: &str) -> bool {
        self.undecided.contains(file_id) || target.mount.account.removals.is_undecided_elsewhere(file_id)
    }

    /// Waits until nobody else changes what is held under a name.
    ///
    /// # Errors
    /// As [`Turns::take`].
    pub(in crate::drive) async fn turn_at(&self, key: NameKey) -> Result<Turn, Error> {
        self.turns.take([key]).await
    }

    /// The place of a path that is to be changed.
    pub(in crate::drive) async fn target(&self, path: &Path) -> Result<Target, Error> {
        match self.mounts.of(path) {
            Some((mount, rest)) if mount.settings.read_only && !rest.is_root() => Err(Error::ReadOnly),
            _ => self.place(path).await,
        }
    }

    /// The place of a path that may not be changed there.
    pub(in crate::drive) async fn place(&self, path: &Path) -> Result<Target, Error> {
        if self.mounts.is_in_view(path) {
            return Err(Error::InView);
        }
        let (mount, rest) = self.mounts.of(path).ok_or(Error::Protected)?;
        let Some(parent) = rest.parent() else { return Err(Error::Protected) };
        let folder = match self.resolver.find(mount, &parent, Freshness::Cached).await {
            Err(Error::NotFound) => return Err(Error::ParentMissing),
            folder => folder?,
        };
        if !folder.is_folder() {
            return Err(Error::ParentMissing);
        }
        // A change whose outcome nobody knows may be about this name.
        mount.account.removals.settled().await?;
        Ok(Target { mount: mount.clone(), drive_id: mount.drive_id().await?, folder, rest })
    }

    /// The source and the target of a COPY or MOVE, whose names nobody else changes meanwhile, nor the one that the item
    /// bears on its way.
    ///
    /// While the turn was waited for another change may have taken a folder above elsewhere: the item would be fetched
    /// from there, and could even lie in what it is to replace. So the paths are followed once more, in memory.
    pub(in crate::drive) async fn both_ends(
        &self,
        from: &Path,
        to: &Path,
        moves: bool,
    ) -> Result<(Target, Target, Turn), Error> {
        let places = || async {
            let source = if moves { self.target(from).await } else { self.place(from).await };
            let source = source.map_err(|error| match error {
                Error::ParentMissing => Error::NotFound,
                error => error,
            })?;
            Ok::<_, Error>((source, self.target(to).await?))
        };
        let (mut source, mut target) = places().await?;
        for _ in 0..MOST_TURNS {
            let between = if moves { source.key_of(target.name()) } else { target.key_of(source.name()) };
            let turn = self.turns.take([source.key(), target.key(), between]).await?;
            self.forget_if_foreign(&turn, &[&source, &target]).await?;
            let (source_now, target_now) = places().await?;
            if source_now.key() == source.key() && target_now.key() == target.key() {
                return Ok((source_now, target_now, turn));
            }
            (source, target) = (source_now, target_now);
        }
        Err(Error::NotFound)
    }

    /// Waits until nobody else changes what the place holds.
    ///
    /// # Errors
    /// As [`Turns::take`].
    pub(in crate::drive) async fn turn(&self, target: &Target) -> Result<Turn, Error> {
        let turn = self.turns.take([target.key()]).await?;
        self.forget_if_foreign(&turn, &[target]).await?;
        Ok(turn)
    }

    /// What another instance may have changed in its turn is looked at anew.
    async fn forget_if_foreign(&self, turn: &Turn, places: &[&Target]) -> Result<(), Error> {
        for place in places.iter().filter(|_| turn.is_foreign()) {
            self.resolver.listings.forget(&place.mount, &place.folder.file_id);
            self.resolver.forget(&place.mount, &place.rest).await;
            self.held.reread(Some(&place.folder.file_id)).await?;
            place.mount.account.removals.follow_turn(&place.folder.file_id, place.name()).await?;
        }
        Ok(())
    }

    /// What the drive has at a place beside the item of the id `except`, by what is known: our own changes always are,
    /// whatever a listing's age. The drive is asked only where nothing at all is known.
    ///
    /// To be asked by whoever has the turn; nobody else of us changes the answer then.
    pub(in crate::drive) async fn look(
        &self,
        target: &Target,
        except: Option<&str>,
    ) -> Result<Option<Arc<Entry>>, Error> {
        // A change whose outcome nobody knows may be about this name, and have come since the place was found.
        target.mount.account.removals.settled().await?;
        match self.known(target, except).await {
            Known::Has(entry) => return Ok(Some(entry)),
            Known::Free => return Ok(None),
            Known::Unknown => {}
        }
        self.look_afresh(target, except).await
    }

    /// The same by a listing that is still believed; what is known otherwise will not do.
    pub(in crate::drive) async fn look_afresh(
        &self,
        target: &Target,
        except: Option<&str>,
    ) -> Result<Option<Arc<Entry>>, Error> {
        match self.resolver.listings.get(&target.mount, &target.folder.file_id, Freshness::Fresh).await {
            Ok(listing) => Ok(self.found(target, &listing, except)),
            Err(Error::NotFound) => Err(Error::ParentMissing),
            Err(error) => Err(error),
        }
    }

    /// What a listing has of a place's name, beside the item of the id `except` and what uploads have attached that are
    /// not decided yet: it is nobody's to replace.
    pub(in crate::drive) fn found(
        &self,
        target: &Target,
        listing: &Listing,
        except: Option<&str>,
    ) -> Option<Arc<Entry>> {
        let skipped = |entry: &Entry| Some(&*entry.file_id) == except || self.is_undecided(target, &entry.file_id);
        let name = target.name();
        let found = listing.find(name).filter(|entry| !skipped(entry));
        found.or_else(|| listing.other(name, skipped)).cloned()
    }

    /// The same without a call.
    pub(in crate::drive) async fn known(&self, target: &Target, except: Option<&str>) -> Known {
        let resolver = &self.resolver;
        let listing = resolver.listings.peek(&target.mount, &target.folder.file_id);
        let listed = listing.as_ref().map(|(listing, _)| self.found(target, listing, except));
        if let Some(Some(entry)) = listed {
            return Known::Has(entry);
        }
        // A listing that is believed no more may lack what was found by its whole path.
        let believed = listing.is_some_and(|(_, fresh)| fresh);
        let located = if believed { None } else { resolver.located(&target.mount, &target.rest).await };
        let located = located.filter(|entry| Some(&*entry.file_id) != except);
        match located {
            Some(entry) => Known::Has(entry),
            None if listed.is_some() => Known::Free,
            None => Known::Unknown,
        }
    }

    /// What the drive refused a name for, unknown until then; all listings hear of it.
    pub(in crate::drive) async fn learn(
        &self,
        target: &Target,
        file_id: Option<&str>,
    ) -> Result<Option<Arc<Entry>>, Error> {
        let Some(file_id) = file_id else {
            let listings = &self.resolver.listings;
            let listing = listings.get(&target.mount, &target.folder.file_id, Freshness::Refresh).await?;
            return Ok(self.found(target, &listing, None));
        };
        match target.mount.account.client.get(&target.drive_id, file_id).await {
            Ok(item) if item.trashed || item.name != target.name() => Ok(None),
            Ok(item) => {
                let entry = Arc::new(Entry::from(&item));
                self.changed(target, Change::Put(entry.clone())).await;
                Ok(Some(entry))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the drive has at a place beside the item of the id `except`, asked now: another program has changed it since.
    pub(in crate::drive) async fn look_anew(
        &self,
        target: &Target,
        except: Option<&str>,
    ) -> Result<Option<Arc<Entry>>, Error> {
        let listing = self.listing_anew(target).await?;
        Ok(self.found(target, &listing, except))
    }

    /// The listing of the place's folder, asked now.
    pub(in crate::drive) async fn listing_anew(&self, target: &Target) -> Result<Arc<Listing>, Error> {
        self.resolver.listings.get(&target.mount, &target.folder.file_id, Freshness::Refresh).await
    }

    /// The listing of any folder.
    pub(in crate::drive) async fn listing_of(
        &self,
        mount: &Arc<Mounted>,
        folder_id: &str,
        freshness: Freshness,
    ) -> Result<Arc<Listing>, Error> {
        self.resolver.listings.get(mount, folder_id, freshness).await
    }

    /// The listing of the place's folder that is at hand, of whatever age.
    pub(in crate::drive) fn listed(&self, target: &Target) -> Option<Arc<Listing>> {
        self.resolver.listings.peek(&target.mount, &target.folder.file_id).map(|(listing, _)| listing)
    }

    /// What is held under the name of a place.
    pub(in crate::drive) fn held(&self, target: &Target) -> Option<HeldFile> {
        self.held.get(&target.key())
    }

    /// What is held in a folder and below it. By the paths where it was last seen, and only where these lead to the
    /// folders that it belongs to: another program may have moved them.
    pub(in crate::drive) async fn held_below(&self, target: &Target, folder: &Entry) -> Vec<HeldFile> {
        let mut below = Vec::new();
        for held in self.held.last_seen_in(&target.path()) {
            let Some(parent) = held.path.parent() else { continue };
            let is_there = *held.key.folder_id == *folder.file_id
                || match parent.strip_base(&target.mount.path) {
                    Some(rest) => {
                        let found = self.resolver.find(&target.mount, &rest, Freshness::Cached).await;
                        found.is_ok_and(|found| *found.file_id == *held.key.folder_id)
                    }
                    None => false,
                };
            if is_there {
                below.push(held);
            }
        }
        below
    }

    /// One of our own changes has put this under the name: all that remembers the name hears of it, and what was held
    /// under it has given way. The one place for that.
    pub(in crate::drive) async fn applied(&self, target: &Target, entry: Entry) {
        self.resolver.forget(&target.mount, &target.rest).await;
        self.changed(target, Change::Put(Arc::new(entry))).await;
        self.held.forget(&target.key()).await;
    }

    /// One of our own changes has taken this away from the name.
    pub(super) async fn gone(&self, target: &Target, entry: &Entry) {
        self.changed(target, Change::Remove(entry.file_id.clone())).await;
        self.resolver.forget(&target.mount, &target.rest).await;
    }

    /// Takes one of our own changes over into what every mount of the drive remembers of the folder: mounts may
    /// show the same folder.
    pub(super) async fn changed(&self, target: &Target, change: Change) {
        let account = &target.mount.account;
        let ids = account.drives().await.ok();
        let shows = |mount: &&Arc<Mounted>| {
            mount.index == target.mount.index
                || Arc::ptr_eq(&mount.account, account)
                    && ids.as_ref().is_some_and(|ids| mount.drive_among(ids).as_ref() == Some(&target.drive_id))
        };
        if let Change::Remove(file_id) = &change {
            self.resolver.forget_located(file_id).await;
        }
        if let Change::Put(entry) = &change {
            account.removals.is_known(&target.folder.file_id, &entry.file_id).await;
        }
        for mount in self.mounts.all().iter().filter(shows) {
            self.resolver.listings.apply(mount, &target.folder.file_id, change.clone());
        }
        let gone = matches!(change, Change::Remove(_));
        self.resolver.tell_others(&target.folder.file_id, change.file_id(), gone);
    }

    /// Makes sure, before anybody hears that a change was made, that it is still this instance's to tell
    /// ([`Begun::is_still_ours`]). Else its places are looked at anew.
    pub(in crate::drive) async fn confirm(&self, begun: Option<&Begun>, places: &[&Target]) -> Result<(), Error> {
        let Some(begun) = begun else { return Ok(()) };
        let confirmed = begun.is_still_ours().await;
        for place in places.iter().filter(|_| confirmed.is_err()) {
            self.resolver.listings.forget(&place.mount, &place.folder.file_id);
            self.resolver.forget(&place.mount, &place.rest).await;
        }
        confirmed
    }

    /// Takes away what a change has replaced, as it is written down. The new is in place and served; so a failure is no
    /// failure of the change, and the removal is made later.
    pub(in crate::drive) async fn remove_replaced(&self, target: &Target, old: Option<&Entry>, begun: Begun) {
        let obsolete = begun.took_effect().await;
        if let Some(old) = old.filter(|old| old.is_folder()) {
            for held in self.held_below(target, old).await {
                self.held.forget(&held.key).await;
            }
        }
        if old.is_some() {
            self.resolver.forget(&target.mount, &target.rest).await;
        }
        obsolete.remove().await;
    }

    /// Why something new could not be made in its folder.
    pub(in crate::drive) async fn not_created(&self, target: &Target, error: upstream::Error) -> Error {
        let kind = error.kind;
        let error = self.failed(&[target], error).await;
        if matches!(kind, ErrorKind::NotFound | ErrorKind::ParentNotFound) { Error::ParentMissing } else { error }
    }

    /// What a failed call says of the places it was about: it may rest on what is no longer true, or may have
    /// taken effect nevertheless. So the drive is asked what is there.
    pub(super) async fn failed(&self, places: &[&Target], error: upstream::Error) -> Error {
        for place in places {
            match error.kind {
                ErrorKind::NotFound | ErrorKind::ParentNotFound | ErrorKind::NameExists => {
                    self.resolver.disbelieve(&place.mount, &place.rest).await;
                }
                kind if kind.leaves_doubt() => {
                    self.resolver.listings.refresh_behind(&place.mount, &place.folder.file_id);
                }
                _ => {}
            }
        }
        if error.kind == ErrorKind::NameExists { Error::NameExists } else { error.into() }
    }
}
