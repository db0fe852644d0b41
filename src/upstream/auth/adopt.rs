//! What a sign-in and the background do with an account's tokens: take up new ones, look at what another
//! process stored, renew before anybody waits.

use std::future::Future;
use std::sync::atomic::Ordering;

use secrecy::ExposeSecret as _;
use tokio_util::task::task_tracker::TrackedFuture;

use crate::state::{self, DriveIds, Tokens};
use crate::upstream::auth::access::Access;
use crate::upstream::auth::choose_token::{choose_token, digest};
use crate::upstream::auth::flight::Flight;
use crate::upstream::auth::keeper::Keeper;
use crate::upstream::auth::renew::renew;
use crate::upstream::auth::sign_in_error::{SignInError, SignInErrorKind};
use crate::upstream::auth::source::{Grant, TokenSource};
use crate::upstream::auth::{OTHERS_RENEWAL, TokenKeeper, jwt, status};
use crate::upstream::error::{Error, ErrorKind};

impl TokenKeeper {
    /// The places to sign in at, in order of preference.
    pub(in crate::upstream) fn sources(&self) -> &[TokenSource] {
        &self.0.sources
    }

    pub(in crate::upstream) fn sign_ins(&self) -> u64 {
        self.0.sign_ins.load(Ordering::Relaxed)
    }

    /// Says in a refusal what to do about it.
    pub(in crate::upstream) fn with_remedy(&self, mut error: Error) -> Error {
        let remedy = status::remedy(&self.0.account);
        let words = error.message.take().map_or(remedy.clone(), |words| format!("{words}; {remedy}"));
        error.message(words)
    }

    /// A task of which [`TokenKeeper::settled`] knows.
    pub(in crate::upstream) fn tracked<F: Future>(&self, task: F) -> TrackedFuture<F> {
        self.0.tasks.track_future(task)
    }

    /// Waits for what has been sent: the answer may be the only living token.
    pub(in crate::upstream) async fn settled(&self) {
        let tasks = &self.0.tasks;
        tasks.close();
        tasks.wait().await;
        tasks.reopen();
    }

    /// A sign-in whose tokens cannot be kept is not begun.
    pub(in crate::upstream) async fn can_keep(&self) -> Result<(), SignInError> {
        self.0.store.try_write().await.map_err(|error| SignInError::new(SignInErrorKind::NotKept, error.to_string()))
    }

    /// Keeps the tokens of a sign-in and gives them out from now on; `replace`: also in place of another user's.
    ///
    /// # Errors
    /// They are another user's, or could not be kept; nothing has changed then.
    pub(in crate::upstream) async fn adopt(
        &self,
        grant: Grant,
        user_id: Option<String>,
        replace: bool,
    ) -> Result<(), SignInError> {
        let keeper = &self.0;
        let not_kept = |error: state::Error| {
            let message = format!("the tokens could not be kept ({error}); mend that and sign in again");
            SignInError::new(SignInErrorKind::NotKept, message)
        };
        let mut flight = keeper.flight.lock().await;
        let stored = keeper.store.tokens(&keeper.account).await.map_err(not_kept)?;
        let before = choose_token(stored, keeper.configured.as_ref()).and_then(|tokens| tokens.user_id);
        let before = before.or_else(|| keeper.user.lock().clone());
        if !replace {
            is_same_user(&keeper.account, before.as_deref(), user_id.as_deref())?;
        }
        let issued = [&grant.refresh_token, &grant.access_token].map(|t| jwt::claims(t.expose_secret()).iat);
        let now = keeper.now();
        let tokens = Tokens {
            user_id: user_id.clone(),
            expires_at: grant.expires_at(now),
            access_token: grant.access_token,
            refresh_token: grant.refresh_token,
            issued_at: issued.into_iter().flatten().next().unwrap_or(now),
            sent_to: None,
            // The configured token is older than a sign-in, whatever it says.
            source_digest: keeper.configured.as_ref().map(|token| digest(token.expose_secret())),
            server: Some(grant.server),
        };
        keeper.store.save_tokens(&keeper.account, &tokens).await.map_err(not_kept)?;
        *flight = Flight { resting: std::mem::take(&mut flight.resting), ..Flight::default() };
        *keeper.stored.lock() = Some(tokens.clone());
        *keeper.user.lock() = user_id;
        *keeper.current.lock() = Some(tokens);
        *keeper.failure.lock() = None;
        keeper.sign_ins.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Remembers the drives that a sign-in granted; asked for again where that fails.
    pub(in crate::upstream) async fn keep_drives(&self, drives: &DriveIds) {
        if let Err(error) = self.0.store.save_drives(&self.0.account, drives).await {
            tracing::warn!(account = %self.0.account, %error, "the drives granted could not be kept");
        }
        // After the row is there: who learnt the drives in between learns them again.
        self.0.sign_ins.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes whenever another process has written to the store; absent when that cannot be told.
    pub(in crate::upstream) async fn store_version(&self) -> Option<i64> {
        self.0.store.version().await.ok()
    }

    /// Takes up what another process stored. An old refusal does not outlive the token that it was about.
    pub(in crate::upstream) async fn look(&self) {
        let keeper = &self.0;
        let flight = keeper.flight.lock().await;
        if flight.unsaved.is_some() {
            return;
        }
        let before = keeper.access_text();
        match keeper.load(&flight).await {
            Err(error) => keeper.failed(&error),
            Ok(()) if keeper.access_text() != before && keeper.living(None).is_some() => {
                tracing::info!(account = %keeper.account, "new tokens were found in the state store");
                *keeper.failure.lock() = None;
            }
            Ok(()) => {}
        }
    }

    /// Whether the store has a living token in place of one that the service turned away.
    pub(in crate::upstream) async fn replaced(&self, refused: &Access) -> bool {
        if self.0.living(Some(refused)).is_some() {
            return true;
        }
        let flight = self.0.flight.lock().await;
        flight.unsaved.is_none() && self.0.load(&flight).await.is_ok() && self.0.living(Some(refused)).is_some()
    }

    /// Renews a refresh token in the last third of its life, once; in a task that its caller cannot stop.
    pub(in crate::upstream) async fn renew_early(&self) {
        let keeper = self.0.clone();
        let task = self.0.tasks.spawn(async move {
            let mut flight = keeper.flight.lock().await;
            let mut turn = match keeper.store.renewal_turn(&keeper.account, OTHERS_RENEWAL).await {
                Ok(turn) => turn,
                Err(error) => {
                    return tracing::warn!(account = %keeper.account, %error, "no early renewal; next in an hour");
                }
            };
            if flight.unsaved.is_some() || keeper.load(&flight).await.is_err() {
                return;
            }
            let Some(tokens) = keeper.current.lock().clone() else { return };
            let due = keeper.can_renew(&tokens) && status::renewal_due(&tokens, keeper.now());
            if !due || flight.refusal(&tokens).is_some() {
                return;
            }
            match renew(&keeper, &mut flight, &mut turn, tokens).await {
                // The access token may still live; people are told all the same, since it is the last one.
                Err(error) if error.kind == ErrorKind::SignInNeeded => keeper.failed(&error),
                Err(error) => {
                    tracing::warn!(account = %keeper.account, %error, "the early renewal failed; next in an hour")
                }
                Ok(_) => *keeper.failure.lock() = None,
            }
        });
        task.await.ok();
    }
}

/// Whether a sign-in is by the user whose tokens there are, if there are any.
fn is_same_user(account: &str, before: Option<&str>, now: Option<&str>) -> Result<(), SignInError> {
    match (before, now) {
        (Some(before), Some(now)) if before != now => Err(SignInError::other_user(account)),
        (Some(_), None) => {
            let words =
                "neither the tokens nor the drive said who has signed in, so nothing was changed; sign in again";
            Err(SignInError::new(SignInErrorKind::NotExchanged, words))
        }
        _ => Ok(()),
    }
}

impl Keeper {
    fn access_text(&self) -> Option<String> {
        self.current.lock().as_ref().map(|tokens| tokens.access_token.expose_secret().to_owned())
    }
}
