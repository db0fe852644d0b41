//! One renewal: which server is asked, what its answer means for the single-use token, and how several
//! processes with one store keep out of each other's way.

use secrecy::ExposeSecret as _;

use super::*;
use crate::clock::UnixSeconds;

/// Least time between an attempt of unknown end and the next.
const CAREFUL_PAUSE: Duration = Duration::from_secs(5);

/// Least time between attempts at servers that could not be reached or refused to act.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// How long a refused token is not tried again; a refusal is final, but a server may have been mistaken.
const REFUSAL_MEMORY: Duration = Duration::from_secs(600);

/// How long a server that did not act is tried after all others.
const SERVER_REST: Duration = Duration::from_secs(600);

/// How long a server that refused the rate is left alone if it names no time, and at most.
const THROTTLED_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// How often, and with which pauses, the store is looked at for what another process may be about to keep.
const OTHERS_LOOKS: u32 = 4;
const OTHERS_PAUSE: Duration = Duration::from_millis(250);

impl Keeper {
    /// Sends the refresh token to the first server that acts, and keeps the answer before anybody uses it.
    ///
    /// A refusal is final if it comes from the server that granted the token; another one's application may just
    /// not know it. Likewise only that one's lost answer keeps the token from all others.
    pub(super) async fn renew(&self, flight: &mut Flight, tokens: Tokens) -> Result<Access, Error> {
        let recent = self.failure.lock().as_ref().map(|f| f.at);
        let pause = match (flight.unclear, recent) {
            (Some(at), _) => (at + CAREFUL_PAUSE).saturating_duration_since(Instant::now()),
            (None, Some(at)) => (at + FAILURE_PAUSE).saturating_duration_since(Instant::now()),
            (None, None) => Duration::ZERO,
        };
        tokio::time::sleep(pause).await;
        let before = flight.before(self.stored.lock().clone(), &tokens);
        let (mut refusal, mut absent) = (None, None);
        let order = flight.order(&self.sources, &tokens);
        let last = order.last().copied().unwrap_or_default();
        for at in order {
            let source = &self.sources[at];
            let own = tokens.server.as_ref() == Some(&source.key());
            // The token may have been spent here already, with the answer lost.
            let again = was_sent_to(&tokens, source);
            // Then nobody else is asked before it is known, unless this place is known not to be the token's own.
            let waits = again && (own || tokens.server.is_none());
            if let Some(error) = flight.rests(at) {
                absent = Some(error);
                if waits {
                    break;
                }
                continue;
            }
            let Some(outcome) = self.attempt(source, &tokens).await? else {
                return self.others(flight).await;
            };
            let stop = match outcome {
                Outcome::Granted(grant) => {
                    flight.resting.remove(&at);
                    return self.granted(flight, tokens, before, grant).await;
                }
                Outcome::NotActed(error) => {
                    tracing::warn!(account = %self.account, server = source.name(), %error, "token server did not act");
                    flight.rest(at, &error);
                    absent = Some(error);
                    waits
                }
                Outcome::Refused(error) => {
                    if self.spent_by_another(&tokens).await {
                        return self.others(flight).await;
                    }
                    if own || refusal.is_none() {
                        refusal = Some((error, own));
                    }
                    own
                }
                Outcome::Unclear(error) => {
                    let error = self.unclear(source, &tokens, error);
                    // What stays unclear at a place that may not be the token's own is no reason to keep it from its own.
                    if !again || own || at == last {
                        flight.unclear = Some(Instant::now());
                        return Err(error);
                    }
                    absent = Some(error);
                    false
                }
            };
            // This server did not take it: the store has again what it had.
            if !self.swap(before.as_ref().unwrap_or(&tokens)).await.map_err(store_failed)? {
                return self.others(flight).await;
            }
            if stop {
                break;
            }
        }
        self.not_renewed(flight, tokens, before, refusal, absent).await
    }

    /// No server renewed it: the last word is a refusal by the one that granted it, or by all.
    async fn not_renewed(
        &self,
        flight: &mut Flight,
        tokens: Tokens,
        before: Option<Tokens>,
        refusal: Option<(Error, bool)>,
        absent: Option<Error>,
    ) -> Result<Access, Error> {
        match (refusal, absent) {
            (Some((error, own)), absent) if own || absent.is_none() => {
                let lost = match tokens.sent_to {
                    Some(_) => "; an earlier renewal's answer was lost and may have spent it",
                    None => "",
                };
                let words = format!("the refresh token was refused ({error}){lost}");
                self.refused(flight, tokens, before, words).await
            }
            (_, absent) => Err(absent.unwrap_or_else(|| Error::new(CALL, ErrorKind::Unavailable))),
        }
    }

    /// What is told of an attempt that may have spent the token.
    fn unclear(&self, source: &TokenSource, tokens: &Tokens, error: Error) -> Error {
        tracing::warn!(
            account = %self.account, server = source.name(), %error,
            "it is not known whether the refresh token was spent; it is kept for one careful retry at the same server"
        );
        let mut error = Error { kind: ErrorKind::Unavailable, ..error };
        if tokens.sent_to.is_some() {
            // Not the first time: it may never become clear.
            let words = error.message.take().unwrap_or_default();
            error.message = Some(format!("{words}; if it stays so, {}", token_status::remedy(&self.account)));
        }
        error
    }

    /// No way leads on with this refresh token. If it was a configured one, the stored tokens are used that it was
    /// to replace, and it is not tried again.
    async fn refused(
        &self,
        flight: &mut Flight,
        tokens: Tokens,
        before: Option<Tokens>,
        words: String,
    ) -> Result<Access, Error> {
        let error = self.sign_in(&words);
        flight.unclear = None;
        flight.displaced = None;
        let before = before.filter(|before| !same_refresh(before, &tokens));
        flight.refused = Some(Refused { token: tokens.refresh_token, at: Instant::now(), words });
        let Some(before) = before else { return Err(error) };
        tracing::warn!(account = %self.account, %error, "the configured refresh token is of no use; the stored tokens are used");
        let before = Tokens { source_digest: tokens.source_digest, ..before };
        if !self.swap(&before).await.map_err(store_failed)? {
            return self.others(flight).await;
        }
        self.user.lock().clone_from(&before.user_id);
        self.load(flight).await?;
        match self.living(None) {
            Some(access) => Ok(access),
            None if self.can_renew(&before) => Box::pin(self.renew(flight, before)).await,
            None => Err(error),
        }
    }

    /// One use of the refresh token, written down before it happens; absent if another process has put other
    /// tokens into the store.
    async fn attempt(&self, source: &TokenSource, tokens: &Tokens) -> Result<Option<Outcome>, Error> {
        if source.is_service() {
            let deadline = Instant::now() + self.max_wait;
            let turn = self.pacer.turn(RateClass::Other, Urgency::Waited, deadline).await;
            turn.map_err(|wait| Error::new(CALL, ErrorKind::Throttled).retry_after(wait))?;
        }
        let about_to_send = Tokens { sent_to: Some(source.key()), ..tokens.clone() };
        if !self.swap(&about_to_send).await.map_err(store_failed)? {
            return Ok(None);
        }
        tracing::info!(account = %self.account, server = source.name(), "renewing the access token");
        let outcome = source.refresh(&self.http, &tokens.refresh_token).await;
        let word = match &outcome {
            Outcome::Granted(_) => "granted",
            Outcome::NotActed(_) => "not acted",
            Outcome::Refused(_) => "refused",
            Outcome::Unclear(_) => "unclear",
        };
        metrics::counter!("alidav_token_renewals_total", "outcome" => word).increment(1);
        Ok(Some(outcome))
    }

    /// Writes unless the store has another refresh token than this process knows; says whether it did.
    async fn swap(&self, tokens: &Tokens) -> Result<bool, state::Error> {
        let expected = self.stored.lock().as_ref().map(|tokens| tokens.refresh_token.clone());
        let kept = self.store.swap_tokens(&self.account, expected.as_ref(), tokens).await?;
        if kept {
            *self.stored.lock() = Some(tokens.clone());
        }
        Ok(kept)
    }

    /// Whether a refused token was spent by another process with the same store, which may need a moment to keep
    /// what it got.
    async fn spent_by_another(&self, tokens: &Tokens) -> bool {
        for _ in 0..OTHERS_LOOKS {
            match self.store.tokens(&self.account).await {
                Ok(Some(stored)) if stored.refresh_token.expose_secret() != tokens.refresh_token.expose_secret() => {
                    return true;
                }
                _ => tokio::time::sleep(OTHERS_PAUSE).await,
            }
        }
        false
    }

    /// What another process has put into the store.
    pub(super) async fn others(&self, flight: &Flight) -> Result<Access, Error> {
        self.load(flight).await?;
        self.living(None).ok_or_else(|| {
            Error::new(CALL, ErrorKind::Unavailable).message("another process is changing the tokens; try again")
        })
    }

    async fn granted(
        &self,
        flight: &mut Flight,
        old: Tokens,
        before: Option<Tokens>,
        grant: Grant,
    ) -> Result<Access, Error> {
        flight.unclear = None;
        let claims = jwt::claims(grant.refresh_token.expose_secret());
        let user_id = claims.sub.or_else(|| jwt::claims(grant.access_token.expose_secret()).sub);
        if let (Some(expected), Some(user)) = (&old.user_id, &user_id)
            && expected != user
        {
            let words = "the token server answered with another user's token".to_owned();
            return self.refused(flight, old, before, words).await;
        }
        let tokens = Tokens {
            user_id: user_id.or(old.user_id),
            access_token: grant.access_token,
            refresh_token: grant.refresh_token,
            issued_at: claims.iat.unwrap_or_else(|| UnixSeconds::now().0),
            expires_at: grant.expires_at,
            sent_to: None,
            source_digest: old.source_digest,
            server: Some(grant.server),
        };
        self.keep(flight, tokens).await
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
        let access = Access(tokens.access_token.clone());
        *self.current.lock() = Some(tokens);
        Ok(access)
    }
}

impl Flight {
    /// What was told when this refresh token was refused, while that is remembered.
    pub(super) fn refusal(&self, tokens: &Tokens) -> Option<&str> {
        let refused = self.refused.as_ref().filter(|refused| refused.at.elapsed() < REFUSAL_MEMORY)?;
        self.has_refused(&tokens.refresh_token).then_some(refused.words.as_str())
    }

    pub(super) fn has_refused(&self, token: &SecretString) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.token.expose_secret() == token.expose_secret())
    }

    /// What the store is to have if these tokens come to nothing; `stored` is what it has.
    fn before(&mut self, stored: Option<Tokens>, tokens: &Tokens) -> Option<Tokens> {
        let by = |displaced: &&Displaced| displaced.by.expose_secret() == tokens.refresh_token.expose_secret();
        match stored {
            Some(stored) if same_refresh(&stored, tokens) => {
                Some(self.displaced.as_ref().filter(by).map_or(stored, |displaced| displaced.tokens.clone()))
            }
            Some(stored) => {
                self.displaced = Some(Displaced { tokens: stored.clone(), by: tokens.refresh_token.clone() });
                Some(stored)
            }
            None => None,
        }
    }

    /// Notes that a server did not act, and when it may be asked again.
    fn rest(&mut self, at: usize, error: &Error) {
        let since = Instant::now();
        let own = if error.kind == ErrorKind::Throttled { THROTTLED_PAUSE } else { Duration::ZERO };
        let until = since + error.retry_after.unwrap_or(own).min(LONGEST_PAUSE);
        self.resting.insert(at, Rest { since, until, error: error.clone() });
    }

    /// Why a server is not to be asked now, with the time to wait.
    fn rests(&self, at: usize) -> Option<Error> {
        let rest = self.resting.get(&at)?;
        let wait = rest.until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())?;
        Some(rest.error.clone().retry_after(wait))
    }

    /// In which order servers are asked: that of an attempt of unknown end first; those that lately did not act last, the
    /// one that granted the token before the others, these as configured.
    fn order(&self, sources: &[TokenSource], tokens: &Tokens) -> Vec<usize> {
        let own = |at: &usize| tokens.server.as_ref() == Some(&sources[*at].key());
        let resting = |at: &usize| self.resting.get(at).map(|rest| rest.since).filter(|at| at.elapsed() < SERVER_REST);
        let mut order: Vec<usize> = (0..sources.len()).collect();
        order.sort_by_key(|at| (!was_sent_to(tokens, &sources[*at]), resting(at), !own(at)));
        order
    }
}

/// Whether the token was sent to this place and no answer has told what became of it.
fn was_sent_to(tokens: &Tokens, source: &TokenSource) -> bool {
    tokens.sent_to.as_ref() == Some(&source.key())
}

fn same_refresh(one: &Tokens, other: &Tokens) -> bool {
    one.refresh_token.expose_secret() == other.refresh_token.expose_secret()
}
