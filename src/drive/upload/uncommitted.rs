//! A file that the drive has made for an upload which is not decided yet.

use crate::drive::change::undecided::{Mark, Undecided};
use crate::drive::upload::session::Session;

/// What the drive has made for an upload; as long as it lives the file is nobody's to replace.
pub(super) struct UncommittedFile {
    pub(super) file_id: String,
    /// Absent where there is nothing to commit.
    pub(super) upload_id: Option<String>,
    /// The drive had the content: the file shows already.
    pub(super) attached: bool,
    _mark: Mark,
}

impl UncommittedFile {
    /// The drive has attached content that was offered.
    pub(super) fn attached(undecided: &Undecided, file_id: String, upload_id: Option<String>) -> Self {
        Self { _mark: undecided.mark(&file_id), file_id, upload_id, attached: true }
    }

    /// All parts of a session are sent; nothing shows before its commit.
    pub(super) fn sent(undecided: &Undecided, session: Session) -> Self {
        let mark = undecided.mark(&session.file_id);
        Self { file_id: session.file_id, upload_id: Some(session.upload_id), attached: false, _mark: mark }
    }
}
