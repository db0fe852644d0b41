//! The three calls of a sign-in by QR code in the form of each place: a code, its state, the exchange
//! (reference 1.3 to 1.6, 1.8).
//!
//! Answers for requests and for reading answers. Order, repetition and time belong to `signin`. Addresses that a
//! token server names are shown to people, never called: the state of a code is asked of the service itself.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use http::header::{COOKIE, SET_COOKIE};
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::calls;
use crate::upstream::auth::source::{Form, Outcome, TokenSource};
use crate::upstream::auth::words;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::http::classify::{self, Answer};
use crate::upstream::http::exchange::{self, Fate};

const START: &str = "oauth/authorize/qrcode";
const STATUS: &str = "oauth/qrcode/status";
const EXCHANGE: &str = "oauth/access_token";

/// What alidav asks for: the profile, and files for reading and writing (reference 1.1).
const SCOPES: [&str; 3] = ["user:base", "file:all:read", "file:all:write"];

/// Width and height of the image at its address, in pixels.
const IMAGE_PX: u32 = 430;

/// Longest id of a code that is believed.
const MAX_SID: usize = 128;

/// A code that waits to be scanned.
pub(in crate::upstream) struct Ticket {
    /// The service's id of the code.
    pub(in crate::upstream) sid: String,
    /// Where the service shows it as an image.
    pub(in crate::upstream) image_url: Option<Url>,
    /// What answers the challenge, with PKCE.
    verifier: Option<SecretString>,
    /// What ties the exchange to the start at OpenList's server.
    cookies: Option<SecretString>,
}

/// How a code stands.
pub(in crate::upstream) enum Status {
    Waiting,
    Scanned,
    /// Confirmed on the phone, with the authorisation code.
    Confirmed(Option<SecretString>),
    Expired,
    /// The person refused, in the service's word.
    Refused(String),
}

#[derive(Deserialize)]
struct WireTicket {
    #[serde(rename = "qrCodeUrl")]
    url: Option<String>,
    sid: Option<String>,
    text: Option<Value>,
}

#[derive(Deserialize)]
struct WireStatus {
    status: Option<String>,
    #[serde(rename = "authCode")]
    auth_code: Option<String>,
}

/// Asks a place for a code to scan.
pub(in crate::upstream) async fn start(source: &TokenSource, http: &reqwest::Client) -> Result<Ticket, Error> {
    let verifier = matches!(source.form, Form::PublicApplication { .. }).then(new_verifier);
    calls::record();
    let request = start_request(source, http, verifier.as_ref());
    let answer = exchange::answer(START, request).await.map_err(|(error, _)| source.named(error))?;
    let cookies = matches!(source.form, Form::OpenList(_)).then(|| cookies(&answer));
    let wire = read_ticket(&answer).map_err(|error| source.named(error))?;
    let missing = |what: &str| {
        let words = words::read(answer.body.trim_ascii()).words.unwrap_or_default();
        source.named(Error::new(START, ErrorKind::Malformed).message(format!("an answer without {what} {words}")))
    };
    let address = wire.url.clone().or_else(|| wire.text.as_ref().and_then(classify::text));
    let image_url =
        address.and_then(|text| text.parse::<Url>().ok()).filter(|url| matches!(url.scheme(), "http" | "https"));
    let last = image_url.as_ref().and_then(|url| url.path_segments()?.next_back().map(str::to_owned));
    let sid = wire.sid.clone().filter(|sid| !sid.is_empty()).or(last).ok_or_else(|| missing("sid"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if sid.is_empty() || sid.len() > MAX_SID || !sid.chars().all(plain) {
        return Err(missing("a usable sid"));
    }
    Ok(Ticket { sid, image_url, verifier, cookies })
}

fn start_request(
    source: &TokenSource,
    http: &reqwest::Client,
    verifier: Option<&SecretString>,
) -> reqwest::RequestBuilder {
    let mut body = json!({ "scopes": SCOPES, "width": IMAGE_PX, "height": IMAGE_PX });
    source.addressed(match &source.form {
        Form::OwnApplication { client_id, client_secret } => {
            body["client_id"] = json!(client_id);
            body["client_secret"] = json!(client_secret.expose_secret());
            http.post(source.beside("access_token", "authorize/qrcode")).json(&body)
        }
        Form::PublicApplication { client_id } => {
            body["client_id"] = json!(client_id);
            body["code_challenge"] = json!(verifier.map(challenge));
            body["code_challenge_method"] = json!("S256");
            http.post(source.beside("access_token", "authorize/qrcode")).json(&body)
        }
        Form::AliyundriveWebdav => http.post(source.beside("access_token", "authorize/qrcode")).json(&body),
        Form::AList => http.post(source.beside("token", "qr")).json(&json!({})),
        Form::OpenList(driver) => http.get(source.openlist(*driver, "requests", &[])),
    })
}

/// Asks the service how a code stands.
pub(in crate::upstream) async fn status(
    http: &reqwest::Client,
    api_url: &str,
    ticket: &Ticket,
) -> Result<Status, Error> {
    calls::record();
    let request = http.get(format!("{api_url}/oauth/qrcode/{}/status", ticket.sid));
    let answer = exchange::answer(STATUS, request).await.map_err(|(error, _)| error)?;
    let wire: WireStatus = match classify::value(STATUS, &answer) {
        Ok(wire) => wire,
        // Also an error code; an unknown code may be told in any such way (reference 1.4).
        Err(refusal) if refusal.error.code.as_deref() == Some("QRCodeExpired") => return Ok(Status::Expired),
        Err(refusal) => {
            return match refusal.error.kind {
                ErrorKind::NotFound | ErrorKind::InvalidRequest | ErrorKind::Forbidden | ErrorKind::SignInNeeded => {
                    Ok(Status::Expired)
                }
                _ => Err(refusal.error),
            };
        }
    };
    let word = wire.status.unwrap_or_default();
    let refusal = ["cancel", "refus", "reject", "deni", "deny", "fail"];
    Ok(match word.as_str() {
        "ScanSuccess" => Status::Scanned,
        "LoginSuccess" => Status::Confirmed(wire.auth_code.filter(|code| !code.is_empty()).map(SecretString::from)),
        "QRCodeExpired" => Status::Expired,
        // No source names the word for a refusal; other words are steps that we do not know.
        _ if refusal.iter().any(|part| word.to_ascii_lowercase().contains(part)) => {
            Status::Refused(classify::shorten(word))
        }
        _ => Status::Waiting,
    })
}

/// Turns a confirmed code into tokens.
pub(in crate::upstream) async fn exchange(
    source: &TokenSource,
    http: &reqwest::Client,
    ticket: &Ticket,
    code: Option<&SecretString>,
) -> Outcome {
    let none = SecretString::default();
    let code = match (&source.form, code) {
        // OpenList's server reads the authorisation code itself (reference 1.8.2).
        (Form::OpenList(_), _) => &none,
        (_, Some(code)) => code,
        (_, None) => {
            let error = Error::new(EXCHANGE, ErrorKind::Malformed).message("confirmed without an authorisation code");
            return Outcome::Refused(error);
        }
    };
    calls::record();
    match exchange::answer(EXCHANGE, exchange_request(source, http, ticket, code.expose_secret())).await {
        Ok(answer) => source.judge(answer, &[code, ticket.verifier.as_ref().unwrap_or(&none)]),
        Err((error, Fate::Unsent)) => Outcome::NotActed(source.named(error)),
        Err((error, Fate::Answered | Fate::Unclear)) => Outcome::Unclear(source.named(error)),
    }
}

fn exchange_request(
    source: &TokenSource,
    http: &reqwest::Client,
    ticket: &Ticket,
    code: &str,
) -> reqwest::RequestBuilder {
    let mut body = json!({ "grant_type": "authorization_code", "code": code });
    source.addressed(match &source.form {
        Form::OwnApplication { client_id, client_secret } => {
            body["client_id"] = json!(client_id);
            body["client_secret"] = json!(client_secret.expose_secret());
            http.post(source.url.clone()).json(&body)
        }
        Form::PublicApplication { client_id } => {
            body["client_id"] = json!(client_id);
            body["code_verifier"] = json!(ticket.verifier.as_ref().map(|v| v.expose_secret()));
            http.post(source.url.clone()).json(&body)
        }
        Form::AliyundriveWebdav => http.post(source.url.clone()).json(&body),
        Form::AList => {
            body["client_id"] = json!("");
            body["client_secret"] = json!("");
            http.post(source.beside("token", "code")).json(&body)
        }
        Form::OpenList(driver) => {
            // As the server's own page sends it: the TV client's code is known by `sid` (reference 1.8.2, 1.8.3).
            let pairs = [("grant_type", "authorization_code"), ("code", &*ticket.sid), ("sid", &*ticket.sid)];
            let cookies = ticket.cookies.as_ref().map(|cookies| cookies.expose_secret()).unwrap_or_default();
            http.get(source.openlist(*driver, "callback", &pairs)).header(COOKIE, cookies)
        }
    })
}

fn read_ticket(answer: &Answer) -> Result<WireTicket, Error> {
    classify::value(START, answer).map_err(|refusal| {
        let mut error = refusal.error;
        if error.message.is_none() {
            error.message = words::read(answer.body.trim_ascii()).words;
        }
        if let Some(words) = words::bot_check(answer) {
            error.message = Some(format!("{}; {words}", error.message.unwrap_or_default()));
        }
        error
    })
}

/// Names and values of the cookies that an answer sets, as a request sends them back.
fn cookies(answer: &Answer) -> SecretString {
    let mut text = String::new();
    for cookie in answer.headers.get_all(SET_COOKIE) {
        let pair = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !pair.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{pair}", if text.is_empty() { "" } else { "; " });
        }
    }
    text.into()
}

/// 43 characters, the least that RFC 7636 allows.
fn new_verifier() -> SecretString {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes).into()
}

/// With padding, as both official SDKs send it (reference 1.5).
fn challenge(verifier: &SecretString) -> String {
    URL_SAFE.encode(Sha256::digest(verifier.expose_secret().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_reference_s_with_padding() {
        let verifier = SecretString::from("0123456789abcdefghijklmnopqrstuvwxyzABCDEFG");
        assert_eq!(challenge(&verifier), "g0tuZ6q412zO9IRkeAUs8HN6MQeXPsGce37J3Rsc8wQ=");
        assert_eq!(challenge(&"1".into()), "a4ayc_80_OGda4BO_1o_V0etpOqiLx1JwB5S3beHW0s=");
        let (one, other) = (new_verifier(), new_verifier());
        assert_eq!(one.expose_secret().len(), 43);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
