//! The time that the service tells before any offset, and the form in which it tells it.

#[expect(clippy::disallowed_methods, reason = "the simulator uses no other module; this is its one reading")]
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A timestamp in the service's form (reference 0.3).
pub(super) fn timestamp(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| format!("{time:.3}")).unwrap_or_default()
}
