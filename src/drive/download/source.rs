//! Opening an upstream body for a stream: slot, link, connection, and the check that it is the same entity.
//!
//! Decides what is tried again: an expired or refused link is renewed, a broken or unavailable host is
//! asked again with growing pauses, a refusal for too many open bodies is waited out. What no retry
//! can mend is an error.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::drive::account::Account;
use crate::drive::account::links::Link;
use crate::drive::download::edges::EdgeCache;
use crate::drive::download::identity::ContentId;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::mount::Mounted;
use crate::drive::slots::StreamLimit;
use crate::drive::slots::memory::ByteBudget;
use crate::drive::slots::permit::StreamPermit;
use crate::drive::slots::revocable_body::OpenBody;
use crate::upstream::{DataBody, DataError, DataErrorKind};

/// Tries before an opening gives up; one that a client already listens to also goes on for the longest wait.
const MAX_TRIES: u32 = 6;
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Refusals for too many bodies in a row, over some seconds, that are no mere delay in the service's count.
const SHRINK_AFTER: u32 = 5;

/// Life a link must have left to open a body: a running transfer is not cut at expiry (reference 3.9).
pub(super) const MIN_LIFE: Duration = Duration::from_secs(15);

/// A file whose bytes are wanted.
#[derive(Clone)]
pub(in crate::drive) struct FileSource {
    pub(in crate::drive) mount: Arc<Mounted>,
    pub(in crate::drive) entry: Arc<Entry>,
    /// The memory that all downloads share.
    pub(in crate::drive) budget: Arc<ByteBudget>,
    pub(in crate::drive) edges: Arc<EdgeCache>,
    /// Whether its bodies are further ones of a stream, which does without where the service refuses them.
    pub(in crate::drive) spare: bool,
}

impl FileSource {
    /// A link to the file's content, with at least `min_life` left where its life allows.
    ///
    /// # Errors
    /// [`Error::Changed`] when the drive says that the listed item is gone or has other content.
    pub(in crate::drive) async fn link(&self, min_life: Duration) -> Result<Link, Error> {
        let drive_id = self.mount.drive_id().await?;
        let account = &self.mount.account;
        let (file_id, livp) = (&self.entry.file_id, self.entry.livp);
        let link = match account.links.get(&account.client, &drive_id, file_id, livp, min_life).await {
            // The listed item is gone, but another may bear its name by now.
            Err(Error::NotFound) => return Err(Error::Changed { gone: true }),
            link => link?,
        };
        match (link.sha1, self.entry.sha1) {
            // For a live photo the answer may name the hash of the item, not of the stream.
            (Some(now), Some(listed)) if now != listed && livp.is_none() => Err(Error::Changed { gone: false }),
            _ => Ok(link),
        }
    }

    async fn forget_link(&self, link: &Link) -> Result<(), Error> {
        let drive_id = self.mount.drive_id().await?;
        self.mount.account.links.forget(&drive_id, &self.entry.file_id, self.entry.livp, link).await;
        Ok(())
    }

    /// Opens the body of `range`. `known` is what an earlier body of this stream was of.
    ///
    /// # Errors
    /// [`Error::Changed`] for other content than `known` or than listed, else the last failure.
    pub(in crate::drive) async fn open(
        &self,
        range: Range<u64>,
        permit: Option<StreamPermit>,
        urgent: bool,
        known: Option<&ContentId>,
    ) -> Result<(OpenBody, ContentId), Error> {
        let permit = match permit {
            Some(permit) => permit,
            None => {
                // First the link, which may take seconds to come: meanwhile others use the slot.
                self.link(MIN_LIFE).await?;
                self.mount.account.slots.acquire(urgent).await?
            }
        };
        let mut tries = Tries::new(&self.mount.account, known.is_some(), self.spare);
        loop {
            let link = self.link(MIN_LIFE).await?;
            match self.mount.account.client.data_host().get(&link.url, range.clone()).await {
                Ok(body) => {
                    let identity = self.identify(&body, known)?;
                    return Ok((OpenBody { body, permit }, identity));
                }
                // It is not what was listed.
                Err(error) if error.kind == DataErrorKind::Shorter && self.entry.size.is_some() => {
                    return Err(Error::Changed { gone: false });
                }
                Err(error) => {
                    tracing::debug!(%error, file = %self.entry.file_id, start = range.start, "opening a body failed");
                    if tries.renew_link(error.kind) {
                        self.forget_link(&link).await?;
                    }
                    tries.pause(error).await?;
                }
            }
        }
    }

    /// What the body is of: what was listed and, where something is known already, the same.
    fn identify(&self, body: &DataBody, known: Option<&ContentId>) -> Result<ContentId, Error> {
        let identity = ContentId::of(body);
        let listed = self.entry.size.is_none_or(|size| size == identity.total());
        if !listed || known.is_some_and(|known| !known.same(&identity)) {
            return Err(Error::Changed { gone: false });
        }
        Ok(identity)
    }
}

/// The tries of one opening.
pub(in crate::drive) struct Tries<'a> {
    slots: &'a StreamLimit,
    failures: u32,
    /// Refusals for too many bodies, which are no failures.
    too_many: u32,
    refused: bool,
    until: Instant,
    /// Whether bytes have gone to the client, which has more patience than one without an answer.
    resuming: bool,
    /// Whether the body can be done without.
    spare: bool,
    pauses: Backoff,
}

impl<'a> Tries<'a> {
    pub(in crate::drive) fn new(account: &'a Account, resuming: bool, spare: bool) -> Self {
        let slots = &account.slots;
        let until = Instant::now() + slots.max_wait();
        let pauses = Backoff::new(account.timeouts.first_reopening, LONGEST_PAUSE);
        Self { slots, failures: 0, too_many: 0, refused: false, until, resuming, spare, pauses }
    }

    /// Whether a failure may be the link's fault.
    fn renew_link(&self, kind: DataErrorKind) -> bool {
        matches!(
            kind,
            DataErrorKind::Expired | DataErrorKind::Refused | DataErrorKind::Redirected | DataErrorKind::Gone
        )
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// The failure itself, when another try cannot help or the tries are used up.
    pub(in crate::drive) async fn pause(&mut self, error: DataError) -> Result<(), Error> {
        let count = if error.kind == DataErrorKind::TooManyStreams {
            self.count_refusal()?
        } else {
            self.failures += 1;
            self.failures
        };
        if !self.may_help(error.kind) {
            return Err(Error::Data(error));
        }
        let first_renewal = error.kind == DataErrorKind::Expired && count == 1;
        if !first_renewal {
            tokio::time::sleep(self.pauses.after(count)).await;
        }
        Ok(())
    }

    /// Counts a refusal for too many bodies. Our own count says there is a slot: the service has not seen an older
    /// body close yet, or another program of this user reads too.
    ///
    /// # Errors
    /// It has gone on for the longest wait, or for some seconds with a body that can be done without.
    fn count_refusal(&mut self) -> Result<u32, Error> {
        self.too_many += 1;
        if self.too_many == SHRINK_AFTER {
            self.slots.shrink();
            if self.spare {
                return Err(Error::NoFreeStream { retry_after: self.slots.max_wait() });
            }
        }
        if Instant::now() < self.until {
            return Ok(self.too_many);
        }
        Err(Error::NoFreeStream { retry_after: Duration::from_secs(5) })
    }

    /// Whether another try may help after such a failure, which has been counted.
    fn may_help(&mut self, kind: DataErrorKind) -> bool {
        match kind {
            DataErrorKind::TooManyStreams => true,
            // Once with a new link: these codes also mean a link that went bad early.
            DataErrorKind::Refused | DataErrorKind::Redirected | DataErrorKind::Gone => {
                !std::mem::replace(&mut self.refused, true)
            }
            DataErrorKind::Expired => self.failures < MAX_TRIES,
            DataErrorKind::Throttled
            | DataErrorKind::Unavailable
            | DataErrorKind::Broken
            | DataErrorKind::Stalled
            | DataErrorKind::WrongRange => self.failures < MAX_TRIES || (self.resuming && Instant::now() < self.until),
            DataErrorKind::Shorter
            | DataErrorKind::NoSpace
            | DataErrorKind::PartAlreadyExists
            | DataErrorKind::PartNotSequential
            | DataErrorKind::UploadGone => false,
        }
    }
}
