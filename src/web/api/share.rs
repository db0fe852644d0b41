//! `POST link`: a signed link to one file or to a film's renditions, with an end, for programs and people without a
//! password. `POST links/end`: the end of all of them.

use http::request::Parts;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::clock::UnixSeconds;
use crate::drive::Freshness;
use crate::protocol::{Body, RequestBody, body, reply};
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::films::Films;
use crate::web::input;
use crate::web::qr;
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
    films: &Films,
    parts: &Parts,
    body: B,
    caller: &Caller,
) -> Result<Response<Body>, Refusal> {
    let wanted: Wanted = input::json(parts, body, "{\"path\": \"/…\", \"hours\": 12, \"as\": \"file\"}").await?;
    let is_video = match wanted.form.as_deref() {
        None | Some("file") => false,
        Some("video") => true,
        Some(_) => return Err(Refusal::bad("as must be file or video")),
    };
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
    let addresses = films.signer(end).await?;
    let address = if is_video { addresses.film(path.as_str(), "master.m3u8") } else { addresses.file(path.as_str()) };
    Ok(told(&format!("{}{address}", caller.origin), end))
}

fn told(url: &str, end: UnixSeconds) -> Response<Body> {
    reply::json(StatusCode::OK, &json!({ "url": url, "expires_at": end.millis(), "qr_svg": qr::svg(url) }))
}

/// `POST links/end`: all links that were given out open nothing any more, those of others too.
pub(super) async fn end_all(site: &Site, caller: &Caller) -> Result<Response<Body>, Refusal> {
    if !caller.runs_all() {
        let words = "ending everybody's links needs permission \"write\" for the whole tree";
        return Err(Refusal::new(Code::Forbidden, words));
    }
    site.links.renew().await?;
    tracing::info!(user = caller.user.as_deref(), "all links were ended");
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
