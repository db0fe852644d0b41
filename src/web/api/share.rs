//! `POST link`: a signed link to one file, with an end, for programs and people without a password.

use http::request::Parts;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::clock::UnixSeconds;
use crate::drive::Freshness;
use crate::link::sign;
use crate::protocol::{Body, RequestBody, href, reply};
use crate::web::caller::Caller;
use crate::web::error::Refusal;
use crate::web::input;
use crate::web::site::Site;

const HOUR_S: i64 = 3600;

/// Longest life of a link, in hours.
const MOST_HOURS: i64 = 24 * 365;

#[derive(Deserialize)]
struct Wanted {
    path: String,
    hours: Option<i64>,
    #[serde(rename = "as")]
    form: Option<String>,
}

/// `POST link {path, hours, as}`.
pub(super) async fn link<B: RequestBody>(
    site: &Site,
    parts: &Parts,
    body: B,
    caller: &Caller,
) -> Result<Response<Body>, Refusal> {
    let wanted: Wanted = input::json(parts, body, "{\"path\": \"/…\", \"hours\": 12, \"as\": \"file\"}").await?;
    if wanted.form.is_some_and(|form| form != "file") {
        return Err(Refusal::bad("as can only be file"));
    }
    let usual = i64::try_from(site.link_life.as_secs()).unwrap_or(i64::MAX) / HOUR_S;
    let hours = wanted.hours.unwrap_or(usual);
    if !(1..=MOST_HOURS).contains(&hours) {
        return Err(Refusal::bad(format!("hours must be from 1 to {MOST_HOURS}")));
    }
    let path = input::parsed(&wanted.path)?.under(&caller.base_path);
    if site.tree.stat(&path, Freshness::Cached).await?.is_folder() {
        return Err(Refusal::bad("a link is to one file, not to a folder"));
    }
    let end = UnixSeconds::now().plus(hours * HOUR_S);
    let sign = sign::sign(&site.links.key().await?, path.as_str(), end);
    let sign: String = url::form_urlencoded::byte_serialize(sign.as_bytes()).collect();
    let file = href::encode(&format!("{}{}/d", caller.origin, site.base), &path, false);
    let told = json!({ "url": format!("{file}?sign={sign}"), "expires_at": end.0 * 1000 });
    Ok(reply::json(StatusCode::OK, &told))
}
