//! The lines that `alidav check` prints.

use std::time::Instant;

use crate::cli::words::Language;

pub(super) struct Report {
    pub(super) failed: bool,
    /// What it is written in.
    pub(super) tell: Language,
}

impl Report {
    pub(super) fn line(
        &mut self,
        what: &str,
        started: Instant,
        result: Result<impl std::fmt::Display, impl std::fmt::Display>,
    ) {
        let ms = started.elapsed().as_millis();
        match result {
            Ok(text) => say!("ok   {what}: {text} ({ms} ms)"),
            Err(error) => {
                self.failed = true;
                say!("FAIL {what}: {error} ({ms} ms)");
            }
        }
    }

    /// A step that cannot work after another has failed: the cause stands there already.
    pub(super) fn not_tried(&self, what: &str, because: &str) {
        say!("     {}", self.tell.not_tried(what, because));
    }
}
