//! Content whose bytes lie elsewhere and whose hash and size are known: put on the drive without being carried.
//!
//! 1. What has the hash already under the name stays, and nothing is sent.
//! 2. The drive is offered the content by its hash (reference 3.11). For the proof a few bytes are read from the source;
//!    which ones follows from the access token, so a token that was renewed in between asks for others.
//! 3. Only what the drive turns out not to have is carried, as a body like any other, and must be what was known of it.
//!
//! Content of which no hash is known goes as a body at once.
//!
//! Who delivers may come back after a cut: the session of a large file is `remembered`, and gone on with (`resume`).

use std::sync::Arc;

use crate::drive::change::namespace::Namespace;
use crate::drive::change::target::Target;
use crate::drive::change::terms::Placed;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::path::Path;
use crate::drive::upload::body::Content;
use crate::drive::upload::carry::{self, OnSent};
use crate::drive::upload::commit::{self, Check};
use crate::drive::upload::draft::Draft;
use crate::drive::upload::offer::{Offer, offer_proved, proof_at};
use crate::drive::upload::options::UploadOptions;
use crate::drive::upload::plan::PartPlan;
use crate::drive::upload::resume::{is_lost, resume};
use crate::drive::upload::source::ContentSource;
use crate::drive::upload::uncommitted::UncommittedFile;
use crate::drive::upload::{Progress, State, Upload, Uploads};
use crate::upstream::{Client, ErrorKind, ProofSource};

/// Proofs that are made before the content is carried: the token may be renewed between one's bytes and its call.
const MOST_PROOFS: u32 = 3;

/// What has come of putting content on a drive.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// What the name holds now.
    pub placed: Placed,
    /// How it came there.
    pub means: Means,
}

/// How content came under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// It was there: nothing was changed.
    Present,
    /// The drive had it somewhere and attached it: nothing was sent but the proof.
    Attached,
    /// Its bytes were sent.
    Sent,
}

/// Puts content under a path, unless it is there.
pub(in crate::drive) async fn deliver(
    uploads: &Uploads,
    path: &Path,
    options: UploadOptions,
    source: &dyn ContentSource,
    sent: OnSent<'_>,
) -> Result<Delivered, Error> {
    let target = uploads.names.target(path).await?;
    if let Some(entry) = present(&uploads.names, &target, &options).await? {
        let placed = Placed { replaced: Some(entry.file_id.clone()), entry, copy_of: None };
        return Ok(Delivered { placed, means: Means::Present });
    }
    if let Some(content) = content_of(&options)
        && let Some(kept) = uploads.remembered.find(&target, content, options.modified).await?
        && let Some(placed) = resume(uploads, &target, options.clone(), kept, source, sent).await?
    {
        return Ok(Delivered { placed, means: Means::Sent });
    }
    place(uploads, target, options, source, sent, Terms { check: Check::Now, remembers: true }).await
}

/// Puts content in place of what is there.
pub(in crate::drive) async fn put(
    uploads: &Uploads,
    target: Target,
    options: UploadOptions,
    source: &dyn ContentSource,
    sent: OnSent<'_>,
    check: Check,
) -> Result<Delivered, Error> {
    place(uploads, target, options, source, sent, Terms { check, remembers: false }).await
}

/// How content is put in its place.
#[derive(Clone, Copy)]
struct Terms {
    check: Check,
    /// A later try may go on with it.
    remembers: bool,
}

async fn place(
    uploads: &Uploads,
    target: Target,
    options: UploadOptions,
    source: &dyn ContentSource,
    sent: OnSent<'_>,
    terms: Terms,
) -> Result<Delivered, Error> {
    let (known, modified) = (content_of(&options), options.modified);
    let rapid = target.mount.settings.rapid_upload;
    let account = target.mount.account.clone();
    let mut upload = Upload::new(uploads.clone(), Draft::new(uploads.names.clone(), target, options).await)?;
    let plan = upload.body.plan;
    let remembers = terms.remembers && plan.count() > 1;
    let mut kept = None;
    if let Some(content) = known.filter(|_| rapid || remembers)
        && let Some(Progress { draft, .. }) = upload.progress.take()
    {
        let (draft, offer) = if rapid {
            offer(uploads, draft, plan, content, source).await?
        } else {
            session(uploads, draft, plan).await?
        };
        let session = match offer {
            Offer::Attached(file) => {
                let placed = take_place(uploads, draft, file, content, terms.check).await?;
                return Ok(Delivered { placed, means: Means::Attached });
            }
            Offer::Wanted(session) => session,
        };
        if remembers {
            let size = plan.size_of(1);
            kept = uploads.remembered.keep(&draft.target, &session, content, modified, size).await?;
        }
        upload.progress = Some(Progress { draft, state: State::Open(session) });
    }
    let placed = carry::send(upload, source, sent).await;
    match kept {
        Some(kept) if placed.is_ok() => kept.forget().await?,
        Some(kept) if placed.as_ref().is_err_and(is_lost) => kept.leave(&account).await?,
        _ => {}
    }
    Ok(Delivered { placed: placed?, means: Means::Sent })
}

/// What is known of content by which the drive can be asked for it.
fn content_of(options: &UploadOptions) -> Option<Content> {
    let (sha1, size) = options.sha1.zip(options.size.filter(|size| *size > 0))?;
    Some(Content { sha1, size, hashed: true })
}

/// What is under the name already, if it is that content by a listing that is believed.
async fn present(names: &Namespace, target: &Target, options: &UploadOptions) -> Result<Option<Arc<Entry>>, Error> {
    let Some((sha1, size)) = options.sha1.zip(options.size) else { return Ok(None) };
    let is_it = |entry: &Arc<Entry>| {
        !entry.is_folder() && entry.livp.is_none() && (entry.sha1, entry.size) == (Some(sha1), Some(size))
    };
    let looks_so = names.held(target).is_none() && names.look(target, None).await?.as_ref().is_some_and(is_it);
    if !looks_so {
        return Ok(None);
    }
    // A listing that is believed no more says what may be replaced, not that nothing is to be done.
    let found = names.look_afresh(target, None).await?.filter(is_it);
    if let Some(found) = &found {
        options.expected.check(Some(found))?;
    }
    Ok(found)
}

/// Offers the content. What the drive attaches is whole, and may stay whatever becomes of us.
async fn offer(
    uploads: &Uploads,
    mut draft: Box<Draft>,
    plan: PartPlan,
    content: Content,
    source: &dyn ContentSource,
) -> Result<(Box<Draft>, Offer), Error> {
    draft.is_whole();
    let client = draft.target.mount.account.client.clone();
    for _ in 0..MOST_PROOFS {
        let proof = proof(&client, content.size, source).await?;
        let work = async move {
            let offer = offer_proved(&mut draft, plan, content.sha1, proof).await;
            (draft, offer)
        };
        let (back, offer) = uploads.tasks.see_through(work).await?;
        draft = back;
        match offer {
            Err(error) if error.has_kind(ErrorKind::ProofRefused) => {
                tracing::debug!(%error, "a proof was refused");
            }
            offer => return Ok((draft, offer?)),
        }
    }
    session(uploads, draft, plan).await
}

/// A session for content that is not offered.
async fn session(uploads: &Uploads, mut draft: Box<Draft>, plan: PartPlan) -> Result<(Box<Draft>, Offer), Error> {
    let work = async move { draft.plain_session(plan).await.map(|session| (draft, Offer::Wanted(session))) };
    uploads.tasks.see_through(work).await?
}

/// The proof's bytes, for the token of now.
async fn proof(client: &Client, size: u64, source: &dyn ContentSource) -> Result<ProofSource, Error> {
    let range = client.proof_range(size).await?;
    let bytes = source.read(range.clone()).await?;
    if bytes.len() as u64 != range.end - range.start {
        return Err(Error::Changed { gone: false });
    }
    Ok(proof_at(range.start, bytes))
}

async fn take_place(
    uploads: &Uploads,
    draft: Box<Draft>,
    file: UncommittedFile,
    content: Content,
    check: Check,
) -> Result<Placed, Error> {
    uploads.tasks.see_through(commit::in_turn(draft, file, content, check)).await?
}
