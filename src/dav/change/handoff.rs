//! What dav-server is handed of a change, and what is made of its answer.

use std::sync::Arc;

use bytes::Bytes;
use dav_server::{DavHandler, body::Body as DavBody};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use parking_lot::Mutex;

use crate::dav::change::adapter::Adapter;
use crate::dav::change::partial;
use crate::dav::change::scope::{Scope, ScopeInner};
use crate::dav::context::Context;
use crate::dav::error::Failure;
use crate::dav::request::depth::Depth;
use crate::dav::request::headers::{ChangeHeaders, put_options};
use crate::dav::request::preconditions::Preconditions;
use crate::dav::site::Site;
use crate::dav::store::locks::{LockView, Look, wanted_life};
use crate::drive::{self, Expected, Freshness, Path, UploadOptions};
use crate::protocol::body::{self, Body, BodyError};

/// A change whose headers were read and whose conditions hold.
pub(super) struct Handoff<'a> {
    pub(super) site: &'a Site,
    pub(super) context: &'a Context,
    pub(super) parts: &'a Parts,
    /// Below the user's base path.
    pub(super) path: &'a Path,
    pub(super) headers: ChangeHeaders,
    /// As dav-server is to read it.
    request: Request<()>,
    pub(super) scope: Scope,
    pub(super) locks: LockView,
}

impl<'a> Handoff<'a> {
    /// # Errors
    /// A header makes no sense, or a condition does not hold.
    pub(super) async fn prepare(
        site: &'a Site,
        context: &'a Context,
        parts: &'a Parts,
        path: &'a Path,
    ) -> Result<Self, Failure> {
        let headers = ChangeHeaders::read(site, context, parts)?;
        let source = path.under(&context.base_path);
        if headers.depth == Depth::Zero
            && matches!(parts.method.as_str(), "DELETE" | "MOVE")
            && site.at(&source).await?.is_some_and(|resource| resource.is_folder())
        {
            return Err(Failure::new(StatusCode::BAD_REQUEST, "a folder goes with all that it holds, or stays"));
        }
        site.locks.look_again(Look::Change).await.map_err(drive::Error::from)?;
        let Preconditions { tokens, expected } = Preconditions::judge(site, context, parts, &source).await?;
        let request = headers.restated(site, parts, path, &tokens);
        let scope = scope(parts, source, &headers, expected, context)?;
        let locks = lock_view(site, context, parts, tokens, &headers, &scope).await;
        Ok(Self { site, context, parts, path, headers, request, scope, locks })
    }

    /// Hands dav-server the request with a body that is here already.
    ///
    /// # Errors
    /// What the tree said, or dav-server's status with words.
    pub(super) async fn pass(self, body: Bytes) -> Result<Response<Body>, Failure> {
        let request = self.request.map(|()| Full::new(body));
        let (handler, user) = (handler(self.site, self.locks), principal(self.context));
        let scope = self.scope.clone();
        // A client that leaves in the middle must not leave half a move behind.
        let work = async move { handler.handle_guarded(request, user, scope).await };
        let response = self.site.tree.see_through(work).await?;
        if let Some(partly) = self.scope.0.partly.lock().take() {
            return Ok(partial::answer(self.site, &self.scope, &partly));
        }
        settle(response, &self.scope)
    }

    /// Hands dav-server the request with a body that is still coming; a client that leaves ends it.
    ///
    /// # Errors
    /// As [`Handoff::pass`].
    pub(super) async fn stream<B>(self, body: B) -> Result<Response<Body>, Failure>
    where
        B: http_body::Body<Data = Bytes, Error = std::io::Error> + Send,
    {
        let request = self.request.map(|()| body);
        let (handler, user) = (handler(self.site, self.locks), principal(self.context));
        let response = handler.handle_guarded(request, user, self.scope.clone()).await;
        settle(response, &self.scope)
    }
}

fn handler(site: &Site, locks: LockView) -> DavHandler<Scope> {
    DavHandler::<Scope>::builder()
        .filesystem(Box::new(Adapter { tree: site.tree.clone(), stored: site.stored.clone() }))
        .locksystem(Box::new(locks))
        .strip_prefix(site.prefix_path.as_str().trim_end_matches('/'))
        .build_handler()
}

/// The locks as this request meets them: it knows which names it makes appear or vanish, because that
/// changes the folder that holds them (RFC 4918, section 7.4).
async fn lock_view(
    site: &Site,
    context: &Context,
    parts: &Parts,
    tokens: Vec<String>,
    headers: &ChangeHeaders,
    scope: &Scope,
) -> LockView {
    let source = scope.0.source.clone();
    let destination = headers.destination.as_ref().map(|path| path.under(&context.base_path));
    let (mut members, appearing) = match parts.method.as_str() {
        "PUT" | "MKCOL" | "LOCK" => (vec![], Some(source)),
        "DELETE" => (vec![source], None),
        "COPY" => (vec![], destination),
        "MOVE" => (vec![source], destination),
        _ => (vec![], None),
    };
    let guarded = site.locks.living().into_iter().any(|row| !row.deep);
    if let Some(path) = appearing.filter(|_| guarded)
        && site.tree.stat(&path, Freshness::Cached).await.is_err()
    {
        members.push(path);
    }
    LockView {
        locks: site.locks.clone(),
        tree: site.tree.clone(),
        base: context.base_path.clone(),
        prefix: site.prefix.clone(),
        principal: principal(context),
        tokens,
        owner: None,
        life: wanted_life(&parts.headers),
        members,
        failure: scope.0.failure.clone(),
    }
}

fn scope(
    parts: &Parts,
    source: Path,
    headers: &ChangeHeaders,
    expected: Expected,
    context: &Context,
) -> Result<Scope, Failure> {
    let mut upload = UploadOptions::default();
    if parts.method == Method::PUT {
        upload = UploadOptions { expected: expected.clone(), ..put_options(&parts.headers)? };
    }
    Ok(Scope(Arc::new(ScopeInner {
        method: parts.method.clone(),
        base: context.base_path.clone(),
        source,
        depth_zero: headers.depth == Depth::Zero,
        overwrite: headers.overwrite,
        upload,
        expected,
        made: Mutex::default(),
        partly: Mutex::default(),
        failure: Arc::default(),
    })))
}

/// The answer, unless the tree knows better what went wrong.
fn settle(mut response: Response<DavBody>, scope: &Scope) -> Result<Response<Body>, Failure> {
    let failure = scope.0.failure.lock().take();
    let status = response.status();
    let partly = status == StatusCode::MULTI_STATUS && scope.0.method.as_str() != "PROPPATCH";
    if let Some(failure) = failure.filter(|_| partly || !status.is_success()) {
        return Err(failure);
    }
    if status.is_client_error() || status.is_server_error() {
        return Err(explained(status));
    }
    if let Some(made) = scope.0.made.lock().take() {
        let locks = scope.0.method.as_str() == "LOCK";
        let there = if locks { StatusCode::OK } else { StatusCode::NO_CONTENT };
        *response.status_mut() = if made { StatusCode::CREATED } else { there };
    }
    if !response.headers().contains_key(header::CONTENT_TYPE) {
        // Empty, which its length is to say.
        return Ok(response.map(|_| body::empty()));
    }
    Ok(response.map(|body| body.map_err(BodyError::from).boxed_unsync()))
}

fn principal(context: &Context) -> String {
    context.user.as_deref().unwrap_or_default().to_owned()
}

/// A status of dav-server's with words.
fn explained(status: StatusCode) -> Failure {
    let text = match status {
        StatusCode::BAD_REQUEST => "the request is malformed",
        StatusCode::FORBIDDEN => "this is not allowed",
        StatusCode::NOT_FOUND => "nothing is here",
        StatusCode::METHOD_NOT_ALLOWED => "something is already here",
        StatusCode::CONFLICT => "the folder above does not exist, or the lock token is not of this lock",
        StatusCode::PRECONDITION_FAILED => "a condition of the request does not hold",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "this method takes no body",
        StatusCode::BAD_GATEWAY => "the destination is not on this server",
        _ => "the request could not be carried out",
    };
    Failure::new(status, text)
}
