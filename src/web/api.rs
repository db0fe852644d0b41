//! The pages' JSON API: from a call to what answers it.

mod film;
mod me;

pub(super) use self::me::answer as me;

use http::request::Parts;
use http::{Method, Response};

use crate::config::Permission;
use crate::protocol::{Body, RequestBody};
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::films::Films;
use crate::web::signin::{self, Flows};
use crate::web::site::Site;

/// What calls work on.
pub(super) struct Place<'a> {
    pub(super) site: &'a Site,
    pub(super) flows: &'a Flows,
    pub(super) films: &'a Films,
    /// Without pages there is only what programs call.
    pub(super) has_pages: bool,
}

/// Answers a call by somebody who may at least read. The path is `/api/…`.
pub(super) async fn answer<B: RequestBody>(
    at: Place<'_>,
    parts: &Parts,
    body: B,
    caller: &Caller,
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
    match (&parts.method, &parts.uri.path()["/api/".len()..]) {
        (&Method::GET | &Method::HEAD, "session") => Ok(me(caller)),
        (&Method::GET, "video") => film::video(at.site, at.films, parts, caller).await,
        (&Method::POST, "video/cursor") => film::cursor(at.site, parts, body, caller).await,
        (&Method::GET | &Method::HEAD, "thumb") => film::thumb(at.site, parts, caller).await,
        (_, "video" | "thumb") => Err(Refusal::method("GET")),
        (_, "video/cursor") => Err(Refusal::method("POST")),
        (_, "session") => Err(Refusal::method("GET, POST and DELETE")),
        _ => Err(unknown()),
    }
}

fn unknown() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such call")
}
