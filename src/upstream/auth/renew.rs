//! One renewal: which server is asked, and what its answer means for the single-use token.
//!
//! What can go wrong, and what answers for it:
//! 1. The answer is lost: the token is written down as sent before it is ([`Renewal::attempt`]), and kept for the one
//!    server that may have taken it ([`Server::waits`]).
//! 2. A server does not act: it rests, and the next one is asked (`flight`).
//! 3. A server's application does not know the token: only a refusal by the one that granted it is final
//!    ([`Renewal::judge`]).
//! 4. Another process with the same store was faster: its tokens are taken ([`Next::TakeOthers`]).
//! 5. A configured token is of no use: the store has again what that displaced ([`Renewal::refused`]).

use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use crate::meters;
use crate::state::{RenewalTurn, Tokens};
use crate::upstream::auth::access::Access;
use crate::upstream::auth::flight::{Flight, Refused, same_refresh, was_sent_to};
use crate::upstream::auth::keeper::{CALL, Keeper, store_failed};
use crate::upstream::auth::source::{Grant, Outcome, TokenSource};
use crate::upstream::auth::{jwt, status};
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::pacer::{RateClass, Urgency};

/// How often, and with which pauses, the store is looked at for what another process may be about to keep.
const OTHERS_LOOKS: u32 = 4;
const OTHERS_PAUSE: Duration = Duration::from_millis(250);

/// Sends the refresh token to the first server that acts, and keeps the answer before anybody uses it.
///
/// # Errors
/// No server renewed it, or the answer could not be kept.
pub(super) async fn renew(
    keeper: &Keeper,
    flight: &mut Flight,
    turn: &mut RenewalTurn,
    tokens: Tokens,
) -> Result<Access, Error> {
    let recent = keeper.failure.lock().as_ref().map(|failure| failure.at);
    let pause = match (flight.unclear, recent) {
        (Some(at), _) => (at + keeper.timeouts.unclear_renewal).saturating_duration_since(Instant::now()),
        (None, Some(at)) => (at + keeper.timeouts.failed_renewal).saturating_duration_since(Instant::now()),
        (None, None) => Duration::ZERO,
    };
    tokio::time::sleep(pause).await;
    Renewal::new(keeper, flight, turn, tokens).run().await
}

/// One use of one refresh token: the servers still to be asked, and what those asked have said.
struct Renewal<'a> {
    keeper: &'a Keeper,
    flight: &'a mut Flight,
    turn: &'a mut RenewalTurn,
    tokens: Tokens,
    /// What the store is to have if the token comes to nothing.
    before: Option<Tokens>,
    servers: std::vec::IntoIter<Server<'a>>,
    /// A refusal, and whether it is the word of the server that granted the token.
    refusal: Option<(Error, bool)>,
    /// Why a server did not act.
    absent: Option<Error>,
}

struct Server<'a> {
    /// Position in the account's sources.
    at: usize,
    source: &'a TokenSource,
    /// Whether it granted the token.
    own: bool,
    /// Whether the token may have been spent here already, with the answer lost.
    again: bool,
    /// Whether nobody else is asked before it is known what became of the token here.
    waits: bool,
    /// Whether it is the last one in order.
    last: bool,
}

/// What an attempt leads to.
enum Next {
    /// The next server is asked.
    Ask,
    /// No other server is asked.
    Stop,
    /// Another process has put other tokens into the store.
    TakeOthers,
    Keep(Grant),
    Give(Error),
}

impl<'a> Renewal<'a> {
    fn new(keeper: &'a Keeper, flight: &'a mut Flight, turn: &'a mut RenewalTurn, tokens: Tokens) -> Self {
        let before = flight.before(keeper.stored.lock().clone(), &tokens);
        let order = flight.order(&keeper.sources, &tokens);
        let last = order.last().copied();
        let server = |at: usize| {
            let source = &keeper.sources[at];
            let own = tokens.server.as_ref() == Some(&source.key());
            let again = was_sent_to(&tokens, source);
            // Unless this place is known not to be the token's own.
            let waits = again && (own || tokens.server.is_none());
            Server { at, source, own, again, waits, last: last == Some(at) }
        };
        let servers = order.into_iter().map(server).collect::<Vec<_>>().into_iter();
        Self { keeper, flight, turn, tokens, before, servers, refusal: None, absent: None }
    }

    async fn run(mut self) -> Result<Access, Error> {
        while let Some(server) = self.next_server() {
            let next = match self.attempt(&server).await? {
                Some(outcome) => self.judge(&server, outcome).await,
                None => Next::TakeOthers,
            };
            match next {
                Next::Keep(grant) => return self.granted(grant).await,
                Next::Give(error) => return Err(error),
                Next::TakeOthers => return self.keeper.others(self.flight).await,
                Next::Ask | Next::Stop => {}
            }
            // This server did not take it: the store has again what it had.
            let had = self.before.as_ref().unwrap_or(&self.tokens);
            if !self.keeper.swap(had).await.map_err(store_failed)? {
                return self.keeper.others(self.flight).await;
            }
            if matches!(next, Next::Stop) {
                break;
            }
        }
        self.not_renewed().await
    }

    /// The next one that may be asked now; absent where all were, or where one that rests may have taken the token.
    fn next_server(&mut self) -> Option<Server<'a>> {
        loop {
            let server = self.servers.next()?;
            let Some(error) = self.flight.rests(server.at) else { return Some(server) };
            self.absent = Some(error);
            if server.waits {
                return None;
            }
        }
    }

    /// One use of the refresh token, written down before it happens; absent if another process has put other
    /// tokens into the store.
    async fn attempt(&mut self, server: &Server<'_>) -> Result<Option<Outcome>, Error> {
        let (keeper, source) = (self.keeper, server.source);
        if source.is_service() {
            let deadline = Instant::now() + keeper.max_wait;
            let turn = keeper.pacer.turn(RateClass::Other, Urgency::Waited, deadline).await;
            turn.map_err(|wait| Error::new(CALL, ErrorKind::Throttled).retry_after(wait))?;
        }
        let about_to_send = Tokens { sent_to: Some(source.key()), ..self.tokens.clone() };
        if !keeper.swap(&about_to_send).await.map_err(store_failed)? {
            return Ok(None);
        }
        // This process may have stood still since it took the turn, which then is another's.
        if let Err(error) = self.turn.still_ours().await {
            // Not sent after all. Where that cannot be kept either, the next attempt is as careful as after a lost answer.
            keeper.swap(self.before.as_ref().unwrap_or(&self.tokens)).await.ok();
            return Err(store_failed(error));
        }
        tracing::info!(account = %keeper.account, server = source.name(), "renewing the access token");
        let outcome = source.refresh(&keeper.http, &self.tokens.refresh_token).await;
        let word = match &outcome {
            Outcome::Granted(_) => "granted",
            Outcome::NotActed(_) => "not acted",
            Outcome::Refused(_) => "refused",
            Outcome::Unclear(_) => "unclear",
        };
        metrics::counter!(meters::TOKEN_RENEWALS, "outcome" => word).increment(1);
        Ok(Some(outcome))
    }

    /// What a server's answer means.
    ///
    /// A refusal is final if it comes from the server that granted the token; another one's application may just
    /// not know it. Likewise only that one's lost answer keeps the token from all others.
    async fn judge(&mut self, server: &Server<'_>, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Granted(grant) => {
                self.flight.resting.remove(&server.at);
                Next::Keep(grant)
            }
            Outcome::NotActed(error) => {
                let (account, server_name) = (&self.keeper.account, server.source.name());
                tracing::warn!(%account, server = server_name, %error, "token server did not act");
                self.flight.rest(server.at, &error);
                self.absent = Some(error);
                if server.waits { Next::Stop } else { Next::Ask }
            }
            Outcome::Refused(_) if self.spent_by_another().await => Next::TakeOthers,
            Outcome::Refused(error) => {
                if server.own || self.refusal.is_none() {
                    self.refusal = Some((error, server.own));
                }
                if server.own { Next::Stop } else { Next::Ask }
            }
            Outcome::Unclear(error) => {
                let error = self.unclear(server.source, error);
                // What stays unclear at a place that may not be the token's own is no reason to keep it from its own.
                if !server.again || server.own || server.last {
                    self.flight.unclear = Some(Instant::now());
                    return Next::Give(error);
                }
                self.absent = Some(error);
                Next::Ask
            }
        }
    }

    /// What is told of an attempt that may have spent the token.
    fn unclear(&self, source: &TokenSource, error: Error) -> Error {
        tracing::warn!(
            account = %self.keeper.account, server = source.name(), %error,
            "it is not known whether the refresh token was spent; it is kept for one careful retry at the same server"
        );
        let mut error = Error { kind: ErrorKind::Unavailable, ..error };
        if self.tokens.sent_to.is_some() {
            // Not the first time: it may never become clear.
            let words = error.message.take().unwrap_or_default();
            error.message = Some(format!("{words}; if it stays so, {}", status::remedy(&self.keeper.account)));
        }
        error
    }

    /// Whether a refused token was spent by another process with the same store, which may need a moment to keep
    /// what it got.
    async fn spent_by_another(&self) -> bool {
        for _ in 0..OTHERS_LOOKS {
            match self.keeper.store.tokens(&self.keeper.account).await {
                Ok(Some(stored)) if !same_refresh(&stored, &self.tokens) => return true,
                _ => tokio::time::sleep(OTHERS_PAUSE).await,
            }
        }
        false
    }

    async fn granted(self, grant: Grant) -> Result<Access, Error> {
        self.flight.unclear = None;
        let claims = jwt::claims(grant.refresh_token.expose_secret());
        let user_id = claims.sub.or_else(|| jwt::claims(grant.access_token.expose_secret()).sub);
        if let (Some(expected), Some(user)) = (&self.tokens.user_id, &user_id)
            && expected != user
        {
            return self.refused("the token server answered with another user's token".to_owned()).await;
        }
        let now = self.keeper.now();
        let tokens = Tokens {
            user_id: user_id.or(self.tokens.user_id),
            expires_at: grant.expires_at(now),
            access_token: grant.access_token,
            refresh_token: grant.refresh_token,
            issued_at: claims.iat.unwrap_or(now),
            sent_to: None,
            source_digest: self.tokens.source_digest,
            server: Some(grant.server),
        };
        self.keeper.keep(self.flight, tokens).await
    }

    /// No server renewed it: the last word is a refusal by the one that granted it, or by all.
    async fn not_renewed(mut self) -> Result<Access, Error> {
        match (self.refusal.take(), self.absent.take()) {
            (Some((error, own)), absent) if own || absent.is_none() => {
                let lost = match self.tokens.sent_to {
                    Some(_) => "; an earlier renewal's answer was lost and may have spent it",
                    None => "",
                };
                self.refused(format!("the refresh token was refused ({error}){lost}")).await
            }
            (_, absent) => Err(absent.unwrap_or_else(|| Error::new(CALL, ErrorKind::Unavailable))),
        }
    }

    /// No way leads on with this refresh token. If it was a configured one, the stored tokens are used that it was
    /// to replace, and it is not tried again.
    async fn refused(self, words: String) -> Result<Access, Error> {
        let Self { keeper, flight, turn, tokens, before, .. } = self;
        let error = keeper.sign_in(&words);
        flight.unclear = None;
        flight.displaced = None;
        let before = before.filter(|before| !same_refresh(before, &tokens));
        flight.refused = Some(Refused { token: tokens.refresh_token, at: Instant::now(), words });
        let Some(before) = before else { return Err(error) };
        let account = &keeper.account;
        tracing::warn!(%account, %error, "the configured refresh token is of no use; the stored tokens are used");
        let before = Tokens { source_digest: tokens.source_digest, ..before };
        if !keeper.swap(&before).await.map_err(store_failed)? {
            return keeper.others(flight).await;
        }
        keeper.user.lock().clone_from(&before.user_id);
        keeper.load(flight).await?;
        match keeper.living(None) {
            Some(access) => Ok(access),
            None if keeper.can_renew(&before) => Box::pin(renew(keeper, flight, turn, before)).await,
            None => Err(error),
        }
    }
}
