//! Signs of links, as AList, OpenList and their proxies make and check them (reference 6.1).

use crate::clock::UnixSeconds;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// Why a sign is refused; the words are those of the published servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Nothing after the last colon.
    #[error("expire missing")]
    ExpireMissing,
    /// What is after the last colon is no number.
    #[error("expire invalid")]
    ExpireInvalid,
    /// The time is over.
    #[error("sign expired")]
    Expired,
    /// Made with another key, for another path or time.
    #[error("sign invalid")]
    Invalid,
}

/// Signs a decoded path from the tree's root; `expire` 0 for never.
///
/// ```
/// use alidav::clock::UnixSeconds;
/// use alidav::link::sign::{SignError, sign, verify};
///
/// let end = UnixSeconds(1_800_000_000);
/// let signed = sign("key", "/films/first.mkv", end);
/// assert_eq!(verify("key", "/films/first.mkv", &signed, end), Ok(()));
/// assert_eq!(verify("key", "/films/first.mkv", &signed, end.plus(1)), Err(SignError::Expired));
/// assert_eq!(verify("key", "/films/second.mkv", &signed, end), Err(SignError::Invalid));
/// ```
#[must_use]
pub fn sign(token: &str, path: &str, expire: UnixSeconds) -> String {
    // HMAC takes keys of any length, so making it cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.as_bytes()) else { return String::new() };
    mac.update(path.as_bytes());
    mac.update(b":");
    mac.update(expire.0.to_string().as_bytes());
    format!("{}:{}", URL_SAFE.encode(mac.finalize().into_bytes()), expire.0)
}

/// Checks a sign of a path at the time `now`.
///
/// # Errors
/// [`SignError`] says why it is refused.
pub fn verify(token: &str, path: &str, sign: &str, now: UnixSeconds) -> Result<(), SignError> {
    let sign_text = sign.strip_suffix('/').unwrap_or(sign);
    let expire = sign_text.rsplit_once(':').map_or("", |(_, expire)| expire);
    if expire.is_empty() {
        return Err(SignError::ExpireMissing);
    }
    let expire = expire.parse().map(UnixSeconds).map_err(|_| SignError::ExpireInvalid)?;
    if expire.0 != 0 && expire < now {
        return Err(SignError::Expired);
    }
    let expected = self::sign(token, path, expire);
    if bool::from(expected.as_bytes().ct_eq(sign_text.as_bytes())) { Ok(()) } else { Err(SignError::Invalid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "example-token-0123456789";
    const EXAMPLES: [(&str, &str, i64, &str); 4] = [
        (TOKEN, "/ali/movie.mp4", 0, "xLBbpsJq4797YbhFN35j17gj_9w446XinHpvwspjT4w=:0"),
        (TOKEN, "/ali/电影/a b.mp4", 0, "5IYfXb0FPosI8SbHkkoPgWxTgucfnEnecV0__S7nCy0=:0"),
        (TOKEN, "/ali/电影/a b.mp4", 1_767_225_600, "FASaJgRX-tTutesIS5nBQ5Ig0VQvGWLHlSHIWrg2LIk=:1767225600"),
        ("example-token-0123456789-archive", "/ali/x.zip", 0, "fhrtjZ43gGxTpiD5K7bx73bYUADK5FKHeElO24TVzGo=:0"),
    ];

    #[test]
    fn agrees_with_the_reference_examples() {
        for (token, path, expire, expected) in EXAMPLES {
            assert_eq!(sign(token, path, UnixSeconds(expire)), expected);
            assert_eq!(verify(token, path, expected, UnixSeconds(1_767_225_600)), Ok(()));
            assert_eq!(verify(token, path, &format!("{expected}/"), UnixSeconds(0)), Ok(()));
        }
    }

    #[test]
    fn a_sign_is_for_one_path_one_key_and_one_time() {
        let (token, path, _, good) = EXAMPLES[2];
        assert_eq!(verify(token, "/ali/电影/b.mp4", good, UnixSeconds(0)), Err(SignError::Invalid));
        assert_eq!(verify("other", path, good, UnixSeconds(0)), Err(SignError::Invalid));
        assert_eq!(verify(token, path, good, UnixSeconds(1_767_225_601)), Err(SignError::Expired));
        assert_eq!(
            verify(token, path, &good.replace("1767225600", "1999999999"), UnixSeconds(0)),
            Err(SignError::Invalid)
        );
        assert_eq!(verify(token, path, "abc:", UnixSeconds(0)), Err(SignError::ExpireMissing));
        assert_eq!(verify(token, path, "", UnixSeconds(0)), Err(SignError::ExpireMissing));
        assert_eq!(verify(token, path, "abc:soon", UnixSeconds(0)), Err(SignError::ExpireInvalid));
    }
}
