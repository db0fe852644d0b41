//! A tree's copy, folder by folder: each is made, its files come, a few at a time, and what has come is compared.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};

use crate::backoff::Backoff;
use crate::drive::change::Changes;
use crate::drive::change::namespace::Namespace;
use crate::drive::change::target::Target;
use crate::drive::change::terms::{Expected, Terms};
use crate::drive::download::Downloads;
use crate::drive::entry::{Entry, Resource};
use crate::drive::error::{DriveTrouble, Error, ErrorKind};
use crate::drive::listing::cache::Freshness;
use crate::drive::path::Path;
use crate::drive::transfers::compare::is_same;
use crate::drive::transfers::drive_file::DriveFile;
use crate::drive::transfers::failures::Failures;
use crate::drive::transfers::follower::Followers;
use crate::drive::transfers::jobs::Job;
use crate::drive::transfers::plan::{Folder, Listed};
use crate::drive::upload::Uploads;
use crate::drive::upload::commit::Check;
use crate::drive::upload::known::{self, Delivered, Means};
use crate::drive::upload::options::UploadOptions;

/// Files on their way at once: as many calls as an account's usual rate has in flight.
const FILES_AT_ONCE: usize = 4;

/// Tries of one file whose failures may pass, and the longest pause between them.
const MOST_TRIES: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the work is done with.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) names: Namespace,
    pub(super) uploads: Uploads,
    pub(super) downloads: Downloads,
    pub(super) followers: Followers,
}

/// One copy that is being made.
pub(super) struct Work<'a> {
    pub(super) tools: &'a Tools,
    pub(super) changes: &'a Changes,
    pub(super) job: &'a Job,
    pub(super) source: &'a Target,
    pub(super) target: &'a Target,
    pub(super) terms: &'a Terms,
    pub(super) failures: &'a Failures,
}

/// What stands where the copy is to be and is not of it.
pub(super) type Surplus = Vec<(Target, Arc<Entry>)>;

impl Work<'_> {
    /// Copies the files of a folder that is made where it is missing; gives what else is there. A failure to make it is
    /// the folder's; its files' are noted.
    ///
    /// # Errors
    /// Nothing more can be copied.
    pub(super) async fn folder(&self, folder: &Folder, surplus: &mut Surplus) -> Result<(), Error> {
        let path = folder.rest.under(&self.target.path());
        let listed = folder.listed(&self.tools.names, self.source, self.target).await?;
        if folder.there.is_none() {
            match self.persist(|| self.changes.create_folder(&path)).await {
                // Somebody else may have made it meanwhile.
                Ok(()) | Err(Error::NameExists) => {}
                Err(error) => return Err(error),
            }
        }
        // Any name in it leads to the folder as it is now.
        let place = self.tools.names.target(&path.join("-")).await?;
        self.files(folder, &listed, &place).await?;
        self.compare(folder, &listed, &place).await?;
        if let Some(there) = &listed.there {
            let extra = there.iter().filter(|entry| listed.source.find(&entry.name).is_none());
            surplus.extend(extra.map(|entry| (at(&place, &entry.name), entry.clone())));
        }
        Ok(())
    }

    async fn files(&self, folder: &Folder, listed: &Listed, place: &Target) -> Result<(), Error> {
        let mut missing = Vec::new();
        for entry in listed.source.iter().filter(|entry| !entry.is_folder()) {
            let there = listed.there.as_ref().and_then(|there| there.find(&entry.name));
            if there.is_some_and(|there| is_same(entry, there)) {
                self.job.arrived(entry.size.unwrap_or_default(), false);
            } else {
                missing.push(entry.clone());
            }
        }
        let below = folder.rest.under(&self.source.path());
        let one =
            |entry: Arc<Entry>| self.noted(below.join(&entry.name), entry.clone(), at(place, &entry.name)).boxed();
        let mut coming = futures_util::stream::iter(missing).map(one).buffer_unordered(FILES_AT_ONCE);
        while let Some(done) = coming.next().await {
            done?;
        }
        Ok(())
    }

    /// Copies a file; its failure is noted.
    ///
    /// # Errors
    /// The failure is one of all further files too.
    async fn noted(&self, path: Path, entry: Arc<Entry>, target: Target) -> Result<(), Error> {
        match self.file(&path, entry, target, Check::Later).await {
            Ok(_) => Ok(()),
            Err(error) if concerns_all(&error) => Err(error),
            Err(error) => {
                self.job.failed();
                self.failures.add(path, error);
                Ok(())
            }
        }
    }

    /// Copies a file.
    pub(super) async fn file(
        &self,
        path: &Path,
        entry: Arc<Entry>,
        target: Target,
        check: Check,
    ) -> Result<Delivered, Error> {
        let mount = Some(self.source.mount.settings.clone());
        let resource = Resource { path: path.clone(), entry: entry.clone(), mount };
        let delivered = self.persist(|| self.put(&resource, &target, check)).await?;
        self.job.arrived(entry.size.unwrap_or_default(), delivered.means == Means::Attached);
        Ok(delivered)
    }

    async fn put(&self, file: &Resource, target: &Target, check: Check) -> Result<Delivered, Error> {
        let source = DriveFile::new(self.tools.downloads.clone(), file.clone()).await?;
        let options = UploadOptions {
            size: source.size(),
            sha1: file.entry.sha1,
            modified: Some(file.entry.modified),
            expected: if self.terms.overwrite { Expected::Anything } else { Expected::Nothing },
        };
        let sent = |bytes| self.job.sent(bytes);
        let put = known::put(&self.tools.uploads, target.clone(), options, &source, &sent, check).await;
        put.map_err(|error| match error {
            // It was not the client that promised it.
            Error::Length { .. } | Error::Checksum => Error::Changed { gone: false },
            error => error,
        })
    }

    /// Compares what has come, by one listing for all.
    async fn compare(&self, folder: &Folder, listed: &Listed, place: &Target) -> Result<(), Error> {
        let ours = self.tools.names.listing_of(&place.mount, &place.folder.file_id, Freshness::Refresh).await?;
        let below = folder.rest.under(&self.source.path());
        self.tools.followers.copied(&folder.source, &place.folder).await;
        for entry in listed.source.iter().filter(|entry| !entry.is_folder()) {
            let path = below.join(&entry.name);
            match ours.find(&entry.name) {
                Some(copy) if is_same(entry, copy) || entry.sha1.is_none() => {
                    self.tools.followers.copied(entry, copy).await;
                }
                _ if self.failures.has(&path) => {}
                _ => {
                    self.job.failed();
                    self.failures.add(path, Error::Changed { gone: false });
                }
            }
        }
        Ok(())
    }

    /// Does something again for as long as its failures may pass and nobody cancels.
    async fn persist<T, F: Future<Output = Result<T, Error>>>(&self, act: impl Fn() -> F) -> Result<T, Error> {
        let pauses = Backoff::new(self.target.mount.account.timeouts.first_retry, LONGEST_PAUSE);
        let mut tries = 1;
        loop {
            self.job.goes_on()?;
            let error = match act().await {
                Err(error) if may_pass(&error) && tries < MOST_TRIES => error,
                done => return done,
            };
            tracing::info!(%error, "a step of a copy is tried again");
            let pause = error.retry_after().unwrap_or_default().max(pauses.after(tries));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.job.cancelled() => {}
            }
            tries += 1;
        }
    }
}

/// A name in the folder of a place.
fn at(place: &Target, name: &str) -> Target {
    Target { rest: place.rest.parent().unwrap_or_else(Path::root).join(name), ..place.clone() }
}

fn may_pass(error: &Error) -> bool {
    use DriveTrouble as T;
    match error.kind() {
        ErrorKind::NoFreeStream | ErrorKind::NoUploadMemory | ErrorKind::NotCarriedOut => true,
        ErrorKind::Drive(trouble) => matches!(
            trouble,
            T::Throttled
                | T::SignInLate
                | T::TooManyStreams
                | T::Timeout
                | T::Unreachable
                | T::Unavailable
                | T::Stalled
                | T::TransferFailed
                | T::NoLink
        ),
        _ => false,
    }
}

/// Whether all further files would fail so.
pub(super) fn concerns_all(error: &Error) -> bool {
    use DriveTrouble as T;
    match error.kind() {
        ErrorKind::Cancelled | ErrorKind::Stopping | ErrorKind::Store | ErrorKind::NotGranted => true,
        ErrorKind::Drive(trouble) => matches!(
            trouble,
            T::Full | T::SignInNeeded | T::SignInLate | T::ApplicationRefused | T::FilesRefused | T::Unreachable
        ),
        _ => false,
    }
}
