//! Content that the drive may have already (reference 3.11): asked for before it is sent.
//!
//! A file of one part is offered by its hash. A larger one is offered by the hash of its beginning, and
//! where the drive may have it, the body waits on disk until its whole hash is known. A client that
//! announced the hash spares that: as soon as the bytes are there that prove possession, the drive is
//! asked, and what it has is only read and compared, not kept. What it attached then shows beside the old
//! version; it is taken away again unless the body turns out to be what was announced.
//!
//! Answers what the drive makes of an offer; what becomes of the upload then is its own to decide.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::digest::Sha1;
use crate::drive::error::Error;
use crate::drive::listing::members::Listing;
use crate::drive::upload::body::Beginning;
use crate::drive::upload::draft::Draft;
use crate::drive::upload::plan::PartPlan;
use crate::drive::upload::session::Session;
use crate::drive::upload::uncommitted::UncommittedFile;
use crate::upstream::{ContentHint, Created, ErrorKind, ProofSource};

/// What the drive makes of content that it is offered.
pub(super) enum Offer {
    /// It had it.
    Attached(UncommittedFile),
    /// It is to be sent.
    Wanted(Session),
}

/// What the drive makes of the beginning of a body.
pub(super) enum Opening {
    /// It is known what to do with the rest.
    Known(Offer),
    /// The drive may have the whole, of which it has the beginning. `ask_at`: what must have come before it can be asked
    /// for the content that the client announced.
    MayHave { ask_at: Option<u64> },
}

/// The first call for a file of several parts, of which at least the beginning is here.
pub(super) async fn open(draft: &mut Draft, beginning: Beginning) -> Result<Opening, Error> {
    let plan = beginning.plan;
    let Some(size) = plan.size().filter(|_| draft.target.mount.settings.rapid_upload) else {
        return Ok(Opening::Known(Offer::Wanted(draft.plain_session(plan).await?)));
    };
    let mut ask_at = None;
    if let Some((sha1, chunks)) = beginning.announced {
        let end = draft.target.mount.account.client.proof_range(size).await?.end;
        if end <= chunks.iter().map(|chunk| chunk.len() as u64).sum() {
            return offer_hash(draft, plan, sha1, proof_of(chunks)).await.map(Opening::Known);
        }
        ask_at = Some(end);
    }
    match draft.create(plan, ContentHint::PreHash(beginning.pre_hash)).await {
        Err(error) if error.has_kind(ErrorKind::PreHashMatched) => Ok(Opening::MayHave { ask_at }),
        created => Ok(Opening::Known(Offer::Wanted(draft.session(plan, created?)?))),
    }
}

/// Offers content by its whole hash; a refused proof leads to a plain session.
pub(super) async fn offer_hash(
    draft: &mut Draft,
    plan: PartPlan,
    sha1: Sha1,
    proof: ProofSource,
) -> Result<Offer, Error> {
    match offer_proved(draft, plan, sha1, proof).await {
        Err(error) if error.has_kind(ErrorKind::ProofRefused) => Ok(Offer::Wanted(draft.plain_session(plan).await?)),
        offer => offer,
    }
}

/// Offers content by its whole hash.
///
/// # Errors
/// [`ErrorKind::ProofRefused`], also where the proof lacks the bytes that a renewed token asks for.
pub(super) async fn offer_proved(
    draft: &mut Draft,
    plan: PartPlan,
    sha1: Sha1,
    proof: ProofSource,
) -> Result<Offer, Error> {
    let before = draft.names.listed(&draft.target);
    let content = ContentHint::Full { sha1, proof };
    // What is attached shows at once: until it is known as undecided nobody else is to look at the name.
    let _turn = draft.turn_to_offer().await?;
    draft.look_again().await;
    let created = match draft.create(plan, content.clone()).await {
        Err(Error::Upstream(error)) if error.kind.leaves_doubt() => {
            let Some(before) = before else { return Err(Error::Upstream(error)) };
            tracing::info!(%error, "the answer to an offer of content was lost; looking for the file");
            match attached_since(draft, &before, sha1).await? {
                Some(file_id) => Ok(Created::Done { file_id, name: None, upload_id: None }),
                None => draft.create(plan, content).await,
            }
        }
        created => {
            if !matches!(created, Ok(Created::Done { .. })) {
                draft.shows_nothing();
            }
            created
        }
    };
    Ok(match created? {
        Created::Done { file_id, upload_id, .. } => Offer::Attached(draft.attached(file_id, upload_id).await?),
        created => Offer::Wanted(draft.session(plan, created)?),
    })
}

/// The item of this name and content that was not there before.
async fn attached_since(draft: &Draft, before: &Listing, sha1: Sha1) -> Result<Option<String>, Error> {
    let now = draft.names.listing_anew(&draft.target).await?;
    let found = now.find(draft.target.name()).filter(|found| found.sha1 == Some(sha1) && !before.holds(&found.file_id));
    Ok(found.map(|found| found.file_id.to_string()))
}

/// The proof's bytes alone, which lie at `at`.
pub(super) fn proof_at(at: u64, bytes: Bytes) -> ProofSource {
    ProofSource(Arc::new(move |start, end| {
        // A token renewed in between asks for other bytes.
        if start == at && end - start == bytes.len() as u64 {
            Ok(bytes.to_vec())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }))
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
