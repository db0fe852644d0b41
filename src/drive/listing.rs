//! Listings: complete, kept for a while, corrected by our own changes, and how a path is found through them.
//!
//! [`Listings`] says what the tree shows: what the listings have, beside it the mount points and the files that are
//! held here, and views of all that.

pub(super) mod cache;
mod fetch;
pub(super) mod live_photo;
pub(super) mod members;
pub(super) mod prefetch;
pub(super) mod resolve;
pub(super) mod watch;
pub(super) mod watched;

use std::sync::Arc;

use crate::config::Config;
use crate::drive::change::turns::NameKey;
use crate::drive::entry::{Entry, Resource};
use crate::drive::error::{Error, ErrorKind};
use crate::drive::held::files::{HeldFile, HeldFiles};
use crate::drive::listing::cache::Freshness;
use crate::drive::listing::members::{Listing, Members};
use crate::drive::listing::prefetch::Prefetch;
use crate::drive::listing::resolve::Resolver;
use crate::drive::mount::Mounted;
use crate::drive::mounts::Mounts;
use crate::drive::path::Path;
use crate::drive::views::{Found, InView, Views};

/// What the tree shows; cheap to clone.
#[derive(Clone)]
pub(super) struct Listings {
    mounts: Arc<Mounts>,
    resolver: Resolver,
    held: Arc<HeldFiles>,
    prefetch: Arc<Prefetch>,
    views: Views,
}

impl Listings {
    pub(super) fn new(
        mounts: Arc<Mounts>,
        resolver: Resolver,
        held: Arc<HeldFiles>,
        prefetch: Prefetch,
        views: Views,
    ) -> Self {
        Self { mounts, resolver, held, prefetch: Arc::new(prefetch), views }
    }

    /// The same memory over other mounts and views.
    pub(super) fn over(&self, mounts: Arc<Mounts>, config: &Config) -> Self {
        Self { mounts, views: self.views.reconfigured(config), ..self.clone() }
    }

    /// What is at the path.
    ///
    /// # Errors
    /// [`Error::NotFound`] when a complete listing lacks it; any call's failure otherwise.
    pub(super) async fn stat(&self, path: &Path, freshness: Freshness) -> Result<Resource, Error> {
        match self.views.of(path) {
            Some(place) if place.is_top() => {
                self.mirrored(&place).await?;
                Ok(self.views.folder(path))
            }
            Some(_) => match self.in_view(path, freshness).await? {
                // By its own path all that can be done with the source's file can be done with it.
                (at, Found::AsItIs(entry)) if !entry.is_folder() => {
                    self.stat_listed(&at.join(&entry.name), Freshness::Cached).await
                }
                (_, Found::AsItIs(entry) | Found::Made(entry, _)) => {
                    Ok(Resource { path: path.clone(), entry, mount: None })
                }
            },
            None => match self.stat_listed(path, freshness).await {
                Err(Error::NotFound) => self.views.above(path).ok_or(Error::NotFound),
                result => result,
            },
        }
    }

    /// The members of a folder: complete or an error.
    ///
    /// # Errors
    /// [`Error::NotAFolder`] for a file; a listing's failure.
    pub(super) async fn members(&self, folder: &Resource, freshness: Freshness) -> Result<Members, Error> {
        match self.views.of(&folder.path) {
            Some(_) if !folder.is_folder() => Err(Error::NotAFolder),
            Some(place) => {
                let members = self.members_listed(&self.mirrored(&place).await?, freshness).await?;
                self.views.members(&place, &members).await
            }
            None => Ok(self.views.beside(&folder.path, self.members_listed(folder, freshness).await?)),
        }
    }

    /// The content of a file that a view makes.
    ///
    /// # Errors
    /// [`Error::Changed`] if it is another by now; as [`Listings::stat`].
    pub(super) async fn made_by_view(&self, file: &Resource) -> Result<Vec<u8>, Error> {
        match self.in_view(&file.path, Freshness::Cached).await?.1 {
            Found::Made(entry, text) if entry.sha1 == file.entry.sha1 => Ok(text.into_bytes()),
            _ => Err(Error::Changed { gone: false }),
        }
    }

    /// What is at a path below a view, and in which folder of the source.
    async fn in_view(&self, path: &Path, freshness: Freshness) -> Result<(Path, Found), Error> {
        let place = path.parent().and_then(|above| self.views.of(&above)).ok_or(Error::NotFound)?;
        let folder = self.mirrored(&place).await?;
        let members = match self.members_listed(&folder, freshness).await {
            Err(Error::NotAFolder) => return Err(Error::NotFound),
            members => members?,
        };
        let found = self.views.find(&place, &members, path.name()).await?;
        Ok((place.source, found))
    }

    /// The folder that a place of a view mirrors.
    async fn mirrored(&self, place: &InView<'_>) -> Result<Resource, Error> {
        if self.views.of(&place.source).is_some() {
            return Err(Error::NotFound);
        }
        match self.stat_listed(&place.source, Freshness::Cached).await {
            Ok(folder) if folder.is_folder() => return Ok(folder),
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        if place.is_top() {
            tracing::warn!(source = %place.source, "a view shows nothing: there is no folder at its source");
        }
        Err(Error::NotFound)
    }

    /// What is at a path that lies in no view.
    async fn stat_listed(&self, path: &Path, freshness: Freshness) -> Result<Resource, Error> {
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

    /// The members of a folder that lies in no view, views apart.
    async fn members_listed(&self, folder: &Resource, freshness: Freshness) -> Result<Members, Error> {
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

    /// Why the folder's listing could not be asked for anew just now.
    pub(super) fn trouble(&self, folder: &Resource) -> Option<ErrorKind> {
        let (mount, _) = self.mounts.of(&folder.path)?;
        self.resolver.listings.trouble(mount, &folder.entry.file_id)
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
