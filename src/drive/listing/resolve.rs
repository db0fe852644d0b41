//! From a path within a mount to an entry.
//!
//! Strict, parent by parent, through cached listings. Where two or more levels are unknown the
//! service is asked for the whole path at once, and only if it knows none are the parents looked at
//! one by one: its word for "missing" is not believed over a listing's, since it compares names in
//! its own way.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::calls::Background;
use crate::config;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::listing::cache::{Freshness, ListingCache};
use crate::drive::listing::live_photo;
use crate::drive::listing::members::Listing;
use crate::drive::mount::Mounted;
use crate::drive::path::{Path, other_forms};
use crate::drive::removals::overview::Overview;
use crate::state::{Change, Changes};
use crate::upstream::Item;

/// Finds entries by path; cheap to clone.
#[derive(Clone)]
pub(in crate::drive) struct Resolver {
    pub(in crate::drive) listings: ListingCache,
    /// Answers of `get_by_path`, by mount and path below it. As old as listings may be, they are believed.
    located: moka::future::Cache<(usize, Path), Located>,
    list_ttl: Duration,
    /// Where other instances hear of our own changes.
    changes: Changes,
}

/// An answer of `get_by_path`.
#[derive(Clone)]
struct Located {
    entry: Arc<Entry>,
    asked_at: Instant,
    /// Whether it is being asked for again.
    refreshing: Arc<AtomicBool>,
}

/// What can be said without a call.
enum Known {
    Here(Arc<Entry>),
    Missing,
    Unknown,
}

impl Resolver {
    pub(in crate::drive) fn new(listings: ListingCache, settings: &config::Cache, changes: Changes) -> Self {
        let located = moka::future::Cache::builder().max_capacity(20_000).time_to_live(settings.stale_ttl).build();
        Self { listings, located, list_ttl: settings.list_ttl, changes }
    }

    /// An item of a folder is not what it was: other instances list the folder again on its next use. `gone`: the item is
    /// not where it was.
    pub(in crate::drive) fn tell_others(&self, folder_id: &str, file_id: &str, gone: bool) {
        let change = Change::Folder { folder_id: folder_id.to_owned(), file_id: file_id.to_owned(), gone };
        self.changes.tell(change);
    }

    /// The entry at `path` below the mount.
    ///
    /// # Errors
    /// [`Error::NotFound`] only when a complete listing says so; any call's failure otherwise.
    pub(in crate::drive) async fn find(
        &self,
        mount: &Arc<Mounted>,
        path: &Path,
        freshness: Freshness,
    ) -> Result<Arc<Entry>, Error> {
        let Some(parent) = path.parent() else {
            return Ok(mount.root.clone());
        };
        if freshness == Freshness::Refresh {
            self.located.invalidate(&(mount.index, path.clone())).await;
            let folder = self.find_folder(mount, &parent).await?;
            return self.member(mount, &parent, &folder, path.name(), Freshness::Refresh).await;
        }
        match self.known(mount, path, true).await {
            Known::Here(entry) => return Ok(entry),
            Known::Missing => return Err(Error::NotFound),
            Known::Unknown => {}
        }
        let folder = match self.known(mount, &parent, true).await {
            Known::Here(folder) => folder,
            Known::Missing => return Err(Error::NotFound),
            Known::Unknown => {
                if let Some(entry) = self.locate(mount, path).await? {
                    return Ok(entry);
                }
                self.find_folder(mount, &parent).await?
            }
        };
        self.member(mount, &parent, &folder, path.name(), Freshness::Fresh).await
    }

    async fn find_folder(&self, mount: &Arc<Mounted>, path: &Path) -> Result<Arc<Entry>, Error> {
        Box::pin(self.find(mount, path, Freshness::Cached)).await
    }

    async fn member(
        &self,
        mount: &Arc<Mounted>,
        at: &Path,
        folder: &Entry,
        name: &str,
        freshness: Freshness,
    ) -> Result<Arc<Entry>, Error> {
        match self.listing(mount, at, folder, freshness).await {
            Ok(listing) => listing.find(name).cloned().ok_or(Error::NotFound),
            Err(Error::NotAFolder) => Err(Error::NotFound),
            Err(error) => Err(error),
        }
    }

    /// The complete listing of the folder that is believed to be at a path. If the drive says that it is gone,
    /// the path is looked at again: another of that name may have taken its place.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotAFolder`] for what is there now; the fetch's failure.
    pub(in crate::drive) async fn listing(
        &self,
        mount: &Arc<Mounted>,
        at: &Path,
        folder: &Entry,
        freshness: Freshness,
    ) -> Result<Arc<Listing>, Error> {
        if !folder.is_folder() {
            return Err(Error::NotAFolder);
        }
        match self.listings.get(mount, &folder.file_id, freshness).await {
            Err(Error::NotFound) if !at.is_root() => {
                self.forget(mount, at).await;
                let found = Box::pin(self.find(mount, at, Freshness::Refresh)).await?;
                if !found.is_folder() {
                    return Err(Error::NotAFolder);
                }
                self.listings.get(mount, &found.file_id, Freshness::Fresh).await
            }
            result => result,
        }
    }

    /// Follows cached listings down; a stale one is believed for what it has, not for what it lacks.
    async fn known(&self, mount: &Arc<Mounted>, path: &Path, refresh: bool) -> Known {
        let mut entry = mount.root.clone();
        let mut at = Path::root();
        let mut certain = true;
        for name in path.segments() {
            at = at.join(name);
            if certain && !entry.is_folder() {
                return Known::Missing;
            }
            let listed = if certain { self.listed(mount, &entry.file_id, refresh).await } else { None };
            let found = match &listed {
                Some((listing, fresh)) => match listing.find(name) {
                    Some(found) => {
                        if !fresh && refresh {
                            self.listings.refresh_behind(mount, &entry.file_id);
                        }
                        Some(found.clone())
                    }
                    None if *fresh => return Known::Missing,
                    None => None,
                },
                None => self.remembered(mount, &at, refresh).await,
            };
            certain = found.is_some();
            if let Some(found) = found {
                entry = found;
            }
        }
        if certain { Known::Here(entry) } else { Known::Unknown }
    }

    /// What is known of a folder's members, and whether it is believed. Where another program is known to have changed
    /// them, they are asked for.
    async fn listed(&self, mount: &Arc<Mounted>, folder_id: &str, refresh: bool) -> Option<(Arc<Listing>, bool)> {
        let (listing, fresh) = self.listings.peek(mount, folder_id)?;
        if fresh || !refresh || !self.listings.is_outdated(mount, folder_id, &listing) {
            return Some((listing, fresh));
        }
        // A folder that is gone is found out by the listing of the one above.
        self.listings.get(mount, folder_id, Freshness::Cached).await.ok()?;
        self.listings.peek(mount, folder_id)
    }

    /// The id of a folder that is known without a call.
    pub(in crate::drive) async fn known_folder(&self, mount: &Arc<Mounted>, path: &Path) -> Option<Box<str>> {
        match self.known(mount, path, false).await {
            Known::Here(folder) => Some(folder.file_id.clone()),
            Known::Missing | Known::Unknown => None,
        }
    }

    /// Asks the service for the whole path; absent where it does not know it or cannot be asked.
    async fn locate(&self, mount: &Arc<Mounted>, path: &Path) -> Result<Option<Arc<Entry>>, Error> {
        if !mount.has_drive_paths() || path.as_str().contains('／') || live_photo::stem(path.name()).is_some() {
            return Ok(None);
        }
        match self.located.try_get_with((mount.index, path.clone()), ask(mount, path)).await {
            Ok(located) => Ok(Some(located.entry)),
            Err(error) if is_no_answer(&error) => Ok(None),
            Err(error) => Err((*error).clone()),
        }
    }

    /// Something on the way to a path turned out to differ: all that is remembered of the way is forgotten.
    pub(in crate::drive) async fn disbelieve(&self, mount: &Arc<Mounted>, path: &Path) {
        let mut above = path.parent();
        while let Some(folder) = above {
            if let Known::Here(entry) = self.known(mount, &folder, false).await {
                self.listings.forget(mount, &entry.file_id);
            }
            self.located.invalidate(&(mount.index, folder.clone())).await;
            above = folder.parent();
        }
        self.forget(mount, path).await;
    }

    /// What the service once said of the whole path; if that is old, it is asked again behind the answer.
    async fn remembered(&self, mount: &Arc<Mounted>, path: &Path, refresh: bool) -> Option<Arc<Entry>> {
        let key = (mount.index, path.clone());
        let located = self.located.get(&key).await?;
        let old = located.asked_at.elapsed() >= self.list_ttl;
        if old && refresh && !located.refreshing.swap(true, Ordering::AcqRel) {
            let (resolver, mount, refreshing) = (self.clone(), mount.clone(), located.refreshing);
            Background::default().spawn(async move {
                match ask(&mount, &key.1).await {
                    // A change of our own has forgotten the path meanwhile, or it is still there.
                    Ok(new) if resolver.located.contains_key(&key) => resolver.located.insert(key, new).await,
                    Err(error) if is_no_answer(&error) => resolver.located.invalidate(&key).await,
                    _ => refreshing.store(false, Ordering::Release),
                }
            });
        }
        Some(located.entry)
    }

    /// The service tells these items otherwise than it may have when it was asked for a whole path.
    pub(super) async fn doubt_located(&self, mount: &Mounted, items: &[Item]) {
        let names: HashSet<&str> = items.iter().map(|item| item.name.as_str()).collect();
        for (key, _) in self.located.iter().filter(|(key, _)| key.0 == mount.index && names.contains(key.1.name())) {
            self.located.invalidate(&*key).await;
        }
    }

    /// What the service said of the whole path, however long ago; makes no call.
    pub(in crate::drive) async fn located(&self, mount: &Mounted, path: &Path) -> Option<Arc<Entry>> {
        self.located.get(&(mount.index, path.clone())).await.map(|located| located.entry)
    }

    /// Forgets all that the service said of whole paths.
    pub(super) fn forget_all_located(&self) {
        self.located.invalidate_all();
    }

    /// Forgets where an item was that is not there any more, in all mounts.
    pub(in crate::drive) async fn forget_located(&self, file_id: &str) {
        for (key, located) in &self.located {
            if *located.entry.file_id == *file_id {
                self.located.invalidate(&*key).await;
            }
        }
    }

    /// Forgets all that is remembered of a path and below it, after the drive turned out to differ.
    pub(in crate::drive) async fn forget(&self, mount: &Mounted, path: &Path) {
        for (key, located) in &self.located {
            if key.0 == mount.index && key.1.strip_base(path).is_some() {
                self.listings.forget(mount, &located.entry.file_id);
                self.located.invalidate(&*key).await;
            }
        }
    }
}

impl Overview for Resolver {
    fn item_gone<'a>(&'a self, folder_id: &'a str, file_id: &'a str) -> BoxFuture<'a, ()> {
        async move {
            self.item_hidden(folder_id, file_id).await;
            self.tell_others(folder_id, file_id, true);
        }
        .boxed()
    }

    fn item_hidden<'a>(&'a self, folder_id: &'a str, file_id: &'a str) -> BoxFuture<'a, ()> {
        async move {
            self.listings.item_gone(folder_id, file_id);
            self.forget_located(file_id).await;
        }
        .boxed()
    }

    fn item_named<'a>(&'a self, folder_id: &'a str, entry: Entry) -> BoxFuture<'a, ()> {
        async move {
            let file_id = entry.file_id.clone();
            self.forget_located(&file_id).await;
            self.listings.item_named(folder_id, entry);
            self.tell_others(folder_id, &file_id, true);
        }
        .boxed()
    }
}

/// Asks the service for the whole path.
async fn ask(mount: &Mounted, path: &Path) -> Result<Located, Error> {
    // The service would follow names that lead by way of what is hidden.
    if mount.account.removals.hides_any() {
        return Err(Error::NotFound);
    }
    let drive_id = mount.drive_id().await?;
    let asked_at = Instant::now();
    let mut item = mount.account.client.get_by_path(&drive_id, path.as_str()).await?;
    if is_at(&item, path) {
        mount.account.addresses.take_in(&mut item);
        Ok(Located { entry: Arc::new(Entry::from(&item)), asked_at, refreshing: Arc::default() })
    } else {
        Err(Error::NotFound)
    }
}

/// Whether the question for a whole path failed in a way that leaves the walk as a way to the truth: the
/// path is not known, or the service does not take the question.
fn is_no_answer(error: &Error) -> bool {
    use crate::upstream::ErrorKind;
    match error {
        Error::NotFound => true,
        Error::Upstream(error) => matches!(
            error.kind,
            ErrorKind::InvalidRequest | ErrorKind::InvalidName | ErrorKind::Malformed | ErrorKind::ParentNotFound
        ),
        _ => false,
    }
}

/// Whether the service's answer is what the path names: it may compare names more loosely than we do.
fn is_at(item: &Item, path: &Path) -> bool {
    let name = path.name();
    !item.trashed && !item.uploading && (item.name == name || other_forms(name).any(|twin| twin == item.name))
}
