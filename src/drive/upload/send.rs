//! The rest of a whole body gets to the drive, where nothing shows of it yet unless the drive had it.

use crate::drive::error::Error;
use crate::drive::upload::body::{Body, Content};
use crate::drive::upload::draft::Draft;
use crate::drive::upload::offer::{Offer, offer_hash, proof_of};
use crate::drive::upload::plan::PartPlan;
use crate::drive::upload::session::Session;
use crate::drive::upload::spool::Spool;
use crate::drive::upload::uncommitted::UncommittedFile;

/// Bytes read from the spool at a time.
const SPOOL_READ: u64 = 256 << 10;

/// A file of at most one part: its hash is known before the first call.
pub(super) async fn whole(draft: &mut Draft, body: &mut Body, content: Content) -> Result<UncommittedFile, Error> {
    let rapid = draft.target.mount.settings.rapid_upload && content.size > 0;
    let chunks = body.buffer.take();
    let plan = PartPlan::whole(content.size);
    let offer = if rapid {
        offer_hash(draft, plan, content.sha1, proof_of(chunks.clone())).await?
    } else {
        Offer::Wanted(draft.plain_session(plan).await?)
    };
    let mut session = match offer {
        Offer::Attached(file) => return Ok(file),
        Offer::Wanted(session) => session,
    };
    if content.size > 0 {
        session.send(1, &chunks).await?;
    }
    Ok(draft.sent(session))
}

/// A file whose beginning the drive knows: the whole hash decides, else it is sent from the disk.
pub(super) async fn spooled(
    draft: &mut Draft,
    body: &mut Body,
    mut spool: Spool,
    content: Content,
) -> Result<UncommittedFile, Error> {
    let session = match spool.session.take() {
        Some(session) => session,
        None => {
            let proof = spool.proof().await?;
            match offer_hash(draft, body.plan, content.sha1, proof).await? {
                Offer::Attached(file) => return Ok(file),
                Offer::Wanted(session) => session,
            }
        }
    };
    let session = from_disk(body, spool, session, content.size).await?;
    Ok(draft.sent(session))
}

/// Sends all parts of a body that waited on disk.
async fn from_disk(body: &mut Body, mut spool: Spool, mut session: Session, size: u64) -> Result<Session, Error> {
    spool.flush().await?;
    for number in 1..=body.plan.count() {
        let start = u64::from(number - 1) * body.plan.size_of(number);
        let end = (start + body.plan.size_of(number)).min(size);
        let mut from = start;
        while from < end {
            let to = (from + SPOOL_READ).min(end);
            body.buffer.push(&spool.read(from, to).await?, end - start).await?;
            from = to;
        }
        session.send(number, &body.buffer.take()).await?;
    }
    Ok(session)
}
