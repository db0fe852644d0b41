//! The body of a download: frames as they come, a clock for silence, an error unless it ends where it should.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http::header;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use crate::upstream::data::error::{DataError, DataErrorKind};
use crate::upstream::http::clients::{DataAnswer, error_chain};
use crate::upstream::http::exchange::Running;

const CRC64: header::HeaderName = header::HeaderName::from_static("x-oss-hash-crc64ecma");

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
    /// Its permit among those that are read in large pieces, and among all that are under way.
    _counted: (Option<OwnedSemaphorePermit>, Running),
    /// Longest silence while the reader waits.
    silence: Duration,
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
    /// Of an answer whose head was checked: `total` bytes in all, of which `left` are wanted.
    pub(super) fn new(
        response: DataAnswer,
        total: u64,
        left: u64,
        silence: Duration,
        counted: (Option<OwnedSemaphorePermit>, Running),
    ) -> Self {
        let text = |name: header::HeaderName| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        Self {
            status: response.status().as_u16(),
            total,
            etag: text(header::ETAG),
            crc64: text(CRC64),
            last_modified: text(header::LAST_MODIFIED),
            left,
            body: response.into_body(),
            _counted: counted,
            silence,
            stall: None,
            waiting: false,
        }
    }

    fn stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = Instant::now() + self.silence;
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
                        let message = format!("no bytes for {:?}", this.silence);
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
