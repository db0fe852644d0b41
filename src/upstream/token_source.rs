//! Where an account signs in and its tokens are renewed: the service itself with an own application, or a token
//! server that holds one (reference 1.6, 1.8).
//!
//! Answers for the request's form and for the one question that matters with single-use refresh
//! tokens: did this attempt spend it? Order, repetition and storage belong to `auth`.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::classify::{self, Answer};
use super::read::unix_now;
use super::retry::Fate;
use super::{Error, ErrorKind, client, jwt};
use crate::config;

const CALL: &str = "oauth/access_token";

/// Life of an access token that does not tell (reference 1.6).
const DEFAULT_LIFE_S: i64 = 7200;

/// One place to sign in and to renew at.
#[derive(Debug)]
pub(super) struct TokenSource {
    pub(super) form: Form,
    pub(super) url: Url,
}

#[derive(Debug)]
pub(super) enum Form {
    /// The service's own endpoint, with an own application.
    OwnApplication { client_id: String, client_secret: SecretString },
    /// The same without a secret: PKCE, whose tokens cannot be renewed (1.5).
    PublicApplication { client_id: String },
    /// `GET …/renewapi?refresh_ui=…` (1.8.2).
    OpenList,
    /// `POST …/alist/ali_open/token` (1.8.1).
    AList,
    /// `POST …/oauth/access_token` without credentials (1.8.4).
    AliyundriveWebdav,
}

/// What one attempt came to.
pub(super) enum Outcome {
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
pub(super) struct Grant {
    pub(super) access_token: SecretString,
    pub(super) refresh_token: SecretString,
    /// Unix seconds.
    pub(super) expires_at: i64,
}

#[derive(Deserialize)]
struct WireGrant {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<Value>,
}

impl TokenSource {
    /// The places of an account, in order of preference.
    pub(super) fn of(account: &config::Account, api_url: &Url) -> Vec<Self> {
        let form = match (&account.client_id, &account.client_secret) {
            (None, _) => return account.oauth_token_urls.iter().map(Self::server).collect(),
            (Some(id), Some(secret)) => Form::OwnApplication { client_id: id.clone(), client_secret: secret.clone() },
            (Some(id), None) => Form::PublicApplication { client_id: id.clone() },
        };
        vec![Self { form, url: below(api_url, "/oauth/access_token") }]
    }

    /// Whether its tokens can be renewed.
    pub(super) fn renews(&self) -> bool {
        !matches!(self.form, Form::PublicApplication { .. })
    }

    /// Recognises the server's form by the path, and by the known hosts where only a host is given.
    pub(super) fn server(url: &Url) -> Self {
        let path = url.path().trim_end_matches('/');
        let host = url.host_str().unwrap_or_default();
        let known = |names: &[&str]| names.iter().any(|name| host.contains(name));
        let bare = path.is_empty();
        if path.ends_with("/renewapi") {
            Self { form: Form::OpenList, url: url.clone() }
        } else if bare && known(&["oplist"]) {
            Self { form: Form::OpenList, url: below(url, "/alicloud/renewapi") }
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
    pub(super) fn name(&self) -> &str {
        self.url.host_str().unwrap_or("token server")
    }

    /// Whether the call counts against the service's own rates.
    pub(super) fn is_service(&self) -> bool {
        matches!(self.form, Form::OwnApplication { .. } | Form::PublicApplication { .. })
    }

    /// Sends the refresh token once.
    pub(super) async fn refresh(&self, http: &reqwest::Client, refresh_token: &SecretString) -> Outcome {
        super::calls::record();
        match client::answer(CALL, self.request(http, refresh_token.expose_secret())).await {
            Ok(answer) => self.judge(&answer),
            Err((error, Fate::Unsent)) => Outcome::NotActed(self.named(error)),
            Err((error, Fate::Answered | Fate::Unclear)) => Outcome::Unclear(self.named(error)),
        }
    }

    fn request(&self, http: &reqwest::Client, refresh_token: &str) -> reqwest::RequestBuilder {
        let post = |body: Value| http.post(self.url.clone()).json(&body);
        match &self.form {
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
            Form::OpenList => {
                let mut url = self.url.clone();
                url.query_pairs_mut()
                    .append_pair("refresh_ui", refresh_token)
                    .append_pair("server_use", "true")
                    .append_pair("driver_txt", "alicloud_qr");
                http.get(url)
            }
        }
    }

    /// What an answer to a renewal, or to the exchange of an authorisation code, came to.
    pub(super) fn judge(&self, answer: &Answer) -> Outcome {
        if let Some(grant) = grant(answer, self.renews()) {
            return Outcome::Granted(grant);
        }
        let status = answer.status;
        let body = answer.body.trim_ascii();
        if body.first() == Some(&b'<') {
            // A challenge or log-in page stands before the server; a gateway's page may stand behind it.
            let error =
                self.error(ErrorKind::Unavailable, format!("status {}: a web page instead of tokens", status.as_u16()));
            let gateway = matches!(status.as_u16(), 500 | 502 | 504);
            return if gateway { Outcome::Unclear(error) } else { Outcome::NotActed(error) };
        }
        if let Some(text) = openlist_text(body) {
            return self.judge_text(&text);
        }
        let error = match classify::value::<Value>(CALL, answer) {
            Ok(_) => {
                return Outcome::Unclear(self.error(ErrorKind::Malformed, "an answer without tokens"));
            }
            Err(refusal) => self.named(refusal.error),
        };
        match error.kind {
            ErrorKind::SignInNeeded => Outcome::Refused(error),
            ErrorKind::ApplicationRefused | ErrorKind::Throttled | ErrorKind::InvalidRequest | ErrorKind::Forbidden => {
                Outcome::NotActed(error)
            }
            _ => Outcome::Unclear(error),
        }
    }

    /// OpenList's server hands on the service's words without a code.
    fn judge_text(&self, text: &str) -> Outcome {
        let words = text.to_ascii_lowercase();
        let error = |kind| self.error(kind, text);
        if words.contains("too many requests") || words.contains("toomanyrequests") {
            Outcome::NotActed(error(ErrorKind::Throttled))
        } else if words.contains("client") || words.contains("app") {
            Outcome::NotActed(error(ErrorKind::ApplicationRefused))
        } else if ["token", "accessdenied", "invalidcode", "invalid code"].iter().any(|word| words.contains(word)) {
            Outcome::Refused(error(ErrorKind::SignInNeeded))
        } else {
            Outcome::Unclear(error(ErrorKind::Unavailable))
        }
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        self.named(Error::new(CALL, kind).message(message))
    }

    /// Puts the host before an error's words.
    pub(super) fn named(&self, mut error: Error) -> Error {
        let words = error.message.take().unwrap_or_default();
        error.message(format!("{}: {words}", self.name()))
    }
}

pub(super) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// The tokens of an answer; without a refresh token only where none can be expected (reference 1.5).
fn grant(answer: &Answer, renewable: bool) -> Option<Grant> {
    let wire: WireGrant = serde_json::from_slice(&answer.body).ok()?;
    let access_token = wire.access_token.filter(|token| !token.is_empty())?;
    let refresh_token = wire.refresh_token.unwrap_or_default();
    if renewable && refresh_token.is_empty() {
        return None;
    }
    let now = unix_now();
    let expires_at = match wire.expires_in.as_ref().and_then(jwt::seconds).filter(|seconds| *seconds > 0) {
        Some(seconds) => now.saturating_add(seconds),
        None => jwt::claims(&access_token).exp.filter(|exp| *exp > now).unwrap_or(now + DEFAULT_LIFE_S),
    };
    Some(Grant { access_token: access_token.into(), refresh_token: refresh_token.into(), expires_at })
}

/// `{"text": …}` of OpenList's server, whose text may be an empty object.
pub(super) fn openlist_text(body: &[u8]) -> Option<String> {
    let object: serde_json::Map<String, Value> = serde_json::from_slice(body).ok()?;
    if object.contains_key("code") {
        return None;
    }
    match object.get("text")? {
        Value::String(text) => Some(text.chars().take(200).collect()),
        _ => Some(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, body: &str) -> &'static str {
        let source = TokenSource::server(&"https://api.oplist.org/alicloud/renewapi".parse().unwrap());
        let answer = Answer {
            status: http::StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        };
        match source.judge(&answer) {
            Outcome::Granted(_) => "granted",
            Outcome::NotActed(_) => "not acted",
            Outcome::Refused(_) => "refused",
            Outcome::Unclear(_) => "unclear",
        }
    }

    #[test]
    fn knows_whether_an_attempt_spent_the_token() {
        assert_eq!(judge(200, r#"{"refresh_token":"r","access_token":"a"}"#), "granted");
        for life in ["7200", r#""7200""#, "7200.0", "null", "0", "{}"] {
            let body = format!(r#"{{"refresh_token":"r","access_token":"a","expires_in":{life},"code":null}}"#);
            assert_eq!(judge(200, &body), "granted", "{body}");
        }
        assert_eq!(judge(200, r#"{"refresh_token":"","access_token":""}"#), "unclear");
        assert_eq!(judge(403, "<html>checking your browser</html>"), "not acted");
        assert_eq!(judge(503, "<!DOCTYPE html><title>Just a moment"), "not acted");
        assert_eq!(judge(502, "<html>bad gateway</html>"), "unclear");
        assert_eq!(judge(502, "Bad Gateway"), "unclear");
        assert_eq!(judge(500, r#"{"text":"expired refresh_token"}"#), "refused");
        assert_eq!(judge(500, r#"{"text":"Too Many Requests"}"#), "not acted");
        assert_eq!(judge(500, r#"{"text":{}}"#), "unclear");
        assert_eq!(judge(401, r#"{"code":"RefreshTokenExpired","message":"expired refresh_token"}"#), "refused");
        assert_eq!(judge(400, r#"{"code":"InvalidClientId","message":"x","error":"InvalidClientId: x"}"#), "not acted");
        assert_eq!(judge(400, r#"{"code":"AccessDenied","message":"invalid token"}"#), "refused");
        assert_eq!(judge(429, "Too Many Requests"), "not acted");
        assert_eq!(judge(404, "not here"), "not acted");
    }

    #[test]
    fn recognises_the_published_servers_by_their_address() {
        let url = |text: &str| TokenSource::server(&text.parse().unwrap()).url.to_string();
        assert_eq!(url("https://api.oplist.org"), "https://api.oplist.org/alicloud/renewapi");
        assert_eq!(url("https://api.oplist.org/alicloud/renewapi"), "https://api.oplist.org/alicloud/renewapi");
        assert_eq!(url("https://api.alistgo.com/"), "https://api.alistgo.com/alist/ali_open/token");
        assert_eq!(url("https://api.nn.ci/alist/ali_open/token"), "https://api.nn.ci/alist/ali_open/token");
        assert_eq!(
            url("https://aliyundrive-oauth.messense.me"),
            "https://aliyundrive-oauth.messense.me/oauth/access_token"
        );
        assert_eq!(url("https://own.example/proxy"), "https://own.example/proxy/oauth/access_token");
    }
}
