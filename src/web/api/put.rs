//! `PUT file`: an upload by a page, which is WebDAV's with other words for the same headers.

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;

use crate::digest::Sha1;
use crate::drive::Freshness;
use crate::protocol::{Body, RequestBody, reply};
use crate::web::api::names::free;
use crate::web::api::placing::{Change, Conflict, writes};
use crate::web::error::{Code, Refusal};
use crate::web::input;
use crate::web::webdav::WebDav;

/// What of a request says how long its body is and what it is a part of.
const OF_BODY: [header::HeaderName; 4] =
    [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONTENT_ENCODING, header::CONTENT_RANGE];

/// `PUT file?path=…[&conflict=…]`.
pub(super) async fn put<B: RequestBody, D: WebDav>(at: &Change<'_, D>, body: B) -> Result<Response<Body>, Refusal> {
    let Change { site, parts, caller, dav } = *at;
    writes(caller)?;
    let mut path = input::path(parts)?;
    if path.is_root() {
        return Err(Refusal::bad("path must name a file"));
    }
    let conflict = match input::query(parts, "conflict").as_deref() {
        // Whoever names the version that is to go has decided.
        _ if parts.headers.contains_key(header::IF_MATCH) => Conflict::Replace,
        None => Conflict::Refuse,
        Some(word) => Conflict::parse(word)?,
    };
    if conflict == Conflict::KeepBoth {
        path = free(site, &path, caller).await?;
    }
    let mut sent = Request::put("/").body(()).unwrap_or_default().into_parts().0;
    sent.headers = headers(&parts.headers, conflict)?;
    let response = dav.change(sent, &path, None, body).await;
    let made = response.status() == StatusCode::CREATED;
    if !response.status().is_success() {
        let refusal = Refusal::of_webdav(&response);
        let taken = conflict != Conflict::Replace && refusal.code() == Code::Changed;
        return Err(if taken { refusal.with_code(Code::Exists) } else { refusal });
    }
    // Our own changes are in the listing at once. Where it is not at hand and cannot be asked for, the file is there
    // all the same: an error now would make the page send it again.
    let file = site.tree.stat(&path.under(&caller.base_path), Freshness::Cached).await.ok();
    let entry = file.as_ref().map(|file| &file.entry);
    let told = json!({
        "path": path.as_str(),
        "name": path.name(),
        "size": entry.and_then(|entry| entry.size),
        "checksum": entry.and_then(|entry| entry.sha1).map(|sha1| sha1.upper().to_string()),
        "etag": entry.map(|entry| entry.etag()),
        // WebDAV does not tell whether bytes were sent on.
        "rapid": null,
    });
    Ok(reply::json(if made { StatusCode::CREATED } else { StatusCode::OK }, &told))
}

/// The headers by which WebDAV does it; all others of the request say nothing.
fn headers(given: &HeaderMap, conflict: Conflict) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    for name in OF_BODY {
        headers.extend(given.get(&name).map(|value| (name, value.clone())));
    }
    match given.get(header::IF_MATCH) {
        Some(tag) => drop(headers.insert(header::IF_MATCH, tag.clone())),
        None if conflict != Conflict::Replace => {
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        None => {}
    }
    if let Some(value) = given.get("x-mtime") {
        let millis = value.to_str().ok().and_then(|text| text.trim().parse::<i64>().ok());
        let millis = millis.filter(|millis| (0..1 << 53).contains(millis));
        let millis = millis.ok_or_else(|| Refusal::bad("X-Mtime must be whole milliseconds since 1970"))?;
        headers.extend(value_of(format!("{}.{:03}", millis / 1000, millis % 1000)).map(|v| (OC_MTIME, v)));
    }
    if let Some(value) = given.get("x-sha1") {
        let sha1 = value.to_str().ok().and_then(Sha1::parse);
        let sha1 = sha1.ok_or_else(|| Refusal::bad("X-SHA1 must be 40 hexadecimal digits"))?;
        headers.extend(value_of(format!("SHA1:{sha1}")).map(|v| (OC_CHECKSUM, v)));
    }
    Ok(headers)
}

const OC_MTIME: header::HeaderName = header::HeaderName::from_static("x-oc-mtime");
const OC_CHECKSUM: header::HeaderName = header::HeaderName::from_static("oc-checksum");

fn value_of(text: String) -> Option<HeaderValue> {
    HeaderValue::from_str(&text).ok()
}
