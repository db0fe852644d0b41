//! One change of one item, carried out by WebDAV, and what is told of it.

use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;
use serde_json::{Value, json};

use crate::config::Permission;
use crate::drive::Path;
use crate::web::api::names::free;
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::input;
use crate::web::site::Site;
use crate::web::webdav::WebDav;

/// Paths of one call that are worked on at a time: the drive's rate is shared with everybody else.
pub(super) const AT_ONCE: usize = 4;

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

/// A move or a copy into a folder.
#[derive(Clone)]
pub(super) struct Transfer {
    pub(super) method: &'static str,
    pub(super) to: Path,
    pub(super) conflict: Conflict,
}

/// What is told of a path, and where it is now.
pub(super) fn told_of(text: &str, done: &Result<Option<Path>, Refusal>) -> Value {
    let mut told = match done {
        Ok(_) => json!({}),
        Err(refusal) => refusal.members(),
    };
    told["path"] = text.into();
    told["ok"] = done.is_ok().into();
    if let Ok(Some(to)) = done {
        told["to"] = to.as_str().into();
    }
    told
}

/// Moves or copies one item; where it is then.
pub(super) async fn place<D: WebDav>(at: &Change<'_, D>, transfer: &Transfer, path: &Path) -> Result<Path, Refusal> {
    let Transfer { method, ref to, conflict } = *transfer;
    let wanted = to.join(path.name());
    if method == "MOVE" && wanted == *path {
        return Ok(wanted);
    }
    if conflict != Conflict::KeepBoth {
        run(at.dav, method, path, Some((&wanted, conflict == Conflict::Replace))).await?;
        return Ok(wanted);
    }
    for _ in 0..TRIES {
        let beside = free(at.site, &wanted, at.caller).await?;
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
pub(super) async fn run<D: WebDav>(
    dav: &D,
    method: &'static str,
    path: &Path,
    to: Option<(&Path, bool)>,
) -> Result<(), Refusal> {
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
