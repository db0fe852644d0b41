//! `GET recent`, `GET search` and `GET starred`: what is found without knowing where it is.

use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::drive::{Find, Found};
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
    let finds = site.tree.films().recent().await?;
    let entries: Vec<Value> = finds.iter().filter_map(|find| entry(find, caller)).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "entries": entries })))
}

/// `GET search?q=…[&path=…][&cursor=…]`: names that hold the words, below the path.
pub(super) async fn search(site: &Site, parts: &Parts, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let words = input::query(parts, "q").map(|words| words.trim().to_owned()).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| Refusal::bad("q is missing: what to search for"))?;
    if words.len() > MAX_WORDS || words.contains('\0') {
        return Err(Refusal::bad("q is too long or no text"));
    }
    let (path, marker) = (input::path(parts)?.under(&caller.base_path), input::query(parts, "cursor"));
    found(&site.tree.films().search(&path, &words, marker.as_deref()).await?, caller)
}

/// `GET starred[?path=…][&cursor=…]`: starred items below the path.
pub(super) async fn starred(site: &Site, parts: &Parts, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let (path, marker) = (input::path(parts)?.under(&caller.base_path), input::query(parts, "cursor"));
    found(&site.tree.films().starred(&path, marker.as_deref()).await?, caller)
}

fn found(found: &Found, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let entries: Vec<Value> = found.finds.iter().filter_map(|find| entry(find, caller)).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "entries": entries, "next": found.next })))
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
    if let Some(cursor) = find.cursor_s {
        told["cursor"] = json!(cursor);
    }
    if let Some(duration) = find.duration_s {
        told["duration"] = json!(duration);
    }
    Some(told)
}
