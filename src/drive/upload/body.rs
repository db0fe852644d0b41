//! The body of an upload: counted, hashed, and gathered into the part that fills.
//!
//! Holds it to what was promised of it, and says when a part is to go. Knows nothing of what becomes of the parts.

use bytes::Bytes;
use sha1::Digest as _;
use tokio::task::JoinHandle;

use crate::calls;
use crate::digest::Sha1;
use crate::drive::error::Error;
use crate::drive::upload::buffer::PartBuffer;
use crate::drive::upload::memory::UploadMemory;
use crate::drive::upload::options::UploadOptions;
use crate::drive::upload::plan::PartPlan;
use crate::drive::upload::session::{Session, Stored, joined};

/// First bytes whose hash asks whether the drive may have the content (reference 3.11).
const PRE_HASH_BYTES: usize = 1024;

/// What has come of a body, and what was promised of it.
pub(super) struct Body {
    size: Option<u64>,
    /// Announced by the client.
    sha1: Option<Sha1>,
    pub(super) plan: PartPlan,
    /// Absent where not all of it comes this way.
    hasher: Option<sha1::Sha1>,
    received: u64,
    /// The part that fills.
    pub(super) buffer: PartBuffer,
    /// Number of the part that fills.
    number: u32,
}

/// What is to be done with the part that fills.
pub(super) struct Filled {
    /// The drive can be asked for a place now.
    pub(super) opens: bool,
    /// The part is to be sent.
    pub(super) ready: bool,
}

/// What of a body's beginning an offer to the drive is made of.
pub(super) struct Beginning {
    pub(super) plan: PartPlan,
    pub(super) pre_hash: Sha1,
    /// The hash that the client announced, and the bytes that may prove it.
    pub(super) announced: Option<(Sha1, Vec<Bytes>)>,
}

/// A whole body, as it was promised.
#[derive(Clone, Copy)]
pub(super) struct Content {
    pub(super) sha1: Sha1,
    pub(super) size: u64,
    /// All of it was hashed on its way; else only the drive's own hash tells whether it is that.
    pub(super) hashed: bool,
}

impl Body {
    pub(super) fn new(options: &UploadOptions, plan: PartPlan, memory: UploadMemory) -> Self {
        Self {
            size: options.size,
            sha1: options.sha1,
            plan,
            hasher: Some(sha1::Sha1::new()),
            received: 0,
            buffer: PartBuffer::new(memory),
            number: 1,
        }
    }

    /// The body begins after what the drive has of it; its parts are of `part_size` from then on.
    ///
    /// # Errors
    /// What the drive has cannot be of it.
    pub(super) fn goes_on(&mut self, stored: Stored, part_size: u64, largest: u64) -> Result<(), Error> {
        let plan = PartPlan::new(part_size, self.size, largest).ok_or(Error::PartsTooLarge)?;
        if !plan.can_go_on(stored.parts, stored.bytes) {
            return Err(Error::Upload(format!("the drive has {} bytes in {} parts", stored.bytes, stored.parts)));
        }
        self.plan = plan;
        (self.number, self.received) = (stored.parts + 1, stored.bytes);
        if stored.parts > 0 {
            self.hasher = None;
        }
        Ok(())
    }

    /// Bytes that have come.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn announced(&self) -> Option<Sha1> {
        self.sha1
    }

    /// Whether nothing has come, and nothing else was promised.
    pub(super) fn is_empty(&self) -> bool {
        self.received == 0
            && self.size.is_none_or(|size| size == 0)
            && self.sha1.is_none_or(|announced| announced == Sha1::EMPTY)
    }

    /// Counts and hashes what has come.
    ///
    /// # Errors
    /// [`Error::Length`] when it is more than was promised.
    pub(super) fn count(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.received += bytes.len() as u64;
        if let Some(expected) = self.size.filter(|expected| self.received > *expected) {
            return Err(Error::Length { expected, received: self.received });
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        Ok(())
    }

    /// Takes as much of what was counted as the part has room for; waits for memory.
    pub(super) async fn fill(&mut self, bytes: &mut Bytes) -> Result<Filled, Error> {
        let part = self.plan.size_of(self.number);
        let room = usize::try_from(part - self.buffer.len()).unwrap_or(usize::MAX);
        let piece = bytes.split_to(room.min(bytes.len()));
        self.buffer.push(&piece, self.size.map_or(part, |size| size.min(part))).await?;
        // A known last part waits for the end, where it may turn out to be the whole file.
        let last = self.size == Some(self.received) && bytes.is_empty();
        let ready = !last && (self.buffer.len() == part || self.goes_early(bytes.len() as u64));
        Ok(Filled { opens: ready || self.opens_early(part), ready })
    }

    /// Whether the part is sent before it is whole: it fills slowly while others wait for memory. Parts may differ in
    /// size (reference 3.12), but their number is bounded.
    fn goes_early(&self, ahead: u64) -> bool {
        let come = self.received - ahead;
        self.plan.may_cut(self.number, self.buffer.len(), come) && self.buffer.is_in_the_way()
    }

    /// Whether the first call can be made before the first part is full, so that a drive without room says so at
    /// once. An announced hash is worth waiting for the bytes that prove it.
    fn opens_early(&self, part: u64) -> bool {
        self.sha1.is_none() && self.size.is_some_and(|size| size > part) && self.buffer.len() >= PRE_HASH_BYTES as u64
    }

    /// What an offer is made of; the part that fills stays.
    pub(super) fn beginning(&mut self) -> Beginning {
        Beginning {
            plan: self.plan,
            pre_hash: Sha1::of(&self.buffer.beginning(PRE_HASH_BYTES)),
            announced: self.sha1.map(|sha1| (sha1, self.buffer.chunks().to_vec())),
        }
    }

    /// Sends the part that fills by a task, and begins the next.
    pub(super) fn send(&mut self, mut session: Session) -> JoinHandle<Result<Session, Error>> {
        let (chunks, number) = (self.buffer.take(), self.number);
        self.number += 1;
        calls::spawn(async move {
            session.send(number, &chunks).await?;
            Ok(session)
        })
    }

    /// Sends what is left.
    pub(super) async fn send_last(&mut self, session: Session) -> Result<Session, Error> {
        if self.buffer.len() == 0 {
            return Ok(session);
        }
        joined(self.send(session)).await
    }

    /// The end of the body.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Checksum`] if it is not what was promised.
    pub(super) fn end(&self) -> Result<Content, Error> {
        if let Some(expected) = self.size.filter(|expected| self.received != *expected) {
            return Err(Error::Length { expected, received: self.received });
        }
        let hash = self.hasher.clone().map(Sha1::from);
        let sha1 = hash.or(self.sha1).ok_or(Error::Checksum)?;
        if self.sha1.is_some_and(|announced| announced != sha1) {
            return Err(Error::Checksum);
        }
        Ok(Content { sha1, size: self.received, hashed: hash.is_some() })
    }
}
