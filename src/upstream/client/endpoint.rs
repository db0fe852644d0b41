//! What is fixed about each endpoint of the API.

use std::time::Duration;

use crate::upstream::client::retry::Repeat;
use crate::upstream::pacer::RateClass;

/// Whose the account is; also asked where a refusal has to be understood.
pub(in crate::upstream) const DRIVE_INFO: Endpoint =
    Endpoint::new("user/getDriveInfo", "/adrive/v1.0/user/getDriveInfo");

/// What is fixed about an endpoint.
#[derive(Debug, Clone, Copy)]
pub(in crate::upstream) struct Endpoint {
    /// Short name for logs, metrics and errors.
    pub(in crate::upstream) name: &'static str,
    /// Path below the API's base URL.
    pub(in crate::upstream) path: &'static str,
    pub(in crate::upstream) class: RateClass,
    pub(in crate::upstream) repeat: Repeat,
    /// Longest wait for an answer.
    pub(in crate::upstream) timeout: Duration,
}

impl Endpoint {
    pub(in crate::upstream) const fn new(name: &'static str, path: &'static str) -> Self {
        Self { name, path, class: RateClass::Other, repeat: Repeat::Harmless, timeout: Duration::from_secs(30) }
    }

    pub(in crate::upstream) const fn class(mut self, class: RateClass) -> Self {
        self.class = class;
        self
    }

    pub(in crate::upstream) const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(in crate::upstream) const fn harmful(mut self) -> Self {
        self.repeat = Repeat::Harmful;
        self
    }
}
