//! An access token on its way into a request.

use secrecy::{ExposeSecret as _, SecretString};

/// An access token to send.
#[derive(Clone, Debug)]
pub(in crate::upstream) struct Access(SecretString);

impl Access {
    pub(in crate::upstream) fn new(token: SecretString) -> Self {
        Self(token)
    }

    pub(in crate::upstream) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}
