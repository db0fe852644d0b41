//! What a change is allowed, and what it has led to.

use std::sync::Arc;

use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::held::files::HeldFile;

/// What the client knows of a name and made a condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// No condition.
    #[default]
    Anything,
    /// The name is free.
    Nothing,
    /// The name holds what has this entity tag; empty for a folder, which has none.
    Tag(String),
}

impl Expected {
    /// Fails unless a name that holds this is what was expected. Ids do not count: an empty file changes its when it
    /// reaches the drive.
    pub(in crate::drive) fn check(&self, current: Option<&Entry>) -> Result<(), Error> {
        let holds = match (self, current) {
            (Self::Anything, _) | (Self::Nothing, None) => true,
            (Self::Tag(tag), Some(entry)) => entry.etag().unwrap_or_default() == *tag,
            (Self::Nothing, Some(_)) | (Self::Tag(_), None) => false,
        };
        if holds { Ok(()) } else { Err(Error::ConditionFailed) }
    }
}

/// What a COPY or MOVE may replace, and what of.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What is at the destination may go.
    pub overwrite: bool,
    /// Of the source.
    pub expected: Expected,
}

/// What a change has put under a name.
#[derive(Debug, Clone)]
pub struct Placed {
    /// What the name holds now.
    pub entry: Arc<Entry>,
    /// Id of what it held before.
    pub replaced: Option<Box<str>>,
    /// Id of what it is a copy of.
    pub copy_of: Option<Box<str>>,
}

/// What a name shows that holds these: a file that stays here covers the drive's, an empty one that waits does not.
pub(in crate::drive) fn seen<'a>(held: Option<&'a HeldFile>, drive: Option<&'a Arc<Entry>>) -> Option<&'a Entry> {
    let held = held.map(|held| (&*held.entry, held.is_local()));
    match (held, drive) {
        (Some((local, true)), _) => Some(local),
        (_, Some(drive)) => Some(drive),
        (held, None) => held.map(|(entry, _)| entry),
    }
}
