//! COPY and MOVE.

use bytes::Bytes;
use http::{HeaderValue, Response};

use crate::dav::change::handoff::Handoff;
use crate::dav::error::Failure;
use crate::dav::request::headers::oc_mtime;
use crate::dav::store::dead_properties::Patch;
use crate::drive::Freshness;
use crate::protocol::Body;

/// Moves or copies; a time that the client names is kept beside the item, since the drive keeps its own.
pub(super) async fn move_or_copy(handoff: Handoff<'_>, body: Bytes) -> Result<Response<Body>, Failure> {
    let modified = oc_mtime(&handoff.parts.headers)?;
    let (site, base) = (handoff.site, &handoff.context.base_path);
    let destination = handoff.headers.destination.as_ref().map(|path| path.under(base));
    let mut response = handoff.pass(body).await?;
    if let (Some(moment), Some(destination)) = (modified, destination)
        && response.status().is_success()
        && let Ok(there) = site.tree.stat(&destination, Freshness::Cached).await
        && matches!(site.stored.patch(&there.entry.file_id, &[Patch::Modified(moment)]).await, Ok(true))
    {
        response.headers_mut().insert("x-oc-mtime", HeaderValue::from_static("accepted"));
    }
    Ok(response)
}
