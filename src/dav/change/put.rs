//! PUT.

use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;

use crate::dav::change::handoff::Handoff;
use crate::dav::error::Failure;
use crate::protocol::{Body, RequestBody};

/// Takes the body in.
pub(super) async fn put<B: RequestBody>(handoff: Handoff<'_>, body: B) -> Result<Response<Body>, Failure> {
    let scope = handoff.scope.clone();
    let broken = scope.clone();
    let body = body.map_err(move |error| {
        let text = "the request body broke off or is malformed; nothing was changed";
        broken.refuse(Failure::new(StatusCode::BAD_REQUEST, text));
        std::io::Error::other(error.into())
    });
    let mut response = handoff.stream(body).await?;
    if scope.0.upload.modified.is_some() && response.status().is_success() {
        response.headers_mut().insert("x-oc-mtime", HeaderValue::from_static("accepted"));
    }
    Ok(response)
}
