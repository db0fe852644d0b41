//! `GET text` and `GET markdown`: the beginning of a file as text, whatever its encoding.

use encoding_rs::Encoding;
use futures_util::TryStreamExt as _;
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::json;

use crate::drive::{self, Freshness, Origin, Path, Reader, Resource};
use crate::protocol::{Body, reply};
use crate::web::caller::Caller;
use crate::web::error::Refusal;
use crate::web::site::Site;
use crate::web::{charset, input, markdown};

/// What is read of a file.
const MOST: u64 = 1 << 20;

struct Beginning {
    file: Resource,
    bytes: Vec<u8>,
    truncated: bool,
}

/// `GET text?path=…[&encoding=…]`.
pub(super) async fn text(site: &Site, parts: &Parts, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let (path, named) = (input::path(parts)?, encoding(parts)?);
    let beginning = read(site, &path, caller).await?;
    let decoded = charset::decode(&beginning.bytes, named, beginning.truncated);
    let told = json!({
        "text": decoded.text,
        "encoding": decoded.encoding.name(),
        "guessed": decoded.guessed,
        "truncated": beginning.truncated,
        "etag": beginning.file.entry.etag(),
        "size": beginning.file.entry.size,
    });
    Ok(reply::json(StatusCode::OK, &told))
}

/// `GET markdown?path=…[&encoding=…]`.
pub(super) async fn markdown(site: &Site, parts: &Parts, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let (path, named) = (input::path(parts)?, encoding(parts)?);
    let beginning = read(site, &path, caller).await?;
    let decoded = charset::decode(&beginning.bytes, named, beginning.truncated);
    let html = markdown::html(&decoded.text, &path, &site.base);
    Ok(reply::json(StatusCode::OK, &json!({ "html": html, "truncated": beginning.truncated })))
}

fn encoding(parts: &Parts) -> Result<Option<&'static Encoding>, Refusal> {
    let Some(label) = input::query(parts, "encoding").filter(|label| !label.is_empty()) else { return Ok(None) };
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) => Ok(Some(encoding)),
        None => Err(Refusal::bad("encoding must be a name such as utf-8, gb18030, big5 or shift_jis")),
    }
}

async fn read(site: &Site, path: &Path, caller: &Caller) -> Result<Beginning, Refusal> {
    let path = path.under(&caller.base_path);
    let file = site.tree.stat(&path, Freshness::Cached).await?;
    match beginning(site, file, caller).await {
        // The listing is out of date: once more by a new one.
        Err(drive::Error::Changed { .. }) => {
            let file = site.tree.stat(&path, Freshness::Refresh).await?;
            Ok(beginning(site, file, caller).await?)
        }
        result => Ok(result?),
    }
}

async fn beginning(site: &Site, file: Resource, caller: &Caller) -> Result<Beginning, drive::Error> {
    let reader = Reader { id: caller.reader, open_ended: false, urgent: false, by_range: true };
    if file.is_folder() {
        return Err(drive::Error::IsAFolder);
    }
    let file = site.tree.sized(&file, reader).await?;
    let size = file.entry.size.unwrap_or_default();
    let wanted = size.min(MOST);
    let bytes = match site.tree.kept_content(&file).await? {
        Some(kept) => kept,
        None if wanted == 0 || file.entry.origin == Origin::Held => Vec::new(),
        None => {
            let stream = site.tree.read(&file, 0..wanted, reader).await?;
            let add = async |mut all: Vec<u8>, bytes: bytes::Bytes| {
                all.extend_from_slice(&bytes);
                Ok(all)
            };
            stream.try_fold(Vec::new(), add).await?
        }
    };
    let truncated = bytes.len() as u64 > wanted || wanted < size;
    let bytes = bytes.into_iter().take(usize::try_from(MOST).unwrap_or(usize::MAX)).collect();
    Ok(Beginning { file, bytes, truncated })
}
