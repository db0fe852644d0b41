//! What the preview host has: playlists and subtitles whole, segments as they come (reference 3.22).
//!
//! No `Referer` but where the URL itself says that one was signed along. The rule of three connections does not bind
//! these URLs, so they take no slot.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;

use crate::meters;
use crate::upstream::data::error::{DataError, DataErrorKind};
use crate::upstream::data::{DataHost, HEAD_TIMEOUT, send};
use crate::upstream::http::chunks::Chunks;
use crate::upstream::http::clients::{DataAnswer, error_chain};
use crate::upstream::http::exchange::Running;
use crate::upstream::signed_url::SignedUrl;

/// Largest playlist or subtitles read: a film of a day has some 8 MB.
const MAX_TEXT: usize = 16 << 20;

/// Longest wait for the head of a segment, which may have to be made first (reference 3.22).
const SEGMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Whose pages the URLs of web tokens are for.
const REFERER: &str = "https://www.aliyundrive.com/";

/// A segment whose head has come.
#[derive(Debug)]
pub struct SegmentBody {
    /// Whether it is a part of the segment.
    pub partial: bool,
    /// Bytes that come.
    pub length: Option<u64>,
    /// `Content-Range`, raw, of a part.
    pub range: Option<String>,
    answer: DataAnswer,
    /// It counts as under way to its last byte.
    running: Running,
    /// Longest silence of its bytes.
    silence: Duration,
}

impl SegmentBody {
    /// The bytes as they come; an error where the connection breaks or nothing comes for too long.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, DataError>> + Send + 'static {
        let silence = self.silence;
        let frames = (self.answer.into_body().into_data_stream(), self.running);
        futures_util::stream::unfold(Some(frames), move |frames| async move {
            let (mut frames, running) = frames?;
            match tokio::time::timeout(silence, frames.next()).await {
                Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some((frames, running)))),
                Ok(Some(Err(error))) => Some((Err(DataError::new(DataErrorKind::Broken, error_chain(&error))), None)),
                Ok(None) => None,
                Err(_) => Some((Err(DataError::new(DataErrorKind::Stalled, "nothing came")), None)),
            }
        })
    }
}

impl DataHost {
    /// The whole of a playlist or of subtitles.
    ///
    /// # Errors
    /// Every [`DataErrorKind`] of a download.
    pub async fn text(&self, url: &SignedUrl) -> Result<Vec<u8>, DataError> {
        let mut stream = std::pin::pin!(self.preview(url, None, HEAD_TIMEOUT).await?.into_stream());
        let mut text = Vec::new();
        while let Some(bytes) = stream.next().await {
            let bytes = bytes?;
            if text.len() + bytes.len() > MAX_TEXT {
                return Err(DataError::new(DataErrorKind::WrongRange, "an endless text"));
            }
            text.extend_from_slice(&bytes);
        }
        Ok(text)
    }

    /// Opens a segment, or the range of it that a client has asked for, raw.
    ///
    /// # Errors
    /// Every [`DataErrorKind`] of a download.
    pub async fn segment(&self, url: &SignedUrl, range: Option<&str>) -> Result<SegmentBody, DataError> {
        self.preview(url, range, SEGMENT_TIMEOUT).await
    }

    async fn preview(&self, url: &SignedUrl, range: Option<&str>, limit: Duration) -> Result<SegmentBody, DataError> {
        let running = Running::begin();
        metrics::counter!(meters::DATA_REQUESTS, "method" => "GET").increment(1);
        let mut request = Request::get(url.expose().clone()).header(header::ACCEPT_ENCODING, "identity");
        if url.needs_referer() {
            request = request.header(header::REFERER, REFERER);
        }
        if let Some(range) = range {
            request = request.header(header::RANGE, range);
        }
        let answer = send(&self.small, limit, request.body(Chunks::default())).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(self.opened(answer, running)),
            _ => Err(self.refusal(answer).await),
        }
    }

    fn opened(&self, answer: DataAnswer, running: Running) -> SegmentBody {
        let headers = answer.headers();
        SegmentBody {
            partial: answer.status() == StatusCode::PARTIAL_CONTENT,
            length: headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()),
            range: headers.get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok()).map(str::to_owned),
            answer,
            running,
            silence: self.silence,
        }
    }
}
