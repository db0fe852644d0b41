//! Bytes from and to the data host by signed URLs (reference 3.9, 3.12).
//!
//! Answers for one transfer: its head is checked before anything is believed, its body hands on the
//! frames as they come and ends in an error unless it ends exactly where it should. Whether to ask
//! again, by which link and from where on, is the caller's.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, Request, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use super::transport::{DataAnswer, DataClient, error_chain};
use super::{DataError, DataErrorKind, Error, SignedUrl};
use crate::config;

/// Longest silence of a body while its reader waits.
const STALL: Duration = Duration::from_secs(20);

/// Longest wait for the head of an answer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time in which the connection takes nothing more of a part, or the answer to the whole does not come.
/// What the system holds back of a part takes minutes on a slow line.
const PART_STALL: Duration = Duration::from_secs(300);

const CRC64: header::HeaderName = header::HeaderName::from_static("x-oss-hash-crc64ecma");

/// Largest error document read.
const MAX_ERROR_BODY: usize = 64 << 10;

/// Most redirections followed from one link.
const MAX_REDIRECTS: u32 = 4;

/// Most bytes of a frame that a [`DataBody`] gives.
pub const LARGEST_FRAME: usize = 1 << 20;

/// Most bytes read at once, and how many open bodies are read so: sixty-four in large pieces, for speed, and
/// those beyond in [`SMALL_READ`], for memory. A body holds about three times as much. Measured: at 1 MiB a
/// byte costs a tenth less than at 416 KiB; with 64 bodies at 416 KiB, 64 clients get all that nginx gives
/// them, and 200 bodies stay within 140 MiB, where all at 416 KiB take 220 MiB.
const LARGE_READS: [(usize, usize); 2] = [(LARGEST_FRAME, 4), (416 << 10, 60)];
const SMALL_READ: usize = 32 << 10;

/// Most bytes of a part handed to the system at once.
const WRITE: usize = 416 << 10;

/// The connections to the data host; cheap to clone.
#[derive(Clone, Debug)]
pub struct DataHost {
    large: Vec<LargeReader>,
    small: DataClient,
    upload: DataClient,
}

/// A client that reads in large pieces, and the places for bodies read by it.
#[derive(Clone, Debug)]
struct LargeReader {
    client: DataClient,
    places: Arc<Semaphore>,
}

impl DataHost {
    pub(super) fn new(settings: &config::Upstream) -> Result<Self, Error> {
        let large = |(size, places)| {
            let client = DataClient::new(settings, size)?;
            Ok(LargeReader { client, places: Arc::new(Semaphore::new(places)) })
        };
        Ok(Self {
            large: LARGE_READS.into_iter().map(large).collect::<Result<_, Error>>()?,
            small: DataClient::new(settings, SMALL_READ)?,
            upload: DataClient::new(settings, WRITE)?,
        })
    }

    /// The client for one more body, and the body's place there.
    fn reader(&self) -> (&DataClient, Option<OwnedSemaphorePermit>) {
        let free = |large: &LargeReader| large.places.clone().try_acquire_owned().ok();
        match self.large.iter().find_map(|large| Some((&large.client, free(large)?))) {
            Some((client, place)) => (client, Some(place)),
            None => (&self.small, None),
        }
    }

    /// Opens `range` (half-open, not empty) of the entity behind the link. The head is checked: 206
    /// with exactly this range, or 200 with the whole when the range begins where that does. A link whose host was
    /// changed as it came in has its first one as a second try.
    ///
    /// # Errors
    /// Every [`DataErrorKind`] of a download.
    pub async fn get(&self, url: &SignedUrl, range: Range<u64>) -> Result<DataBody, DataError> {
        self.get_over(url, range, MAX_REDIRECTS).await
    }

    async fn get_over(&self, url: &SignedUrl, range: Range<u64>, redirects: u32) -> Result<DataBody, DataError> {
        let error = match self.open(url, range.clone(), redirects).await {
            Err(error) if of_the_host(error.kind) => error,
            result => return result,
        };
        let Some(given) = url.as_given() else { return Err(error) };
        match self.open(&given, range, redirects).await {
            // The host that is the steadier one has the last word.
            Err(other) if of_the_host(other.kind) => Err(error),
            result => result,
        }
    }

    /// The same at this very address, as whoever was redirected to it gets it.
    ///
    /// # Errors
    /// As [`DataHost::get`].
    pub async fn get_at(&self, url: &SignedUrl, range: Range<u64>) -> Result<DataBody, DataError> {
        self.open(url, range, MAX_REDIRECTS).await
    }

    async fn open(&self, url: &SignedUrl, range: Range<u64>, redirects: u32) -> Result<DataBody, DataError> {
        let (client, place) = self.reader();
        let mut url = url.clone();
        let mut hops = 0;
        let response = loop {
            metrics::counter!("alidav_data_requests_total", "method" => "GET").increment(1);
            let request = Request::get(url.expose().clone())
                .header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1))
                // Compressed bytes are not the file's.
                .header(header::ACCEPT_ENCODING, "identity")
                .body(Chunks::default());
            let response = send(client, HEAD_TIMEOUT, request).await?;
            match redirection(&url, &response).filter(|_| hops < redirects) {
                Some(next) => (url, hops) = (next, hops + 1),
                None => break response,
            }
        };
        if !matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Err(refusal(response).await);
        }
        let headers = response.headers();
        let total = total(response.status(), headers, &range)?;
        let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        Ok(DataBody {
            status: response.status().as_u16(),
            total,
            etag: text(header::ETAG),
            crc64: text(CRC64),
            last_modified: text(header::LAST_MODIFIED),
            left: range.end - range.start,
            body: response.into_body(),
            _place: place,
            stall: None,
            waiting: false,
        })
    }

    /// The same of what lies at the URL itself: a redirection is not followed.
    ///
    /// # Errors
    /// As [`DataHost::get`], and [`DataErrorKind::Redirected`].
    pub async fn get_here(&self, url: &SignedUrl, range: Range<u64>) -> Result<DataBody, DataError> {
        self.get_over(url, range, 0).await
    }

    /// Sends one part; its chunks are sent one after another without being joined.
    ///
    /// # Errors
    /// Every [`DataErrorKind`] of an upload; [`DataErrorKind::PartAlreadyExists`] is up to the caller to judge.
    pub async fn put(&self, url: &SignedUrl, content_type: Option<&str>, chunks: Vec<Bytes>) -> Result<(), DataError> {
        metrics::counter!("alidav_data_requests_total", "method" => "PUT").increment(1);
        let length: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        // The length is stated and no type is, unless the service named one: both are in the signature.
        let mut request = Request::put(url.expose().clone()).header(header::CONTENT_LENGTH, length);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let left = Arc::new(AtomicU64::new(length));
        let body = Chunks { chunks: chunks.into_iter(), left: left.clone() };
        let sent = send(&self.upload, Duration::MAX, request.body(body));
        let response = tokio::select! {
            response = sent => response?,
            () = standstill(&left) => {
                let message = format!("nothing moved for {} s", PART_STALL.as_secs());
                return Err(DataError::new(DataErrorKind::Stalled, message));
            }
        };
        if response.status().is_success() { Ok(()) } else { Err(refusal(response).await) }
    }
}

/// Whether another host may do better.
fn of_the_host(kind: DataErrorKind) -> bool {
    matches!(kind, DataErrorKind::Broken | DataErrorKind::Stalled | DataErrorKind::Refused)
}

/// Returns when the number has stayed the same for [`PART_STALL`].
async fn standstill(left: &AtomicU64) {
    let mut before = None;
    loop {
        let now = left.load(Ordering::Relaxed);
        if before.replace(now) == Some(now) {
            return;
        }
        tokio::time::sleep(PART_STALL).await;
    }
}

async fn send(
    client: &DataClient,
    limit: Duration,
    request: http::Result<Request<Chunks>>,
) -> Result<DataAnswer, DataError> {
    let request = request.map_err(|error| DataError::new(DataErrorKind::Broken, error.to_string()))?;
    match tokio::time::timeout(limit, client.send(request)).await {
        Ok(answer) => answer.map_err(|error| DataError::new(DataErrorKind::Broken, error_chain(&error))),
        Err(_) => Err(DataError::new(DataErrorKind::Stalled, format!("no answer within {} s", limit.as_secs()))),
    }
}

async fn refusal(response: DataAnswer) -> DataError {
    let status = response.status();
    let mut document = Vec::new();
    let mut chunks = response.into_body().into_data_stream();
    let read = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            document.extend_from_slice(&chunk[..chunk.len().min(MAX_ERROR_BODY - document.len())]);
            if document.len() == MAX_ERROR_BODY {
                break;
            }
        }
    };
    tokio::time::timeout(STALL, read).await.ok();
    DataError::from_answer(status, &document)
}

/// Where the host sends us for the content, if it does.
fn redirection(from: &SignedUrl, answer: &DataAnswer) -> Option<SignedUrl> {
    const FOLLOWED: [u16; 5] = [301, 302, 303, 307, 308];
    let target = answer.headers().get(header::LOCATION).filter(|_| FOLLOWED.contains(&answer.status().as_u16()))?;
    let target = target.to_str().ok()?;
    SignedUrl::parse(target).or_else(|| {
        let base: url::Url = from.expose().to_string().parse().ok()?;
        SignedUrl::parse(base.join(target).ok()?.as_str())
    })
}

/// Bytes of the whole entity, if the answer brings exactly `range` of it, or at least begins with that.
///
/// # Errors
/// [`DataErrorKind::Shorter`] for an entity that ends before the range does, [`DataErrorKind::WrongRange`] for any
/// other answer.
fn total(status: StatusCode, headers: &HeaderMap, range: &Range<u64>) -> Result<u64, DataError> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    let wrong = |what: String| {
        let asked = format!("asked for bytes {}-{}", range.start, range.end - 1);
        DataError::new(DataErrorKind::WrongRange, format!("{asked}, got status {} {what}", status.as_u16()))
    };
    if let Some(encoding) = text(header::CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    {
        return Err(wrong(format!("in encoding {encoding}")));
    }
    let (answered, total) = match status {
        StatusCode::PARTIAL_CONTENT => content_range(headers)
            .ok_or_else(|| wrong(format!("range {}", text(header::CONTENT_RANGE).unwrap_or("none"))))?,
        // To a range that a host does not understand or cannot satisfy it gives the whole (reference 3.9).
        _ => {
            content_length(headers).map(|length| (0..length, length)).ok_or_else(|| wrong("without a length".into()))?
        }
    };
    if total < range.end {
        let message = format!("the content has {total} bytes, {} were expected", range.end);
        return Err(DataError::new(DataErrorKind::Shorter, message));
    }
    let exact = if status == StatusCode::OK { answered.start == range.start } else { answered == *range };
    if exact { Ok(total) } else { Err(wrong(format!("range {}-{}", answered.start, answered.end))) }
}

/// `Content-Range: bytes a-b/total` as a half-open range and the total.
fn content_range(headers: &HeaderMap) -> Option<(Range<u64>, u64)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.trim().split_once('-')?;
    let (first, last, total): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, total.trim().parse().ok()?);
    (first <= last && last < total).then(|| (first..last + 1, total))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// The body of one ranged GET, head checked: a stream of the frames as they come. It ends after
/// exactly the range asked for; anything else is an error.
pub struct DataBody {
    /// 206, or 200 where the host sends the whole.
    pub status: u16,
    /// Bytes of the whole entity.
    pub total: u64,
    /// `ETag` of the entity, raw, where given.
    pub etag: Option<String>,
    /// Checksum of the whole entity, raw, where given (reference 3.9).
    pub crc64: Option<String>,
    /// `Last-Modified`, raw, where given.
    pub last_modified: Option<String>,
    left: u64,
    body: Incoming,
    _place: Option<OwnedSemaphorePermit>,
    stall: Option<Pin<Box<Sleep>>>,
    /// Whether the stall clock runs: only while the reader waits for us.
    waiting: bool,
}

impl std::fmt::Debug for DataBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataBody").field("total", &self.total).field("left", &self.left).finish_non_exhaustive()
    }
}

impl DataBody {
    fn stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = Instant::now() + STALL;
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.waiting {
            stall.as_mut().reset(deadline);
            self.waiting = true;
        }
        stall.as_mut().poll(cx).is_ready()
    }

    fn take(&mut self, mut data: Bytes) -> Bytes {
        // A host that sends more than it was asked for is not believed beyond the range.
        if let Ok(left) = usize::try_from(self.left) {
            data.truncate(left);
        }
        self.left -= data.len() as u64;
        data
    }
}

impl Stream for DataBody {
    type Item = Result<Bytes, DataError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.left == 0 {
                return Poll::Ready(None);
            }
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Pending => {
                    if this.stalled(cx) {
                        let message = format!("no bytes for {} s", STALL.as_secs());
                        return Poll::Ready(Some(Err(DataError::new(DataErrorKind::Stalled, message))));
                    }
                    return Poll::Pending;
                }
                Poll::Ready(frame) => {
                    this.waiting = false;
                    match frame.map(|frame| frame.map(Frame::into_data)) {
                        Some(Ok(Ok(data))) if data.is_empty() => {}
                        Some(Ok(Ok(data))) => return Poll::Ready(Some(Ok(this.take(data)))),
                        Some(Ok(Err(_trailers))) => {}
                        Some(Err(error)) => {
                            let message = error_chain(&error);
                            return Poll::Ready(Some(Err(DataError::new(DataErrorKind::Broken, message))));
                        }
                        None => {
                            let message = format!("ended {} bytes early", this.left);
                            return Poll::Ready(Some(Err(DataError::new(DataErrorKind::Broken, message))));
                        }
                    }
                }
            }
        }
    }
}

/// A request body of known length made of the chunks it came in; none at all for a GET.
#[derive(Default)]
pub(super) struct Chunks {
    chunks: std::vec::IntoIter<Bytes>,
    /// Bytes not yet handed over.
    left: Arc<AtomicU64>,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let chunk = self.chunks.next();
        self.left.fetch_sub(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64), Ordering::Relaxed);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_on_a_dead_connection_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = SignedUrl::parse(&format!("http://{}/part", listener.local_addr().unwrap())).unwrap();
        let host = DataHost::new(&config::Upstream::default()).unwrap();
        let part = vec![Bytes::from(vec![0; 1 << 20]); 20];
        let sent = tokio::spawn(async move { host.put(&url, None, part).await });
        // Accepted, and then nothing is ever read.
        let _connection = listener.accept().await.unwrap();
        tokio::time::pause();
        assert_eq!(sent.await.unwrap().unwrap_err().kind, DataErrorKind::Stalled);
    }

    #[test]
    fn content_ranges_that_make_no_sense_are_not_believed() {
        let read =
            |text: &'static str| content_range(&HeaderMap::from_iter([(header::CONTENT_RANGE, text.parse().unwrap())]));
        assert_eq!(read("bytes 0-0/5"), Some((0..1, 5)));
        assert_eq!(read("bytes 2-4/5"), Some((2..5, 5)));
        for text in
            ["bytes 4-2/5", "bytes 0-5/5", "bytes */5", "bytes 0-1/*", "octets 0-1/5", "bytes 0-18446744073709551615/5"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
