//! What systemd is told of the program's state (`Type=notify`); without systemd it goes nowhere.

#[cfg(unix)]
use sd_notify::NotifyState;

enum State {
    Ready,
    Reloading,
    Stopping,
}

/// Requests are answered.
pub(super) fn ready() {
    tell(&State::Ready);
}

/// Settings are being read again.
pub(super) fn reloading() {
    tell(&State::Reloading);
}

/// The end has begun.
pub(super) fn stopping() {
    tell(&State::Stopping);
}

#[cfg(unix)]
fn tell(state: &State) {
    let told = match state {
        State::Ready => sd_notify::notify(&[NotifyState::Ready]),
        State::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        State::Reloading => {
            NotifyState::monotonic_usec_now().and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now]))
        }
    };
    if let Err(error) = told {
        tracing::warn!(%error, "systemd could not be told of the program's state");
    }
}

#[cfg(not(unix))]
fn tell(_: &State) {}
