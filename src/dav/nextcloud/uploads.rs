//! An upload in chunks: MKCOL begins it, PUT brings a chunk, MOVE of `.file` puts it together, DELETE ends it.

use std::pin::pin;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use sha1::Digest as _;

use crate::config::Permission;
use crate::dav::context::Context;
use crate::dav::error::Failure;
use crate::dav::nextcloud::Uploads;
use crate::dav::nextcloud::assemble::assemble;
use crate::dav::request::headers::put_options;
use crate::dav::store::unfinished::{Collection, Key, Unfinished};
use crate::digest::Sha1;
use crate::drive::{self, ChunkName, Place, Written};
use crate::protocol::{Body, RequestBody, body};

/// The member whose MOVE puts the chunks together.
const WHOLE: &str = ".file";

const METHODS: &str = "OPTIONS, MKCOL, PUT, MOVE, DELETE";

/// Answers a method on an upload or a member of it.
pub(in crate::dav) async fn answer<B: RequestBody>(
    uploads: &Uploads,
    context: &Context,
    parts: &Parts,
    body: B,
) -> Result<Response<Body>, Failure> {
    if context.permission < Permission::Write {
        return Err(Failure::new(StatusCode::FORBIDDEN, "this user may only read"));
    }
    let unfinished = &uploads.site.unfinished;
    let key = Key { user: context.user.clone(), id: uploads.id.clone() };
    match (parts.method.as_str(), uploads.member.as_deref()) {
        ("MKCOL", None) => begin(uploads, key, &parts.headers).await,
        ("DELETE", None) => {
            if unfinished.end(&key) {
                Ok(empty(StatusCode::NO_CONTENT))
            } else {
                Err(unknown())
            }
        }
        ("MOVE", Some(WHOLE)) => {
            let collection = unfinished.get(&key).ok_or_else(unknown)?;
            collection.promise(total(&parts.headers)?);
            assemble(&uploads.site, context, parts, &collection).await
        }
        ("PUT", Some(name)) if name != WHOLE => {
            let collection = unfinished.get(&key).ok_or_else(unknown)?;
            put(unfinished, &collection, parts, name, body).await
        }
        ("DELETE", Some(name)) => {
            let chunks = unfinished.get(&key).ok_or_else(unknown)?.chunks()?;
            let gone = ChunkName::parse(name).is_some_and(|name| chunks.forget(name));
            if gone { Ok(empty(StatusCode::NO_CONTENT)) } else { Err(unknown()) }
        }
        (method, _) => Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not served here"))
            .header(header::ALLOW, HeaderValue::from_static(METHODS))),
    }
}

async fn begin(uploads: &Uploads, key: Key, headers: &HeaderMap) -> Result<Response<Body>, Failure> {
    let total = total(headers)?;
    let chunks = uploads.site.tree.chunks().await?;
    let collection = uploads.site.unfinished.begin(key, chunks)?;
    collection.promise(total);
    Ok(empty(StatusCode::CREATED))
}

/// Takes a chunk in. What does not come whole leaves nothing, and the chunk of its name that was there before.
async fn put<B: RequestBody>(
    unfinished: &Unfinished,
    collection: &Collection,
    parts: &Parts,
    name: &str,
    body: B,
) -> Result<Response<Body>, Failure> {
    let name = ChunkName::parse(name).ok_or_else(|| {
        Failure::new(StatusCode::BAD_REQUEST, "a chunk is called by its number, or by its first and last byte's")
    })?;
    collection.promise(total(&parts.headers)?);
    let announced = put_options(&parts.headers)?.sha1;
    let length = body.size_hint().exact();
    let length = length.ok_or_else(|| Failure::new(StatusCode::LENGTH_REQUIRED, "a chunk needs a Content-Length"))?;
    let place = room(unfinished, collection, length)?;
    let chunk = receive(collection, place, body, announced).await?;
    let new = collection.keep(name, &chunk)?;
    Ok(empty(if new { StatusCode::CREATED } else { StatusCode::NO_CONTENT }))
}

/// A place for a chunk. Where the spool is full, uploads that nobody has gone on with for long give way.
fn room(unfinished: &Unfinished, collection: &Collection, length: u64) -> Result<Place, Failure> {
    let chunks = collection.chunks()?;
    loop {
        match chunks.place(length) {
            Err(drive::Error::SpoolFull { for_good: false }) if unfinished.end_idlest() => {}
            place => return Ok(place?),
        }
    }
}

async fn receive<B: RequestBody>(
    collection: &Collection,
    mut place: Place,
    body: B,
    announced: Option<Sha1>,
) -> Result<Written, Failure> {
    let mut hasher = announced.map(|announced| (announced, sha1::Sha1::new()));
    let broken = "the chunk broke off or is malformed; nothing of it was kept";
    let mut body = pin!(body.map_err(|_| Failure::new(StatusCode::BAD_REQUEST, broken)));
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame?.into_data() else { continue };
        if let Some((_, hasher)) = &mut hasher {
            hasher.update(&bytes);
        }
        if place.write(&bytes).await? {
            collection.touch();
        }
    }
    let chunk = place.finish().await?;
    let is_other = |(announced, hasher)| announced != Sha1::from(hasher);
    if hasher.is_some_and(is_other) { Err(drive::Error::Checksum.into()) } else { Ok(chunk) }
}

/// How long the whole will be, where a client says so.
fn total(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get("oc-total-length") else { return Ok(None) };
    let total = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
    let wrong = || Failure::new(StatusCode::BAD_REQUEST, "OC-Total-Length must be a number of bytes");
    total.ok_or_else(wrong).map(Some)
}

/// Also what a client meets after a restart: it begins anew.
fn unknown() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, "there is no such upload, or chunk of one; begin it anew by MKCOL")
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}
