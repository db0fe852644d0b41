//! `POST mkdir`, `rename`, `move`, `copy`, `delete`: each path by itself, carried out by WebDAV.

use futures_util::future::join_all;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Empty;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Permission;
use crate::drive::Path;
use crate::protocol::{Body, RequestBody, reply};
use crate::web::api::names::free;
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::input;
use crate::web::site::Site;
use crate::web::webdav::WebDav;

/// Paths of one call.
const MOST_PATHS: usize = 1000;

/// Paths of one call that are worked on at a time: the drive's rate is shared with everybody else.
const AT_ONCE: usize = 4;

/// Names tried where others take them at the same time.
const TRIES: usize = 20;

/// What happens where something of the name is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conflict {
    Refuse,
    Replace,
    KeepBoth,
}

impl Conflict {
    pub(super) fn parse(word: &str) -> Result<Self, Refusal> {
        match word {
            "refuse" => Ok(Self::Refuse),
            "replace" => Ok(Self::Replace),
            "keep_both" => Ok(Self::KeepBoth),
            _ => Err(Refusal::bad("conflict must be refuse, replace or keep_both")),
        }
    }
}

#[derive(Deserialize)]
struct OnePath {
    path: String,
}

#[derive(Deserialize)]
struct Rename {
    path: String,
    name: String,
}

#[derive(Deserialize)]
struct Paths {
    paths: Vec<String>,
}

#[derive(Deserialize)]
struct Transfer {
    paths: Vec<String>,
    to: String,
    conflict: Option<String>,
}

/// What a change is made of beside its body.
pub(super) struct Change<'a, D> {
    pub(super) site: &'a Site,
    pub(super) parts: &'a Parts,
    pub(super) caller: &'a Caller,
    pub(super) dav: &'a D,
}

/// # Errors
/// The caller may only read.
pub(super) fn writes(caller: &Caller) -> Result<(), Refusal> {
    if caller.permission == Permission::Write {
        return Ok(());
    }
    Err(Refusal::new(Code::Forbidden, "this user may only read"))
}

/// `POST mkdir {path}`.
pub(super) async fn make_folder<B: RequestBody, D: WebDav>(
    at: &Change<'_, D>,
    body: B,
) -> Result<Response<Body>, Refusal> {
    writes(at.caller)?;
    let OnePath { path } = input::json(at.parts, body, "{\"path\": \"/…\"}").await?;
    let path = item(&path)?;
    run(at.dav, "MKCOL", &path, None).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "path": path.as_str(), "ok": true })))
}

/// `POST rename {path, name}`.
pub(super) async fn rename<B: RequestBody, D: WebDav>(at: &Change<'_, D>, body: B) -> Result<Response<Body>, Refusal> {
    writes(at.caller)?;
    let Rename { path, name } = input::json(at.parts, body, "{\"path\": \"/…\", \"name\": \"…\"}").await?;
    let path = item(&path)?;
    if name.is_empty() || name.contains('/') || matches!(&*name, "." | "..") {
        return Err(Refusal::new(Code::BadName, "a name is not empty, is not . or .. and has no slash"));
    }
    let folder = path.parent().unwrap_or_else(Path::root);
    let to = input::parsed(&format!("{}/{name}", folder.as_str().trim_end_matches('/')))
        .map_err(|refusal| refusal.with_code(Code::BadName))?;
    if to != path {
        run(at.dav, "MOVE", &path, Some((&to, false))).await?;
    }
    Ok(reply::json(StatusCode::OK, &json!({ "path": path.as_str(), "ok": true, "to": to.as_str() })))
}

/// What happens to each path of a call.
enum Action {
    Delete,
    Transfer { method: &'static str, to: Path, conflict: Conflict },
}

/// `POST move` or `copy {paths, to, conflict}`.
pub(super) async fn transfer<B: RequestBody, D: WebDav>(
    at: &Change<'_, D>,
    body: B,
    method: &'static str,
) -> Result<Response<Body>, Refusal> {
    writes(at.caller)?;
    let shape = "{\"paths\": [\"/…\"], \"to\": \"/…\", \"conflict\": \"refuse\"}";
    let Transfer { paths, to, conflict } = input::json(at.parts, body, shape).await?;
    let conflict = conflict.as_deref().map_or(Ok(Conflict::Refuse), Conflict::parse)?;
    let action = Action::Transfer { method, to: input::parsed(&to)?, conflict };
    each(at, &action, &paths).await
}

/// `POST delete {paths}`.
pub(super) async fn delete<B: RequestBody, D: WebDav>(at: &Change<'_, D>, body: B) -> Result<Response<Body>, Refusal> {
    writes(at.caller)?;
    let Paths { paths } = input::json(at.parts, body, "{\"paths\": [\"/…\"]}").await?;
    each(at, &Action::Delete, &paths).await
}

/// Each path by itself; the answers in the order of the paths.
async fn each<D: WebDav>(at: &Change<'_, D>, action: &Action, paths: &[String]) -> Result<Response<Body>, Refusal> {
    if paths.len() > MOST_PATHS {
        return Err(Refusal::bad(format!("at most {MOST_PATHS} paths a call")));
    }
    let mut told = Vec::with_capacity(paths.len());
    for some in paths.chunks(AT_ONCE) {
        let done = some.iter().map(|text| one(at, action, text));
        told.extend(join_all(done).await);
    }
    Ok(reply::json(StatusCode::OK, &json!({ "results": told })))
}

/// What is told of one path.
async fn one<D: WebDav>(at: &Change<'_, D>, action: &Action, text: &str) -> Value {
    let done = match (item(text), action) {
        (Err(refusal), _) => Err(refusal),
        (Ok(path), Action::Delete) => run(at.dav, "DELETE", &path, None).await.map(|()| None),
        (Ok(path), Action::Transfer { method, to, conflict }) => {
            place(at, method, &path, &to.join(path.name()), *conflict).await.map(Some)
        }
    };
    let mut told = match &done {
        Ok(_) => json!({}),
        Err(refusal) => refusal.members(),
    };
    told["path"] = text.into();
    told["ok"] = done.is_ok().into();
    if let Ok(Some(to)) = &done {
        told["to"] = to.as_str().into();
    }
    told
}

/// Moves or copies one item; where it is then.
async fn place<D: WebDav>(
    at: &Change<'_, D>,
    method: &'static str,
    path: &Path,
    wanted: &Path,
    conflict: Conflict,
) -> Result<Path, Refusal> {
    if method == "MOVE" && wanted == path {
        return Ok(wanted.clone());
    }
    if conflict != Conflict::KeepBoth {
        run(at.dav, method, path, Some((wanted, conflict == Conflict::Replace))).await?;
        return Ok(wanted.clone());
    }
    for _ in 0..TRIES {
        let beside = free(at.site, wanted, at.caller).await?;
        match run(at.dav, method, path, Some((&beside, false))).await {
            // Somebody else has taken the name since.
            Err(refusal) if refusal.code() == Code::Exists => {}
            result => return result.map(|()| beside),
        }
    }
    Err(Refusal::new(Code::Exists, "others take every name that is free; try again"))
}

/// A path of something that can be changed.
///
/// # Errors
/// It is no path, or the top of the tree.
pub(super) fn item(text: &str) -> Result<Path, Refusal> {
    let path = input::parsed(text)?;
    if path.is_root() { Err(Refusal::bad("the top of the tree cannot be changed")) } else { Ok(path) }
}

/// Has WebDAV do it; `to` says where, and whether what is there may go.
async fn run<D: WebDav>(dav: &D, method: &'static str, path: &Path, to: Option<(&Path, bool)>) -> Result<(), Refusal> {
    let mut parts = Request::new(()).into_parts().0;
    parts.method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
    if let Some((_, overwrite)) = to {
        parts.headers.insert("overwrite", HeaderValue::from_static(if overwrite { "T" } else { "F" }));
    }
    let response = dav.change(parts, path, to.map(|(to, _)| to), Empty::new()).await;
    if matches!(response.status(), StatusCode::CREATED | StatusCode::NO_CONTENT) {
        return Ok(());
    }
    let refusal = Refusal::of_webdav(&response);
    // The only condition is that nothing of the name is there.
    Err(if refusal.code() == Code::Changed { refusal.with_code(Code::Exists) } else { refusal })
}
