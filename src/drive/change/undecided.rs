//! What uploads have made on the drive and not decided yet: it is nobody's to show as old, to replace or to give way to.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

/// The ids of these files; cheap to clone.
#[derive(Clone, Default)]
pub(in crate::drive) struct Undecided(Arc<Mutex<HashSet<Box<str>>>>);

/// A file is not decided for as long as this lives.
#[must_use = "a mark that is dropped at once marks nothing"]
pub(in crate::drive) struct Mark {
    undecided: Undecided,
    file_id: Box<str>,
}

impl Undecided {
    pub(in crate::drive) fn mark(&self, file_id: &str) -> Mark {
        self.0.lock().insert(file_id.into());
        Mark { undecided: self.clone(), file_id: file_id.into() }
    }

    pub(in crate::drive) fn contains(&self, file_id: &str) -> bool {
        self.0.lock().contains(file_id)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.undecided.0.lock().remove(&self.file_id);
    }
}
