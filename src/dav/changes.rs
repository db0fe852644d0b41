//! The methods that change something: dav-server carries the protocol, the tree does the work.
//!
//! Headers are read (`asked`) and conditions judged (`preconditions`) before; dav-server knows the methods' rules and
//! asks for locks; the adapter carries out what it decides. The exact failure of the tree comes back in the scope
//! and has the last word.

use std::sync::Arc;

use bytes::Bytes;
use dav_server::{DavHandler, body::Body as DavBody};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use parking_lot::Mutex;

use super::adapter::{Adapter, Scope, ScopeInner};
use super::asked::Asked;
use super::error::Failure;
use super::lockinfo::{self, LockInfo};
use super::locks::{self, LockView};
use super::preconditions::Judged;
use super::propfind::Depth;
use super::proppatch::PropertyUpdate;
use super::stored::{self, Patch};
use super::{Context, Dav, read_xml};
use crate::config::Permission;
use crate::digest::Sha1;
use crate::drive::{Expected, Freshness, Path, UploadOptions};
use crate::protocol::body::{self, Body, BodyError};
use crate::protocol::{RequestBody, href};

/// Methods that need the right to write.
pub(super) const WRITING: [&str; 8] = ["PUT", "DELETE", "MKCOL", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK"];

/// A PROPPATCH that asks for nothing: dav-server checks path, conditions and locks for it.
const NO_UPDATE: &[u8] = b"<D:propertyupdate xmlns:D=\"DAV:\"/>";

impl Dav {
    pub(super) async fn change<B: RequestBody>(
        &self,
        parts: &Parts,
        body: B,
        path: &Path,
        context: &Context,
    ) -> Result<Response<Body>, Failure> {
        if context.permission < Permission::Write {
            return Err(Failure::new(StatusCode::FORBIDDEN, "this user may only read"));
        }
        let asked = self.asked(parts, context)?;
        let source = path.under(&context.base_path);
        if asked.depth == Depth::Zero
            && matches!(parts.method.as_str(), "DELETE" | "MOVE")
            && self.at(&source).await?.is_some_and(|resource| resource.is_folder())
        {
            return Err(Failure::new(StatusCode::BAD_REQUEST, "a folder goes with all that it holds, or stays"));
        }
        let Judged { tokens, expected } = self.preconditions(parts, &source, context).await?;
        let request = self.restated(parts, &asked, path, &tokens);
        let scope = self.scope(parts, source, &asked, expected, context)?;
        let locks = self.lock_view(parts, tokens, &asked, &scope, context).await;
        match parts.method.as_str() {
            "PUT" => {
                let broken = scope.clone();
                let body = body.map_err(move |error| {
                    let text = "the request body broke off or is malformed; nothing was changed";
                    *broken.0.failure.lock() = Some(Failure::new(StatusCode::BAD_REQUEST, text));
                    std::io::Error::other(error.into())
                });
                let request = request.map(|()| body);
                let response = self.handler(locks).handle_guarded(request, principal(context), scope.clone()).await;
                let mut response = self.settle(response, &scope)?;
                if scope.0.upload.modified_ms.is_some() && response.status().is_success() {
                    response.headers_mut().insert("x-oc-mtime", HeaderValue::from_static("accepted"));
                }
                Ok(response)
            }
            "PROPPATCH" => {
                let update = PropertyUpdate::parse(&read_xml(body).await?)?;
                let checked = self.pass(request, Bytes::from_static(NO_UPDATE), &scope, locks, context).await?;
                if checked.status() != StatusCode::MULTI_STATUS {
                    return Ok(checked);
                }
                let resource = self.tree.stat(&path.under(&context.base_path), Freshness::Cached).await?;
                if resource.mount.as_ref().is_some_and(|mount| mount.read_only) {
                    return Err(crate::drive::Error::ReadOnly.into());
                }
                let href = href::encode(&self.prefix, path, resource.is_folder());
                if update.is_allowed() {
                    let key = stored::key(&resource.entry, || resource.path.clone());
                    let kept = self.stored.patch(&key, update.patches()).await;
                    if !kept.map_err(|error| crate::drive::Error::State(Arc::new(error)))? {
                        let text = "this has too many stored properties; nothing was changed";
                        return Err(Failure::new(StatusCode::INSUFFICIENT_STORAGE, text));
                    }
                }
                Ok(update.answer(&href))
            }
            "LOCK" => {
                let body = read_xml(body).await?;
                // dav-server would take a failure for a free name, and lock an empty file into its place.
                self.at(&scope.0.source).await?;
                // Without a body a lock is refreshed.
                let info = if body.is_empty() { None } else { Some(LockInfo::parse(&body)?) };
                let body = info.as_ref().map(LockInfo::restated).unwrap_or_default();
                let refreshed = locks.tokens.first().cloned();
                let locks = LockView { owner: info.and_then(|info| info.owner), ..locks };
                let response = self.pass(request, body.into(), &scope, locks, context).await?;
                let made = response.headers().get("lock-token").and_then(|value| value.to_str().ok());
                let token = made.map(|token| token.trim_matches(['<', '>']).to_owned()).or(refreshed);
                let lock = self.locks.living().into_iter().find(|row| Some(&row.token) == token.as_ref());
                Ok(match lock {
                    Some(lock) => lockinfo::answer(response, &lock, &context.base_path, &self.prefix),
                    None => response,
                })
            }
            _ => {
                let body = read_xml(body).await?;
                let modified_ms = match asked.destination {
                    Some(_) => oc_mtime(&parts.headers)?,
                    None => None,
                };
                let mut response = self.pass(request, body, &scope, locks, context).await?;
                if let (Some(ms), Some(destination)) = (modified_ms, &asked.destination)
                    && response.status().is_success()
                    && let Ok(there) = self.tree.stat(&destination.under(&context.base_path), Freshness::Cached).await
                    && matches!(self.stored.patch(&there.entry.file_id, &[Patch::Modified(ms)]).await, Ok(true))
                {
                    response.headers_mut().insert("x-oc-mtime", HeaderValue::from_static("accepted"));
                }
                Ok(response)
            }
        }
    }

    async fn pass(
        &self,
        request: Request<()>,
        body: Bytes,
        scope: &Scope,
        locks: LockView,
        context: &Context,
    ) -> Result<Response<Body>, Failure> {
        let request = request.map(|()| Full::new(body));
        let (handler, user, its_scope) = (self.handler(locks), principal(context), scope.clone());
        // A client that leaves in the middle must not leave half a move behind.
        let work = async move { handler.handle_guarded(request, user, its_scope).await };
        let response = self.tree.see_through(work).await?;
        self.settle(response, scope)
    }

    fn handler(&self, locks: LockView) -> DavHandler<Scope> {
        DavHandler::<Scope>::builder()
            .filesystem(Box::new(Adapter { tree: self.tree.clone(), stored: self.stored.clone() }))
            .locksystem(Box::new(locks))
            .strip_prefix(self.prefix_path.as_str().trim_end_matches('/'))
            .build_handler()
    }

    /// The locks as this request meets them: it knows which names it makes appear or vanish, because that
    /// changes the folder that holds them (RFC 4918, section 7.4).
    async fn lock_view(
        &self,
        parts: &Parts,
        tokens: Vec<String>,
        asked: &Asked,
        scope: &Scope,
        context: &Context,
    ) -> LockView {
        let source = scope.0.source.clone();
        let destination = asked.destination.as_ref().map(|path| path.under(&context.base_path));
        let mut appearing = Vec::new();
        let mut members = Vec::new();
        match parts.method.as_str() {
            "PUT" | "MKCOL" | "LOCK" => appearing.push(source),
            "DELETE" => members.push(source),
            "COPY" => appearing.extend(destination),
            "MOVE" => {
                members.push(source);
                appearing.extend(destination);
            }
            _ => {}
        }
        let guarded = self.locks.living().into_iter().any(|row| !row.deep);
        for path in appearing.into_iter().filter(|_| guarded) {
            if self.tree.stat(&path, Freshness::Cached).await.is_err() {
                members.push(path);
            }
        }
        LockView {
            locks: self.locks.clone(),
            base: context.base_path.clone(),
            prefix: self.prefix.clone(),
            principal: principal(context),
            tokens,
            owner: None,
            life: locks::wanted_life(&parts.headers),
            members,
            failure: scope.0.failure.clone(),
        }
    }

    fn scope(
        &self,
        parts: &Parts,
        source: Path,
        asked: &Asked,
        expected: Expected,
        context: &Context,
    ) -> Result<Scope, Failure> {
        let headers = &parts.headers;
        let mut upload = UploadOptions::default();
        if parts.method == Method::PUT {
            if headers.contains_key(header::CONTENT_RANGE) {
                // RFC 9110, section 14.5: a server that cannot do it must not take the part for the whole.
                return Err(Failure::new(StatusCode::BAD_REQUEST, "a part of a file cannot be put; send the whole"));
            }
            let transfer = headers.get(header::TRANSFER_ENCODING).map(|value| value.as_bytes().trim_ascii());
            if transfer.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"chunked")) {
                // RFC 9112, section 6.1.
                return Err(Failure::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "the only transfer coding that is read is chunked",
                ));
            }
            let coding = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes().trim_ascii());
            if coding.is_some_and(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")) {
                // The drive keeps no coding beside the content: whoever reads it back would take it for the content.
                let text = "a file cannot be put in a content coding; send it as it is";
                return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
            }
            upload = UploadOptions { expected: expected.clone(), ..upload_options(headers)? };
        }
        Ok(Scope(Arc::new(ScopeInner {
            method: parts.method.clone(),
            base: context.base_path.clone(),
            source,
            depth_zero: asked.depth == Depth::Zero,
            overwrite: asked.overwrite,
            upload,
            expected,
            made: Mutex::default(),
            failure: Arc::default(),
        })))
    }

    /// The answer, unless the tree knows better what went wrong.
    fn settle(&self, mut response: Response<DavBody>, scope: &Scope) -> Result<Response<Body>, Failure> {
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

fn upload_options(headers: &HeaderMap) -> Result<UploadOptions, Failure> {
    let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    // Finder sends chunked bodies and promises the length in a header of its own.
    let size = number("content-length").or_else(|| number("x-expected-entity-length"));
    Ok(UploadOptions {
        size,
        sha1: announced_sha1(headers)?,
        modified_ms: oc_mtime(headers)?,
        expected: Expected::Anything,
    })
}

/// `X-OC-Mtime` in Unix milliseconds.
fn oc_mtime(headers: &HeaderMap) -> Result<Option<i64>, Failure> {
    let Some(value) = headers.get("x-oc-mtime") else { return Ok(None) };
    let seconds = value.to_str().unwrap_or_default().trim().parse::<f64>();
    let seconds = seconds.ok().filter(|seconds| seconds.is_finite() && seconds.abs() < 1e12);
    let wrong = || Failure::new(StatusCode::BAD_REQUEST, "X-OC-Mtime must be Unix seconds");
    #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
    Ok(Some((seconds.ok_or_else(wrong)? * 1000.0) as i64))
}

/// The SHA-1 of `OC-Checksum: KIND:hex KIND:hex …`. What the drive cannot confirm counts for nothing.
fn announced_sha1(headers: &HeaderMap) -> Result<Option<Sha1>, Failure> {
    let text = headers.get("oc-checksum").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kinds = text.split_ascii_whitespace().filter_map(|checksum| checksum.split_once(':'));
    match { kinds }.find(|(kind, _)| kind.eq_ignore_ascii_case("sha1")) {
        None => Ok(None),
        Some((_, hex)) => match Sha1::parse(hex) {
            None => Err(Failure::new(StatusCode::BAD_REQUEST, "OC-Checksum is malformed")),
            sha1 => Ok(sha1),
        },
    }
}
