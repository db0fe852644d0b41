//! Signing in: the service's own endpoints, and what the token servers share with them (reference 1).

mod login;
mod token_servers;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::{Method, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::sim::answer::{Body, Refusal, json_response, response};
use crate::sim::api::params::Params;
use crate::sim::oauth::login::{login_status, new_login};
use crate::sim::world::World;
use crate::sim::world::application::{Application, CLIENT_ID, CLIENT_SECRET};
use crate::sim::world::tokens::Code;

/// The endpoint's name for counts and faults, if the path is one of this module's.
pub(super) fn call(path: &str) -> Option<&'static str> {
    Some(match path {
        "/oauth/access_token" => "oauth/access_token",
        "/oauth/authorize" => "oauth/authorize",
        "/oauth/authorize/qrcode" => "oauth/authorize/qrcode",
        "/oauth/users/info" => "oauth/users/info",
        "/oauth/users/scopes" => "oauth/users/scopes",
        _ if path.contains("/oauth/qrcode/") && path.ends_with("/status") => "oauth/qrcode/status",
        _ if path.starts_with("/oauth/qrcode/") => "oauth/qrcode",
        _ => return token_servers::call(path),
    })
}

pub(super) fn answer(world: &mut World, call: &str, parts: &http::request::Parts, body: &[u8]) -> Response<Body> {
    let query = |name: &str| {
        let query = parts.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    };
    if let Some(page) = token_servers::bot_check(world, call, parts) {
        return page;
    }
    let application = token_servers::application(call);
    let post = parts.method == Method::POST;
    let result = match call {
        "oauth/access_token" if post => {
            let read = if world.rules.form_tokens { fields(parts, body) } else { Params::parse(body) };
            read.and_then(|p| exchange(world, &p, application))
        }
        "alist/token" | "alist/code" | "messense/access_token" if post => {
            fields(parts, body).and_then(|p| exchange(world, &p, application))
        }
        "oauth/authorize/qrcode" | "messense/qrcode" | "alist/qr" if post => {
            fields(parts, body).and_then(|p| start_login(world, &p, call, application))
        }
        "alist/limit" => Ok(json!({ "minutes": 5, "max": 10 })),
        "oauth/qrcode/status" => Ok(login_status(world, parts.uri.path())),
        "oauth/qrcode" => return response(200, "image/png", &b"\x89PNG\r\n\x1a\n"[..]),
        "oauth/authorize" => authorize(world, &query),
        "oauth/users/info" | "oauth/users/scopes" => user_of(world, parts).map(|user| about(world, user, call)),
        _ if matches!(application, Application::OpenList | Application::Mainland) => {
            return token_servers::openlist(world, call, parts, &query);
        }
        _ => Err(Refusal::plain(405, "Method Not Allowed")),
    };
    match result {
        Ok(value) => json_response(200, &value),
        Err(refusal) => refusal.into_response(&world.rules.clone()),
    }
}

/// JSON, or the form encoding that also works (reference 1.6).
fn fields(parts: &http::request::Parts, body: &[u8]) -> Result<Params, Refusal> {
    let form = parts
        .headers
        .get("content-type")
        .is_some_and(|v| v.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if !form {
        return Params::parse(body);
    }
    let fields: serde_json::Map<String, Value> =
        url::form_urlencoded::parse(body).map(|(n, v)| (n.into_owned(), json!(v))).collect();
    Params::parse(Value::Object(fields).to_string().as_bytes())
}

/// A token server adds its own application's credentials where none are sent.
fn exchange(world: &mut World, params: &Params, application: Application) -> Result<Value, Refusal> {
    params.only(&["client_id", "client_secret", "grant_type", "code", "code_verifier", "refresh_token"])?;
    let pkce = params.text("code_verifier")?;
    // A public application has no secret to send (reference 1.5).
    if pkce.is_some() && params.text("client_secret")?.is_some() {
        return Err(Refusal::parameter("NotSupported", "client_secret"));
    }
    let (id, secret) = (params.text("client_id")?, params.text("client_secret")?);
    let application = if id.is_some() { Application::Own } else { application };
    if application == Application::Own {
        if id != Some(CLIENT_ID) {
            return Err(Refusal::new(400, "InvalidClientId", "invalid client_id"));
        }
        if pkce.is_none() && secret != Some(CLIENT_SECRET) {
            return Err(Refusal::new(400, "InvalidClientSecret", "invalid client_secret"));
        }
    }
    match params.need("grant_type")? {
        "refresh_token" => {
            let token = params.need("refresh_token")?.to_owned();
            world.renew(&token, application)
        }
        "authorization_code" => {
            let invalid = || Refusal::new(400, "InvalidCode", "invalid code");
            let text = params.need("code")?;
            let issued = world.tokens.codes.get(text).map(|code| code.application).ok_or_else(invalid)?;
            if !application.takes(issued, &world.rules) {
                return Err(invalid());
            }
            let code = world.tokens.codes.remove(text).ok_or_else(invalid)?;
            if let Some((challenge, method)) = &code.challenge
                && !pkce.is_some_and(|verifier| answers(challenge, method, verifier))
            {
                return Err(invalid());
            }
            let is_pkce = code.challenge.is_some();
            Ok(world.tokens.grant(code.user, &world.users[code.user], application, &world.rules, is_pkce))
        }
        _ => Err(Refusal::new(400, "InvalidGrantType", "invalid grant_type")),
    }
}

/// Whether a verifier answers a challenge; only padding is known to be accepted (reference 1.5).
fn answers(challenge: &str, method: &str, verifier: &str) -> bool {
    if method == "plain" {
        return challenge == verifier;
    }
    let digest = Sha256::digest(verifier.as_bytes());
    challenge == URL_SAFE.encode(digest)
}

fn start_login(world: &mut World, params: &Params, call: &str, application: Application) -> Result<Value, Refusal> {
    params.only(&[
        "client_id",
        "client_secret",
        "scopes",
        "width",
        "height",
        "code_challenge",
        "code_challenge_method",
        "bundle_id",
        "source",
    ])?;
    let challenge = params.text("code_challenge")?.map(str::to_owned);
    let method = params.word("code_challenge_method", &["plain", "S256"])?.unwrap_or("plain").to_owned();
    params.number("width")?;
    params.number("height")?;
    let id = params.text("client_id")?;
    let application = if id.is_some() { Application::Own } else { application };
    if application == Application::Own {
        if id != Some(CLIENT_ID) {
            return Err(Refusal::new(400, "InvalidClientId", "invalid client_id"));
        }
        if challenge.is_none() && params.text("client_secret")? != Some(CLIENT_SECRET) {
            return Err(Refusal::new(400, "InvalidClientSecret", "invalid client_secret"));
        }
    }
    if call != "alist/qr" && params.list("scopes")?.is_none_or(Vec::is_empty) {
        return Err(Refusal::parameter("Missing", "scopes"));
    }
    Ok(new_login(world, application, challenge.map(|c| (c, method))))
}

fn authorize(world: &mut World, query: &dyn Fn(&str) -> Option<String>) -> Result<Value, Refusal> {
    if query("client_id").as_deref() != Some(CLIENT_ID) {
        return Err(Refusal::new(400, "InvalidClientId", "invalid client_id"));
    }
    let redirect = query("redirect_uri").ok_or_else(|| Refusal::parameter("Missing", "redirect_uri"))?;
    let method = query("code_challenge_method").unwrap_or_else(|| "plain".to_owned());
    let challenge = query("code_challenge").map(|c| (c, method));
    let code = world.tokens.new_code(Code { user: 0, application: Application::Own, challenge });
    Ok(json!({ "redirectUri": format!("{redirect}?code={code}&state={}", query("state").unwrap_or_default()) }))
}

fn user_of(world: &World, parts: &http::request::Parts) -> Result<usize, Refusal> {
    let token = parts.headers.get("authorization").and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    world.tokens.user(token.unwrap_or_default(), world.rules.bad_token_status)
}

fn about(world: &World, user: usize, call: &str) -> Value {
    let who = &world.users[user];
    if call == "oauth/users/info" {
        return json!({ "id": who.id, "name": who.name, "avatar": "https://img.example/a.jpg" });
    }
    let scopes = ["user:base", "file:all:read", "file:all:write"].map(|scope| json!({ "scope": scope }));
    json!({ "id": who.id, "scopes": scopes })
}
