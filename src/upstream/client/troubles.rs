//! What was wrong with an account's calls, for whoever asks how it is and was. Of one process.

use crate::clock::UnixMillis;
use crate::upstream::error::{Error, ErrorKind};

/// Why a call could not be made, or was of no use.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// When it was so last.
    pub at: UnixMillis,
    /// What was wrong, and what to do.
    pub words: String,
    /// Whether that is what the latest call came to.
    pub is_present: bool,
    /// By which the same trouble is known again.
    kind: ErrorKind,
}

/// The last trouble of each kind, the oldest first: while a service is away every call is the same trouble.
#[derive(Default)]
pub(in crate::upstream) struct Troubles(Vec<Trouble>);

impl Troubles {
    /// What the latest call came to.
    pub(super) fn note(&mut self, error: Option<&Error>) {
        for trouble in &mut self.0 {
            trouble.is_present = false;
        }
        let Some(error) = error else { return };
        let is_unusable = error.kind.leaves_doubt()
            || matches!(error.kind, ErrorKind::Throttled | ErrorKind::SignInNeeded | ErrorKind::FilesRefused);
        if is_unusable || matches!(error.kind, ErrorKind::QuotaExhausted | ErrorKind::Forbidden) {
            self.0.retain(|trouble| trouble.kind != error.kind);
            let (words, kind) = (error.to_string(), error.kind);
            self.0.push(Trouble { at: UnixMillis::now(), words, is_present: is_unusable, kind });
        }
    }

    /// Why the service could not be used by the latest call, if so.
    pub(super) fn present(&self) -> Option<&Trouble> {
        self.0.iter().find(|trouble| trouble.is_present)
    }

    /// The latest first.
    pub(super) fn newest(&self) -> Vec<Trouble> {
        self.0.iter().rev().cloned().collect()
    }
}
