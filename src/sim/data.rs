//! The data host: ranged GETs and part PUTs by signed URLs (reference 3.9, 3.12).

pub(super) mod hosts;
pub(super) mod previews;
pub(super) mod signed;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header, request::Parts};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;

use crate::sim::answer::{Body, full, response, xml};
use crate::sim::api::items::{LISTED, PREVIEW};
use crate::sim::api::upload;
use crate::sim::data::signed::Grant;
use crate::sim::levers::fault::FaultKind;
use crate::sim::levers::rules::ListedUrl;
use crate::sim::shared::Shared;
use crate::sim::world::World;
use crate::sim::world::content::Content;

/// Bytes handed on at a time when the rate is limited.
const SLOW_PIECE: u64 = 16 << 10;

/// Most that a limited rate catches up after a reader or a timer that came late.
const LATE: Duration = Duration::from_millis(20);

pub(super) fn get(shared: &Arc<Shared>, parts: &Parts, fault: Option<&FaultKind>) -> Response<Body> {
    match admit(shared, parts, fault) {
        Ok(object) => object.into_answer(parts, fault),
        Err(refusal) => *refusal,
    }
}

/// What a GET gives: an entity, and the download that its body counts as.
struct Object {
    content: Content,
    etag: String,
    modified_ms: i64,
    /// How it is to be saved.
    disposition: String,
    rate: Option<u64>,
    download: OpenDownload,
}

/// Whether a GET is served, and what it gives.
fn admit(shared: &Arc<Shared>, parts: &Parts, fault: Option<&FaultKind>) -> Result<Object, Box<Response<Body>>> {
    let mut world = shared.world.lock();
    match fault {
        Some(FaultKind::ExpireLink) => return Err(Box::new(signed::expired_early(parts))),
        Some(FaultKind::Redirect) => return Err(Box::new(moved(parts))),
        _ => {}
    }
    let grant = signed::check(&world, parts)?;
    let refuse = |status, code, message, ec| Err(Box::new(xml(status, code, message, ec)));
    let Some((content, etag, modified_ms)) = entity(&world, &grant) else {
        return refuse(404, "NoSuchKey", "The specified key does not exist.", "0026-00000001");
    };
    if !world.rules.bare_get && !parts.headers.contains_key(header::RANGE) {
        return refuse(403, "AccessDenied", "You have no right to access this object.", "0003-00000001");
    }
    if let Some(lie) = listed_lie(&world, &grant, parts) {
        return Err(Box::new(lie));
    }
    let limit = world.rules.max_downloads;
    let owner = &mut world.users[grant.user];
    if owner.open_downloads >= limit {
        world.ledger.refuse(|refused| refused.downloads += 1);
        let message = "Callback deny this request reason: ExceedMaxConcurrency";
        return refuse(403, "RequestDeniedByCallback", message, "0007-00000209");
    }
    owner.open_downloads += 1;
    owner.peak_downloads = owner.peak_downloads.max(owner.open_downloads);
    let rate = world.rules.download_bytes_per_s;
    drop(world);
    shared.downloads.send_modify(|open| *open += 1);
    let download = OpenDownload { shared: shared.clone(), user: grant.user, sent: 0 };
    Ok(Object { content, etag, modified_ms, disposition: grant.name, rate, download })
}

impl Object {
    fn into_answer(self, parts: &Parts, fault: Option<&FaultKind>) -> Response<Body> {
        let size = self.content.size();
        let range = parts.headers.get(header::RANGE).and_then(|v| v.to_str().ok());
        let range = range.filter(|_| fault != Some(&FaultKind::IgnoreRange));
        let (status, start, end) = match range.and_then(|text| parse_range(text, size)) {
            None => (200, 0, size),
            Some((start, end)) => (206, start, end),
        };
        let other = fault == Some(&FaultKind::DifferentEntity);
        let modified = std::time::UNIX_EPOCH + Duration::from_millis(self.modified_ms.unsigned_abs());
        let mut fields = vec![
            (header::ETAG, if other { "\"ANOTHER\"".to_owned() } else { format!("\"{}\"", self.etag) }),
            (header::LAST_MODIFIED, httpdate::fmt_http_date(modified)),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::CONTENT_LENGTH, (end - start).to_string()),
            (header::CONTENT_TYPE, "application/oct-stream".to_owned()),
            (header::CONTENT_DISPOSITION, self.disposition),
            (header::HeaderName::from_static("x-oss-request-id"), uuid::Uuid::new_v4().simple().to_string()),
            (header::HeaderName::from_static("x-oss-object-type"), "Multipart".to_owned()),
        ];
        if fault == Some(&FaultKind::Encoded) {
            fields.push((header::CONTENT_ENCODING, "gzip".to_owned()));
        }
        if status == 206 {
            fields.push((header::CONTENT_RANGE, format!("bytes {start}-{}/{size}", end - 1)));
        }
        let rate = self.rate.map(|rate| (rate, Box::pin(tokio::time::sleep(Duration::ZERO))));
        let body =
            Download { content: self.content, at: start, end, fault: fault.cloned(), rate, download: self.download };
        let mut answer = Response::new(body.boxed_unsync());
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        let valid = |(name, value): (_, String)| Some((name, HeaderValue::from_str(&value).ok()?));
        answer.headers_mut().extend(fields.into_iter().filter_map(valid));
        answer
    }
}

fn moved(parts: &Parts) -> Response<Body> {
    let mut answer = response(302, "application/xml", Bytes::new());
    if let Some(target) = parts.uri.path_and_query().and_then(|target| HeaderValue::from_str(target.as_str()).ok()) {
        answer.headers_mut().insert(header::LOCATION, target);
    }
    answer
}

/// What a file object's URL leads to instead of bytes, if the rules have it so.
fn listed_lie(world: &World, grant: &Grant, parts: &Parts) -> Option<Response<Body>> {
    match world.rules.listed_url {
        _ if grant.stream != LISTED => None,
        ListedUrl::Refused => {
            Some(xml(403, "AccessDenied", "You have no right to access this object.", "0003-00000001"))
        }
        ListedUrl::Redirected => Some(moved(parts)),
        ListedUrl::WebPage => Some(response(200, "text/html", "<html><title>sign in</title></html>")),
        ListedUrl::Expired => Some(signed::expired_early(parts)),
        ListedUrl::Content | ListedUrl::Absent | ListedUrl::OtherBytes | ListedUrl::FewerBytes => None,
    }
}

fn entity(world: &World, grant: &Grant) -> Option<(Content, String, i64)> {
    let node = world.drives.get(&grant.drive_id)?.nodes.get(&grant.file_id).filter(|n| !n.uploading)?;
    let content = match (grant.stream.as_str(), &node.streams) {
        ("jpeg", Some((jpeg, _))) => jpeg.clone(),
        ("mov", Some((_, mov))) => mov.clone(),
        (PREVIEW, _) => Content::Generated { size: node.size() / 10 + 1, seed: 5 },
        (LISTED, _) => listed_content(world, node.content.clone()?),
        _ => node.content.clone()?,
    };
    // The object behind a file does not change when the item is renamed or moved.
    let etag = node.sha1.clone().unwrap_or_else(|| node.file_id.to_ascii_uppercase());
    Some((content, format!("{}-{}", &etag[..etag.len().min(32)], content_tag(node)), node.created_ms))
}

fn listed_content(world: &World, content: Content) -> Content {
    let size = content.size();
    match world.rules.listed_url {
        ListedUrl::OtherBytes => Content::Generated { size, seed: u64::MAX },
        ListedUrl::FewerBytes => content.all().map_or(content, |mut all| {
            all.truncate(all.len() / 2);
            Content::Kept(all.into())
        }),
        _ => content,
    }
}

fn content_tag(node: &crate::sim::world::drive::Node) -> u64 {
    node.size() % 9973 + 1
}

/// One range, half-open; absent for what is malformed or ends beyond the content, for which the whole is given.
pub(in crate::sim) fn parse_range(text: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last && last < size => Some((first, last + 1)),
        (Ok(first), Err(_)) if last.is_empty() && first < size => Some((first, size)),
        (Err(_), Ok(length)) if first.is_empty() && length > 0 && size > 0 => Some((size.saturating_sub(length), size)),
        _ => None,
    }
}

/// One open body of a user; given back when dropped, which is when the client has left.
struct OpenDownload {
    shared: Arc<Shared>,
    user: usize,
    /// Bytes handed to the connection.
    sent: u64,
}

impl Drop for OpenDownload {
    fn drop(&mut self) {
        let owner = &mut self.shared.world.lock().users[self.user];
        owner.open_downloads -= 1;
        owner.downloaded += self.sent;
        self.shared.downloads.send_modify(|open| *open -= 1);
    }
}

struct Download {
    content: Content,
    at: u64,
    end: u64,
    fault: Option<FaultKind>,
    rate: Option<(u64, Pin<Box<tokio::time::Sleep>>)>,
    download: OpenDownload,
}

impl http_body::Body for Download {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let this = self.get_mut();
        let mut end = this.end;
        if let Some(FaultKind::Cut { after } | FaultKind::Stall { after }) = &this.fault {
            if this.download.sent >= *after {
                return match &this.fault {
                    Some(FaultKind::Stall { .. }) => Poll::Pending,
                    _ => Poll::Ready(Some(Err(std::io::Error::other("cut by a planned fault")))),
                };
            }
            end = end.min(this.at + (after - this.download.sent));
        }
        if this.at >= this.end {
            return Poll::Ready(None);
        }
        if let Some((rate, timer)) = &mut this.rate {
            std::task::ready!(timer.as_mut().poll(cx));
            end = end.min(this.at + SLOW_PIECE);
            let pause = Duration::from_secs_f64((end - this.at) as f64 / *rate as f64);
            // By the clock, not by when the timer came: a millisecond late each time would halve a fast rate.
            let due = timer.deadline().max(tokio::time::Instant::now() - LATE);
            timer.as_mut().reset(due + pause);
        }
        let piece = this.content.piece(this.at, end)?;
        this.at += piece.len() as u64;
        this.download.sent += piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.end - self.at)
    }
}

/// One part; the whole of it has been read.
pub(super) fn put(shared: &Shared, parts: &Parts, body: Bytes) -> Response<Body> {
    let mut world = shared.world.lock();
    let grant = match signed::check(&world, parts) {
        Ok(grant) => grant,
        Err(refusal) => return *refusal,
    };
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    match announced {
        None => {
            return xml(
                411,
                "MissingContentLength",
                "You must provide the Content-Length HTTP header.",
                "0002-00000200",
            );
        }
        Some(length) if length != body.len() as u64 => {
            return xml(
                400,
                "RequestTimeout",
                "Your socket connection was not read within the timeout.",
                "0002-00000201",
            );
        }
        Some(_) => {}
    }
    match upload::store_part(&mut world, &grant.upload_id, grant.part_number, body) {
        Ok(etag) => {
            let mut answer = response(200, "application/xml", Bytes::new());
            answer.headers_mut().remove(header::CONTENT_TYPE);
            if let Ok(etag) = HeaderValue::from_str(&format!("\"{etag}\"")) {
                answer.headers_mut().insert(header::ETAG, etag);
            }
            answer
        }
        Err(refusal) => *refusal,
    }
}

/// Any other verb is not the one that was signed, unless the rules do not mind.
pub(super) fn other_verb(shared: &Arc<Shared>, parts: &Parts) -> Response<Body> {
    let method = &parts.method;
    if *method == Method::HEAD && !shared.world.lock().rules.signed_verb {
        let mut as_get = parts.clone();
        as_get.method = Method::GET;
        let mut answer = get(shared, &as_get, None);
        *answer.body_mut() = full(Bytes::new());
        return answer;
    }
    let mut answer = xml(403, "SignatureDoesNotMatch", "The request signature does not match.", "0002-00000040");
    if *method == Method::HEAD {
        *answer.body_mut() = full(Bytes::new());
    }
    answer
}
