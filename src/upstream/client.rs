//! One account's calls: the one way in which each of them is paced, sent, judged and repeated.

pub(super) mod endpoint;
pub(super) mod retry;
pub(super) mod troubles;

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::calls::{self, Background};
use crate::config::{self, Config, Timeouts};
use crate::meters;
use crate::state::Store;
use crate::upstream::api::wire_account::WireDriveInfo;
use crate::upstream::auth::TokenKeeper;
use crate::upstream::auth::access::Access;
use crate::upstream::auth::status::TokenStatus;
use crate::upstream::client::endpoint::{DRIVE_INFO, Endpoint};
use crate::upstream::client::retry::{Next, Tries};
use crate::upstream::client::troubles::{Trouble, Troubles};
use crate::upstream::data::DataHost;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::http::classify::{self, Refusal};
use crate::upstream::http::clients;
use crate::upstream::http::exchange::{self, Fate};
use crate::upstream::pacer::{Pacer, RateClass, Urgency};
use crate::upstream::signed_url::Intake;
use crate::waits::Waits;

/// How long it is believed that the service still knows an account, or no longer: whoever browses a refused drive makes many calls.
const KNOWN_FOR: Duration = Duration::from_secs(60);

const RENEWING: &str = "an access token, which is being renewed";

/// Calls on behalf of one account; cheap to clone.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Inner>);

pub(super) struct Inner {
    account: String,
    pub(super) api_url: String,
    pub(super) http: reqwest::Client,
    data_host: DataHost,
    steady_data_host: bool,
    pacer: Arc<Pacer>,
    pub(super) tokens: TokenKeeper,
    max_wait: Duration,
    timeouts: Timeouts,
    troubles: parking_lot::Mutex<Troubles>,
    waits: Waits,
    /// When the service was last asked whether it still knows the account, and what it said.
    known: tokio::sync::Mutex<Option<(Instant, bool)>>,
    /// Items asked for on a page; lowered once, if the service refuses it.
    pub(super) page_size: std::sync::atomic::AtomicU32,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.0.account).finish()
    }
}

impl Client {
    /// Makes no call.
    ///
    /// # Errors
    /// Settings that the HTTP library refuses, such as an unusable outbound proxy.
    pub fn new(account: &config::Account, config: &Config, store: Store) -> Result<Self, Error> {
        let (settings, timeouts) = (&config.upstream, config.timeouts);
        let http = clients::api_client(settings)?;
        let pacer = Arc::new(Pacer::new(settings, &account.name, &store));
        Ok(Self(Arc::new(Inner {
            account: account.name.clone(),
            api_url: settings.api_url.as_str().trim_end_matches('/').to_owned(),
            data_host: DataHost::new(settings, timeouts.silent_body)?,
            steady_data_host: settings.steady_data_host,
            tokens: TokenKeeper::new(account, config, http.clone(), pacer.clone(), store),
            http,
            pacer,
            max_wait: settings.max_wait,
            timeouts,
            troubles: parking_lot::Mutex::default(),
            waits: Waits::default(),
            known: tokio::sync::Mutex::default(),
            page_size: std::sync::atomic::AtomicU32::new(200),
        })))
    }

    /// The account's name in the configuration.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.0.account
    }

    /// The connections to the data host.
    #[must_use]
    pub fn data_host(&self) -> &DataHost {
        &self.0.data_host
    }

    /// How long the account's tokens last and whether a person has to sign in.
    pub async fn token_status(&self) -> TokenStatus {
        self.0.tokens.status().await
    }

    /// Grows whenever tokens of another sign-in are taken up: what was learnt with the old ones, such as
    /// the drives granted, may no longer hold.
    #[must_use]
    pub fn sign_ins(&self) -> u64 {
        self.0.tokens.sign_ins()
    }

    /// Each of the service's rate classes: its name, its calls a second, and the calls since the start.
    #[must_use]
    pub fn turns(&self) -> [(&'static str, f64, u64); 3] {
        self.0.pacer.turns()
    }

    /// Why the service could not be used the last time, if so.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.0.troubles.lock().present().map(|trouble| trouble.words.clone())
    }

    /// What was wrong with calls since the start: the last of each kind, the latest first.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        self.0.troubles.lock().newest()
    }

    /// What its calls and transfers wait for.
    #[must_use]
    pub fn waits(&self) -> &Waits {
        &self.0.waits
    }

    fn note(&self, error: Option<&Error>) {
        self.0.troubles.lock().note(error);
    }

    pub(super) fn page_size(&self) -> &std::sync::atomic::AtomicU32 {
        &self.0.page_size
    }

    /// A living access token.
    pub(super) async fn access(&self) -> Result<Access, Error> {
        self.0.tokens.access().await
    }

    /// Sends a call whose body is the same with every token.
    pub(super) async fn call<T: DeserializeOwned>(&self, endpoint: Endpoint, body: &Value) -> Result<T, Error> {
        self.call_with(endpoint, |_| Ok(body.clone())).await
    }

    /// Sends a call, its body made for the access token that it will carry.
    pub(super) async fn call_with<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        body: impl Fn(&str) -> Result<Value, Error> + Send,
    ) -> Result<T, Error> {
        self.call_for_urls(endpoint, body).await.map(|(value, _)| value)
    }

    /// Sends a call whose answer holds signed URLs, and gives by what to take them in.
    pub(super) async fn call_for_urls<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        body: impl Fn(&str) -> Result<Value, Error> + Send,
    ) -> Result<(T, Intake), Error> {
        self.until_decided(endpoint, body).instrument(self.span(endpoint)).await
    }

    /// What the lines of one call have in common, all its tries and the renewal of a token among them.
    fn span(&self, endpoint: Endpoint) -> tracing::Span {
        // Of the level of errors, as the request's: whatever is logged in it is to be found by it.
        tracing::error_span!("call", account = %self.0.account, endpoint = endpoint.name)
    }

    async fn until_decided<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        body: impl Fn(&str) -> Result<Value, Error> + Send,
    ) -> Result<(T, Intake), Error> {
        let deadline = Instant::now() + self.0.max_wait;
        let mut tries = Tries::new(endpoint.repeat, deadline, self.0.timeouts);
        let wait = self.0.waits.begin(RENEWING);
        loop {
            let access = self.0.tokens.access().await?;
            let body = body(access.expose())?;
            if !tries.have_failed() {
                wait.is_for("a turn for a call to the drive, whose rate is used up");
            }
            self.turn(endpoint, deadline).await?;
            if !tries.have_failed() {
                wait.is_for("an answer of the drive");
            }
            let (refusal, fate) = match self.exchange(endpoint, &access, &body).await {
                Ok(told) => {
                    self.note(None);
                    return Ok(told);
                }
                Err(failure) => failure,
            };
            let why = refusal.error.to_string();
            match tries.next(refusal, fate) {
                Next::Renew => self.0.tokens.renew(&access).await?,
                // The user may have signed in again since (reference 1.6).
                Next::SignedOut(_) if tries.may_renew() && self.0.tokens.replaced(&access).await => tries.renewed(),
                Next::SignedOut(error) => {
                    let error = self.0.tokens.with_remedy(self.refused(error, &access, deadline).await);
                    return Err(self.given_up(endpoint, error).await);
                }
                Next::Pause(pause) => {
                    wait.is_for(why);
                    self.0.pacer.pause(endpoint.class, pause).await;
                }
                Next::Wait(pause) => {
                    wait.is_for(why);
                    tokio::time::sleep(pause).await;
                }
                Next::Give(error) => return Err(self.given_up(endpoint, error).await),
            }
        }
    }

    /// Waits for the account's turn in the call's rate class.
    async fn turn(&self, endpoint: Endpoint, deadline: Instant) -> Result<(), Error> {
        let urgency = Background::current().map_or(Urgency::Waited, Urgency::Background);
        self.0.pacer.turn(endpoint.class, urgency, deadline).await.map_err(|wait| {
            let error = Error::new(endpoint.name, ErrorKind::Throttled).message("no turn within the longest wait");
            self.note(Some(&error));
            error.retry_after(wait)
        })
    }

    /// The failure of a call that is not sent again; its rate class rests if that was why.
    async fn given_up(&self, endpoint: Endpoint, error: Error) -> Error {
        if let (ErrorKind::Throttled, Some(wait)) = (error.kind, error.retry_after) {
            self.0.pacer.pause(endpoint.class, wait).await;
        }
        self.note(Some(&error));
        error
    }

    /// Tells a withdrawn authorisation from a service that refuses the files of everybody: the latter still tells the
    /// account's drives (reference 5). Asked at most once in [`KNOWN_FOR`], by one for all.
    async fn refused(&self, error: Error, access: &Access, deadline: Instant) -> Error {
        if error.code.as_deref() != Some("PermissionDenied") || error.call == DRIVE_INFO.name {
            return error;
        }
        let mut known = self.0.known.lock().await;
        let lately = known.filter(|(at, _)| at.elapsed() < KNOWN_FOR).map(|(_, is_known)| is_known);
        let is_known = match lately {
            Some(is_known) => is_known,
            None => {
                let turn = self.0.pacer.turn(RateClass::Other, Urgency::Waited, deadline).await;
                let is_known = turn.is_ok() && self.knows(access).await;
                *known = Some((Instant::now(), is_known));
                is_known
            }
        };
        if is_known { Error { kind: ErrorKind::FilesRefused, ..error } } else { error }
    }

    async fn knows(&self, access: &Access) -> bool {
        let told = self.send::<WireDriveInfo>(DRIVE_INFO, access, &json!({})).await;
        told.is_ok_and(|drives| drives.into_ids(DRIVE_INFO.name).is_ok())
    }

    /// Sends a call once.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        access: &Access,
        body: &Value,
    ) -> Result<T, (Refusal, Fate)> {
        self.exchange(endpoint, access, body).instrument(self.span(endpoint)).await.map(|(value, _)| value)
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        access: &Access,
        body: &Value,
    ) -> Result<(T, Intake), (Refusal, Fate)> {
        let started = Instant::now();
        calls::record();
        let request = self
            .0
            .http
            .post(format!("{}{}", self.0.api_url, endpoint.path))
            .timeout(endpoint.timeout)
            .bearer_auth(access.expose())
            .json(body);
        let result = match exchange::answer(endpoint.name, request).await {
            Ok(answer) => classify::value(endpoint.name, &answer)
                .map(|value| (value, Intake::new(started, &answer.headers, self.0.steady_data_host)))
                .map_err(|refusal| (refusal, Fate::Answered)),
            Err((error, fate)) => Err((Refusal { error, bad_token: false }, fate)),
        };
        let outcome = match &result {
            Ok(_) => "ok".to_owned(),
            Err((refusal, _)) => refusal.error.kind.to_string(),
        };
        let elapsed = started.elapsed();
        tracing::debug!(%outcome, ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), "the drive has answered");
        metrics::counter!(meters::UPSTREAM_CALLS, "endpoint" => endpoint.name, "outcome" => outcome).increment(1);
        metrics::histogram!(meters::UPSTREAM_CALL_SECONDS, "endpoint" => endpoint.name).record(elapsed);
        result
    }
}
