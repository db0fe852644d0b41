//! The place that is to be changed, and what it holds.

use std::sync::Arc;

use crate::drive::change::turns::{NameKey, Turn};
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::listing::cache::Freshness;
use crate::drive::listing::members::{Change, Listing};
use crate::drive::mount::Mounted;
use crate::drive::path::Path;
use crate::drive::removals::record::Stage;
use crate::drive::removals::{Begun, Place};
use crate::drive::tree::Tree;
use crate::upstream::ErrorKind;

/// How often the turn at a path is taken again because folders above it were exchanged meanwhile.
const MOST_TURNS: usize = 16;

/// A name in a folder that is to be changed.
#[derive(Clone)]
pub(in crate::drive) struct Target {
    pub(in crate::drive) mount: Arc<Mounted>,
    pub(in crate::drive) drive_id: String,
    /// Folder that holds the name.
    pub(in crate::drive) folder: Arc<Entry>,
    /// Below the mount.
    pub(in crate::drive) rest: Path,
}

/// What is known without a call of what the drive has under a name.
pub(in crate::drive) enum Known {
    Has(Arc<Entry>),
    /// Nothing.
    Free,
    /// The drive would have to be asked.
    Unknown,
}

impl Known {
    pub(in crate::drive) fn entry(self) -> Option<Arc<Entry>> {
        match self {
            Self::Has(entry) => Some(entry),
            Self::Free | Self::Unknown => None,
        }
    }
}

impl Target {
    pub(in crate::drive) fn name(&self) -> &str {
        self.rest.name()
    }

    /// The path in the whole tree.
    pub(in crate::drive) fn path(&self) -> Path {
        self.rest.under(&self.mount.path)
    }

    pub(in crate::drive) fn key(&self) -> NameKey {
        self.key_of(self.name())
    }

    /// Another name in the same folder.
    pub(super) fn key_of(&self, name: &str) -> NameKey {
        NameKey::new(&self.drive_id, &self.folder.file_id, name)
    }

    /// Writes a change of this place down before it is made; what is replaced goes if it takes effect.
    pub(in crate::drive) async fn write_down(&self, replaced: Option<&Entry>, stage: Stage) -> Result<Begun, Error> {
        self.write_down_beside(replaced, stage, Vec::new()).await
    }

    /// The same, with the ids of what is there already and could be taken for what the change makes.
    pub(super) async fn write_down_beside(
        &self,
        replaced: Option<&Entry>,
        stage: Stage,
        others: Vec<String>,
    ) -> Result<Begun, Error> {
        let place = Place { drive_id: &self.drive_id, folder_id: &self.folder.file_id, name: self.name() };
        let replaced = replaced.map(|entry| (entry, self.mount.settings.remove_way));
        self.mount.account.removals.begin(place, replaced, stage, others).await
    }

    /// What is hidden under the name goes at once, so that something new can be there.
    pub(super) async fn clear(&self) -> Result<(), Error> {
        self.mount.account.removals.clear(&self.folder.file_id, self.name()).await
    }

    pub(super) fn same_drive(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mount.account, &other.mount.account) && self.drive_id == other.drive_id
    }
}

impl Tree {
    /// The place of a path that is to be changed.
    pub(in crate::drive) async fn target(&self, path: &Path) -> Result<Target, Error> {
        match self.mount_of(path) {
            Some((mount, rest)) if mount.settings.read_only && !rest.is_root() => Err(Error::ReadOnly),
            _ => self.place(path).await,
        }
    }

    /// The place of a path that may not be changed there.
    pub(super) async fn place(&self, path: &Path) -> Result<Target, Error> {
        let (mount, rest) = self.mount_of(path).ok_or(Error::Protected)?;
        let Some(parent) = rest.parent() else { return Err(Error::Protected) };
        let folder = match self.0.resolver.find(mount, &parent, Freshness::Cached).await {
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
    pub(super) async fn both_ends(&self, from: &Path, to: &Path, moves: bool) -> Result<(Target, Target, Turn), Error> {
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
            let turn = self.0.turns.take([source.key(), target.key(), between]).await;
            let (source_now, target_now) = places().await?;
            if source_now.key() == source.key() && target_now.key() == target.key() {
                return Ok((source_now, target_now, turn));
            }
            (source, target) = (source_now, target_now);
        }
        Err(Error::NotFound)
    }

    /// Waits until nobody else changes what the place holds.
    pub(in crate::drive) async fn turn(&self, target: &Target) -> Turn {
        self.0.turns.take([target.key()]).await
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
        match self.0.resolver.listings.get(&target.mount, &target.folder.file_id, Freshness::Fresh).await {
            Ok(listing) => Ok(self.found(&listing, target.name(), except)),
            Err(Error::NotFound) => Err(Error::ParentMissing),
            Err(error) => Err(error),
        }
    }

    /// What a listing has of a name, beside the item of the id `except` and what uploads have attached that are not
    /// decided yet: it is nobody's to replace.
    pub(super) fn found(&self, listing: &Listing, name: &str, except: Option<&str>) -> Option<Arc<Entry>> {
        let skipped = |entry: &Entry| Some(&*entry.file_id) == except || self.0.undecided.contains(&entry.file_id);
        let found = listing.find(name).filter(|entry| !skipped(entry));
        found.or_else(|| listing.other(name, skipped)).cloned()
    }

    /// What the drive refused a name for, unknown until then; all listings hear of it.
    pub(in crate::drive) async fn learn(
        &self,
        target: &Target,
        file_id: Option<&str>,
    ) -> Result<Option<Arc<Entry>>, Error> {
        let Some(file_id) = file_id else {
            let listings = &self.0.resolver.listings;
            let listing = listings.get(&target.mount, &target.folder.file_id, Freshness::Refresh).await?;
            return Ok(self.found(&listing, target.name(), None));
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

    /// The same without a call.
    pub(in crate::drive) async fn known(&self, target: &Target, except: Option<&str>) -> Known {
        let resolver = &self.0.resolver;
        let listing = resolver.listings.peek(&target.mount, &target.folder.file_id);
        let listed = listing.as_ref().map(|(listing, _)| self.found(listing, target.name(), except));
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
}
