//! Who is signed in on the pages: a cookie, and what the state store keeps of it.
//!
//! The cookie holds 32 random bytes; the store has their hash, so that neither who reads it nor who has a copy of it
//! can sign in. A session lasts for a time after its last use, ends with the user's entry in the settings, and is good
//! for the pages' API alone.

mod known;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, header};
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::config::Config;
use crate::state::{self, SessionRow, Store};

use self::known::Known;

/// Use is written down once in this part of a session's life: each writing costs a synchronised disk.
const PARTS: u32 = 30;

/// What browsers hold.
#[derive(Clone)]
pub(super) struct Sessions {
    store: Store,
    known: Arc<Known>,
    life: Duration,
    /// Each user's password as the settings have it.
    entries: Arc<HashMap<String, SecretString>>,
}

/// A session that holds.
pub(super) struct Found {
    pub(super) user: String,
    /// The cookie to give out anew, where the session was not used for some time.
    pub(super) renewed: Option<HeaderValue>,
}

impl Sessions {
    pub(super) fn new(config: &Config, store: Store) -> Self {
        let entry = |user: &crate::config::User| (user.name.clone(), user.password.clone());
        let entries = Arc::new(config.users.iter().map(entry).collect());
        let known = Arc::default();
        store.changes().hand_to(&known, Known::hear);
        Self { store, known, life: config.web.session, entries }
    }

    pub(super) fn reconfigured(&self, config: &Config) -> Self {
        Self { known: self.known.clone(), ..Self::new(config, self.store.clone()) }
    }

    /// A new session of a user who has shown the password; the cookie. `None` for no user.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn begin(&self, user: &str, secure: bool) -> Result<Option<HeaderValue>, state::Error> {
        let mut token = [0; 32];
        rand::rng().fill_bytes(&mut token);
        let Some(entry) = self.entry(user, &token) else { return Ok(None) };
        let used = self.store.now();
        let session = SessionRow { digest: Sha256::digest(token).into(), user: user.to_owned(), entry, used };
        let (since, changing) = (self.known.changes(), self.known.changing());
        if self.store.add_session(&session, used.minus(self.life)).await? == 0 {
            changing.changed_nothing();
        }
        self.known.keep(session, since);
        Ok(cookie(&token, self.life, secure))
    }

    /// Whose the request's cookie is.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn find(&self, headers: &HeaderMap, secure: bool) -> Result<Option<Found>, state::Error> {
        let Some(token) = token(headers, secure) else { return Ok(None) };
        let digest: [u8; 32] = Sha256::digest(token).into();
        let Some(session) = self.session(&digest).await? else { return Ok(None) };
        let now = self.store.now();
        let age = now.since(session.used);
        let same = self.entry(&session.user, &token).is_some_and(|entry| entry.ct_eq(&session.entry).into());
        if age > self.life || !same {
            let _changing = self.known.changing();
            self.store.end_session(&digest).await?;
            return Ok(None);
        }
        let mut renewed = None;
        if age > self.life / PARTS {
            let _changing = self.known.changing();
            self.store.touch_session(&digest, now).await?;
            renewed = cookie(&token, self.life, secure);
        }
        Ok(Some(Found { user: session.user, renewed }))
    }

    async fn session(&self, digest: &[u8; 32]) -> Result<Option<SessionRow>, state::Error> {
        if let Some(session) = self.known.get(digest) {
            return Ok(Some(session));
        }
        let since = self.known.changes();
        let found = self.store.session(digest).await?;
        if let Some(session) = &found {
            self.known.keep(session.clone(), since);
        }
        Ok(found)
    }

    /// Ends the request's session, or all of its user; the cookie that takes it from the browser.
    ///
    /// # Errors
    /// The state store failed, and the session may still be there.
    pub(super) async fn end(
        &self,
        headers: &HeaderMap,
        secure: bool,
        all_of: Option<&str>,
    ) -> Result<Option<HeaderValue>, state::Error> {
        let _changing = self.known.changing();
        if let Some(user) = all_of {
            self.store.end_sessions_of(user).await?;
        }
        if let Some(token) = token(headers, secure) {
            self.store.end_session(&Sha256::digest(token).into()).await?;
        }
        Ok(cookie(&[], Duration::ZERO, secure))
    }

    /// The user's entry under a key that only the browser has.
    fn entry(&self, user: &str, token: &[u8; 32]) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(token).ok()?;
        mac.update(self.entries.get(user)?.expose_secret().as_bytes());
        Some(mac.finalize().into_bytes().into())
    }
}

/// Over https its name alone keeps others of the domain from setting it (RFC 6265bis, section 4.1.3.2).
fn name(secure: bool) -> &'static str {
    if secure { "__Host-alidav" } else { "alidav" }
}

fn cookie(token: &[u8], life: Duration, secure: bool) -> Option<HeaderValue> {
    let max_age = life.as_secs();
    let (name, value) = (name(secure), URL_SAFE_NO_PAD.encode(token));
    let end = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{end}");
    let mut cookie = HeaderValue::from_str(&text).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

fn token(headers: &HeaderMap, secure: bool) -> Option<[u8; 32]> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(own, _)| *own == name(secure))?;
    URL_SAFE_NO_PAD.decode(value).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Permission, StateLocation, User};

    fn config(password: &str) -> Config {
        let mut config = Config::new(Vec::new(), Vec::new());
        let user = User {
            name: "me".to_owned(),
            password: password.into(),
            base_path: "/".to_owned(),
            permission: Permission::Write,
        };
        config.users = vec![user];
        config
    }

    async fn signed_in(sessions: &Sessions) -> HeaderMap {
        let cookie = sessions.begin("me", false).await.unwrap().unwrap();
        HeaderMap::from_iter([(header::COOKIE, cookie)])
    }

    #[tokio::test]
    async fn a_call_of_a_known_session_does_not_wait_for_the_store() {
        let store = Store::open(&StateLocation::Memory).await.unwrap();
        let sessions = Sessions::new(&config("secret"), store.clone());
        let headers = signed_in(&sessions).await;
        store.close().await;
        assert_eq!(sessions.find(&headers, false).await.unwrap().unwrap().user, "me");
    }

    #[tokio::test]
    async fn what_has_ended_is_not_known_any_more() {
        let store = Store::open(&StateLocation::Memory).await.unwrap();
        let sessions = Sessions::new(&config("secret"), store.clone());
        let (one, other) = (signed_in(&sessions).await, signed_in(&sessions).await);
        assert!(sessions.find(&one, false).await.unwrap().is_some());
        sessions.end(&one, false, None).await.unwrap();
        assert!(sessions.find(&one, false).await.unwrap().is_none());
        assert!(sessions.find(&other, false).await.unwrap().is_some());
        sessions.end(&HeaderMap::new(), false, Some("me")).await.unwrap();
        assert!(sessions.find(&other, false).await.unwrap().is_none());
        let third = signed_in(&sessions).await;
        let sessions = sessions.reconfigured(&config("another"));
        assert!(sessions.find(&third, false).await.unwrap().is_none());
    }
}
