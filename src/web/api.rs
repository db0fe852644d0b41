//! The pages' JSON API: from a call to what answers it.

mod changes;
mod film;
mod finds;
mod jobs;
mod list;
mod me;
mod names;
mod placing;
mod put;
mod raw;
mod share;
mod star;
mod status;
mod text;
mod thumb;
mod zip;

pub(super) use self::me::{answer as me, nobody};

use http::request::Parts;
use http::{Method, Response};

use crate::config::Permission;
use crate::protocol::{Body, RequestBody};
use crate::web::api::placing::Change;
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::films::Films;
use crate::web::signin::{self, Flows};
use crate::web::site::Site;
use crate::web::webdav::WebDav;

/// What calls work on.
pub(super) struct Services<'a> {
    pub(super) site: &'a Site,
    pub(super) flows: &'a Flows,
    pub(super) films: &'a Films,
    /// Without pages there is only what programs call.
    pub(super) has_pages: bool,
}

/// Answers a call by somebody who may at least read. The path is `/api/…`.
pub(super) async fn answer<B: RequestBody, D: WebDav>(
    at: Services<'_>,
    parts: &Parts,
    body: B,
    caller: &Caller,
    dav: &D,
) -> Result<Response<Body>, Refusal> {
    if parts.uri.path().starts_with("/api/signin/") {
        if caller.permission != Permission::Write {
            let words = "this user may not sign in accounts: that needs permission \"write\"";
            return Err(Refusal::new(Code::Forbidden, words));
        }
        return Ok(signin::signin(at.site, at.flows, parts, body, caller.request).await);
    }
    if !at.has_pages {
        return Err(unknown());
    }
    let change = Change { site: at.site, parts, caller, dav };
    match (&parts.method, &parts.uri.path()["/api/".len()..]) {
        (&Method::GET | &Method::HEAD, "session") => Ok(me(caller)),
        (&Method::GET, "video") => film::video(at.site, at.films, parts, caller).await,
        (&Method::POST, "video/cursor") => film::cursor(at.site, parts, body, caller).await,
        (&Method::GET | &Method::HEAD, "thumb") => thumb::thumb(at.site, at.films, parts, caller).await,
        (&Method::GET, "recent") => finds::recent(at.site, caller).await,
        (&Method::GET, "search") => finds::search(at.site, parts, caller).await,
        (&Method::GET, "starred") => finds::starred(at.site, parts, caller).await,
        (_, "video" | "thumb" | "recent" | "search" | "starred") => Err(Refusal::method("GET")),
        (_, "video/cursor") => Err(Refusal::method("POST")),
        (&Method::GET, "list") => list::list(at.site, parts, caller).await,
        (&Method::GET, "stat") => list::stat(at.site, parts, caller).await,
        (&Method::GET | &Method::HEAD, "raw") => raw::raw(at.site, parts, caller, dav).await,
        (&Method::GET | &Method::HEAD, "zip") => zip::zip(at.site, parts, caller).await,
        (&Method::GET, "text") => text::text(at.site, parts, caller).await,
        (&Method::GET, "markdown") => text::markdown(at.site, parts, caller).await,
        (&Method::GET, "status") => Ok(status::status(at.site, caller).await),
        (&Method::GET, "jobs") => Ok(jobs::list(at.site, caller)),
        (method, call) if call.starts_with("jobs/") => {
            let allowed = method == Method::DELETE;
            if allowed { jobs::cancel(at.site, caller, &call["jobs/".len()..]) } else { Err(Refusal::method("DELETE")) }
        }
        (&Method::PUT, "file") => put::put(&change, body).await,
        (&Method::POST, "mkdir") => changes::make_folder(&change, body).await,
        (&Method::POST, "rename") => changes::rename(&change, body).await,
        (&Method::POST, "move") => changes::transfer(&change, body, "MOVE").await,
        (&Method::POST, "copy") => changes::transfer(&change, body, "COPY").await,
        (&Method::POST, "delete") => changes::delete(&change, body).await,
        (&Method::POST, "star") => star::star(&change, body).await,
        (&Method::POST, "links/end") => share::end_all(at.site, caller).await,
        (&Method::POST, "link") => share::link(at.site, at.films, parts, body, caller).await,
        (_, "list" | "stat" | "raw" | "zip" | "text" | "markdown" | "status" | "jobs") => Err(Refusal::method("GET")),
        (_, "file") => Err(Refusal::method("PUT")),
        (_, "mkdir" | "rename" | "move" | "copy" | "delete" | "star" | "link" | "links/end") => {
            Err(Refusal::method("POST"))
        }
        (_, "session") => Err(Refusal::method("GET, POST and DELETE")),
        _ => Err(unknown()),
    }
}

fn unknown() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such call")
}
