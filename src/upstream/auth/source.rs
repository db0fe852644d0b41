//! Where an account signs in and its tokens are renewed: the service itself with an own application, or a token
//! server that holds one (reference 1.6, 1.8).
//!
//! Answers for the request's form and for the one question that matters with single-use refresh
//! tokens: did this attempt spend it? Order, repetition and storage belong to `auth`.

use std::borrow::Cow;

use http::{StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::clock::UnixSeconds;
use crate::upstream::auth::{jwt, words};
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::http::classify::{self, Answer};
use crate::upstream::http::exchange::{self, Fate};
use crate::{calls, config};

const CALL: &str = "oauth/access_token";

/// Life of an access token that does not tell (reference 1.6).
const DEFAULT_LIFE_S: i64 = 7200;

/// One place to sign in and to renew at.
#[derive(Debug)]
pub(in crate::upstream) struct TokenSource {
    pub(in crate::upstream) form: Form,
    pub(in crate::upstream) url: Url,
}

#[derive(Debug)]
pub(in crate::upstream) enum Form {
    /// The service's own endpoint, with an own application.
    OwnApplication { client_id: String, client_secret: SecretString },
    /// The same without a secret: PKCE, whose tokens cannot be renewed (1.5).
    PublicApplication { client_id: String },
    /// `GET …/renewapi?refresh_ui=…` (1.8.2).
    OpenList(Driver),
    /// `POST …/alist/ali_open/token` (1.8.1).
    AList,
    /// `POST …/oauth/access_token` without credentials (1.8.4).
    AliyundriveWebdav,
}

/// As which client OpenList's server signs in: each has an application of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Driver {
    /// The server's own.
    Qr,
    /// The service's TV client (1.8.3).
    Tv,
}

impl Driver {
    /// What an address says, by the parameter's present or its old name; the configuration has refused other words.
    fn of(url: &Url) -> Self {
        let tv = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
            matches!(&*name, "driver_txt" | "apps_types") && value == Self::Tv.name()
        };
        if url.query_pairs().any(tv) { Self::Tv } else { Self::Qr }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Qr => "alicloud_qr",
            Self::Tv => "alicloud_tv",
        }
    }
}

/// Sent to token servers, and to nobody else. The bot check before OpenList's refuses the names of libraries and lets a
/// browser's pass, which other programs send there for that reason (reference 1.8.2); like those of programs that are made
/// of a browser it ends with our own name.
const SERVER_AGENT: &str = concat!(
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 alidav/",
    env!("CARGO_PKG_VERSION")
);

/// What one attempt came to.
pub(in crate::upstream) enum Outcome {
    /// New tokens; the old refresh token is spent.
    Granted(Grant),
    /// The refresh token was surely not spent; another source may be tried.
    NotActed(Error),
    /// The refresh token is not accepted, and none will make it so.
    Refused(Error),
    /// It may have been spent.
    Unclear(Error),
}

/// New tokens.
pub(in crate::upstream) struct Grant {
    pub(in crate::upstream) access_token: SecretString,
    pub(in crate::upstream) refresh_token: SecretString,
    /// Seconds that the access token lives, where the answer says.
    lives: Option<i64>,
    /// Its [`TokenSource::key`].
    pub(in crate::upstream) server: String,
}

impl Grant {
    /// When the access token expires that was granted now.
    pub(in crate::upstream) fn expires_at(&self, now: UnixSeconds) -> UnixSeconds {
        let told = || jwt::claims(self.access_token.expose_secret()).exp.filter(|exp| *exp > now);
        self.lives.map(|seconds| now.plus(seconds)).or_else(told).unwrap_or(now.plus(DEFAULT_LIFE_S))
    }
}

#[derive(Deserialize)]
struct WireGrant {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<Value>,
}

impl TokenSource {
    /// The places of an account, in order of preference.
    pub(in crate::upstream) fn of(account: &config::Account, api_url: &Url) -> Vec<Self> {
        let form = match (&account.client_id, &account.client_secret) {
            (None, _) => return account.oauth_token_urls.iter().map(Self::server).collect(),
            (Some(id), Some(secret)) => Form::OwnApplication { client_id: id.clone(), client_secret: secret.clone() },
            (Some(id), None) => Form::PublicApplication { client_id: id.clone() },
        };
        vec![Self { form, url: below(api_url, "/oauth/access_token") }]
    }

    /// Whether its tokens can be renewed.
    pub(in crate::upstream) fn renews(&self) -> bool {
        !matches!(self.form, Form::PublicApplication { .. })
    }

    /// Recognises the server's form by the path, and by the known hosts where only a host is given.
    pub(in crate::upstream) fn server(url: &Url) -> Self {
        let path = url.path().trim_end_matches('/');
        let host = url.host_str().unwrap_or_default();
        let known = |names: &[&str]| names.iter().any(|name| host.contains(name));
        let bare = path.is_empty();
        let openlist = Form::OpenList(Driver::of(url));
        if path.ends_with("/renewapi") {
            Self { form: openlist, url: url.clone() }
        } else if path.ends_with("/alicloud") {
            Self { form: openlist, url: below(url, "/renewapi") }
        } else if bare && known(&["oplist"]) {
            Self { form: openlist, url: below(url, "/alicloud/renewapi") }
        } else if path.ends_with("/ali_open/token") {
            Self { form: Form::AList, url: url.clone() }
        } else if path.ends_with("/ali_open") {
            Self { form: Form::AList, url: below(url, "/token") }
        } else if bare && known(&["alist", "nn.ci", "xhofe"]) {
            Self { form: Form::AList, url: below(url, "/alist/ali_open/token") }
        } else if path.ends_with("/oauth/access_token") {
            Self { form: Form::AliyundriveWebdav, url: url.clone() }
        } else {
            Self { form: Form::AliyundriveWebdav, url: below(url, "/oauth/access_token") }
        }
    }

    /// Its host, for logs.
    pub(in crate::upstream) fn name(&self) -> &str {
        self.url.host_str().unwrap_or("token server")
    }

    /// How the store knows it: its address without what may be a password or a key, and with what says that its
    /// application is another.
    pub(in crate::upstream) fn key(&self) -> String {
        let address = format!("{}{}", self.url.origin().ascii_serialization(), self.url.path());
        match self.form {
            Form::OpenList(driver @ Driver::Tv) => format!("{address}?driver_txt={}", driver.name()),
            _ => address,
        }
    }

    /// Another endpoint of the same server; what its address holds beside the path goes to all of them.
    pub(in crate::upstream) fn beside(&self, ours: &str, other: &str) -> Url {
        let path = self.url.path().trim_end_matches('/');
        let folder = path.strip_suffix(ours).unwrap_or(path).trim_end_matches('/');
        let mut url = self.url.clone();
        url.set_path(&format!("{folder}/{other}"));
        url
    }

    /// A call at OpenList's server: the address's own parameters, the call's, and those that say which application is
    /// meant, by both names where the address has the old one.
    pub(in crate::upstream) fn openlist(&self, driver: Driver, endpoint: &str, pairs: &[(&str, &str)]) -> Url {
        let mut url = self.beside("renewapi", endpoint);
        url.query_pairs_mut().extend_pairs(pairs);
        for (name, value) in [("server_use", "true"), ("driver_txt", driver.name())] {
            if !self.url.query_pairs().any(|(given, _)| given == name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        url
    }

    /// Names us to a token server as one that its bot check lets through.
    pub(in crate::upstream) fn addressed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        if self.is_service() { request } else { request.header(header::USER_AGENT, SERVER_AGENT) }
    }

    /// Whether the call counts against the service's own rates.
    pub(in crate::upstream) fn is_service(&self) -> bool {
        matches!(self.form, Form::OwnApplication { .. } | Form::PublicApplication { .. })
    }

    /// Sends the refresh token once.
    pub(in crate::upstream) async fn refresh(&self, http: &reqwest::Client, refresh_token: &SecretString) -> Outcome {
        calls::record();
        match exchange::answer(CALL, self.request(http, refresh_token.expose_secret())).await {
            Ok(answer) => self.judge(answer, &[refresh_token]),
            Err((error, Fate::Unsent)) => Outcome::NotActed(self.named(error)),
            Err((error, Fate::Answered | Fate::Unclear)) => Outcome::Unclear(self.named(error)),
        }
    }

    fn request(&self, http: &reqwest::Client, refresh_token: &str) -> reqwest::RequestBuilder {
        let post = |body: Value| http.post(self.url.clone()).json(&body);
        self.addressed(match &self.form {
            Form::OwnApplication { client_id, client_secret } => post(json!({
                "client_id": client_id,
                "client_secret": client_secret.expose_secret(),
                "grant_type": "refresh_token",
                "refresh_token": refresh_token,
            })),
            // Never asked: its tokens are not renewed.
            Form::PublicApplication { client_id } => {
                post(json!({ "client_id": client_id, "grant_type": "refresh_token", "refresh_token": refresh_token }))
            }
            Form::AList => post(json!({
                "client_id": "", "client_secret": "", "grant_type": "refresh_token", "refresh_token": refresh_token,
            })),
            Form::AliyundriveWebdav => post(json!({ "grant_type": "refresh_token", "refresh_token": refresh_token })),
            Form::OpenList(driver) => http.get(self.openlist(*driver, "renewapi", &[("refresh_ui", refresh_token)])),
        })
    }

    /// What an answer to a renewal, or to the exchange of an authorisation code, came to. Some servers repeat the
    /// request in their errors: its secrets are taken out before anything is told.
    pub(in crate::upstream) fn judge(&self, answer: Answer, secrets: &[&SecretString]) -> Outcome {
        if let Some(grant) = self.grant(&answer) {
            return Outcome::Granted(grant);
        }
        let mut secrets = secrets.to_vec();
        if let Form::OwnApplication { client_secret, .. } = &self.form {
            secrets.push(client_secret);
        }
        let answer = Answer { body: without(answer.body, &secrets), ..answer };
        let body = answer.body.trim_ascii();
        if body.first() == Some(&b'<') {
            return self.judge_page(&answer);
        }
        let told = words::read(body);
        let mut error = match classify::value::<Value>(CALL, &answer) {
            Ok(_) => Error::new(CALL, ErrorKind::Malformed).message("an answer without tokens"),
            Err(refusal) => refusal.error,
        };
        error.retry_after = classify::retry_after(&answer.headers);
        if let Some(words) = told.words {
            error.message = Some(words);
        }
        if let Some(words) = words::bot_check(&answer) {
            error.message = Some(format!("{}; {words}", error.message.unwrap_or_default()));
        }
        if let Some(kind) = told.kind {
            error.kind = kind;
        }
        let error = self.named(error);
        match error.kind {
            ErrorKind::SignInNeeded => Outcome::Refused(error),
            ErrorKind::ApplicationRefused | ErrorKind::Throttled => Outcome::NotActed(error),
            // Refusals of this server and its address, of which whoever waits for a token cannot make anything.
            ErrorKind::InvalidRequest | ErrorKind::Forbidden => {
                Outcome::NotActed(Error { kind: ErrorKind::Unavailable, ..error })
            }
            _ => Outcome::Unclear(error),
        }
    }

    /// A challenge or log-in page stands before the server; a gateway's page may stand behind it.
    fn judge_page(&self, answer: &Answer) -> Outcome {
        let status = answer.status;
        let words = classify::moved_to(answer).or_else(|| words::bot_check(answer).map(str::to_owned));
        let words = words.unwrap_or_else(|| "a web page instead of tokens".to_owned());
        let error = self.error(ErrorKind::Unavailable, format!("status {}: {words}", status.as_u16()));
        let gateway = status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE;
        if gateway { Outcome::Unclear(error) } else { Outcome::NotActed(error) }
    }

    /// The tokens of an answer; without a refresh token only where none can be expected (reference 1.5).
    fn grant(&self, answer: &Answer) -> Option<Grant> {
        let wire: WireGrant = serde_json::from_slice(&answer.body).ok()?;
        let access_token = wire.access_token.filter(|token| !token.is_empty())?;
        let refresh_token = wire.refresh_token.unwrap_or_default();
        if self.renews() && refresh_token.is_empty() {
            return None;
        }
        let lives = wire.expires_in.as_ref().and_then(jwt::seconds).filter(|seconds| *seconds > 0);
        let server = self.key();
        Some(Grant { access_token: access_token.into(), refresh_token: refresh_token.into(), lives, server })
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        self.named(Error::new(CALL, kind).message(message))
    }

    /// Puts the host before an error's words.
    pub(in crate::upstream) fn named(&self, mut error: Error) -> Error {
        let words = error.message.take().unwrap_or_default();
        error.message(format!("{}: {words}", self.name()))
    }
}

pub(in crate::upstream) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// A body without the secrets of its request, as they are and as a URL has them.
fn without(body: Vec<u8>, secrets: &[&SecretString]) -> Vec<u8> {
    let Ok(mut text) = String::from_utf8(body) else { return b"(not text)".to_vec() };
    for secret in secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty()) {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        text = text.replace(secret, "…").replace(&encoded, "…");
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests;
