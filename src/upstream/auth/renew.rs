//! One renewal: which server is asked, what its answer means for the single-use token, and how several
//! processes with one store keep out of each other's way.

use secrecy::ExposeSecret as _;

use super::*;

/// Least time between an attempt of unknown end and the next.
const CAREFUL_PAUSE: Duration = Duration::from_secs(5);

/// Least time between attempts at servers that could not be reached or refused to act.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// How long a refused token is not tried again; a refusal is final, but a server may have been mistaken.
const REFUSAL_MEMORY: Duration = Duration::from_secs(600);

/// How long a server that did not act is tried after all others.
const SERVER_REST: Duration = Duration::from_secs(600);

/// How often, and with which pauses, the store is looked at for what another process may be about to keep.
const OTHERS_LOOKS: u32 = 4;
const OTHERS_PAUSE: Duration = Duration::from_millis(250);

impl Keeper {
    /// Sends the refresh token to the first server that acts, and keeps the answer before anybody uses it.
    pub(super) async fn renew(&self, flight: &mut Flight, tokens: Tokens) -> Result<Access, Error> {
        let recent = self.failure.lock().as_ref().map(|f| f.at);
        let pause = match (flight.unclear, recent) {
            (Some((_, at)), _) => (at + CAREFUL_PAUSE).saturating_duration_since(Instant::now()),
            (None, Some(at)) => (at + FAILURE_PAUSE).saturating_duration_since(Instant::now()),
            (None, None) => Duration::ZERO,
        };
        tokio::time::sleep(pause).await;
        let mut last = None;
        for at in flight.order(self.sources.len()) {
            let source = &self.sources[at];
            let Some(outcome) = self.attempt(source, &tokens).await? else {
                return self.others(flight).await;
            };
            match outcome {
                Outcome::Granted(grant) => {
                    flight.resting.remove(&at);
                    return self.granted(flight, tokens, grant).await;
                }
                Outcome::NotActed(error) => {
                    tracing::warn!(account = %self.account, server = source.name(), %error, "token server did not act");
                    flight.resting.insert(at, Instant::now());
                    last = Some(error);
                    if flight.unclear.is_none() && !self.mark(&tokens, tokens.uncertain).await? {
                        return self.others(flight).await;
                    }
                }
                Outcome::Refused(error) => {
                    if self.spent_by_another(&tokens).await {
                        return self.others(flight).await;
                    }
                    let lost = if tokens.uncertain {
                        "; an earlier renewal's answer was lost and may have spent it"
                    } else {
                        ""
                    };
                    let words = format!("the refresh token was refused ({error}){lost}");
                    let error = self.sign_in(&words);
                    flight.refused = Some(Refused { token: tokens.refresh_token, at: Instant::now(), words });
                    flight.unclear = None;
                    return Err(error);
                }
                Outcome::Unclear(error) => {
                    tracing::warn!(
                        account = %self.account, server = source.name(), %error,
                        "it is not known whether the refresh token was spent; it is kept for one careful retry at the same server"
                    );
                    flight.unclear = Some((at, Instant::now()));
                    *self.current.lock() = Some(Tokens { uncertain: true, ..tokens });
                    return Err(Error { kind: ErrorKind::Unavailable, ..error });
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::new(CALL, ErrorKind::Unavailable)))
    }

    /// One use of the refresh token, written down before it happens; absent if another process has put other
    /// tokens into the store.
    async fn attempt(&self, source: &TokenSource, tokens: &Tokens) -> Result<Option<Outcome>, Error> {
        if source.is_service() {
            let deadline = Instant::now() + self.max_wait;
            let turn = self.pacer.turn(RateClass::Other, Urgency::Waited, deadline).await;
            turn.map_err(|wait| Error::new(CALL, ErrorKind::Throttled).retry_after(wait))?;
        }
        if !self.mark(tokens, true).await? {
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

    /// Says whether the store still had what this process knows.
    async fn mark(&self, tokens: &Tokens, uncertain: bool) -> Result<bool, Error> {
        self.swap(&Tokens { uncertain, ..tokens.clone() }).await.map_err(store_failed)
    }

    async fn swap(&self, tokens: &Tokens) -> Result<bool, state::Error> {
        let expected = self.stored.lock().clone();
        let kept = self.store.swap_tokens(&self.account, expected.as_ref(), tokens).await?;
        if kept {
            *self.stored.lock() = Some(tokens.refresh_token.clone());
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

    async fn granted(&self, flight: &mut Flight, old: Tokens, grant: Grant) -> Result<Access, Error> {
        flight.unclear = None;
        let claims = jwt::claims(grant.refresh_token.expose_secret());
        let user_id = claims.sub.or_else(|| jwt::claims(grant.access_token.expose_secret()).sub);
        if let (Some(before), Some(now)) = (&old.user_id, &user_id)
            && before != now
        {
            let words = "the token server answered with another user's token".to_owned();
            let error = self.sign_in(&words);
            flight.refused = Some(Refused { token: old.refresh_token, at: Instant::now(), words });
            return Err(error);
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

    /// In which order servers are asked: after an attempt of unknown end the same one only; else as configured,
    /// those that lately did not act last.
    fn order(&self, count: usize) -> Vec<usize> {
        if let Some((server, _)) = self.unclear {
            return vec![server];
        }
        let resting = |at: &usize| self.resting.get(at).filter(|since| since.elapsed() < SERVER_REST);
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|at| resting(at).copied());
        order
    }
}
