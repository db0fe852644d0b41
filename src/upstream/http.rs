//! One request, one answer: connections, sending, and reading what came back. Knows no token, no rate and no retry.

pub(super) mod chunks;
pub(super) mod classify;
pub(super) mod clients;
pub(super) mod exchange;
mod outbound;
pub(super) mod trust;
