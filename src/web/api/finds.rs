//! `GET recent`, `GET search` and `GET starred`: what is found without knowing where it is, in all drives that the
//! caller sees there.

use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::drive::{Find, Found, Marker};
use crate::protocol::{Body, reply};
use crate::web::caller::Caller;
use crate::web::error::Refusal;
use crate::web::input;
use crate::web::kind::Kind;
use crate::web::site::Site;

/// Longest words that are searched for: the service takes queries of 4,096 characters (reference 3.3).
const MAX_WORDS: usize = 500;

/// `GET recent`: the films played last, on any device.
pub(super) async fn recent(site: &Site, caller: &Caller) -> Result<Response<Body>, Refusal> {
    Ok(told(site.tree.films().recent(&caller.base_path).await?, caller))
}

/// `GET search?q=…[&path=…][&cursor=…]`: names that hold the words, below the path.
pub(super) async fn search(site: &Site, parts: &Parts, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let words = input::query(parts, "q").map(|words| words.trim().to_owned()).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| Refusal::bad("q is missing: what to search for"))?;
    if words.len() > MAX_WORDS || words.contains('\0') {
        return Err(Refusal::bad("q is too long or no text"));
    }
    let (path, from) = (input::path(parts)?.under(&caller.base_path), markers(parts)?);
    Ok(told(site.tree.films().search(&path, &words, from.as_deref()).await?, caller))
}

/// `GET starred[?path=…][&cursor=…]`: starred items below the path.
pub(super) async fn starred(site: &Site, parts: &Parts, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let (path, from) = (input::path(parts)?.under(&caller.base_path), markers(parts)?);
    Ok(told(site.tree.films().starred(&path, from.as_deref()).await?, caller))
}

/// Where the page begins in each drive, as the page before has told it.
fn markers(parts: &Parts) -> Result<Option<Vec<Marker>>, Refusal> {
    let Some(text) = input::query(parts, "cursor") else { return Ok(None) };
    let markers = serde_json::from_str(&text);
    markers.map(Some).map_err(|_| Refusal::bad("cursor is not the next of an answer of this call"))
}

fn told(found: Found, caller: &Caller) -> Response<Body> {
    let entries: Vec<Value> = found.finds.iter().filter_map(|find| entry(find, caller)).collect();
    let next = (!found.next.is_empty()).then(|| json!(found.next).to_string());
    let failed = found.failed.into_iter().map(|(account, error)| {
        let mut told = Refusal::from(error).members();
        told["account"] = account.into();
        told
    });
    let failed: Vec<Value> = failed.collect();
    reply::json(StatusCode::OK, &json!({ "entries": entries, "next": next, "failed": failed }))
}

/// An item as the API tells it, if the caller may see it.
fn entry(find: &Find, caller: &Caller) -> Option<Value> {
    let path = find.path.strip_base(&caller.base_path).filter(|path| !path.is_root())?;
    let kind = Kind::of(&find.entry);
    let mut told = json!({
        "path": path.as_str(), "name": find.entry.name, "kind": kind,
        "size": find.entry.size.filter(|_| kind != Kind::Folder), "modified": find.entry.modified,
        "id": find.entry.file_id, "thumb": kind.has_thumbnail(&find.entry), "mime": find.entry.mime(),
    });
    if find.entry.starred {
        told["starred"] = true.into();
    }
    if let Some(cursor) = find.cursor_s {
        told["cursor"] = json!(cursor);
    }
    if let Some(duration) = find.duration_s {
        told["duration"] = json!(duration);
    }
    Some(told)
}
