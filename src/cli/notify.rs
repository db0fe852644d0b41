//! What systemd is told of the program's state (`Type=notify`); without systemd it goes nowhere.

use sd_notify::NotifyState;

/// Requests are answered.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Settings are being read again.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "systemd was not told of the reload"),
    }
}

/// The end has begun.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd could not be told of the program's state");
    }
}
