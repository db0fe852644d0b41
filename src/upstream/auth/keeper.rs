//! The tokens of one account in memory and in the store, and the rule that keeps several processes with one store
//! out of each other's way: each write names the refresh token that it replaces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::clock::UnixSeconds;
use crate::config::{self, Config, Timeouts};
use crate::state::{self, Store, Tokens};
use crate::upstream::auth::access::Access;
use crate::upstream::auth::choose_token::choose_token;
use crate::upstream::auth::flight::Flight;
use crate::upstream::auth::source::TokenSource;
use crate::upstream::auth::status;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::pacer::Pacer;

/// A token with less life than this, and less than a quarter of its own, is renewed before use, in seconds.
const MARGIN_S: i64 = 200;

/// How errors name the renewal of an access token.
pub const RENEWAL: &str = "oauth/access_token";

pub(super) const CALL: &str = RENEWAL;

pub(super) struct Keeper {
    pub(super) account: String,
    pub(super) configured: Option<SecretString>,
    pub(super) sources: Vec<TokenSource>,
    pub(super) http: reqwest::Client,
    pub(super) pacer: Arc<Pacer>,
    pub(super) store: Store,
    pub(super) max_wait: Duration,
    pub(super) timeouts: Timeouts,
    pub(super) current: Mutex<Option<Tokens>>,
    /// What the store had when it was last read or written; a refresh token that it has instead by now is
    /// another process's and is not overwritten.
    pub(super) stored: Mutex<Option<Tokens>>,
    /// Whose drive this process serves: listings and links of one user must not meet another's token.
    pub(super) user: Mutex<Option<String>>,
    /// Times that tokens of another line were taken up.
    pub(super) sign_ins: AtomicU64,
    /// Held by the one task that loads or renews.
    pub(super) flight: tokio::sync::Mutex<Flight>,
    pub(super) failure: Mutex<Option<Failure>>,
    /// Renewals and exchanges under way.
    pub(super) tasks: TaskTracker,
}

#[derive(Clone)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) at: Instant,
}

impl Keeper {
    pub(super) fn new(
        account: &config::Account,
        config: &Config,
        http: reqwest::Client,
        pacer: Arc<Pacer>,
        store: Store,
    ) -> Self {
        Self {
            account: account.name.clone(),
            configured: account.refresh_token.clone(),
            sources: TokenSource::of(account, &config.upstream.api_url),
            http,
            pacer,
            store,
            max_wait: config.upstream.max_wait,
            timeouts: config.timeouts,
            current: Mutex::default(),
            stored: Mutex::default(),
            user: Mutex::default(),
            sign_ins: AtomicU64::new(0),
            flight: tokio::sync::Mutex::default(),
            failure: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// This moment by the clock that all go by who have these tokens.
    pub(super) fn now(&self) -> UnixSeconds {
        self.store.now().seconds()
    }

    /// The current access token if it lives and is not the refused one.
    pub(super) fn living(&self, refused: Option<&Access>) -> Option<Access> {
        let current = self.current.lock();
        let tokens = current.as_ref()?;
        let other = refused.is_none_or(|refused| refused.expose() != tokens.access_token.expose_secret());
        let margin = MARGIN_S.min(tokens.expires_at.since(tokens.issued_at) / 4).max(0);
        (other && tokens.expires_at.since(self.now()) > margin).then(|| Access::new(tokens.access_token.clone()))
    }

    /// Whether these tokens can be renewed without a person.
    pub(super) fn can_renew(&self, tokens: &Tokens) -> bool {
        !tokens.refresh_token.expose_secret().is_empty() && self.sources.iter().any(TokenSource::renews)
    }

    pub(super) fn failed(&self, error: &Error) {
        tracing::warn!(account = %self.account, %error, "no access token");
        *self.failure.lock() = Some(Failure { error: error.clone(), at: Instant::now() });
    }

    /// Takes what the store and the configuration have, unless it is another user's.
    ///
    /// A configured token that does not tell its age counts as newer than a stored one, but not once it was refused.
    pub(super) async fn load(&self, flight: &Flight) -> Result<(), Error> {
        let stored = self.store.tokens(&self.account).await.map_err(store_failed)?;
        self.stored.lock().clone_from(&stored);
        let dead = |token: &&SecretString| stored.is_some() && flight.has_refused(token);
        let configured = self.configured.as_ref().filter(|token| !dead(token));
        let chosen = choose_token(stored, configured);
        if let Some(user) = chosen.as_ref().and_then(|tokens| tokens.user_id.clone()) {
            let mut serving = self.user.lock();
            if serving.as_ref().is_some_and(|serving| *serving != user) {
                let words =
                    "another user has signed in under this account's name; restart alidav to serve that user's drive";
                return Err(Error::new(CALL, ErrorKind::SignInNeeded).message(words));
            }
            *serving = Some(user);
        }
        let mut current = self.current.lock();
        if let (Some(old), Some(new)) = (&*current, &chosen)
            && old.access_token.expose_secret() != new.access_token.expose_secret()
        {
            self.sign_ins.fetch_add(1, Ordering::Relaxed);
        }
        *current = chosen;
        Ok(())
    }

    /// Writes unless the store has another refresh token than this process knows; says whether it did.
    pub(super) async fn swap(&self, tokens: &Tokens) -> Result<bool, state::Error> {
        let expected = self.stored.lock().as_ref().map(|tokens| tokens.refresh_token.clone());
        let kept = self.store.swap_tokens(&self.account, expected.as_ref(), tokens).await?;
        if kept {
            *self.stored.lock() = Some(tokens.clone());
        }
        Ok(kept)
    }

    /// What another process has put into the store.
    pub(super) async fn others(&self, flight: &Flight) -> Result<Access, Error> {
        self.load(flight).await?;
        self.living(None).ok_or_else(|| {
            Error::new(CALL, ErrorKind::Unavailable).message("another process is changing the tokens; try again")
        })
    }

    /// Stores new tokens and only then gives them out. What could not be stored is tried again first.
    pub(super) async fn keep(&self, flight: &mut Flight, tokens: Tokens) -> Result<Access, Error> {
        match self.swap(&tokens).await {
            Err(error) => {
                flight.unsaved = Some(tokens);
                return Err(store_failed(error));
            }
            // Somebody has signed in meanwhile, which counts for more.
            Ok(false) => return self.others(flight).await,
            Ok(true) => {}
        }
        flight.refused = None;
        flight.displaced = None;
        let access = Access::new(tokens.access_token.clone());
        *self.current.lock() = Some(tokens);
        Ok(access)
    }

    pub(super) fn sign_in(&self, why: &str) -> Error {
        let message = format!("{why}; {}", status::remedy(&self.account));
        Error::new(CALL, ErrorKind::SignInNeeded).message(message)
    }
}

pub(super) fn store_failed(error: state::Error) -> Error {
    Error::new(CALL, ErrorKind::Store).message(error.to_string())
}
