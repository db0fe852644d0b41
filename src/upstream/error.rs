//! Every way a call can fail, classified by the service's `code`, not by the HTTP status.

use std::time::Duration;

/// A failed call: what is true of the resource or the service, apart from the words of the answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{call}: {kind}{}", self.detail())]
pub struct Error {
    /// What kind of failure it is; decides the client's status.
    pub kind: ErrorKind,
    /// Endpoint that failed, such as `openFile/list`.
    pub call: &'static str,
    /// The service's `code`, where it gave one.
    pub code: Option<String>,
    /// The service's message or the transport's, without links or tokens.
    pub message: Option<String>,
    /// The service's request id, for a complaint.
    pub request_id: Option<String>,
    /// How long the service asked to wait.
    pub retry_after: Option<Duration>,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ErrorKind {
    /// No such item, or it is in the recycle bin.
    #[error("not found")]
    NotFound,
    /// The folder named as parent does not exist.
    #[error("parent not found")]
    ParentNotFound,
    /// A same-named item is there.
    #[error("name exists")]
    NameExists,
    /// Drive or account is full (`QuotaExhausted.*`, `ExceedCapacityForbidden`).
    #[error("quota exhausted")]
    QuotaExhausted,
    /// File or account frozen, no permission, or the drive was not granted.
    #[error("forbidden")]
    Forbidden,
    /// 429, or no turn within the longest wait.
    #[error("throttled")]
    Throttled,
    /// The refresh token is refused, spent or absent, or the authorisation was withdrawn: a person must sign in.
    #[error("sign-in needed")]
    SignInNeeded,
    /// The files are refused to a token for which the account's drives are still told (`PermissionDenied`).
    #[error("files refused")]
    FilesRefused,
    /// The application's settings are refused (`InvalidClientId` and its like).
    #[error("application refused")]
    ApplicationRefused,
    /// The name is one the drive refuses.
    #[error("name refused")]
    InvalidName,
    /// The file or its number of parts is above the service's cap.
    #[error("too large")]
    TooLarge,
    /// Other content of this size and beginning may exist (`PreHashMatched`).
    #[error("pre-hash matched")]
    PreHashMatched,
    /// The proof of possession is wrong.
    #[error("proof refused")]
    ProofRefused,
    /// The uploaded content is not what `create` announced.
    #[error("content hash mismatch")]
    ContentHashMismatch,
    /// The upload session is gone.
    #[error("upload session gone")]
    UploadGone,
    /// The video is being transcoded.
    #[error("transcoding")]
    Transcoding,
    /// The service makes no preview of this.
    #[error("no preview")]
    NoPreview,
    /// The answer has no link (all fields null) although it says success.
    #[error("no link in the answer")]
    NoLink,
    /// The request was refused as wrong: a defect on our side.
    #[error("request refused")]
    InvalidRequest,
    /// Certificates or a proxy, as named, cannot be used.
    #[error("not possible")]
    Setup,
    /// 5xx, a gateway's page, or a broken connection, after all retries.
    #[error("service unavailable")]
    Unavailable,
    /// No connection could be made, after all retries.
    #[error("service unreachable")]
    Unreachable,
    /// No answer in time, after all retries.
    #[error("timed out")]
    Timeout,
    /// The answer is not what the API promises: broken JSON, a web page, missing ids.
    #[error("malformed answer")]
    Malformed,
    /// The state store failed, so a token could not be kept.
    #[error("state store failed")]
    Store,
}

impl ErrorKind {
    /// Whether the call may have taken effect although it failed.
    #[must_use]
    pub fn leaves_doubt(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unreachable | Self::Timeout | Self::Malformed)
    }
}

impl Error {
    /// A failure of `call` with nothing known but its kind.
    #[must_use]
    pub fn new(call: &'static str, kind: ErrorKind) -> Self {
        Self { kind, call, code: None, message: None, request_id: None, retry_after: None }
    }

    /// Whether the item was not found because it lies in the recycle bin.
    #[must_use]
    pub fn tells_of_recycle_bin(&self) -> bool {
        self.code.as_deref() == Some("ForbiddenFileInTheRecycleBin")
    }

    /// A client that cannot be made as the settings have it.
    pub(super) fn setup(message: impl Into<String>) -> Self {
        Self::new("connections to the drive", ErrorKind::Setup).message(message)
    }

    pub(super) fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    pub(super) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    fn detail(&self) -> String {
        let mut text = String::new();
        for part in [&self.code, &self.message].into_iter().flatten() {
            text.push_str(": ");
            text.push_str(part);
        }
        if let Some(id) = &self.request_id {
            text.push_str(" (request ");
            text.push_str(id);
            text.push(')');
        }
        if let Some(remedy) = self.remedy() {
            text.push_str("; ");
            text.push_str(remedy);
        }
        text
    }
}
