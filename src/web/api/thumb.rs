//! `GET thumb`: the drive's picture of a film or an image, by a redirect, or its bytes where a page may not load from
//! that host.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use crate::drive::{Address, Freshness, Picture, Resource};
use crate::protocol::{Body, BodyError, body};
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::films::Films;
use crate::web::input;
use crate::web::kind::Kind;
use crate::web::site::Site;

/// Widths: of a row, of a tile, of a screen.
const WIDTHS: [u32; 3] = [256, 480, 1920];

/// Pictures within a film are this far apart, in seconds: each is a call.
const STEP: u32 = 10;

/// Longest film, in seconds.
const MAX_AT: u32 = 1_000_000;

/// Taken off the life of an address: a browser may come to it late.
const MARGIN: Duration = Duration::from_secs(30);

/// `GET thumb?path=…&w=…[&at=…][&via=proxy]`.
pub(super) async fn thumb(
    site: &Site,
    films: &Films,
    parts: &Parts,
    caller: &Caller,
) -> Result<Response<Body>, Refusal> {
    let path = input::path(parts)?.under(&caller.base_path);
    let width = input::query(parts, "w").map_or(Some(WIDTHS[0]), |width| width.parse().ok());
    let width = width.filter(|width| WIDTHS.contains(width)).ok_or_else(|| Refusal::bad("w is 256, 480 or 1920"))?;
    let at = input::query(parts, "at").map(|at| at.parse::<u32>().ok().filter(|at| *at < MAX_AT));
    let at = at.map(|at| at.ok_or_else(|| Refusal::bad("at is a second of the film"))).transpose()?;
    let file = site.tree.stat(&path, Freshness::Cached).await?;
    let none = || Refusal::new(Code::NotFound, "the drive has no picture of this");
    if file.is_folder() || (at.is_some() && Kind::of(&file.entry) != Kind::Video) {
        return Err(none());
    }
    let picture = Picture { width, at_ms: at.map(|at| (at - at % STEP) * 1000) };
    let address = site.tree.films().thumbnail(&file, picture).await?.ok_or_else(none)?;
    let proxied = input::query(parts, "via").as_deref() == Some("proxy") || !films.may_load(address.url.expose());
    let mut response = match proxied {
        true => bytes(site, parts, &file, &address).await?,
        false => redirect(&address),
    };
    let age = address.life.left().saturating_sub(MARGIN).as_secs();
    if let Ok(age) = HeaderValue::from_str(&format!("private, max-age={age}")) {
        response.headers_mut().insert(header::CACHE_CONTROL, age);
    }
    Ok(response)
}

fn redirect(address: &Address) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    if let Ok(target) = HeaderValue::from_str(&address.url.expose().to_string()) {
        headers.insert(header::LOCATION, target);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The picture as it comes, if it is one: its first bytes say so, and what kind.
async fn bytes(site: &Site, parts: &Parts, file: &Resource, address: &Address) -> Result<Response<Body>, Refusal> {
    let mut picture = site.tree.films().open_thumbnail(file, address).await?;
    let first = picture.bytes.try_next().await?.unwrap_or_default();
    let Some(kind) = kind(&first) else {
        return Err(Refusal::new(Code::Drive, "what the drive gave is no picture"));
    };
    let mut response = Response::new(match parts.method {
        Method::HEAD => body::empty(),
        _ => {
            let frames = stream::iter([Ok(first)]).chain(picture.bytes);
            StreamBody::new(frames.map(|bytes| bytes.map(Frame::data).map_err(BodyError::from))).boxed_unsync()
        }
    });
    let headers: &mut HeaderMap = response.headers_mut();
    if let Some(length) = picture.length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    Ok(response)
}

/// What kind of picture begins so.
fn kind(first: &[u8]) -> Option<&'static str> {
    match first {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_picture_is_handed_on_as_one() {
        assert_eq!(kind(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(kind(b"RIFF\x01\x02\x03\x04WEBPVP8 "), Some("image/webp"));
        for other in [&b""[..], b"<svg", b"<?xml", b"RIFF\x01\x02\x03\x04WAVE"] {
            assert_eq!(kind(other), None);
        }
    }
}
