//! What all parts of one run share.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::choose::Choice;
use super::dav::{self, Server};
use super::fault::{Fault, Weight};
use super::found::{Folder, Member, What};
use super::local::hashes::Hashes;
use super::place::Place;
use super::rate::Rate;
use super::tally::Tally;
use super::{drive_source, local};
use crate::backoff::Backoff;
use crate::drive::Tree;

/// Tries of a file, with pauses that come to some minutes.
const TRIES: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One run of the command.
pub(super) struct Run {
    pub(super) tree: Tree,
    /// Where a source is at one.
    pub(super) server: Option<Arc<Server>>,
    pub(super) destination: Place,
    pub(super) hashes: Hashes,
    pub(super) choice: Choice,
    pub(super) tally: Tally,
    pub(super) rate: Arc<Rate>,
    pub(super) dry_run: bool,
    pub(super) follow_links: bool,
    pub(super) pause: Duration,
    /// Ends it: Ctrl-C, or a failure that no other file would escape.
    pub(super) stop: CancellationToken,
    /// Such a failure.
    pub(super) fatal: Mutex<Option<String>>,
}

impl Run {
    /// What a source names.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub(super) async fn look(&self, place: &Place) -> Result<What, Fault> {
        match place {
            Place::Local(path) => {
                blocking({
                    let path = path.clone();
                    move || local::look(&path)
                })
                .await
            }
            Place::Drive(path) => drive_source::look(&self.tree, path).await,
            Place::Dav(url) => Ok(dav::source::what(self.server()?.look(url).await?)),
        }
    }

    /// The members of a folder.
    ///
    /// # Errors
    /// It cannot be listed whole.
    pub(super) async fn members(&self, folder: &Folder) -> Result<Vec<Member>, Fault> {
        match folder {
            Folder::Local(folder) => {
                let (folder, follow_links) = (folder.clone(), self.follow_links);
                blocking(move || local::members(&folder, follow_links)).await
            }
            Folder::Drive(folder) => drive_source::members(&self.tree, folder).await,
            Folder::Dav(url) => Ok(dav::source::members(self.server()?.members(url).await?)),
        }
    }

    /// The server of the sources.
    ///
    /// # Errors
    /// There is none, which no source leads to.
    pub(super) fn server(&self) -> Result<&Arc<Server>, Fault> {
        self.server.as_ref().ok_or_else(|| Fault::Source("no server was named".to_owned()))
    }

    /// For one file or folder.
    pub(super) fn patience(&self) -> Patience<'_> {
        Patience { run: self, tries: 0 }
    }
}

/// How often one thing has been tried in vain.
pub(super) struct Patience<'a> {
    run: &'a Run,
    tries: u32,
}

impl Patience<'_> {
    /// Returns when it may be tried again.
    ///
    /// # Errors
    /// The fault, if that would not do, or has not done too often.
    pub(super) async fn bear(&mut self, fault: Fault) -> Result<(), Fault> {
        let pauses = Backoff::new(self.run.pause, LONGEST_PAUSE);
        self.tries += 1;
        match fault.weight() {
            Weight::Again(after) if self.tries < TRIES => {
                tracing::info!(%fault, tries = self.tries, "trying again");
                let pause = after.unwrap_or_default().max(pauses.spread(self.tries));
                tokio::time::sleep(pause.min(LONGEST_PAUSE * 2)).await;
                Ok(())
            }
            _ => Err(self.last(fault)),
        }
    }

    /// The fault, after which nothing is tried again. One that no other file would escape ends the run.
    pub(super) fn last(&self, fault: Fault) -> Fault {
        if fault.weight() == Weight::Run {
            self.run.fatal.lock().get_or_insert_with(|| fault.to_string());
            self.run.stop.cancel();
        }
        fault
    }
}

/// Does what may wait for a disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Stopped)?
}
