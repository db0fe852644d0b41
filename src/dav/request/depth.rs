//! The `Depth` header (RFC 4918, section 10.2).

use http::{HeaderMap, StatusCode};

use crate::dav::error::Failure;

/// How far down an answer goes (RFC 4918, section 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dav) enum Depth {
    Zero,
    One,
    Infinity,
}

impl Depth {
    /// A missing header means infinity for PROPFIND.
    pub(in crate::dav) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let Some(value) = headers.get("depth") else { return Ok(Self::Infinity) };
        match value.as_bytes().trim_ascii() {
            b"0" => Ok(Self::Zero),
            b"1" => Ok(Self::One),
            text if text.eq_ignore_ascii_case(b"infinity") => Ok(Self::Infinity),
            _ => Err(Failure::new(StatusCode::BAD_REQUEST, "Depth must be 0, 1 or infinity")),
        }
    }
}
