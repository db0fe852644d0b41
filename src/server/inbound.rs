//! A request's body on its way in: counted, and given up when its sender falls silent.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// Longest silence of a client in the middle of a body, while the body is wanted.
const SILENCE: Duration = Duration::from_secs(120);

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

/// A body with the limit; its clock runs only while somebody waits for the client.
pub(super) struct Inbound<B> {
    body: B,
    silence: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl<B> Inbound<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body, silence: None, waiting: false }
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

impl<B> http_body::Body for Inbound<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = InboundError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InboundError<B::Error>>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending if self.is_silent(cx) => Poll::Ready(Some(Err(InboundError::Silent))),
            Poll::Pending => Poll::Pending,
            Poll::Ready(frame) => {
                self.waiting = false;
                if let Some(Ok(frame)) = &frame {
                    let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                    metrics::counter!("alidav_received_bytes_total").increment(length);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(InboundError::Connection)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;
    use http_body_util::{BodyExt as _, StreamBody};

    #[tokio::test(start_paused = true)]
    async fn a_client_that_falls_silent_is_given_up_and_a_slow_one_is_not() {
        let pieces = futures_util::stream::iter(0..5u8).then(|number| async move {
            tokio::time::sleep(Duration::from_secs(if number < 4 { 100 } else { 200 })).await;
            Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![number])))
        });
        let mut body = Inbound::new(StreamBody::new(Box::pin(pieces)));
        for number in 0..4u8 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), vec![number]);
        }
        assert!(matches!(body.frame().await, Some(Err(InboundError::Silent))));
    }
}
