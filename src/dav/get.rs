//! GET and HEAD of a resource: conditions, the link policy, ranges.
//!
//! HEAD is answered from the listing alone and never redirected. A proxied body hands on the drive's
//! frames as they come; its length is announced beforehand, so that a body that breaks ends short and
//! the client knows it.

mod multipart;
pub mod ranges;

use std::time::Duration;

use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use crate::clock::UnixSeconds;
use crate::config::LinkPolicy;
use crate::dav::context::Context;
use crate::dav::error::{Failure, METHODS};
use crate::dav::get::multipart::Multipart;
use crate::dav::get::ranges::Wanted;
use crate::dav::request::conditions::{self, Validators, Verdict};
use crate::dav::site::Site;
use crate::dav::values::push_http_date;
use crate::drive::{self, ByteStream, Freshness, Origin, Path, Reader, Resource};
use crate::link;
use crate::protocol::body::{self, Body, BodyError};

/// Life that a link must have left to be handed out: players that pause come back to the old one.
const REDIRECT_MIN_LIFE: Duration = Duration::from_secs(300);

/// Versions of a file that may be replaced while a link to them is waited for, before the client is to try again.
const TRIES: usize = 3;

/// A GET or HEAD of one path.
pub(super) struct Get<'a> {
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    /// In the whole tree, not below the user's base path.
    pub(super) path: &'a Path,
    /// The policy named in the request.
    pub(super) policy: Option<LinkPolicy>,
    pub(super) context: &'a Context,
}

impl Get<'_> {
    fn range(&self) -> Option<&str> {
        self.headers.get(header::RANGE)?.to_str().ok()
    }

    fn reader(&self, file: &Resource) -> Reader {
        let media = file.entry.mime().is_some_and(|mime| mime.starts_with("video/") || mime.starts_with("audio/"));
        Reader {
            id: self.context.reader,
            open_ended: ranges::is_open_ended(self.range()),
            // Players ask by range; programs that copy ask for the whole.
            urgent: media && self.range().is_some(),
            by_range: self.range().is_some(),
        }
    }
}

/// Answers a GET or HEAD.
pub(super) async fn get(site: &Site, request: Get<'_>) -> Result<Response<Body>, Failure> {
    let mut resource = site.tree.stat(request.path, Freshness::Cached).await?;
    if resource.entry.origin == Origin::Held && request.method == Method::GET {
        // Nobody is to read nothing where another program has put something since.
        resource = site.tree.stat(request.path, Freshness::Refresh).await?;
    }
    if resource.is_folder() {
        return folder(&request, &resource);
    }
    for tried in 1.. {
        let error = match file(site, &request, &resource).await {
            Err(error @ drive::Error::Changed { .. }) => error,
            result => return Ok(result?),
        };
        // The listing is out of date: once more by a new one.
        let newer = site.tree.stat(request.path, Freshness::Refresh).await?;
        if newer.entry.file_id == resource.entry.file_id && tried > 1 {
            return Err(error.into());
        }
        if tried == TRIES {
            // Something else is here each time, so it is not gone, whatever became of each.
            break;
        }
        resource = newer;
    }
    Err(drive::Error::Changed { gone: false }.into())
}

async fn file(site: &Site, request: &Get<'_>, file: &Resource) -> Result<Response<Body>, drive::Error> {
    let etag = file.entry.etag();
    let validators = Validators {
        etag: etag.as_deref(),
        modified: site.stored.modified(&file.entry).await.seconds(),
        changed: file.entry.updated.seconds(),
    };
    match conditions::evaluate(request.headers, validators) {
        Verdict::Proceed => {}
        Verdict::NotModified => return Ok(answer(StatusCode::NOT_MODIFIED, validators, body::empty())),
        Verdict::Failed => {
            let text = "the file is not the one that the request's condition names";
            return Ok(Failure::new(StatusCode::PRECONDITION_FAILED, text)
                .into_response(request.method == Method::HEAD, request.context.request));
        }
    }
    if request.method == Method::HEAD {
        let mut response = answer(StatusCode::OK, validators, body::empty());
        describe(&mut response, file, file.entry.size);
        return Ok(response);
    }
    let (policy, mut response) = match (policy(site, request, file), &file.mount) {
        (LinkPolicy::Redirect, _) => {
            let link = site.tree.link(file, REDIRECT_MIN_LIFE).await?;
            (LinkPolicy::Redirect, redirect(&link.url.expose().to_string()))
        }
        (LinkPolicy::ProxyUrl, Some(mount)) if !mount.down_proxy_urls.is_empty() => {
            (LinkPolicy::ProxyUrl, redirect(&link::proxy_url(mount, file.path.as_str(), UnixSeconds::now())))
        }
        (LinkPolicy::Proxy | LinkPolicy::ProxyUrl, _) => {
            (LinkPolicy::Proxy, proxy(site, request, file, validators).await?)
        }
    };
    // For the access log: without it nobody could write a rule for a program.
    response.extensions_mut().insert(policy);
    Ok(response)
}

fn policy(site: &Site, request: &Get<'_>, file: &Resource) -> LinkPolicy {
    if has_no_link(file) {
        return LinkPolicy::Proxy;
    }
    if let Some(policy) = request.policy {
        return policy;
    }
    let user_agent = request.headers.get(header::USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let client = link::Client {
        user_agent: user_agent.as_deref(),
        address: request.context.address,
        user: request.context.user.as_deref(),
        by_script: request.headers.contains_key(header::ORIGIN),
    };
    let usual = match &file.mount {
        // A redirect would cost a link.
        Some(mount) if !site.tree.is_read_by_address(file) => mount.link_policy,
        _ => LinkPolicy::Proxy,
    };
    site.rules.decide(usual, client)
}

async fn proxy(
    site: &Site,
    request: &Get<'_>,
    file: &Resource,
    validators: Validators<'_>,
) -> Result<Response<Body>, drive::Error> {
    let file = &site.tree.sized(file, request.reader(file)).await?;
    let size = file.entry.size.unwrap_or_default();
    let wanted = match request.range().filter(|_| conditions::range_counts(request.headers, validators)) {
        Some(range) => ranges::parse(range, size),
        None => Wanted::Whole,
    };
    match wanted {
        Wanted::Unsatisfiable => {
            let mut response = answer(StatusCode::RANGE_NOT_SATISFIABLE, validators, body::empty());
            set(&mut response, header::CONTENT_RANGE, format!("bytes */{size}"));
            Ok(response)
        }
        Wanted::Whole => {
            let body = stream(site, request, file, 0..size).await?;
            let mut response = answer(StatusCode::OK, validators, body);
            describe(&mut response, file, Some(size));
            Ok(response)
        }
        Wanted::Parts(parts) => match <[_; 1]>::try_from(parts) {
            Ok([part]) => {
                let body = stream(site, request, file, part.clone()).await?;
                let mut response = answer(StatusCode::PARTIAL_CONTENT, validators, body);
                describe(&mut response, file, Some(part.end - part.start));
                let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
                set(&mut response, header::CONTENT_RANGE, range);
                Ok(response)
            }
            Err(parts) => several(site, request, file, validators, parts).await,
        },
    }
}

/// Several ranges, one after another in one body.
async fn several(
    site: &Site,
    request: &Get<'_>,
    file: &Resource,
    validators: Validators<'_>,
    parts: Vec<std::ops::Range<u64>>,
) -> Result<Response<Body>, drive::Error> {
    let reader = Reader { open_ended: false, ..request.reader(file) };
    let size = file.entry.size.unwrap_or_default();
    let multipart = Multipart::new(site.tree.clone(), file.clone(), reader, size, parts);
    let (content_type, length) = (multipart.content_type(), multipart.length());
    let mut response = answer(StatusCode::PARTIAL_CONTENT, validators, multipart.into_body().await?);
    describe(&mut response, file, Some(length));
    set(&mut response, header::CONTENT_TYPE, content_type);
    Ok(response)
}

async fn stream(
    site: &Site,
    request: &Get<'_>,
    file: &Resource,
    range: std::ops::Range<u64>,
) -> Result<Body, drive::Error> {
    if range.is_empty() {
        return Ok(body::empty());
    }
    if let Some(content) = site.tree.kept_content(file).await? {
        let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(content.len());
        return Ok(body::full(content[at(range.start)..at(range.end)].to_vec()));
    }
    Ok(stream_body(site.tree.read(file, range, request.reader(file)).await?))
}

/// What is empty needs no way; and a file that is kept or made here is not on the drive.
fn has_no_link(file: &Resource) -> bool {
    file.entry.size == Some(0) || matches!(file.entry.origin, Origin::Local | Origin::View)
}

/// The stream's frames as they come.
fn stream_body(stream: ByteStream) -> Body {
    StreamBody::new(stream.map(|bytes| bytes.map(Frame::data).map_err(BodyError::from))).boxed_unsync()
}

fn folder(request: &Get<'_>, folder: &Resource) -> Result<Response<Body>, Failure> {
    if request.method == Method::HEAD {
        let mut response = Response::new(body::empty());
        let mut date = Vec::new();
        push_http_date(&mut date, folder.entry.modified.seconds());
        set(&mut response, header::LAST_MODIFIED, date);
        return Ok(response);
    }
    let text = "this is a folder: open it with a WebDAV client, or ask for it by PROPFIND";
    Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, text).header(header::ALLOW, HeaderValue::from_static(METHODS)))
}

/// An answer about a file, with its validators.
fn answer(status: StatusCode, validators: Validators<'_>, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Some(etag) = validators.etag {
        set(&mut response, header::ETAG, etag);
    }
    let mut date = Vec::new();
    push_http_date(&mut date, validators.modified);
    set(&mut response, header::LAST_MODIFIED, date);
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

fn describe(response: &mut Response<Body>, file: &Resource, length: Option<u64>) {
    let mime = file.entry.mime().unwrap_or("application/octet-stream");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(content_policy(mime)));
    if let Some(length) = length {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// A file is shown by browsers as what it is, but runs nothing: it comes from the origin for which they hold the
/// password. Chrome's viewer of PDF does not start in a sandbox.
fn content_policy(mime: &str) -> &'static str {
    match mime {
        "application/pdf" => "default-src 'none'; frame-ancestors 'self'",
        _ => "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
}

/// Players rarely come back to ask again, so nothing may remember the target (clients reference, section 7).
fn redirect(target: &str) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::FOUND;
    set(&mut response, header::LOCATION, target);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Sets a header whose value we made ourselves; what is no header value is left out.
fn set(response: &mut Response<Body>, name: header::HeaderName, value: impl AsRef<[u8]>) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
        response.headers_mut().insert(name, value);
    }
}
