//! The lines that `alidav check` prints.

use std::time::Instant;

pub(super) struct Report {
    pub(super) failed: bool,
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
}
