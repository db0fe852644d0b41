//! One account's tokens: given out while they live, renewed once for all who wait.
//!
//! A refresh token works once. So a renewal runs in its own task, which the departure of the request
//! that caused it does not stop; it writes down that it is about to use the token before it does; and
//! it stores the answer before anybody may use it. After an answer that never came the old token is
//! kept for one careful retry at the same place: another server could only lose it for certain.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::pacer::{Pacer, RateClass};
use super::read::unix_now;
use super::token_source::{Grant, Outcome, TokenSource};
use super::{Error, ErrorKind, calls, jwt, lineage};
use crate::config;
use crate::state::{self, Store, Tokens};

/// A token with less life than this is renewed before use, in seconds.
const MARGIN_S: i64 = 200;

/// Least time between an attempt of unknown end and the next.
const CAREFUL_PAUSE: Duration = Duration::from_secs(5);

/// Least time between attempts at servers that could not be reached or refused to act.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// How long a refused token's refusal is answered without looking into the store again.
const REFUSAL_MEMORY: Duration = Duration::from_secs(30);

const CALL: &str = "oauth/access_token";

/// An access token to send.
#[derive(Clone, Debug)]
pub(super) struct Access(SecretString);

impl Access {
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// How long the account's tokens last and whether a person has to sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenStatus {
    /// Whether there are tokens that nobody has refused.
    pub signed_in: bool,
    /// When the access token expires, Unix seconds.
    pub access_expires_at: Option<i64>,
    /// When the refresh token expires, Unix seconds, where it tells.
    pub refresh_expires_at: Option<i64>,
    /// Why the last renewal failed, with the remedy.
    pub problem: Option<String>,
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
    /// Held by the one task that loads or renews.
    flight: tokio::sync::Mutex<Flight>,
    failure: Mutex<Option<Failure>>,
}

/// What the renewing task knows.
#[derive(Default)]
struct Flight {
    /// Granted, but not yet kept by the store.
    unsaved: Option<Tokens>,
    /// Where and when an attempt of unknown end was made.
    unclear: Option<(usize, Instant)>,
    /// A refresh token that was refused, and when.
    refused: Option<(SecretString, Instant)>,
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
        let sources = match (&account.client_id, &account.client_secret) {
            (Some(id), Some(secret)) => vec![TokenSource::own_application(&settings.api_url, id, secret.clone())],
            // A token got by PKCE cannot be renewed (reference 1.5).
            (Some(_), None) => Vec::new(),
            (None, _) => account.oauth_token_urls.iter().map(TokenSource::server).collect(),
        };
        Self(Arc::new(Keeper {
            account: account.name.clone(),
            configured: account.refresh_token.clone(),
            sources,
            http,
            pacer,
            store,
            max_wait: settings.max_wait,
            current: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
            failure: Mutex::default(),
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
        let loaded = self.0.current.lock().is_some();
        if !loaded {
            let _flight = self.0.flight.lock().await;
            self.0.load().await.ok();
        }
        let failure = self.0.failure.lock().clone();
        let refused = failure.as_ref().is_some_and(|f| f.error.kind == ErrorKind::SignInNeeded);
        let current = self.0.current.lock();
        TokenStatus {
            signed_in: current.is_some() && !refused,
            access_expires_at: current.as_ref().map(|t| t.expires_at).filter(|at| *at > 0),
            refresh_expires_at: current.as_ref().and_then(|t| jwt::claims(t.refresh_token.expose_secret()).exp),
            problem: failure.map(|f| f.error.to_string()),
        }
    }

    /// Loads or renews in a task of its own; all who ask meanwhile wait for the same one.
    async fn fly(&self, refused: Option<Access>) -> Result<Access, Error> {
        let keeper = self.0.clone();
        let asked = Instant::now();
        let task = calls::spawn(async move {
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
        });
        match tokio::time::timeout(self.0.max_wait, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::new(CALL, ErrorKind::Unavailable).message("the renewal was stopped")),
            Err(_) => Err(Error::new(CALL, ErrorKind::Timeout).message("the renewal of the access token takes long")),
        }
    }
}

impl Keeper {
    /// The current access token if it lives and is not the refused one.
    fn living(&self, refused: Option<&Access>) -> Option<Access> {
        let current = self.current.lock();
        let tokens = current.as_ref()?;
        let other = refused.is_none_or(|refused| refused.expose() != tokens.access_token.expose_secret());
        (other && tokens.expires_at - MARGIN_S > unix_now()).then(|| Access(tokens.access_token.clone()))
    }

    fn remember(&self, result: &Result<Access, Error>) {
        let mut failure = self.failure.lock();
        *failure = result.as_ref().err().map(|error| {
            tracing::warn!(account = %self.account, %error, "no access token");
            Failure { error: error.clone(), at: Instant::now() }
        });
    }

    async fn load(&self) -> Result<(), Error> {
        let stored = self.store.tokens(&self.account).await.map_err(store_failed)?;
        *self.current.lock() = lineage::choose(stored, self.configured.as_ref());
        Ok(())
    }

    async fn obtain(&self, flight: &mut Flight, refused: Option<&Access>) -> Result<Access, Error> {
        if let Some(tokens) = flight.unsaved.take() {
            return self.keep(flight, tokens).await;
        }
        if let Some((token, at)) = &flight.refused {
            let same =
                self.current.lock().as_ref().is_some_and(|t| t.refresh_token.expose_secret() == token.expose_secret());
            if same && at.elapsed() < REFUSAL_MEMORY {
                return Err(self.sign_in("the refresh token was refused"));
            }
        }
        // Another process may have renewed or signed in meanwhile.
        self.load().await?;
        if let Some(access) = self.living(refused) {
            return Ok(access);
        }
        let tokens = self.current.lock().clone();
        let tokens = tokens.ok_or_else(|| self.sign_in("there is no token yet"))?;
        if tokens.refresh_token.expose_secret().is_empty() || self.sources.is_empty() {
            return Err(self.sign_in("the access token has expired and cannot be renewed"));
        }
        self.renew(flight, tokens).await
    }

    async fn renew(&self, flight: &mut Flight, tokens: Tokens) -> Result<Access, Error> {
        let recent = self.failure.lock().as_ref().map(|f| f.at);
        let pause = match (flight.unclear, recent) {
            (Some((_, at)), _) => (at + CAREFUL_PAUSE).saturating_duration_since(Instant::now()),
            (None, Some(at)) => (at + FAILURE_PAUSE).saturating_duration_since(Instant::now()),
            (None, None) => Duration::ZERO,
        };
        tokio::time::sleep(pause).await;
        let first = flight.unclear.map_or(0, |(source, _)| source);
        let mut last = None;
        for (at, source) in self.sources.iter().enumerate().skip(first) {
            match self.attempt(source, &tokens).await? {
                Outcome::Granted(grant) => return self.granted(flight, tokens, grant).await,
                Outcome::NotActed(error) => {
                    tracing::warn!(account = %self.account, server = source.name(), %error, "token server did not act");
                    last = Some(error);
                    if flight.unclear.is_some() {
                        break;
                    }
                    self.mark(&tokens, tokens.uncertain).await?;
                }
                Outcome::Refused(error) => {
                    flight.refused = Some((tokens.refresh_token.clone(), Instant::now()));
                    flight.unclear = None;
                    let lost = if tokens.uncertain {
                        "; an earlier renewal's answer was lost and may have spent it"
                    } else {
                        ""
                    };
                    let words = error.to_string();
                    let error = self.sign_in(&format!("the refresh token was refused ({words}){lost}"));
                    return Err(error);
                }
                Outcome::Unclear(error) => {
                    flight.unclear = Some((at, Instant::now()));
                    *self.current.lock() = Some(Tokens { uncertain: true, ..tokens });
                    return Err(Error { kind: ErrorKind::Unavailable, ..error });
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::new(CALL, ErrorKind::Unavailable)))
    }

    /// One use of the refresh token, written down before it happens.
    async fn attempt(&self, source: &TokenSource, tokens: &Tokens) -> Result<Outcome, Error> {
        if source.is_service() {
            let deadline = Instant::now() + self.max_wait;
            let turn = self.pacer.turn(RateClass::Other, deadline).await;
            turn.map_err(|wait| Error::new(CALL, ErrorKind::Throttled).retry_after(wait))?;
        }
        self.mark(tokens, true).await?;
        tracing::info!(account = %self.account, server = source.name(), "renewing the access token");
        let outcome = source.refresh(&self.http, &tokens.refresh_token).await;
        let word = match &outcome {
            Outcome::Granted(_) => "granted",
            Outcome::NotActed(_) => "not acted",
            Outcome::Refused(_) => "refused",
            Outcome::Unclear(_) => "unclear",
        };
        metrics::counter!("alidav_token_renewals_total", "outcome" => word).increment(1);
        Ok(outcome)
    }

    async fn mark(&self, tokens: &Tokens, uncertain: bool) -> Result<(), Error> {
        let marked = Tokens { uncertain, ..tokens.clone() };
        self.store.save_tokens(&self.account, &marked).await.map_err(store_failed)
    }

    async fn granted(&self, flight: &mut Flight, old: Tokens, grant: Grant) -> Result<Access, Error> {
        flight.unclear = None;
        let claims = jwt::claims(grant.refresh_token.expose_secret());
        let user_id = claims.sub.or_else(|| jwt::claims(grant.access_token.expose_secret()).sub);
        if let (Some(before), Some(now)) = (&old.user_id, &user_id)
            && before != now
        {
            flight.refused = Some((old.refresh_token, Instant::now()));
            return Err(self.sign_in("the token server answered with another user's token"));
        }
        let tokens = Tokens {
            user_id: user_id.or(old.user_id),
            access_token: grant.access_token,
            refresh_token: grant.refresh_token,
            issued_at: claims.iat.unwrap_or_else(unix_now),
            expires_at: grant.expires_at,
            uncertain: false,
            source_digest: old.source_digest,
        };
        self.keep(flight, tokens).await
    }

    /// Stores new tokens and only then gives them out. What could not be stored is tried again first.
    async fn keep(&self, flight: &mut Flight, tokens: Tokens) -> Result<Access, Error> {
        if let Err(error) = self.store.save_tokens(&self.account, &tokens).await {
            flight.unsaved = Some(tokens);
            return Err(store_failed(error));
        }
        flight.refused = None;
        let access = Access(tokens.access_token.clone());
        *self.current.lock() = Some(tokens);
        Ok(access)
    }

    fn sign_in(&self, why: &str) -> Error {
        let remedy =
            format!("{why}; put a new refresh_token for account {:?} into the configuration and restart", self.account);
        Error::new(CALL, ErrorKind::SignInNeeded).message(remedy)
    }
}

fn store_failed(error: state::Error) -> Error {
    Error::new(CALL, ErrorKind::Store).message(error.to_string())
}
