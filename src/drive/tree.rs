//! The face of the drives: all that the layers above can do with the tree, each in a line or two.
//!
//! Its parts lie in `parts`; nobody below knows it. What a method does is told by its part.

mod jobs;
mod parts;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::config::{self, Config};
use crate::drive::account::Quota;
use crate::drive::account::links::Link;
use crate::drive::change::terms::{Expected, Placed, Terms};
use crate::drive::download::identity::ContentId;
use crate::drive::download::stream::ByteStream;
use crate::drive::entry::{Entry, Origin, Resource};
use crate::drive::error::{Error, ErrorKind};
use crate::drive::films::kept::Films;
use crate::drive::listing::cache::Freshness;
use crate::drive::listing::members::Members;
use crate::drive::path::Path;
use crate::drive::removals::PendingRemovals;
use crate::drive::slots::permit::Reader;
use crate::drive::tree::parts::Parts;
use crate::drive::upload::Upload;
use crate::drive::upload::carry::OnSent;
use crate::drive::upload::chunks::Chunks;
use crate::drive::upload::known::{Delivered, deliver};
use crate::drive::upload::options::UploadOptions;
use crate::drive::upload::source::ContentSource;
use crate::state::Store;
use crate::upstream::{Client, Membership};

/// The mounts joined to one tree; cheap to clone.
#[derive(Clone)]
pub struct Tree(Arc<Parts>);

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.mounts.fmt(f)
    }
}

impl Tree {
    /// Joins the configured mounts; makes no call. `clients` holds one for each account by name; a
    /// mount whose account has none is left out (the configuration's check rules that out).
    #[must_use]
    pub fn new(config: &Config, clients: HashMap<String, Client>, store: &Store) -> Self {
        Self(Arc::new(Parts::new(config, clients, store)))
    }

    /// The tree by other settings: accounts that stay keep their tokens, links and slots, mounts that stay
    /// keep their listings, held files and uploads go on. `clients` has those of the new accounts; what runs
    /// on the old tree ends there.
    #[must_use]
    pub fn reconfigured(&self, config: &Config, clients: HashMap<String, Client>, store: &Store) -> Self {
        let tree = Self(Arc::new(self.0.reconfigured(config, clients, store)));
        tree.0.held.settle_all_later();
        tree.0.watcher.begin();
        tree
    }

    /// Takes up what the last run has left to be removed from the drives.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn restore_removals(&self) -> Result<(), crate::state::Error> {
        self.0.accounts.restore_removals().await
    }

    /// Ends the work on the removals of accounts that the next tree does not have.
    pub fn hand_over_removals(&self, next: &Self) {
        self.0.accounts.hand_over_removals(&next.0.accounts);
    }

    /// Ends the work on removals; what is left is taken up by the next run.
    pub async fn end_removals(&self) {
        self.0.accounts.end_removals().await;
    }

    /// What waits to be removed from each account's drives.
    #[must_use]
    pub fn pending_removals(&self) -> Vec<PendingRemovals> {
        self.0.accounts.pending_removals()
    }

    /// The accounts' clients, for health and checks.
    pub fn accounts(&self) -> impl Iterator<Item = &Client> {
        self.0.accounts.clients()
    }

    /// Its films and pictures.
    #[must_use]
    pub fn films(&self) -> &Films {
        &self.0.films
    }

    /// Watches the drives for changes made elsewhere, for as long as the tree is there.
    pub fn watch_drives(&self) {
        self.0.watcher.begin();
    }

    /// Carries work out to its end, even if the caller leaves meanwhile: half of a change is worse than all of it.
    ///
    /// # Errors
    /// [`Error::Stopping`] when the process ends first.
    pub async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        self.0.tasks.see_through(work).await
    }

    /// Returns when no work is running that outlived its request. Copies from drive to drive end early; what has arrived
    /// is found again by the next.
    pub async fn finish_tasks(&self) {
        self.0.transfers.standing.jobs.cancel_all();
        self.0.tasks.finish().await;
    }

    /// Settings of the mount that a path lies in; absent above the mounts and in views. Makes no call.
    #[must_use]
    pub fn mount_settings(&self, path: &Path) -> Option<Arc<config::Mount>> {
        self.0.mounts.of(path).map(|(mount, _)| mount.settings.clone())
    }

    /// Whether a path lies in a view, where nothing can be changed.
    #[must_use]
    pub fn is_in_view(&self, path: &Path) -> bool {
        self.0.mounts.is_in_view(path)
    }

    /// All paths of what is at a path: itself, and those by the other mounts of the folder that its mount shows. Makes
    /// no call.
    #[must_use]
    pub fn names(&self, path: &Path) -> Vec<Path> {
        self.0.mounts.names(path)
    }

    /// Space of the account behind the resource, at most a minute old; absent above the mounts.
    ///
    /// # Errors
    /// The call's failure.
    pub async fn quota(&self, resource: &Resource) -> Result<Option<Quota>, Error> {
        let Some((mount, _)) = self.0.mounts.of(&resource.path) else { return Ok(None) };
        mount.account.quota().await.map(Some)
    }

    /// What the user of the account behind the resource has paid for; absent where that is not known.
    pub async fn membership(&self, resource: &Resource) -> Option<Membership> {
        let (mount, _) = self.0.mounts.of(&resource.path)?;
        mount.account.membership().await
    }

    /// Downloads of an account that are open at the drive.
    #[must_use]
    pub fn open_downloads(&self, account: &str) -> usize {
        self.0.accounts.by_name().get(account).map_or(0, |account| account.slots.in_use())
    }

    /// Why the listing that is at hand for a folder could not be asked for anew just now.
    #[must_use]
    pub fn listing_trouble(&self, folder: &Resource) -> Option<ErrorKind> {
        self.0.listings.trouble(folder)
    }

    /// What is at the path.
    ///
    /// # Errors
    /// [`Error::NotFound`] when a complete listing lacks it; any call's failure otherwise.
    pub async fn stat(&self, path: &Path, freshness: Freshness) -> Result<Resource, Error> {
        self.0.listings.stat(path, freshness).await
    }

    /// The members of a folder: complete or an error.
    ///
    /// # Errors
    /// [`Error::NotAFolder`] for a file; a listing's failure.
    pub async fn members(&self, folder: &Resource, freshness: Freshness) -> Result<Members, Error> {
        self.0.listings.members(folder, freshness).await
    }

    /// Somebody looks at these members: sub-folders are listed in advance, if the settings have it so. Does
    /// not wait for them.
    pub fn looked_at(&self, folder: &Resource, members: &Members) {
        self.0.listings.looked_at(folder, members);
    }

    /// A link to a file's content with at least `min_life` left, where its life allows.
    ///
    /// # Errors
    /// [`Error::IsAFolder`]; [`Error::Changed`] when the content is not what `file` says; the call's failure.
    pub async fn link(&self, file: &Resource, min_life: Duration) -> Result<Link, Error> {
        self.0.downloads.link(file, min_life).await
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
        earlier: Option<ContentId>,
    ) -> Result<ByteStream, Error> {
        self.0.downloads.read_on(file, range, reader, earlier).await
    }

    /// The file with its size. Where the listing does not tell it, the link may; else a byte is opened to see.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub async fn sized(&self, file: &Resource, reader: Reader) -> Result<Resource, Error> {
        self.0.downloads.sized(file, reader).await
    }

    /// Whether the file's bytes can be had by an address that its listing gave.
    #[must_use]
    pub fn is_read_by_address(&self, file: &Resource) -> bool {
        self.0.downloads.is_read_by_address(file)
    }

    /// Bytes that all streams hold before their clients want them; at most `[download] memory`.
    #[must_use]
    pub fn download_memory(&self) -> u64 {
        self.0.downloads.memory()
    }

    /// Bytes that all uploads hold; at most `[upload] memory`.
    #[must_use]
    pub fn upload_memory(&self) -> u64 {
        self.0.uploads.memory()
    }

    /// Makes an empty folder.
    ///
    /// # Errors
    /// [`Error::NameExists`], [`Error::ParentMissing`], [`Error::ReadOnly`], the call's failure.
    pub async fn create_folder(&self, path: &Path) -> Result<(), Error> {
        self.0.changes.create_folder(path).await
    }

    /// Removes what a path holds, a folder with all below it, the mount's way; gives what has gone, as far as listings at
    /// hand tell it. The name is free
    /// then: what the drive is known to have under it beside the shown item goes too.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ConditionFailed`], [`Error::Protected`], [`Error::ReadOnly`], the call's failure.
    /// What the drive has lost already is no error.
    pub async fn remove(&self, path: &Path, expected: &Expected) -> Result<Vec<Arc<Entry>>, Error> {
        self.0.changes.remove(path, expected).await
    }

    /// Stars what a path holds, or takes its star away.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Protected`], [`Error::ReadOnly`], the call's failure.
    pub async fn star(&self, path: &Path, starred: bool) -> Result<(), Error> {
        self.0.changes.star(path, starred).await
    }

    /// Uploads to an account that are under way.
    #[must_use]
    pub fn running_uploads(&self, account: &str) -> usize {
        self.0.accounts.by_name().get(account).map_or(0, |account| account.uploads.running())
    }

    /// Puts an item to another path, in place of what is there, if the terms allow that.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ConditionFailed`], [`Error::NameExists`], [`Error::Partly`] between drives,
    /// [`Error::IntoItself`], [`Error::ParentMissing`], [`Error::Protected`], [`Error::ReadOnly`], a call's failure.
    pub async fn relocate(&self, from: &Path, to: &Path, terms: &Terms) -> Result<Placed, Error> {
        self.0.transfers.relocate(from, to, terms).await
    }

    /// Copies an item, a folder with all below it, in place of what is there, if the terms allow that.
    ///
    /// # Errors
    /// As [`Tree::relocate`].
    pub async fn copy(&self, from: &Path, to: &Path, terms: &Terms) -> Result<Placed, Error> {
        self.0.transfers.copy(from, to, terms).await
    }

    /// Begins an upload to a path; makes no call but those of resolving the folder.
    ///
    /// # Errors
    /// [`Error::ParentMissing`], [`Error::ReadOnly`], [`Error::Protected`], a listing's failure;
    /// [`Error::PartsTooLarge`] if the memory cannot hold a part of a file of this size.
    pub async fn upload(&self, path: &Path, options: UploadOptions) -> Result<Upload, Error> {
        self.0.uploads.begin(path, options).await
    }

    /// Puts content at a path whose bytes lie elsewhere, in place of what is there. What is there with the same hash
    /// stays; what the drive has somewhere is attached, for a few bytes of the source; only the rest is read and sent,
    /// and told to `sent` as it goes. Without a hash or a size in the options it is all sent. What the drive has of a
    /// large file from a try that was cut, in whatever process over the same store, is not sent again.
    ///
    /// # Errors
    /// As [`Tree::upload`] and [`Upload::finish`]; the source's.
    pub async fn deliver(
        &self,
        path: &Path,
        options: UploadOptions,
        source: &dyn ContentSource,
        sent: OnSent<'_>,
    ) -> Result<Delivered, Error> {
        deliver(&self.0.uploads, path, options, source, sent).await
    }

    /// Gives up what [`Tree::deliver`] has begun and nobody has come back for in a week; it is removed as any removal.
    ///
    /// # Errors
    /// The state store failed; too much waits to be removed.
    pub async fn leave_old_uploads(&self) -> Result<(), Error> {
        self.0.uploads.leave_old(&self.0.accounts).await
    }

    /// Begins a body that comes in chunks, on disk; makes no call.
    ///
    /// # Errors
    /// [`Error::Spool`].
    pub async fn chunks(&self) -> Result<Chunks, Error> {
        self.0.uploads.chunks().await
    }

    /// Takes up the held files of the last run.
    ///
    /// # Errors
    /// The state store failed.
    pub async fn restore_held(&self) -> Result<(), crate::state::Error> {
        self.0.held.restore().await
    }

    /// Makes an empty file that is not yet sent to the drive; absent where the drive has something of the name, which
    /// stays as it is.
    ///
    /// # Errors
    /// As [`Tree::upload`]; [`Error::ConditionFailed`]; the state store's failure.
    pub async fn hold(&self, path: &Path, expected: &Expected) -> Result<Option<Placed>, Error> {
        self.0.held.hold(path, expected).await
    }

    /// Whether a file of this name stays in the state store.
    #[must_use]
    pub fn keeps_here(&self, path: &Path) -> bool {
        self.0.held.keeps_here(path)
    }

    /// Whether a file of this name is refused.
    #[must_use]
    pub fn refuses(&self, path: &Path) -> bool {
        self.0.held.refuses(path)
    }

    /// Keeps a file in the state store, in place of what it kept there.
    ///
    /// # Errors
    /// [`Error::ParentMissing`], [`Error::ReadOnly`], [`Error::ConditionFailed`]; [`Error::Spool`] when it is too large
    /// or too many are kept; the state store's failure.
    pub async fn keep_here(&self, path: &Path, content: Vec<u8>, expected: &Expected) -> Result<Placed, Error> {
        self.0.held.keep_here(path, content, expected).await
    }

    /// The content of a file that stays in the state store, or that a view makes; absent for any other.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it has gone meanwhile; a listing's failure; the state store's.
    pub async fn kept_content(&self, file: &Resource) -> Result<Option<Vec<u8>>, Error> {
        match file.entry.origin {
            Origin::View => self.0.listings.made_by_view(file).await.map(Some),
            _ => self.0.held.kept_content(file).await,
        }
    }

    /// Has somebody told the ids of an item and of its copy where a tree was copied file by file; without a copy, that the
    /// item was moved and is gone. Only the first who asks is told.
    pub fn on_copied(&self, tell: impl Fn(String, Option<String>) -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        self.0.transfers.standing.followers.set(Box::new(tell));
    }

    /// Has somebody told when an item gets another id by itself: a held file that reaches the drive. Only
    /// the first who asks is told.
    pub fn on_successor(&self, tell: impl Fn(String, String) -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        self.0.held.on_successor(Box::new(tell));
    }
}
