//! What an upload is told beforehand.

use crate::clock::UnixMillis;
use crate::digest::Sha1;
use crate::drive::change::terms::Expected;

/// What is known of a body beforehand.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Bytes, where promised.
    pub size: Option<u64>,
    /// SHA-1 that the client announced.
    pub sha1: Option<Sha1>,
    /// Time of modification.
    pub modified: Option<UnixMillis>,
    /// What the name must still hold when the content takes its place.
    pub expected: Expected,
}
