//! Reads the claims of the service's tokens (reference 1.6). Nothing is verified: they are ours to
//! send, not to trust.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::UnixSeconds;

/// What a token says of itself.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(in crate::upstream) struct Claims {
    /// User's id.
    pub(in crate::upstream) sub: Option<String>,
    /// When it ends.
    #[serde(deserialize_with = "lenient")]
    pub(in crate::upstream) exp: Option<UnixSeconds>,
    /// When it was issued.
    #[serde(deserialize_with = "lenient")]
    pub(in crate::upstream) iat: Option<UnixSeconds>,
}

fn lenient<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<UnixSeconds>, D::Error> {
    Value::deserialize(value).map(|value| seconds(&value).map(UnixSeconds))
}

/// A number of seconds, also as a fraction or a text: a token must not be lost for the form of a number.
pub(in crate::upstream) fn seconds(value: &Value) -> Option<i64> {
    let number = match value {
        Value::String(text) => text.trim().parse::<serde_json::Number>().ok()?,
        Value::Number(number) => number.clone(),
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a cast saturates, and no such time is meant")]
    number.as_i64().or_else(|| number.as_f64().map(|number| number as i64))
}

/// The claims; all absent where the token is not a readable JWT.
pub(in crate::upstream) fn claims(token: &str) -> Claims {
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
        assert_eq!(claims.exp.zip(claims.iat).map(|(exp, iat)| exp.since(iat)), Some(7_776_000));
    }

    #[test]
    fn numbers_in_other_forms_hide_nothing() {
        let payload = r#"{"sub":"u","iat":"100","exp":200.5,"l":"x"}"#;
        let claims = claims(&format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload)));
        assert_eq!(
            (claims.sub.as_deref(), claims.iat, claims.exp),
            (Some("u"), Some(UnixSeconds(100)), Some(UnixSeconds(200)))
        );
    }

    #[test]
    fn other_texts_claim_nothing() {
        for text in ["", "a.b", "not a token", "a.!!.c", "a.bnVsbA.c"] {
            assert_eq!(claims(text), Claims::default(), "{text}");
        }
    }
}
