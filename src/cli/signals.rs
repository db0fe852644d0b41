//! The signals that the program heeds instead of ending at once.

use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals of some kinds. From its making on they do not end the program, and none is missed.
pub(super) struct Signals(Vec<Signal>);

impl Signals {
    /// Those that ask for the end: SIGTERM, and SIGINT of Ctrl-C.
    pub(super) fn ending() -> Self {
        Self::of(&[SignalKind::terminate(), SignalKind::interrupt()])
    }

    /// SIGHUP, which asks to read the settings again.
    pub(super) fn hangup() -> Self {
        Self::of(&[SignalKind::hangup()])
    }

    fn of(kinds: &[SignalKind]) -> Self {
        Self(kinds.iter().filter_map(|kind| signal(*kind).ok()).collect())
    }

    /// Waits for the next of them.
    pub(super) async fn next(&mut self) {
        std::future::poll_fn(|cx| {
            let received = self.0.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
            if received { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
