//! An upload that an earlier try has begun: the drive tells what it has of it, and the rest is sent.
//!
//! The source is not read again for what is there. What was sent then is held to the source's hash by the drive's own of
//! the whole, before it takes its place: a drive that tells none, or another, has it all sent anew.

use crate::drive::change::target::Target;
use crate::drive::change::terms::Placed;
use crate::drive::error::Error;
use crate::drive::upload::carry::{self, OnSent};
use crate::drive::upload::draft::Draft;
use crate::drive::upload::options::UploadOptions;
use crate::drive::upload::remembered::Kept;
use crate::drive::upload::session::Session;
use crate::drive::upload::source::ContentSource;
use crate::drive::upload::{State, Upload, Uploads};
use crate::upstream::{DataErrorKind, ErrorKind};

/// Goes on with a session; nothing if it is of no use any more and all is to be sent anew.
///
/// # Errors
/// As of any upload; it can be gone on with later.
pub(super) async fn resume(
    uploads: &Uploads,
    target: &Target,
    options: UploadOptions,
    kept: Kept,
    source: &dyn ContentSource,
    sent: OnSent<'_>,
) -> Result<Option<Placed>, Error> {
    match go_on(uploads, target, options, &kept, source, sent).await {
        Ok(placed) => kept.forget().await.map(|()| Some(placed)),
        Err(error) if is_lost(&error) => {
            tracing::info!(%error, name = target.name(), "a cut upload cannot be gone on with; it begins anew");
            kept.leave(&target.mount.account).await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn go_on(
    uploads: &Uploads,
    target: &Target,
    options: UploadOptions,
    kept: &Kept,
    source: &dyn ContentSource,
    sent: OnSent<'_>,
) -> Result<Placed, Error> {
    let draft = Draft::new(uploads.names.clone(), target.clone(), options).await;
    let mut upload = Upload::new(uploads.clone(), draft)?;
    let session = Session::resumed(target, &kept.row);
    let stored = session.stored(kept.row.part_size).await?;
    if stored.bytes == kept.row.size && session.is_over().await? {
        return Err(Error::Upload("the session is over".to_owned()));
    }
    upload.body.goes_on(stored, kept.row.part_size, uploads.limits.memory.largest_part())?;
    tracing::info!(name = target.name(), parts = stored.parts, bytes = stored.bytes, "going on with a cut upload");
    if let Some(progress) = &mut upload.progress {
        progress.state = State::Open(session);
    }
    carry::send(upload, source, sent).await
}

/// Whether a session that failed so is of no use any more.
pub(super) fn is_lost(error: &Error) -> bool {
    match error {
        Error::NotFound | Error::Corrupt | Error::Upload(_) => true,
        Error::Upstream(error) => {
            matches!(error.kind, ErrorKind::UploadGone | ErrorKind::ContentHashMismatch | ErrorKind::InvalidRequest)
        }
        Error::Data(error) => error.kind == DataErrorKind::UploadGone,
        _ => false,
    }
}
