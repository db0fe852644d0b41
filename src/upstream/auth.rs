//! One account's tokens: given out while they live, renewed once for all who wait.
//!
//! A refresh token works once, and one that was spent and not kept is a lost sign-in. From this come six problems:
//!
//! 1. Many requests find the token expired at once. One task renews it for all ([`TokenKeeper`]), under the one lock
//!    of `Flight`, and the departure of the request that caused it does not stop it.
//! 2. The process may be killed between spending and keeping. `renew` writes down that it is about to use the token
//!    before it does, and keeps the answer before anybody may use it.
//! 3. An answer may never come. `source` tells for each server whether an attempt may have spent the token; after an
//!    unclear one the old token is kept for one careful retry at the same place, since another server could only lose
//!    it for certain (`Flight` remembers where).
//! 4. Another process may renew the same token. They take turns (`Store::renewal_turn`), and each write names the token
//!    that it replaces, so a newer one is taken up instead (`adopt`).
//! 5. The configuration may hold a newer token than the store, or an older one: `lineage` chooses.
//! 6. A token may come to be another user's. `Keeper` knows whose drive the process serves and refuses the others.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use crate::calls;
use crate::config::{self, Config};
use crate::state::Store;
use crate::upstream::auth::access::Access;
use crate::upstream::auth::flight::Flight;
use crate::upstream::auth::keeper::{CALL, Keeper, store_failed};
use crate::upstream::auth::renew::renew;
use crate::upstream::auth::status::TokenStatus;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::pacer::Pacer;

pub(super) mod access;
mod adopt;
mod choose_token;
mod flight;
pub(super) mod jwt;
pub(super) mod keeper;
mod renew;
pub(super) mod sign_in_error;
pub(super) mod source;
pub(super) mod status;
pub(super) mod words;

/// Longest wait for another process that renews; an answer of a token server takes half a minute at most.
const OTHERS_RENEWAL: Duration = Duration::from_secs(40);

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct TokenKeeper(Arc<Keeper>);

impl TokenKeeper {
    pub(super) fn new(
        account: &config::Account,
        config: &Config,
        http: reqwest::Client,
        pacer: Arc<Pacer>,
        store: Store,
    ) -> Self {
        Self(Arc::new(Keeper::new(account, config, http, pacer, store)))
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
        let lives = current.is_some_and(|tokens| renewable || tokens.expires_at > keeper.now());
        TokenStatus {
            signed_in: lives && !refused,
            access_expires_at: current.map(|t| t.expires_at).filter(|at| at.0 > 0),
            refresh_expires_at: current.and_then(|t| jwt::claims(t.refresh_token.expose_secret()).exp),
            renewable,
            sign_in_by: current.map(|t| if renewable { status::refresh_end(t) } else { t.expires_at }),
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
    fn remember(&self, result: &Result<Access, Error>) {
        match result {
            Ok(_) => *self.failure.lock() = None,
            Err(error) => self.failed(error),
        }
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
        // It may also be about to: a refresh token works once, so this one waits and looks again.
        let mut turn = self.store.renewal_turn(&self.account, OTHERS_RENEWAL).await.map_err(store_failed)?;
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
        renew(self, flight, &mut turn, tokens).await
    }
}
