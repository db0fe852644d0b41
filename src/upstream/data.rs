//! Bytes from and to the data host by signed URLs (reference 3.9, 3.12).
//!
//! Answers for one transfer: its head is checked before anything is believed, its body hands on the
//! frames as they come and ends in an error unless it ends exactly where it should. Whether to ask
//! again, by which link and from where on, is the caller's.

pub(super) mod body;
pub(super) mod error;
mod head;
pub(super) mod preview;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config;
use crate::meters;
use crate::upstream::data::body::DataBody;
use crate::upstream::data::error::{DataError, DataErrorKind};
use crate::upstream::error::Error;
use crate::upstream::http::chunks::Chunks;
use crate::upstream::http::clients::{DataAnswer, DataClient, error_chain};
use crate::upstream::http::exchange::Running;
use crate::upstream::signed_url::SignedUrl;

/// Longest wait for the head of an answer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time in which the connection takes nothing more of a part, or the answer to the whole does not come.
/// What the system holds back of a part takes minutes on a slow line.
const PART_STALL: Duration = Duration::from_secs(300);

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
    /// Longest silence of a body.
    silence: Duration,
}

/// A client that reads in large pieces, and how many bodies it may read at a time.
#[derive(Clone, Debug)]
struct LargeReader {
    client: DataClient,
    permits: Arc<Semaphore>,
}

impl DataHost {
    pub(super) fn new(settings: &config::Upstream, silence: Duration) -> Result<Self, Error> {
        let large = |(size, bodies)| {
            let client = DataClient::new(settings, size)?;
            Ok(LargeReader { client, permits: Arc::new(Semaphore::new(bodies)) })
        };
        Ok(Self {
            large: LARGE_READS.into_iter().map(large).collect::<Result<_, Error>>()?,
            small: DataClient::new(settings, SMALL_READ)?,
            upload: DataClient::new(settings, WRITE)?,
            silence,
        })
    }

    /// The client for one more body, and the body's permit there.
    fn reader(&self) -> (&DataClient, Option<OwnedSemaphorePermit>) {
        let free = |large: &LargeReader| large.permits.clone().try_acquire_owned().ok();
        match self.large.iter().find_map(|large| Some((&large.client, free(large)?))) {
            Some((client, permit)) => (client, Some(permit)),
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
        let (client, permit) = self.reader();
        let running = Running::begin();
        let mut url = url.clone();
        let mut hops = 0;
        let response = loop {
            metrics::counter!(meters::DATA_REQUESTS, "method" => "GET").increment(1);
            let request = Request::get(url.expose().clone())
                .header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1))
                // Compressed bytes are not the file's.
                .header(header::ACCEPT_ENCODING, "identity")
                .body(Chunks::default());
            let response = send(client, HEAD_TIMEOUT, request).await?;
            match head::redirection(&url, &response).filter(|_| hops < redirects) {
                Some(next) => (url, hops) = (next, hops + 1),
                None => break response,
            }
        };
        if !matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Err(self.refusal(response).await);
        }
        let total = head::total(response.status(), response.headers(), &range)?;
        Ok(DataBody::new(response, total, range.end - range.start, self.silence, (permit, running)))
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
        metrics::counter!(meters::DATA_REQUESTS, "method" => "PUT").increment(1);
        let _running = Running::begin();
        let length: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        // The length is stated and no type is, unless the service named one: both are in the signature.
        let mut request = Request::put(url.expose().clone()).header(header::CONTENT_LENGTH, length);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let left = Arc::new(AtomicU64::new(length));
        let body = Chunks::new(chunks, left.clone());
        let sent = send(&self.upload, Duration::MAX, request.body(body));
        let response = tokio::select! {
            response = sent => response?,
            () = standstill(&left) => {
                let message = format!("nothing moved for {} s", PART_STALL.as_secs());
                return Err(DataError::new(DataErrorKind::Stalled, message));
            }
        };
        if response.status().is_success() { Ok(()) } else { Err(self.refusal(response).await) }
    }

    async fn refusal(&self, response: DataAnswer) -> DataError {
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
        tokio::time::timeout(self.silence, read).await.ok();
        DataError::from_answer(status, &document)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_on_a_dead_connection_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = SignedUrl::parse(&format!("http://{}/part", listener.local_addr().unwrap())).unwrap();
        let host = DataHost::new(&config::Upstream::default(), config::Timeouts::default().silent_body).unwrap();
        let part = vec![Bytes::from(vec![0; 1 << 20]); 20];
        let sent = tokio::spawn(async move { host.put(&url, None, part).await });
        // Accepted, and then nothing is ever read.
        let _connection = listener.accept().await.unwrap();
        tokio::time::pause();
        assert_eq!(sent.await.unwrap().unwrap_err().kind, DataErrorKind::Stalled);
    }
}
