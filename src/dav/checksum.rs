//! PATCH with `X-Recalculate-Hash`: a client asks for the checksum of a file (clients reference, section 3).
//!
//! Answers with what the listing says, which costs no call. Refuses other kinds than the drive's own: each would cost
//! a download of the whole file.

use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::dav::context::Context;
use crate::dav::error::Failure;
use crate::dav::site::Site;
use crate::drive::{Freshness, Path};
use crate::protocol::body::{self, Body};

/// The header that names the kind; a PATCH without it is another extension's.
pub(super) const RECALCULATE: &str = "x-recalculate-hash";

/// Tells a file's checksum, where the drive has one; `path` is below the user's base path.
pub(super) async fn checksum(
    site: &Site,
    context: &Context,
    headers: &HeaderMap,
    path: &Path,
) -> Result<Response<Body>, Failure> {
    if !headers.get(RECALCULATE).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(b"sha1")) {
        return Err(Failure::new(StatusCode::BAD_REQUEST, "the drive has no checksum but SHA-1: ask for sha1"));
    }
    let file = site.tree.stat(&path.under(&context.base_path), Freshness::Cached).await?;
    if file.is_folder() {
        return Err(Failure::new(StatusCode::BAD_REQUEST, "a folder has no checksum"));
    }
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(value) = file.entry.sha1.and_then(|sha1| HeaderValue::try_from(format!("SHA1:{sha1}")).ok()) {
        response.headers_mut().insert("oc-checksum", value);
    }
    Ok(response)
}
