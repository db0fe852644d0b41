//! Signed links, and the call by which download proxies get a link of the drive's.

use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use crate::clock::UnixSeconds;
use crate::drive::{self, DriveTrouble, ErrorKind, Freshness, Path};
use crate::link::sign;
use crate::protocol::failure::{Verdict, verdict};
use crate::protocol::{Body, RequestBody, RequestId, href, reply};
use crate::web::site::{MAX_BODY, Site};

/// Life that a link given to a proxy must have left: it may cache it for a minute.
const MIN_LIFE: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
struct LinkRequest {
    path: String,
}

/// An answer in AList's form: always HTTP 200, the code within.
struct Refusal(u16, String);

/// `POST /api/fs/link`: a path to a link, for a proxy that knows the mount's secret (reference 6.3).
pub(super) async fn fs_link<B: RequestBody>(site: &Site, parts: &Parts, body: B, request: RequestId) -> Response<Body> {
    let answer = match link(site, parts, body).await {
        Ok(data) => json!({ "code": 200, "message": "success", "data": data }),
        Err(Refusal(code, message)) => {
            json!({ "code": code, "message": message, "data": null, "request_id": request.as_str() })
        }
    };
    reply::json(StatusCode::OK, &answer)
}

async fn link<B: RequestBody>(site: &Site, parts: &Parts, body: B) -> Result<Value, Refusal> {
    if parts.method != Method::POST {
        return Err(Refusal(405, "use POST".to_owned()));
    }
    let given = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    // A stranger learns nothing of the tree and costs no call.
    if !site.tokens.iter().any(|token| same(token, given)) {
        return Err(Refusal(401, "token is invalidated".to_owned()));
    }
    let body =
        Limited::new(body, MAX_BODY).collect().await.map_err(|_| Refusal(400, "the body cannot be read".to_owned()))?;
    let request: LinkRequest = serde_json::from_slice(&body.to_bytes())
        .map_err(|_| Refusal(400, "the body must be {\"path\": \"/…\"}".to_owned()))?;
    let path = Path::parse(&request.path).map_err(|error| Refusal(400, error.to_string()))?;
    let mount = site.tree.mount_settings(&path);
    if !mount.and_then(|m| m.down_proxy_token.clone()).is_some_and(|token| same(&token, given)) {
        return Err(Refusal(403, "this token is not for that path".to_owned()));
    }
    let mut file = site.tree.stat(&path, Freshness::Cached).await.map_err(refusal)?;
    let link = match site.tree.link(&file, MIN_LIFE).await {
        Err(drive::Error::Changed { .. }) => {
            file = site.tree.stat(&path, Freshness::Refresh).await.map_err(refusal)?;
            site.tree.link(&file, MIN_LIFE).await
        }
        link => link,
    };
    let link = link.map_err(refusal)?;
    Ok(json!({ "url": link.url.expose().to_string(), "header": {}, "content_length": file.entry.size.or(link.size) }))
}

/// The file of a signed link `/d/{path}?sign=…`.
///
/// # Errors
/// The answer to give instead.
pub(super) async fn signed_path(site: &Site, parts: &Parts, request: RequestId) -> Result<Path, Box<Response<Body>>> {
    let page = |status: StatusCode, text: &str| page(status, text, request);
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(page(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here"));
    }
    let below = parts.uri.path().strip_prefix("/d").unwrap_or_default();
    let path = href::decode(below).map_err(|error| page(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let given = { pairs }.find(|(name, _)| name == "sign").map(|(_, value)| value.into_owned()).unwrap_or_default();
    let token = site.tree.mount_settings(&path).and_then(|mount| mount.down_proxy_token.clone());
    let now = UnixSeconds::now();
    if token.is_some_and(|token| sign::verify(token.expose_secret(), path.as_str(), &given, now).is_ok()) {
        return Ok(path);
    }
    let Ok(key) = site.links.key().await else {
        return Err(page(StatusCode::SERVICE_UNAVAILABLE, "the state store failed; the server's log says why"));
    };
    match sign::verify(&key, path.as_str(), &given, now) {
        Ok(()) => Ok(path),
        Err(error) => Err(page(StatusCode::UNAUTHORIZED, &error.to_string())),
    }
}

fn same(token: &SecretString, given: &[u8]) -> bool {
    token.expose_secret().as_bytes().ct_eq(given).into()
}

/// The codes that AList's proxies know are its own; all others are the statuses of WebDAV.
fn refusal(error: drive::Error) -> Refusal {
    tracing::debug!(%error, "no link for a download proxy");
    match error.kind() {
        ErrorKind::NotFound => Refusal(404, "object not found".to_owned()),
        ErrorKind::IsAFolder | ErrorKind::NotAFolder => Refusal(400, "not a file".to_owned()),
        kind => {
            let Verdict { status, text, .. } = verdict(&error);
            let throttled = kind == ErrorKind::Drive(DriveTrouble::Throttled);
            Refusal(if throttled { 429 } else { status.as_u16() }, text.into_owned())
        }
    }
}

fn page(status: StatusCode, text: &str, request: RequestId) -> Box<Response<Body>> {
    let text = quick_xml::escape::escape(text);
    Box::new(reply::html(status, format!("<!doctype html><title>alidav</title><p>{text} (request {request})</p>\n")))
}
