//! Where the bytes of content lie that is to be put on a drive, if that is elsewhere.

use std::ops::Range;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::drive::error::Error;

/// The bytes of one content, which can be read from any place.
///
/// An implementation ends its own silences: nobody else knows how long its bytes may take. It fails by
/// [`Error::Changed`] where the content is gone or is known to be another than the one that was described, and by
/// [`Error::Source`] where it cannot be read.
pub trait ContentSource: Send + Sync {
    /// The bytes of a range, which lies within the content; a few are asked for.
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, Error>>;

    /// All bytes from an offset on, in pieces of any size. Asked again further on where a stream broke
    /// ([`Error::Source`] with `broken`).
    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteSource, Error>>;
}

/// Bytes as they come.
pub type ByteSource = BoxStream<'static, Result<Bytes, Error>>;
