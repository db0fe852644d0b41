//! The signals that the program heeds instead of ending at once; on Windows a console's events stand for them.

use std::task::Poll;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, CtrlClose, CtrlShutdown, ctrl_c, ctrl_close, ctrl_shutdown};

/// Signals of some kinds. From its making on they do not end the program, and none is missed.
pub(super) struct Signals(Vec<Signal>);

impl Signals {
    /// Waits for the next of them.
    pub(super) async fn next(&mut self) {
        std::future::poll_fn(|cx| {
            let received = self.0.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
            if received { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(unix)]
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
}

#[cfg(windows)]
impl Signals {
    /// Those that ask for the end: Ctrl-C, a closed window, a machine that stops.
    pub(super) fn ending() -> Self {
        let kinds = [ctrl_c().map(Signal::C), ctrl_close().map(Signal::Close), ctrl_shutdown().map(Signal::Shutdown)];
        Self(kinds.into_iter().flatten().collect())
    }

    /// None asks to read the settings again; the file's own change does.
    pub(super) fn hangup() -> Self {
        Self(Vec::new())
    }
}

#[cfg(windows)]
enum Signal {
    C(CtrlC),
    Close(CtrlClose),
    Shutdown(CtrlShutdown),
}

#[cfg(windows)]
impl Signal {
    fn poll_recv(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Option<()>> {
        match self {
            Self::C(event) => event.poll_recv(cx),
            Self::Close(event) => event.poll_recv(cx),
            Self::Shutdown(event) => event.poll_recv(cx),
        }
    }
}
