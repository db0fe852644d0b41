//! What all parts of one run share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
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
use crate::waits::Waits;

/// Tries of a file, with pauses that come to some minutes, while others arrive.
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
    /// How long nothing may come of what is to pass.
    pub(super) away: Duration,
    /// What it waits for, beside what the accounts' clients do.
    pub(super) waits: Waits,
    /// A source was looked at, and the destination is there.
    pub(super) begun: AtomicBool,
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

    /// Ends the run: no other file would fare better.
    pub(super) fn end(&self, why: &str) {
        self.fatal.lock().get_or_insert_with(|| why.to_owned());
        self.stop.cancel();
    }

    /// For one file or folder.
    pub(super) fn patience(&self) -> Patience<'_> {
        Patience { run: self, tries: 0, pauses: 0, others: self.tally.counts().there().files }
    }
}

/// How often one thing has been tried in vain.
pub(super) struct Patience<'a> {
    run: &'a Run,
    tries: u32,
    pauses: u32,
    /// Files that had arrived by the last try.
    others: u64,
}

impl Patience<'_> {
    /// Returns when it may be tried again. What nobody could do anything about is waited for, and counts as a try only
    /// where others have fared better meanwhile.
    ///
    /// # Errors
    /// The fault, if that would not do, or has not done too often.
    pub(super) async fn bear(&mut self, fault: Fault) -> Result<(), Fault> {
        let others = self.run.tally.counts().there().files;
        let after = match fault.weight() {
            Weight::Again(after) => {
                self.tries += 1;
                after
            }
            Weight::Away(after) => {
                self.tries += u32::from(others != self.others);
                if self.run.tally.silent_for() >= self.run.away {
                    self.run.end(&format!("{fault}; nothing has gone on for {} s", self.run.away.as_secs()));
                    return Err(fault);
                }
                after
            }
            Weight::File | Weight::Run => return Err(self.last(fault)),
        };
        if self.tries >= TRIES {
            return Err(self.last(fault));
        }
        (self.others, self.pauses) = (others, self.pauses.saturating_add(1));
        tracing::info!(%fault, tries = self.tries, "trying again");
        let pause = after.unwrap_or_default().max(Backoff::new(self.run.pause, LONGEST_PAUSE).spread(self.pauses));
        let _wait = self.run.waits.begin(fault.to_string());
        tokio::time::sleep(pause.min(LONGEST_PAUSE * 2)).await;
        Ok(())
    }

    /// The fault, after which nothing is tried again. One that no other file would escape ends the run.
    pub(super) fn last(&self, fault: Fault) -> Fault {
        if fault.weight() == Weight::Run {
            self.run.end(&fault.to_string());
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
