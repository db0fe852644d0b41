//! The mounts joined to one tree.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::clock::UnixSeconds;
use crate::config::{self, Config};
use crate::drive::account::links::Link;
use crate::drive::account::{Account, Quota};
use crate::drive::change::turns::Turns;
use crate::drive::change::undecided::Undecided;
use crate::drive::download::edges::EdgeCache;
use crate::drive::download::identity::Identity;
use crate::drive::download::shared_reads::SharedReads;
use crate::drive::download::source::Source;
use crate::drive::download::stream::ByteStream;
use crate::drive::entry::{Entry, Resource};
use crate::drive::error::Error;
use crate::drive::held::files::{Held, HeldFiles};
use crate::drive::listing::cache::{Freshness, ListingCache};
use crate::drive::listing::members::Members;
use crate::drive::listing::prefetch::Prefetch;
use crate::drive::listing::resolve::Resolver;
use crate::drive::listing::watched::Watch;
use crate::drive::mount::Mounted;
use crate::drive::path::Path;
use crate::drive::removals::PendingRemovals;
use crate::drive::slots::memory::ByteBudget;
use crate::drive::slots::place::Reader;
use crate::drive::upload::limits::UploadLimits;
use crate::state::Store;
use crate::upstream::{Client, DataErrorKind};

/// Told the ids of an item and of the one that took its place.
type Successor = Box<dyn Fn(String, String) -> BoxFuture<'static, ()> + Send + Sync>;

/// The mounts joined to one tree; cheap to clone.
#[derive(Clone)]
pub struct Tree(pub(super) Arc<Inner>);

pub(super) struct Inner {
    /// Deepest path first, so that the first base of a path is its mount.
    mounts: Vec<Arc<Mounted>>,
    accounts: HashMap<String, Arc<Account>>,
    pub(super) resolver: Resolver,
    pub(super) uploads: Arc<UploadLimits>,
    budget: Arc<ByteBudget>,
    edges: Arc<EdgeCache>,
    pub(super) reads: Arc<SharedReads>,
    pub(super) held: Arc<HeldFiles>,
    pub(super) turns: Turns,
    pub(super) undecided: Undecided,
    prefetch: Arc<Prefetch>,
    pub(super) watch: Arc<Watch>,
    successor: Arc<OnceLock<Successor>>,
    /// Time of folders that no drive item stands for.
    started_ms: i64,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.mounts.iter().map(|m| &m.path)).finish()
    }
}

impl Tree {
    /// Joins the configured mounts; makes no call. `clients` holds one for each account by name; a
    /// mount whose account has none is left out (the configuration's check rules that out).
    #[must_use]
    pub fn new(config: &Config, clients: HashMap<String, Client>, store: &Store) -> Self {
        let resolver = Resolver::new(ListingCache::new(&config.cache), &config.cache);
        let overview = Arc::new(resolver.clone());
        let account = |client| Arc::new(Account::new(client, store, config, overview.clone()));
        let accounts: HashMap<_, _> = clients.into_iter().map(|(name, client)| (name, account(client))).collect();
        let started_ms = UnixSeconds::now().0 * 1000;
        let budget = Arc::new(ByteBudget::new(&config.download));
        Self(Arc::new(Inner {
            mounts: mounts(config, &accounts, &[], started_ms),
            accounts,
            resolver,
            uploads: Arc::new(UploadLimits::new(&config.upload, config.upstream.max_wait)),
            edges: Arc::new(EdgeCache::new(&budget)),
            budget,
            reads: Arc::new(SharedReads::new()),
            held: Arc::new(HeldFiles::new(store.clone())),
            turns: Turns::default(),
            undecided: Undecided::default(),
            prefetch: Arc::new(Prefetch::new(config.cache.prefetch_folders)),
            watch: Arc::new(Watch::new(config.cache.watch)),
            successor: Arc::default(),
            started_ms,
        }))
    }

    /// The tree by other settings: accounts that stay keep their tokens, links and places, mounts that stay
    /// keep their listings, held files and uploads go on. `clients` has those of the new accounts; what runs
    /// on the old tree ends there.
    #[must_use]
    pub fn reconfigured(&self, config: &Config, clients: HashMap<String, Client>, store: &Store) -> Self {
        let mut accounts: HashMap<_, _> = self.0.accounts.clone();
        accounts.retain(|name, _| config.accounts.iter().any(|account| account.name == *name));
        let overview = Arc::new(self.0.resolver.clone());
        let account = |client| Arc::new(Account::new(client, store, config, overview.clone()));
        accounts.extend(clients.into_iter().map(|(name, client)| (name, account(client))));
        let tree = Self(Arc::new(Inner {
            mounts: mounts(config, &accounts, &self.0.mounts, self.0.started_ms),
            accounts,
            resolver: self.0.resolver.clone(),
            uploads: self.0.uploads.clone(),
            budget: self.0.budget.clone(),
            edges: self.0.edges.clone(),
            reads: self.0.reads.clone(),
            held: self.0.held.clone(),
            turns: self.0.turns.clone(),
            undecided: self.0.undecided.clone(),
            prefetch: self.0.prefetch.clone(),
            watch: self.0.watch.clone(),
            successor: self.0.successor.clone(),
            started_ms: self.0.started_ms,
        }));
        tree.settle_all_later();
        tree.watch_drives();
        tree
    }

    /// Takes up what the last run has left to be removed from the drives.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn restore_removals(&self) -> Result<(), crate::state::Error> {
        for account in self.0.accounts.values() {
            account.removals.restore().await?;
        }
        Ok(())
    }

    /// Ends the work on the removals of accounts that the next tree does not have.
    pub fn hand_over_removals(&self, next: &Self) {
        let gone = self.0.accounts.iter().filter(|(name, _)| !next.0.accounts.contains_key(*name));
        gone.for_each(|(_, account)| account.removals.stop());
    }

    /// Ends the work on removals; what is left is taken up by the next run.
    pub async fn end_removals(&self) {
        for account in self.0.accounts.values() {
            account.removals.end().await;
        }
    }

    /// What waits to be removed from each account's drives.
    #[must_use]
    pub fn pending_removals(&self) -> Vec<PendingRemovals> {
        self.0.accounts.values().map(|account| account.removals.pending()).collect()
    }

    /// Has somebody told when an item gets another id by itself: a held file that reaches the drive. Only
    /// the first who asks is told.
    pub fn on_successor(&self, tell: impl Fn(String, String) -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        self.0.successor.set(Box::new(tell)).ok();
    }

    pub(super) async fn succeeded(&self, old: &str, new: &str) {
        if let Some(tell) = self.0.successor.get() {
            tell(old.to_owned(), new.to_owned()).await;
        }
    }

    /// What is at the path.
    ///
    /// # Errors
    /// [`Error::NotFound`] when a complete listing lacks it; any call's failure otherwise.
    pub async fn stat(&self, path: &Path, freshness: Freshness) -> Result<Resource, Error> {
        let Some((mount, rest)) = self.mount_of(path) else {
            return self.above_mounts(path).ok_or(Error::NotFound);
        };
        mount.is_used();
        let resource = |entry| Resource { path: path.clone(), entry, mount: Some(mount.settings.clone()) };
        let held = self.held_at(mount, &rest).await?;
        if let Some(local) = held.as_ref().filter(|held| held.is_local()) {
            return Ok(resource(local.entry.clone()));
        }
        match (self.0.resolver.find(mount, &rest, freshness).await, held) {
            (Ok(entry), held) => {
                if let Some(Held { key, .. }) = held {
                    // What the drive has is what is there: the empty file has given way.
                    self.0.held.forget(&key).await;
                }
                Ok(resource(entry))
            }
            (Err(Error::NotFound), Some(held)) => Ok(resource(held.entry)),
            (Err(Error::NotFound), None) => self.above_mounts(path).ok_or(Error::NotFound),
            (Err(error), _) => Err(error),
        }
    }

    /// The members of a folder: complete or an error.
    ///
    /// # Errors
    /// [`Error::NotAFolder`] for a file; a listing's failure.
    pub async fn members(&self, folder: &Resource, freshness: Freshness) -> Result<Members, Error> {
        if !folder.is_folder() {
            return Err(Error::NotAFolder);
        }
        let mut beside = self.mount_points(&folder.path);
        let Some((mount, rest)) = self.mount_of(&folder.path).filter(|_| !folder.entry.file_id.is_empty()) else {
            return Ok(Members { listing: None, mounts: beside.into() });
        };
        let listing = self.0.resolver.listing(mount, &rest, &folder.entry, freshness).await?;
        beside.extend(self.held_members(mount, &folder.entry, &listing).await?);
        Ok(Members { listing: Some(listing), mounts: beside.into() })
    }

    /// Somebody looks at these members: sub-folders are listed in advance, if the settings have it so. Does
    /// not wait for them.
    pub fn looked_at(&self, folder: &Resource, members: &Members) {
        if let (Some((mount, _)), Some(listing)) = (self.mount_of(&folder.path), &members.listing) {
            self.0.prefetch.begin(&self.0.resolver.listings, mount, listing);
        }
    }

    /// A link to a file's content with at least `min_life` left, where its life allows.
    ///
    /// # Errors
    /// [`Error::IsAFolder`]; [`Error::Changed`] when the content is not what `file` says; the call's failure.
    pub async fn link(&self, file: &Resource, min_life: Duration) -> Result<Link, Error> {
        self.source(file)?.link(min_life).await
    }

    /// Bytes of `range` (half-open, within the file's size). The upstream's answer has been checked
    /// when this returns.
    ///
    /// # Errors
    /// [`Error::Changed`] when the content is not what `file` says: stat again with
    /// [`Freshness::Refresh`] and once more. Else as [`Tree::link`], and [`Error::NoFreeStream`].
    pub async fn read(&self, file: &Resource, range: Range<u64>, reader: Reader) -> Result<ByteStream, Error> {
        self.read_on(file, range, reader, None).await
    }

    /// A further range of what an earlier read of the file was of.
    ///
    /// # Errors
    /// As [`Tree::read`]; [`Error::Changed`] when the content is not the earlier read's.
    pub async fn read_on(
        &self,
        file: &Resource,
        range: Range<u64>,
        reader: Reader,
        earlier: Option<Identity>,
    ) -> Result<ByteStream, Error> {
        let source = self.source(file)?;
        match self.read_by_address(&source, file, &range, reader, earlier.as_ref()).await? {
            Some(stream) => Ok(stream),
            None => ByteStream::open(source, range, reader, earlier).await,
        }
    }

    /// The file with its size. Where the listing does not tell it, the link may; else a byte is opened to see.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub async fn sized(&self, file: &Resource, reader: Reader) -> Result<Resource, Error> {
        if file.entry.size.is_some() {
            return Ok(file.clone());
        }
        let told = self.link(file, Duration::ZERO).await?.size.filter(|size| *size > 0);
        let size = match told {
            Some(size) => size,
            None => match self.read(file, 0..1, Reader { open_ended: false, ..reader }).await {
                Ok(stream) => stream.total().unwrap_or_default(),
                Err(Error::Data(error)) if error.kind == DataErrorKind::Shorter => 0,
                Err(error) => return Err(error),
            },
        };
        Ok(Resource { entry: Arc::new(Entry { size: Some(size), ..(*file.entry).clone() }), ..file.clone() })
    }

    /// Bytes that all streams hold before their clients want them; at most `[download] memory`.
    #[must_use]
    pub fn download_memory(&self) -> u64 {
        self.0.budget.held()
    }

    /// Bytes that all uploads hold; at most `[upload] memory`.
    #[must_use]
    pub fn upload_memory(&self) -> u64 {
        self.0.uploads.memory.held()
    }

    /// Space of the account behind the resource, at most a minute old; absent above the mounts.
    ///
    /// # Errors
    /// The call's failure.
    pub async fn quota(&self, resource: &Resource) -> Result<Option<Quota>, Error> {
        match self.mount_of(&resource.path) {
            Some((mount, _)) => mount.account.quota().await.map(Some),
            None => Ok(None),
        }
    }

    /// The accounts' clients, for health and checks.
    pub fn accounts(&self) -> impl Iterator<Item = &Client> {
        self.0.accounts.values().map(|account| &account.client)
    }

    /// Settings of the mount that a path lies in; absent above the mounts. Makes no call.
    #[must_use]
    pub fn mount_settings(&self, path: &Path) -> Option<Arc<config::Mount>> {
        self.mount_of(path).map(|(mount, _)| mount.settings.clone())
    }

    fn source(&self, file: &Resource) -> Result<Source, Error> {
        if file.is_folder() {
            return Err(Error::IsAFolder);
        }
        if file.entry.frozen {
            return Err(Error::Frozen);
        }
        let (mount, _) = self.mount_of(&file.path).ok_or(Error::NotFound)?;
        Ok(Source {
            mount: mount.clone(),
            entry: file.entry.clone(),
            budget: self.0.budget.clone(),
            edges: self.0.edges.clone(),
            spare: false,
        })
    }

    pub(super) fn mounts(&self) -> &[Arc<Mounted>] {
        &self.0.mounts
    }

    /// The mount a path lies in and the path below it.
    pub(super) fn mount_of(&self, path: &Path) -> Option<(&Arc<Mounted>, Path)> {
        self.0.mounts.iter().find_map(|mount| path.strip_base(&mount.path).map(|rest| (mount, rest)))
    }

    /// Whether mounts lie below the path.
    pub(super) fn holds_mounts(&self, path: &Path) -> bool {
        self.0.mounts.iter().any(|mount| mount.path.strip_base(path).is_some())
    }

    /// The folder at a path above a mount, which exists because the mount does.
    fn above_mounts(&self, path: &Path) -> Option<Resource> {
        let above = |m: &Arc<Mounted>| m.path != *path && m.path.strip_base(path).is_some();
        self.0.mounts.iter().any(above).then(|| Resource {
            path: path.clone(),
            entry: Arc::new(Entry::synthetic(path.name(), "", self.0.started_ms)),
            mount: None,
        })
    }

    /// The mount points that a folder has beside its listed members, in order of name.
    fn mount_points(&self, folder: &Path) -> Vec<Entry> {
        let mut names: Vec<&str> = self
            .0
            .mounts
            .iter()
            .filter_map(|mount| mount.path.as_str().strip_prefix(folder.as_str()))
            .filter(|rest| folder.is_root() || rest.starts_with('/'))
            .filter_map(|rest| rest.split('/').find(|name| !name.is_empty()))
            .collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| self.mount_point(&folder.join(name))).collect()
    }

    fn mount_point(&self, path: &Path) -> Entry {
        match self.0.mounts.iter().find(|mount| mount.path == *path) {
            Some(mount) => (*mount.root).clone(),
            None => Entry::synthetic(path.name(), "", self.0.started_ms),
        }
    }
}

/// The mounts, deepest path first. One that shows the same folder in the same order as an old one keeps its
/// index, and by it its listings.
fn mounts(
    config: &Config,
    accounts: &HashMap<String, Arc<Account>>,
    old: &[Arc<Mounted>],
    started_ms: i64,
) -> Vec<Arc<Mounted>> {
    let mut next = old.iter().map(|mount| mount.index + 1).max().unwrap_or(0);
    let mut taken = Vec::new();
    let mut mounts: Vec<_> = config
        .mounts
        .iter()
        .filter_map(|settings| {
            let path = Path::parse(&settings.path).ok()?;
            let root = Arc::new(Entry::synthetic(path.name(), &settings.root_folder_id, started_ms));
            let account = accounts.get(&settings.account)?.clone();
            let mut same = old.iter().filter(|old| same_view(&old.settings, settings) && !taken.contains(&old.index));
            let index = same.next().map_or(next, |old| old.index);
            next = next.max(index + 1);
            taken.push(index);
            Some(Arc::new(Mounted::new(index, path, Arc::new(settings.clone()), account, root)))
        })
        .collect();
    mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.segments().count()));
    mounts
}

fn same_view(a: &config::Mount, b: &config::Mount) -> bool {
    (&a.account, a.drive_type, &a.root_folder_id, a.order_by, a.order_direction)
        == (&b.account, b.drive_type, &b.root_folder_id, b.order_by, b.order_direction)
}
