//! `POST mkdir`, `rename`, `move`, `copy`, `delete`: each path by itself, carried out by WebDAV; what goes from drive to
//! drive as a job, for which no request waits.

use futures_util::future::join_all;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::drive::Path;
use crate::protocol::{Body, RequestBody, reply};
use crate::web::api::jobs;
use crate::web::api::placing::{AT_ONCE, Change, Conflict, Transfer, item, place, run, told_of, writes};
use crate::web::error::{Code, Refusal};
use crate::web::input;
use crate::web::webdav::WebDav;

/// Paths of one call.
const MOST_PATHS: usize = 1000;

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
struct Wanted {
    paths: Vec<String>,
    to: String,
    conflict: Option<String>,
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
    Transfer(Transfer),
}

/// `POST move` or `copy {paths, to, conflict}`.
pub(super) async fn transfer<B: RequestBody, D: WebDav>(
    at: &Change<'_, D>,
    body: B,
    method: &'static str,
) -> Result<Response<Body>, Refusal> {
    writes(at.caller)?;
    let shape = "{\"paths\": [\"/…\"], \"to\": \"/…\", \"conflict\": \"refuse\"}";
    let Wanted { paths, to, conflict } = input::json(at.parts, body, shape).await?;
    let conflict = conflict.as_deref().map_or(Ok(Conflict::Refuse), Conflict::parse)?;
    let transfer = Transfer { method, to: input::parsed(&to)?, conflict };
    few(&paths)?;
    let (far, near) = jobs::divided(at, &transfer, paths);
    let mut told = each(at, &Action::Transfer(transfer.clone()), &near).await;
    if far.is_empty() {
        return Ok(reply::json(StatusCode::OK, &json!({ "results": told })));
    }
    let (refused, job) = jobs::begin(at, transfer, far).await?;
    told.extend(refused);
    let status = if job.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(reply::json(status, &json!({ "results": told, "job": job })))
}

/// `POST delete {paths}`.
pub(super) async fn delete<B: RequestBody, D: WebDav>(at: &Change<'_, D>, body: B) -> Result<Response<Body>, Refusal> {
    writes(at.caller)?;
    let Paths { paths } = input::json(at.parts, body, "{\"paths\": [\"/…\"]}").await?;
    few(&paths)?;
    let told = each(at, &Action::Delete, &paths).await;
    Ok(reply::json(StatusCode::OK, &json!({ "results": told })))
}

fn few(paths: &[String]) -> Result<(), Refusal> {
    if paths.len() > MOST_PATHS {
        return Err(Refusal::bad(format!("at most {MOST_PATHS} paths a call")));
    }
    Ok(())
}

/// Each path by itself; what is told of them in their order.
async fn each<D: WebDav>(at: &Change<'_, D>, action: &Action, paths: &[String]) -> Vec<Value> {
    let mut told = Vec::with_capacity(paths.len());
    for some in paths.chunks(AT_ONCE) {
        let done = some.iter().map(|text| one(at, action, text));
        told.extend(join_all(done).await);
    }
    told
}

/// What is told of one path.
async fn one<D: WebDav>(at: &Change<'_, D>, action: &Action, text: &str) -> Value {
    let done = match (item(text), action) {
        (Err(refusal), _) => Err(refusal),
        (Ok(path), Action::Delete) => run(at.dav, "DELETE", &path, None).await.map(|()| None),
        (Ok(path), Action::Transfer(transfer)) => place(at, transfer, &path).await.map(Some),
    };
    told_of(text, &done)
}
