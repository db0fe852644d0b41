//! Bodies of requests and answers.

use std::error::Error;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use crate::drive;

/// Body of a request, whatever it comes from.
pub trait RequestBody: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send {}

impl<B> RequestBody for B where B: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send {}

/// Body of an answer; frames are handed on as they come.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body ended early. The connection is closed short of the announced length, so that the client
/// cannot take the part for the whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The bytes from the drive could not be resumed.
    #[error(transparent)]
    Drive(#[from] drive::Error),
    /// The protocol library could not go on.
    #[error(transparent)]
    Protocol(#[from] std::io::Error),
    /// The server stopped before the body ended.
    #[error("the server is stopping")]
    Stopping,
}

/// A body of known bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
#[must_use]
pub fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}
