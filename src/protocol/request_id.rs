//! What one request is called: in its span, its line of the access log, its answer's header and the body of an error, so
//! that whoever quotes one finds the others.
//!
//! It is always of our own making. An `X-Request-Id` that a client sends is not taken over: it could be another
//! request's, or feign lines in the log.

use std::fmt;

use http::{HeaderName, HeaderValue};

/// The header that bears it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Digits and letters that nobody takes for one another, as Crockford's base 32 has them.
const SIGNS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Eight random signs: of a million requests two share theirs with even odds, of a day's hardly ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; 8]);

impl RequestId {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random::<[u8; 8]>().map(|byte| SIGNS[usize::from(byte % 32)]))
    }

    /// Its signs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<RequestId> for HeaderValue {
    fn from(id: RequestId) -> Self {
        // The signs are all visible ASCII.
        Self::from_bytes(&id.0).unwrap_or(Self::from_static(""))
    }
}
