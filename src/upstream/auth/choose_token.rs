//! Which refresh token to go on with: the stored one or the configuration's.
//!
//! A refresh token is spent by its first use, so after a renewal the configuration holds a dead one
//! beside the living one in the store. The newer by time of issue wins; the store remembers which
//! configured token its line began with, so that the same file is recognised at the next start.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::clock::UnixSeconds;
use crate::state::Tokens;
use crate::upstream::auth::jwt;

/// The tokens to go on with; absent when there are none at all.
pub(in crate::upstream) fn choose_token(stored: Option<Tokens>, configured: Option<&SecretString>) -> Option<Tokens> {
    let Some(configured) = configured else {
        return stored;
    };
    let fresh = from_configuration(configured);
    let Some(stored) = stored else {
        return Some(fresh);
    };
    let known = stored.source_digest == fresh.source_digest
        || stored.refresh_token.expose_secret() == configured.expose_secret();
    let issued = jwt::claims(configured.expose_secret()).iat;
    if known || issued.is_some_and(|issued| issued <= stored.issued_at) { Some(stored) } else { Some(fresh) }
}

fn from_configuration(token: &SecretString) -> Tokens {
    let claims = jwt::claims(token.expose_secret());
    Tokens {
        user_id: claims.sub,
        access_token: SecretString::default(),
        refresh_token: token.clone(),
        issued_at: claims.iat.unwrap_or_else(UnixSeconds::now),
        expires_at: UnixSeconds::default(),
        sent_to: None,
        source_digest: Some(digest(token.expose_secret())),
        server: None,
    }
}

/// How the store remembers a configured token without keeping it.
pub(in crate::upstream) fn digest(token: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(token.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn token(iat: i64) -> SecretString {
        let payload = format!(r#"{{"sub":"u","iat":{iat}}}"#);
        format!("h.{}.s", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload)).into()
    }

    fn renewed(from: &SecretString, iat: i64) -> Tokens {
        Tokens { refresh_token: token(iat), issued_at: UnixSeconds(iat), ..from_configuration(from) }
    }

    #[test]
    fn the_newer_of_file_and_store_wins_by_time_of_issue() {
        let configured = token(100);
        let chosen = choose_token(Some(renewed(&configured, 200)), Some(&configured)).unwrap();
        assert_eq!(chosen.issued_at, UnixSeconds(200));
        let newer = token(300);
        assert_eq!(choose_token(Some(renewed(&configured, 200)), Some(&newer)).unwrap().issued_at, UnixSeconds(300));
        let older = token(50);
        assert_eq!(choose_token(Some(renewed(&configured, 200)), Some(&older)).unwrap().issued_at, UnixSeconds(200));
    }

    #[test]
    fn an_opaque_token_that_began_the_stored_line_is_known_to_be_spent() {
        let configured = SecretString::from("opaque");
        let stored = Tokens { refresh_token: "next".into(), ..from_configuration(&configured) };
        let chosen = choose_token(Some(stored.clone()), Some(&configured)).unwrap();
        assert_eq!(chosen.refresh_token.expose_secret(), "next");
        let chosen = choose_token(Some(stored), Some(&"another".into())).unwrap();
        assert_eq!(chosen.refresh_token.expose_secret(), "another");
    }
}
