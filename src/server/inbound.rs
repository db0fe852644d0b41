//! A request's body on its way in: counted, given up when its sender falls silent, and taken off the line
//! when nobody wants it any more.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Version, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, Sleep};

use crate::meters;

/// Longest silence of a client in the middle of a body, while the body is wanted.
const SILENCE: Duration = Duration::from_secs(120);

/// Longest that a refused body is still read over HTTP/1. A client that sends it whole before it looks for an
/// answer would find the connection reset instead, and never learn why (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(30);

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum InboundError<E> {
    /// The client sent nothing for too long.
    #[error("the client sent nothing for {} s", SILENCE.as_secs())]
    Silent,
    /// The connection's own failure.
    #[error(transparent)]
    Connection(#[from] E),
}

/// A body with the limits; the clock of silence runs only while somebody waits for the client.
pub(super) struct Inbound<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    /// Absent only while it is dropped.
    body: Option<B>,
    silence: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    /// Whether the rest must be read when it is not wanted: HTTP/2 ends a stream by itself, and a client that
    /// waits to be asked for the body does not send it.
    lingers: bool,
    http1: bool,
}

impl<B> Inbound<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    pub(super) fn new(body: B, head: &Parts) -> Self {
        let http1 = head.version < Version::HTTP_2;
        let lingers = http1 && !head.headers.contains_key(header::EXPECT);
        Self { body: Some(body), silence: None, waiting: false, lingers, http1 }
    }

    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = Instant::now() + SILENCE;
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.waiting {
            silence.as_mut().reset(deadline);
            self.waiting = true;
        }
        silence.as_mut().poll(cx).is_ready()
    }
}

impl<B> Drop for Inbound<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| self.lingers && !body.is_end_stream()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Ends with the connection at the latest.
        runtime.spawn(tokio::time::timeout(LINGER, async move { while let Some(Ok(_)) = body.frame().await {} }));
    }
}

impl<B> http_body::Body for Inbound<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    type Data = Bytes;
    type Error = InboundError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InboundError<B::Error>>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(cx) {
            Poll::Pending if self.is_silent(cx) => {
                self.lingers = false;
                Poll::Ready(Some(Err(InboundError::Silent)))
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(frame) => {
                self.waiting = false;
                self.lingers = self.http1 && matches!(frame, Some(Ok(_)));
                if let Some(Ok(frame)) = &frame {
                    let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                    metrics::counter!(meters::RECEIVED_BYTES).increment(length);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(InboundError::Connection)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;
    use http_body_util::StreamBody;

    // Keeps 79.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_falls_silent_is_given_up_and_a_slow_one_is_not() {
        let pieces = futures_util::stream::iter(0..5u8).then(|number| async move {
            tokio::time::sleep(Duration::from_secs(if number < 4 { 100 } else { 200 })).await;
            Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![number])))
        });
        let (head, ()) = http::Request::new(()).into_parts();
        let mut body = Inbound::new(StreamBody::new(Box::pin(pieces)), &head);
        for number in 0..4u8 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), vec![number]);
        }
        assert!(matches!(body.frame().await, Some(Err(InboundError::Silent))));
    }
}
