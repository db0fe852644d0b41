//! Content that the drive may have already (reference 3.11): asked for before it is sent.
//!
//! A file of one part is offered by its hash. A larger one is offered by the hash of its beginning, and
//! where the drive may have it, the body waits on disk until its whole hash is known. A client that
//! announced the hash spares that: as soon as the bytes are there that prove possession, the drive is
//! asked, and what it has is only read and compared, not kept. What it attached then shows beside the old
//! version; it is taken away again unless the body turns out to be what was announced.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use crate::digest::Sha1;
use crate::drive::error::Error;
use crate::drive::listing::cache::Freshness;
use crate::drive::listing::members::Listing;
use crate::drive::upload::session::Session;
use crate::drive::upload::tentative::Tentative;
use crate::drive::upload::{State, Upload, is};
use crate::upstream::{ContentHint, Created, ErrorKind, ProofSource};

/// First bytes whose hash asks whether the drive may have the content (reference 3.11).
pub(super) const PRE_HASH_BYTES: usize = 1024;

/// What the drive makes of content that it is offered.
pub(super) enum Offer {
    /// It had it.
    Attached(Tentative),
    /// It is to be sent.
    Wanted(Session),
}

/// A body on disk, which nothing else knows of.
pub(in crate::drive) struct Spool {
    file: tokio::fs::File,
    /// The same file, for reads at any place.
    reader: Arc<std::fs::File>,
    _reserve: Reserve,
    /// How much must be here before the drive can be asked for the announced content.
    ask_at: Option<u64>,
    /// Opened when the drive turned out not to have the announced content.
    pub(in crate::drive) session: Option<Session>,
}

impl Spool {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).await.map_err(failed)
    }

    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().await.map_err(failed)
    }

    /// Whether the announced content can be asked for once so much has come.
    pub(super) fn can_be_offered(&self, received: u64) -> bool {
        self.ask_at.is_some_and(|at| received >= at)
    }

    /// What the drive is offered as proof.
    pub(super) async fn proof(&mut self) -> Result<ProofSource, Error> {
        self.flush().await?;
        let reader = self.reader.clone();
        Ok(ProofSource(Arc::new(move |start, end| read_at(&reader, start, end))))
    }

    pub(in crate::drive) async fn read(&self, start: u64, end: u64) -> Result<Bytes, Error> {
        let reader = self.reader.clone();
        let bytes = tokio::task::spawn_blocking(move || read_at(&reader, start, end)).await;
        Ok(bytes.map_err(|_| Error::Stopping)?.map_err(failed)?.into())
    }
}

impl Upload {
    /// The first call for a file of several parts, of which at least the beginning is here.
    pub(super) async fn offer(&mut self) -> Result<State, Error> {
        let size = self.options.size;
        let Some(known) = size.filter(|_| self.target.mount.settings.rapid_upload) else {
            return self.plain_session(size).await;
        };
        let proof_end = match self.options.sha1 {
            None => None,
            Some(sha1) => {
                let end = self.target.mount.account.client.proof_range(known).await?.end;
                if end <= self.buffer.len() {
                    let proof = proof_of(self.buffer.chunks().to_vec());
                    return Ok(match self.offer_hash(size, sha1, proof).await? {
                        Offer::Attached(file) => {
                            self.buffer.take();
                            State::Attached(file)
                        }
                        Offer::Wanted(session) => State::Open(session),
                    });
                }
                Some(end)
            }
        };
        let hint = ContentHint::PreHash(self.pre_hash());
        match self.create(size, hint).await {
            Err(error) if is(&error, ErrorKind::PreHashMatched) => match self.begin_spool(known, proof_end).await? {
                Some(spool) => Ok(State::Spooling(spool)),
                None => self.plain_session(size).await,
            },
            created => Ok(State::Open(self.session_of(created?)?)),
        }
    }

    async fn plain_session(&mut self, size: Option<u64>) -> Result<State, Error> {
        let created = self.create(size, ContentHint::None).await?;
        Ok(State::Open(self.session_of(created)?))
    }

    /// Offers content by its whole hash; a refused proof leads to a plain session.
    pub(super) async fn offer_hash(
        &mut self,
        size: Option<u64>,
        sha1: Sha1,
        proof: ProofSource,
    ) -> Result<Offer, Error> {
        let listings = &self.tree.0.resolver.listings;
        let before = listings.peek(&self.target.mount, &self.target.folder.file_id).map(|(listing, _)| listing);
        let content = ContentHint::Full { sha1, proof };
        // What is attached shows at once: until it is known as undecided nobody else is to look at the name.
        let _turn = match self.in_turn {
            false => Some(self.tree.turn(&self.target).await),
            true => None,
        };
        self.known = self.tree.known(&self.target, None).await.flatten().or(self.known.take());
        let created = match self.create(size, content.clone()).await {
            Err(error) if is(&error, ErrorKind::ProofRefused) => {
                self.shows_nothing();
                self.create(size, ContentHint::None).await
            }
            Err(Error::Upstream(error)) if error.kind.leaves_doubt() => {
                let Some(before) = before else { return Err(Error::Upstream(error)) };
                tracing::info!(%error, "the answer to an offer of content was lost; looking for the file");
                match self.attached_since(&before, sha1).await? {
                    Some(file_id) => Ok(Created::Done { file_id, name: None, upload_id: None }),
                    None => self.create(size, content).await,
                }
            }
            created => {
                if !matches!(created, Ok(Created::Done { .. })) {
                    self.shows_nothing();
                }
                created
            }
        };
        Ok(match created? {
            Created::Done { file_id, upload_id, .. } => Offer::Attached(self.attached(file_id, upload_id).await?),
            created => Offer::Wanted(self.session_of(created)?),
        })
    }

    /// The item of this name and content that was not there before.
    async fn attached_since(&self, before: &Listing, sha1: Sha1) -> Result<Option<String>, Error> {
        let listings = &self.tree.0.resolver.listings;
        let now = listings.get(&self.target.mount, &self.target.folder.file_id, Freshness::Refresh).await?;
        let found =
            now.find(self.target.name()).filter(|found| found.sha1 == Some(sha1) && !before.holds(&found.file_id));
        Ok(found.map(|found| found.file_id.to_string()))
    }

    /// Takes more of a body that waits on disk.
    pub(in crate::drive) async fn spool(&mut self, mut spool: Spool, bytes: &[u8]) -> Result<State, Error> {
        spool.write(bytes).await?;
        Ok(State::Spooling(spool))
    }

    /// Asks for the announced content, of which the proof has come.
    pub(super) async fn offer_spooled(&mut self, mut spool: Spool) -> Result<State, Error> {
        spool.ask_at = None;
        let Some(sha1) = self.options.sha1 else { return Ok(State::Spooling(spool)) };
        let proof = spool.proof().await?;
        match self.offer_hash(self.options.size, sha1, proof).await? {
            Offer::Attached(file) => Ok(State::Attached(file)),
            Offer::Wanted(session) => {
                spool.session = Some(session);
                Ok(State::Spooling(spool))
            }
        }
    }

    fn pre_hash(&self) -> Sha1 {
        Sha1::of(&self.buffer.beginning(PRE_HASH_BYTES))
    }

    /// Turns to the spool if it has room.
    async fn begin_spool(&mut self, size: u64, ask_at: Option<u64>) -> Result<Option<Spool>, Error> {
        let room = &self.tree.0.uploads;
        let before = room.spooled.fetch_add(size, Ordering::Relaxed);
        let reserve = Reserve { size, spooled: room.spooled.clone() };
        if before.saturating_add(size) > room.settings.spool_limit {
            return Ok(None);
        }
        let dir = room.settings.spool_dir.clone().unwrap_or_else(std::env::temp_dir);
        let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(dir)).await;
        let reader = file.map_err(|_| Error::Stopping)?.map_err(failed)?;
        let file = tokio::fs::File::from_std(reader.try_clone().map_err(failed)?);
        let mut spool = Spool { file, reader: Arc::new(reader), _reserve: reserve, ask_at, session: None };
        for chunk in self.buffer.take() {
            spool.write(&chunk).await?;
        }
        Ok(Some(spool))
    }
}

/// Bytes of the spool's limit that are spoken for; given back when dropped.
struct Reserve {
    size: u64,
    spooled: Arc<AtomicU64>,
}

impl Drop for Reserve {
    fn drop(&mut self) {
        self.spooled.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// The proof's bytes out of the chunks of a body's beginning.
pub(super) fn proof_of(chunks: Vec<Bytes>) -> ProofSource {
    ProofSource(Arc::new(move |start, end| {
        let mut at = 0u64;
        let mut found = Vec::new();
        for chunk in &chunks {
            let length = chunk.len() as u64;
            let within = |position: u64| usize::try_from(position.saturating_sub(at).min(length)).unwrap_or(0);
            found.extend_from_slice(&chunk[within(start)..within(end)]);
            at += length;
        }
        // A token renewed in between asks for other bytes, which may not be here yet.
        if end <= at { Ok(found) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }))
}

fn failed(error: io::Error) -> Error {
    Error::Spool(error.to_string())
}

#[cfg(unix)]
fn read_at(file: &std::fs::File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, start)?;
    Ok(bytes)
}
