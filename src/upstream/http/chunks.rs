//! The body of a request to the data host.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// A request body of known length made of the chunks it came in; none at all for a GET.
#[derive(Default)]
pub(in crate::upstream) struct Chunks {
    chunks: std::vec::IntoIter<Bytes>,
    /// Bytes not yet handed over.
    left: Arc<AtomicU64>,
}

impl Chunks {
    /// `left` holds the bytes of all chunks, and from now on those not yet handed over.
    pub(in crate::upstream) fn new(chunks: Vec<Bytes>, left: Arc<AtomicU64>) -> Self {
        Self { chunks: chunks.into_iter(), left }
    }
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
