//! Listings: complete, kept for a while, corrected by our own changes, and how a path is found through them.
//!
//! [`Listings`] says what the tree shows: what the listings have, and beside it the mount points and the files that are
//! held here.

pub(super) mod cache;
mod fetch;
pub(super) mod live_photo;
pub(super) mod members;
pub(super) mod prefetch;
pub(super) mod resolve;
pub(super) mod watch;
pub(super) mod watched;

use std::sync::Arc;

use crate::drive::change::turns::NameKey;
use crate::drive::entry::{Entry, Resource};
use crate::drive::error::Error;
use crate::drive::held::files::{HeldFile, HeldFiles};
use crate::drive::listing::cache::Freshness;
use crate::drive::listing::members::{Listing, Members};
use crate::drive::listing::prefetch::Prefetch;
use crate::drive::listing::resolve::Resolver;
use crate::drive::mount::Mounted;
use crate::drive::mounts::Mounts;
use crate::drive::path::Path;

/// What the tree shows; cheap to clone.
#[derive(Clone)]
pub(super) struct Listings {
    mounts: Arc<Mounts>,
    resolver: Resolver,
    held: Arc<HeldFiles>,
    prefetch: Arc<Prefetch>,
}

impl Listings {
    pub(super) fn new(mounts: Arc<Mounts>, resolver: Resolver, held: Arc<HeldFiles>, prefetch: Prefetch) -> Self {
        Self { mounts, resolver, held, prefetch: Arc::new(prefetch) }
    }

    /// The same memory over other mounts.
    pub(super) fn over(&self, mounts: Arc<Mounts>) -> Self {
        Self { mounts, ..self.clone() }
    }

    /// What is at the path.
    ///
    /// # Errors
    /// [`Error::NotFound`] when a complete listing lacks it; any call's failure otherwise.
    pub(super) async fn stat(&self, path: &Path, freshness: Freshness) -> Result<Resource, Error> {
        let Some((mount, rest)) = self.mounts.of(path) else {
            return self.mounts.above(path).ok_or(Error::NotFound);
        };
        mount.is_used();
        let resource = |entry| Resource { path: path.clone(), entry, mount: Some(mount.settings.clone()) };
        let held = self.held_at(mount, &rest).await?;
        if let Some(local) = held.as_ref().filter(|held| held.is_local()) {
            return Ok(resource(local.entry.clone()));
        }
        match (self.resolver.find(mount, &rest, freshness).await, held) {
            (Ok(entry), held) => {
                if let Some(HeldFile { key, .. }) = held {
                    // What the drive has is what is there: the empty file has given way.
                    self.held.forget(&key).await;
                }
                Ok(resource(entry))
            }
            (Err(Error::NotFound), Some(held)) => Ok(resource(held.entry)),
            (Err(Error::NotFound), None) => self.mounts.above(path).ok_or(Error::NotFound),
            (Err(error), _) => Err(error),
        }
    }

    /// The members of a folder: complete or an error.
    ///
    /// # Errors
    /// [`Error::NotAFolder`] for a file; a listing's failure.
    pub(super) async fn members(&self, folder: &Resource, freshness: Freshness) -> Result<Members, Error> {
        if !folder.is_folder() {
            return Err(Error::NotAFolder);
        }
        let mut beside = self.mounts.points(&folder.path);
        let Some((mount, rest)) = self.mounts.of(&folder.path).filter(|_| !folder.entry.file_id.is_empty()) else {
            return Ok(Members { listing: None, mounts: beside.into() });
        };
        let listing = self.resolver.listing(mount, &rest, &folder.entry, freshness).await?;
        beside.extend(self.held_members(mount, &folder.entry, &listing).await?);
        Ok(Members { listing: Some(listing), mounts: beside.into() })
    }

    /// Somebody looks at these members: sub-folders are listed in advance, if the settings have it so. Does
    /// not wait for them.
    pub(super) fn looked_at(&self, folder: &Resource, members: &Members) {
        if let (Some((mount, _)), Some(listing)) = (self.mounts.of(&folder.path), &members.listing) {
            self.prefetch.begin(&self.resolver.listings, mount, listing);
        }
    }

    /// What is held at a path below a mount.
    pub(super) async fn held_at(&self, mount: &Arc<Mounted>, rest: &Path) -> Result<Option<HeldFile>, Error> {
        let Some(parent) = rest.parent().filter(|_| self.held.any_named(rest.name())) else { return Ok(None) };
        let folder = match self.resolver.find(mount, &parent, Freshness::Cached).await {
            Err(Error::NotFound) => return Ok(None),
            folder => folder?,
        };
        Ok(self.held.get(&NameKey::new(&mount.drive_id().await?, &folder.file_id, rest.name())))
    }

    /// What a folder shows beside its listing. An empty file whose name is listed has given way.
    async fn held_members(&self, mount: &Mounted, folder: &Entry, listing: &Listing) -> Result<Vec<Entry>, Error> {
        if self.held.len() == 0 {
            return Ok(Vec::new());
        }
        let mut shown = Vec::new();
        for held in self.held.members(&mount.drive_id().await?, &folder.file_id) {
            if held.is_local() || listing.find(held.path.name()).is_none() {
                shown.push((*held.entry).clone());
            } else {
                self.held.forget(&held.key).await;
            }
        }
        Ok(shown)
    }
}
