//! Signing in by a code that a phone scans: one flow for terminal and page (reference 1.3 to 1.8).
//!
//! A [`SignIn`] is one code. It is shown, then polled until it is done, refused or expired; a new code is a new
//! `SignIn`. The exchange runs in a task of its own, so that a caller that leaves cannot lose tokens that were
//! granted. Tokens are kept by `auth` before anybody uses them, and are in no message.

pub(super) mod forms;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::calls;
use crate::clock::UnixSeconds;
use crate::state::DriveIds;
use crate::upstream::auth::access::Access;
use crate::upstream::auth::jwt;
use crate::upstream::auth::sign_in_error::{SignInError, SignInErrorKind};
use crate::upstream::auth::source::{Grant, Outcome};
use crate::upstream::auth::status::TokenStatus;
use crate::upstream::client::Client;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::signin::forms as form;
use crate::upstream::signin::forms::{Status, Ticket};

/// Life of a code: the official programs poll for 180 s (reference 1.3).
const CODE_LIFE: Duration = Duration::from_secs(180);

/// How much longer the service is asked: its clock began before ours.
const GRACE: Duration = Duration::from_secs(20);

/// Tries of the exchange, and of the question who has signed in.
const TRIES: u32 = 3;

const PAUSE: Duration = Duration::from_secs(1);

/// Longest pause that a server may ask for between two tries: the person waits, and the code lives ten minutes.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What the phone reads: the authorise page with the code's id. The service names only an image; that this
/// text is in it is not documented, but all peers show it, and it also opens in a browser.
const AUTHORISE_PAGE: &str = "https://www.aliyundrive.com/o/oauth/authorize?sid=";

/// One code and its way to tokens.
pub struct SignIn {
    client: Client,
    /// Position in the account's token sources.
    source: usize,
    ticket: Arc<Ticket>,
    replace: bool,
    started: Instant,
    code: Code,
    exchange: Option<JoinHandle<Result<SignedIn, SignInError>>>,
    outcome: Option<Result<Progress, SignInError>>,
}

/// What to show.
#[derive(Clone)]
pub struct Code {
    /// Text of the QR code; also a link that opens in a browser.
    pub qr_text: String,
    /// Where the service shows the same code as an image.
    pub image_url: Option<String>,
    /// When the code ends.
    pub expires_at: UnixSeconds,
    /// Host that gave it.
    pub server: String,
    /// Why the servers before it gave none.
    pub skipped: Vec<String>,
}

/// How a sign-in stands.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Nobody has scanned yet.
    Waiting {
        /// Why the service could not be asked just now; the code may still be good.
        trouble: Option<String>,
    },
    /// Scanned, not yet confirmed on the phone.
    Scanned,
    /// Too old; start again.
    Expired,
    /// Signed in; the tokens are kept.
    Done(SignedIn),
}

/// Who has signed in and for how long.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The user and the drives granted, where the service told them.
    pub drives: Option<DriveIds>,
    /// How long the tokens last.
    pub tokens: TokenStatus,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("account", &self.client.account()).finish_non_exhaustive()
    }
}

impl Client {
    /// Asks for a code at the account's places in order, until one gives one. With `replace` another user may
    /// take the account over; a running server has to be restarted then.
    ///
    /// # Errors
    /// No place gave a code, or the tokens could not be kept.
    pub async fn sign_in(&self, replace: bool) -> Result<SignIn, SignInError> {
        self.0.tokens.can_keep().await?;
        let mut failures: Vec<Error> = Vec::new();
        for (at, source) in self.0.tokens.sources().iter().enumerate() {
            match form::start(source, &self.0.http).await {
                Ok(ticket) => {
                    let lived = i64::try_from(CODE_LIFE.as_secs()).unwrap_or_default();
                    let code = Code {
                        qr_text: format!("{AUTHORISE_PAGE}{}", ticket.sid),
                        image_url: ticket.image_url.as_ref().map(ToString::to_string),
                        expires_at: UnixSeconds::now().plus(lived),
                        server: source.name().to_owned(),
                        skipped: failures.iter().map(ToString::to_string).collect(),
                    };
                    return Ok(SignIn {
                        client: self.clone(),
                        source: at,
                        ticket: Arc::new(ticket),
                        replace,
                        started: Instant::now(),
                        code,
                        exchange: None,
                        outcome: None,
                    });
                }
                Err(error) => {
                    tracing::warn!(account = self.account(), server = source.name(), %error, "no code to scan");
                    failures.push(error);
                }
            }
        }
        Err(SignInError::no_code(self.account(), &failures))
    }
}

impl SignIn {
    /// What to show.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// The account's name in the configuration.
    #[must_use]
    pub fn account(&self) -> &str {
        self.client.account()
    }

    /// Asks once how the code stands. After a confirmation it exchanges and keeps the tokens before it returns; a
    /// call that is dropped then is taken up by the next one. The final outcome is given again whenever asked for.
    ///
    /// # Errors
    /// The sign-in is over without tokens; the words say why and what to do.
    pub async fn poll(&mut self) -> Result<Progress, SignInError> {
        if let Some(outcome) = &self.outcome {
            return outcome.clone();
        }
        if self.exchange.is_none() {
            match form::status(&self.client.0.http, &self.client.0.api_url, &self.ticket).await {
                Ok(Status::Confirmed(code)) => {
                    let task = finish(self.client.clone(), self.source, self.ticket.clone(), code, self.replace);
                    self.exchange = Some(calls::spawn(self.client.0.tokens.tracked(task)));
                }
                Ok(Status::Expired) => return self.end(Ok(Progress::Expired)),
                Ok(Status::Refused(word)) => {
                    let message =
                        format!("the sign-in was refused on the phone ({word}); start again and confirm it there");
                    return self.end(Err(SignInError::new(SignInErrorKind::RefusedByUser, message)));
                }
                _ if self.started.elapsed() > CODE_LIFE + GRACE => return self.end(Ok(Progress::Expired)),
                Ok(Status::Scanned) => return Ok(Progress::Scanned),
                Ok(Status::Waiting) => return Ok(Progress::Waiting { trouble: None }),
                Err(error) => return Ok(Progress::Waiting { trouble: Some(error.to_string()) }),
            }
        }
        let Some(task) = &mut self.exchange else { return Ok(Progress::Scanned) };
        let result = task.await.unwrap_or_else(|_| {
            Err(SignInError::new(
                SignInErrorKind::NotExchanged,
                "the exchange was stopped; start again with a new code",
            ))
        });
        self.exchange = None;
        self.end(result.map(Progress::Done))
    }

    fn end(&mut self, outcome: Result<Progress, SignInError>) -> Result<Progress, SignInError> {
        self.outcome = Some(outcome.clone());
        outcome
    }
}

/// From a confirmation to kept tokens.
async fn finish(
    client: Client,
    source: usize,
    ticket: Arc<Ticket>,
    code: Option<SecretString>,
    replace: bool,
) -> Result<SignedIn, SignInError> {
    let grant = exchange(&client, source, &ticket, code.as_ref()).await?;
    let access = Access::new(grant.access_token.clone());
    let claims = [&grant.refresh_token, &grant.access_token].map(|token| jwt::claims(token.expose_secret()));
    let mut user_id = claims.into_iter().find_map(|claims| claims.sub);
    let mut info = None;
    if user_id.is_none() {
        // A token that does not tell whose it is could be anybody's.
        info = who(&client, &access).await;
        user_id = info.as_ref().map(|info| info.user_id.clone());
    }
    client.0.tokens.adopt(grant, user_id, replace).await?;
    tracing::info!(account = client.account(), "signed in; the tokens are kept");
    if info.is_none() {
        info = who(&client, &access).await;
    }
    if let Some(info) = &info {
        client.0.tokens.keep_drives(info).await;
    }
    Ok(SignedIn { drives: info, tokens: client.token_status().await })
}

/// An authorisation code works once, so a lost answer is asked for once more and then the truth is told.
async fn exchange(
    client: &Client,
    source: usize,
    ticket: &Ticket,
    code: Option<&SecretString>,
) -> Result<Grant, SignInError> {
    let source = &client.0.tokens.sources()[source];
    let mut last = Error::new("oauth/access_token", ErrorKind::Unavailable);
    for at in 0..TRIES {
        if at > 0 {
            tokio::time::sleep(last.retry_after.unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
        }
        match form::exchange(source, &client.0.http, ticket, code).await {
            Outcome::Granted(grant) => return Ok(grant),
            Outcome::Refused(error) => {
                last = error;
                break;
            }
            Outcome::NotActed(error) if error.kind == ErrorKind::ApplicationRefused => {
                last = error;
                break;
            }
            Outcome::NotActed(error) | Outcome::Unclear(error) => last = error,
        }
    }
    Err(SignInError::not_exchanged(client.account(), &last))
}

/// Whose token it is and which drives were ticked; absent when the service would not say.
async fn who(client: &Client, access: &Access) -> Option<DriveIds> {
    for at in 0..TRIES {
        if at > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        match client.drive_info_of(access).await {
            Ok(info) => return Some(info),
            Err(error) => tracing::warn!(account = client.account(), %error, "the drives granted are not known yet"),
        }
    }
    None
}
