//! One account's tokens: given out while they live, renewed once for all who wait.
//!
//! A refresh token works once. So a renewal runs in its own task, which the departure of the request
//! that caused it does not stop; it writes down that it is about to use the token before it does; and
//! it stores the answer before anybody may use it. After an answer that never came the old token is
//! kept for one careful retry at the same place: another server could only lose it for certain.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::pacer::{Pacer, RateClass, Urgency};
use super::token_source::{Grant, Outcome, TokenSource};
use super::token_status::{self, TokenStatus};
use super::{Error, ErrorKind, jwt, lineage};
use crate::calls;
use crate::clock::UnixSeconds;
use crate::config;
use crate::state::{self, Store, Tokens};

mod adopt;
mod renew;

/// A token with less life than this, and less than a quarter of its own, is renewed before use, in seconds.
const MARGIN_S: i64 = 200;

const CALL: &str = "oauth/access_token";

/// An access token to send.
#[derive(Clone, Debug)]
pub(super) struct Access(SecretString);

impl Access {
    pub(super) fn new(token: SecretString) -> Self {
        Self(token)
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct TokenKeeper(Arc<Keeper>);

struct Keeper {
    account: String,
    configured: Option<SecretString>,
    sources: Vec<TokenSource>,
    http: reqwest::Client,
    pacer: Arc<Pacer>,
    store: Store,
    max_wait: Duration,
    current: Mutex<Option<Tokens>>,
    /// What the store had when it was last read or written; a refresh token that it has instead by now is
    /// another process's and is not overwritten.
    stored: Mutex<Option<Tokens>>,
    /// Whose drive this process serves: listings and links of one user must not meet another's token.
    user: Mutex<Option<String>>,
    /// Times that tokens of another line were taken up.
    sign_ins: AtomicU64,
    /// Held by the one task that loads or renews.
    flight: tokio::sync::Mutex<Flight>,
    failure: Mutex<Option<Failure>>,
    /// Renewals and exchanges under way.
    tasks: TaskTracker,
}

/// What the renewing task knows.
#[derive(Default)]
struct Flight {
    /// Granted, but not yet kept by the store.
    unsaved: Option<Tokens>,
    /// When an attempt of unknown end was made.
    unclear: Option<Instant>,
    /// A refresh token that was refused.
    refused: Option<Refused>,
    /// What the store had before a configured token that is still being tried.
    displaced: Option<Displaced>,
    /// Servers that did not act.
    resting: HashMap<usize, Rest>,
}

struct Displaced {
    tokens: Tokens,
    by: SecretString,
}

struct Rest {
    since: Instant,
    /// Not asked before.
    until: Instant,
    error: Error,
}

struct Refused {
    token: SecretString,
    at: Instant,
    /// What was told then.
    words: String,
}

#[derive(Clone)]
struct Failure {
    error: Error,
    at: Instant,
}

impl TokenKeeper {
    pub(super) fn new(
        account: &config::Account,
        settings: &config::Upstream,
        http: reqwest::Client,
        pacer: Arc<Pacer>,
        store: Store,
    ) -> Self {
        Self(Arc::new(Keeper {
            account: account.name.clone(),
            configured: account.refresh_token.clone(),
            sources: TokenSource::of(account, &settings.api_url),
            http,
            pacer,
            store,
            max_wait: settings.max_wait,
            current: Mutex::default(),
            stored: Mutex::default(),
            user: Mutex::default(),
            sign_ins: AtomicU64::new(0),
            flight: tokio::sync::Mutex::default(),
            failure: Mutex::default(),
            tasks: TaskTracker::new(),
        }))
    }

    /// A living access token.
    pub(super) async fn access(&self) -> Result<Access, Error> {
        match self.0.living(None) {
            Some(access) => Ok(access),
            None => self.fly(None).await,
        }
    }

    /// Makes sure that the next [`TokenKeeper::access`] is another than this one, which was refused.
    pub(super) async fn renew(&self, refused: &Access) -> Result<(), Error> {
        match self.0.living(Some(refused)) {
            Some(_) => Ok(()),
            None => self.fly(Some(refused.clone())).await.map(|_| ()),
        }
    }

    pub(super) async fn status(&self) -> TokenStatus {
        let keeper = &self.0;
        let loaded = keeper.current.lock().is_some();
        if !loaded {
            let flight = keeper.flight.lock().await;
            if let Err(error) = keeper.load(&flight).await {
                keeper.failed(&error);
            }
        }
        let failure = keeper.failure.lock().clone();
        let refused = failure.as_ref().is_some_and(|f| f.error.kind == ErrorKind::SignInNeeded);
        let current = keeper.current.lock();
        let current = current.as_ref();
        let renewable = current.is_some_and(|tokens| keeper.can_renew(tokens));
        let lives = current.is_some_and(|tokens| renewable || tokens.expires_at > UnixSeconds::now().0);
        TokenStatus {
            signed_in: lives && !refused,
            access_expires_at: current.map(|t| t.expires_at).filter(|at| *at > 0),
            refresh_expires_at: current.and_then(|t| jwt::claims(t.refresh_token.expose_secret()).exp),
            renewable,
            sign_in_by: current.map(|t| if renewable { token_status::refresh_end(t) } else { t.expires_at }),
            problem: failure.map(|f| f.error.to_string()),
        }
    }

    /// Loads or renews in a task of its own; all who ask meanwhile wait for the same one.
    async fn fly(&self, refused: Option<Access>) -> Result<Access, Error> {
        let keeper = self.0.clone();
        let asked = Instant::now();
        let task = calls::spawn(self.0.tasks.track_future(async move {
            let mut flight = keeper.flight.lock().await;
            if let Some(access) = keeper.living(refused.as_ref()) {
                return Ok(access);
            }
            let failure = keeper.failure.lock().clone();
            if let Some(failure) = failure.filter(|f| f.at >= asked) {
                return Err(failure.error);
            }
            let result = keeper.obtain(&mut flight, refused.as_ref()).await;
            keeper.remember(&result);
            result
        }));
        match tokio::time::timeout(self.0.max_wait, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::new(CALL, ErrorKind::Unavailable).message("the renewal was stopped")),
            // The renewal goes on, and the call that waits for it has not been sent.
            Err(_) => Err(Error::new(CALL, ErrorKind::Throttled).message("the renewal of the access token takes long")),
        }
    }
}

impl Keeper {
    /// The current access token if it lives and is not the refused one.
    fn living(&self, refused: Option<&Access>) -> Option<Access> {
        let current = self.current.lock();
        let tokens = current.as_ref()?;
        let other = refused.is_none_or(|refused| refused.expose() != tokens.access_token.expose_secret());
        let margin = MARGIN_S.min((tokens.expires_at - tokens.issued_at) / 4).max(0);
        (other && tokens.expires_at - margin > UnixSeconds::now().0).then(|| Access(tokens.access_token.clone()))
    }

    /// Whether these tokens can be renewed without a person.
    fn can_renew(&self, tokens: &Tokens) -> bool {
        !tokens.refresh_token.expose_secret().is_empty() && self.sources.iter().any(TokenSource::renews)
    }

    fn remember(&self, result: &Result<Access, Error>) {
        match result {
            Ok(_) => *self.failure.lock() = None,
            Err(error) => self.failed(error),
        }
    }

    fn failed(&self, error: &Error) {
        tracing::warn!(account = %self.account, %error, "no access token");
        *self.failure.lock() = Some(Failure { error: error.clone(), at: Instant::now() });
    }

    /// Takes what the store and the configuration have, unless it is another user's.
    ///
    /// A configured token that does not tell its age counts as newer than a stored one, but not once it was refused.
    async fn load(&self, flight: &Flight) -> Result<(), Error> {
        let stored = self.store.tokens(&self.account).await.map_err(store_failed)?;
        self.stored.lock().clone_from(&stored);
        let dead = |token: &&SecretString| stored.is_some() && flight.has_refused(token);
        let configured = self.configured.as_ref().filter(|token| !dead(token));
        let chosen = lineage::choose(stored, configured);
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
            self.sign_ins.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        *current = chosen;
        Ok(())
    }

    async fn obtain(&self, flight: &mut Flight, refused: Option<&Access>) -> Result<Access, Error> {
        if let Some(tokens) = flight.unsaved.take() {
            return self.keep(flight, tokens).await;
        }
        // Another process may have renewed or signed in meanwhile.
        self.load(flight).await?;
        if let Some(access) = self.living(refused) {
            return Ok(access);
        }
        let tokens = self.current.lock().clone();
        let tokens = tokens.ok_or_else(|| self.sign_in("there is no token yet"))?;
        if let Some(words) = flight.refusal(&tokens) {
            return Err(self.sign_in(words));
        }
        if !self.can_renew(&tokens) {
            return Err(self.sign_in("the access token has expired and cannot be renewed"));
        }
        self.renew(flight, tokens).await
    }

    fn sign_in(&self, why: &str) -> Error {
        let message = format!("{why}; {}", token_status::remedy(&self.account));
        Error::new(CALL, ErrorKind::SignInNeeded).message(message)
    }
}

fn store_failed(error: state::Error) -> Error {
    Error::new(CALL, ErrorKind::Store).message(error.to_string())
}
