//! The bodies that carry XML, within their bound.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};

use crate::dav::error::Failure;
use crate::dav::request::xml::MAX_BODY;
use crate::protocol::RequestBody;

/// The whole body.
///
/// # Errors
/// It is too large, or broke off.
pub(in crate::dav) async fn read_xml<B: RequestBody>(body: B) -> Result<Bytes, Failure> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large"))
        }
        Err(_) => Err(Failure::new(StatusCode::BAD_REQUEST, "the request body broke off")),
    }
}
