//! Reads the claims of the service's tokens (reference 1.6). Nothing is verified: they are ours to
//! send, not to trust.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Deserialize;

/// What a token says of itself.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Claims {
    /// User's id.
    pub(super) sub: Option<String>,
    /// Unix seconds.
    pub(super) exp: Option<i64>,
    /// Unix seconds.
    pub(super) iat: Option<i64>,
}

/// The claims; all absent where the token is not a readable JWT.
pub(super) fn claims(token: &str) -> Claims {
    read(token).unwrap_or_default()
}

fn read(token: &str) -> Option<Claims> {
    let mut segments = token.split('.');
    let (_, payload, _) = (segments.next()?, segments.next()?, segments.next()?);
    let payload = payload.trim_end_matches('=');
    let json = URL_SAFE_NO_PAD.decode(payload).or_else(|_| STANDARD_NO_PAD.decode(payload)).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_reference_example() {
        let token = "eyJraWQiOiJLcU8iLCJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZiIsImF1ZCI6ImZlZGNiYTk4NzY1NDMyMTBmZWRjYmE5ODc2NTQzMjEwIiwiZXhwIjoxNzc1MDAwMDAwLCJpYXQiOjE3NjcyMjQwMDAsImp0aSI6IjAwMTEyMjMzNDQ1NTY2Nzc4ODk5YWFiYmNjZGRlZWZmIn0.sig";
        let claims = claims(token);
        assert_eq!(claims.sub.as_deref(), Some("0123456789abcdef0123456789abcdef"));
        assert_eq!(claims.exp.zip(claims.iat).map(|(exp, iat)| exp - iat), Some(7_776_000));
    }

    #[test]
    fn other_texts_claim_nothing() {
        for text in ["", "a.b", "not a token", "a.!!.c", "a.bnVsbA.c"] {
            assert_eq!(claims(text), Claims::default(), "{text}");
        }
    }
}
