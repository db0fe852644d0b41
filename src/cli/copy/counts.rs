//! What may become of a file, and how many have come to what.

use serde::Serialize;

/// What has become of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// The drive had the content.
    Attached,
    /// Its bytes were sent.
    Sent,
    /// It has come from the drive. One of which the drive tells no SHA-1 is held to its length alone.
    Received {
        proved: bool,
    },
    /// The drive has made a copy of its own.
    Copied,
    /// It was at the destination.
    Present,
    /// It would be copied.
    Planned,
    /// It is nothing that is copied, or was not wanted.
    LeftOut(String),
    Failed(String),
}

/// Files, and the bytes in them.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Count {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Count {
    pub(super) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// All counts of a run.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Counts {
    /// Seen so far that are wanted.
    pub(super) found: Count,
    pub(super) attached: Count,
    pub(super) sent: Count,
    pub(super) received: Count,
    /// Of the received, those that were held to their length alone.
    pub(super) unproved: u64,
    pub(super) copied: Count,
    pub(super) present: Count,
    pub(super) planned: Count,
    pub(super) left_out: u64,
    pub(super) failed: u64,
    /// Of contents that have gone over the wire.
    pub(super) carried_bytes: u64,
}

impl Counts {
    /// What is at the destination by now.
    pub(super) fn there(&self) -> Count {
        let all = [self.attached, self.sent, self.received, self.copied, self.present, self.planned];
        Count { files: all.iter().map(|c| c.files).sum(), bytes: all.iter().map(|c| c.bytes).sum() }
    }
}
