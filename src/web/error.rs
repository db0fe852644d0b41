//! What went wrong, as the JSON API tells it: words with the remedy, a code for programs, a status.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::drive::{self, DriveTrouble, ErrorKind};
use crate::protocol::failure::{DEFAULT_RETRY, FailureDetail, Verdict, verdict};
use crate::protocol::{Body, RequestId, reply};
use crate::state;

/// Kinds of failure that a page treats each in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the API's own words")]
pub enum Code {
    Unauthenticated,
    Forbidden,
    ReadOnly,
    Frozen,
    NotFound,
    Exists,
    Changed,
    TooLarge,
    BadName,
    BadRequest,
    Quota,
    Throttled,
    Busy,
    SignInNeeded,
    Drive,
    Internal,
}

impl Code {
    /// Its word in an answer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::ReadOnly => "read_only",
            Self::Frozen => "frozen",
            Self::NotFound => "not_found",
            Self::Exists => "exists",
            Self::Changed => "changed",
            Self::TooLarge => "too_large",
            Self::BadName => "bad_name",
            Self::BadRequest => "bad_request",
            Self::Quota => "quota",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
            Self::SignInNeeded => "sign_in_needed",
            Self::Drive => "drive",
            Self::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ReadOnly | Self::Frozen => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Exists => StatusCode::CONFLICT,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadName | Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Quota => StatusCode::INSUFFICIENT_STORAGE,
            Self::Throttled | Self::Busy | Self::SignInNeeded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Drive => StatusCode::BAD_GATEWAY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<ErrorKind> for Code {
    fn from(kind: ErrorKind) -> Self {
        use ErrorKind as K;
        match kind {
            K::NotFound | K::ParentMissing | K::NoPreview => Self::NotFound,
            K::Transcoding => Self::Busy,
            K::OtherFilm => Self::Changed,
            K::NotAFolder | K::IsAFolder | K::IntoItself | K::OtherContent => Self::BadRequest,
            K::NotGranted | K::Protected | K::CrossDrive => Self::Forbidden,
            K::Frozen => Self::Frozen,
            K::ReadOnly | K::InView => Self::ReadOnly,
            K::NameExists => Self::Exists,
            K::ConditionFailed => Self::Changed,
            K::PartsTooLarge => Self::TooLarge,
            K::Changing | K::Cancelled | K::NoFreeStream | K::Stopping | K::NoUploadMemory => Self::Busy,
            K::Spool | K::SpoolFull | K::TooManyRemovals | K::Store => Self::Busy,
            K::EndlessListing | K::Corrupt | K::NotCarriedOut | K::Source | K::Partly => Self::Drive,
            K::Drive(trouble) => trouble.into(),
        }
    }
}

impl From<DriveTrouble> for Code {
    fn from(trouble: DriveTrouble) -> Self {
        use DriveTrouble as T;
        match trouble {
            T::NameTaken => Self::Exists,
            T::Full => Self::Quota,
            T::Forbidden => Self::Frozen,
            T::FilesRefused | T::SignInNeeded | T::ApplicationRefused => Self::SignInNeeded,
            T::Throttled => Self::Throttled,
            T::InvalidName => Self::BadName,
            T::TooLarge => Self::TooLarge,
            T::SignInLate | T::NoLink | T::TooManyStreams => Self::Busy,
            T::Timeout | T::Unreachable | T::Unavailable | T::Nonsense => Self::Drive,
            T::Stalled | T::LinkRefused | T::TransferFailed => Self::Drive,
        }
    }
}

/// A call that fails.
#[derive(Debug, Clone)]
pub struct Refusal {
    code: Code,
    status: StatusCode,
    words: Cow<'static, str>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// `words` say what is wrong and what to do.
    pub fn new(code: Code, words: impl Into<Cow<'static, str>>) -> Self {
        Self { code, status: code.status(), words: words.into(), retry_after: None }
    }

    /// What the call asks for makes no sense.
    pub(super) fn bad(words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadRequest, words)
    }

    /// Of a part that chooses the status itself.
    pub(super) fn of(status: StatusCode, words: String) -> Self {
        let code = match status {
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::FORBIDDEN | StatusCode::CONFLICT => Code::Forbidden,
            StatusCode::TOO_MANY_REQUESTS => Code::Throttled,
            StatusCode::SERVICE_UNAVAILABLE => Code::Busy,
            StatusCode::BAD_GATEWAY => Code::Drive,
            _ if status.is_client_error() => Code::BadRequest,
            _ => Code::Internal,
        };
        Self { status, ..Self::new(code, words) }
    }

    /// The path is served by another method.
    pub(super) fn method(allowed: &str) -> Self {
        let words = format!("this call takes {allowed}");
        Self { status: StatusCode::METHOD_NOT_ALLOWED, ..Self::bad(words) }
    }

    /// Too many wrong passwords from there.
    #[must_use]
    pub fn locked(wait: Duration) -> Self {
        let refusal = Self::new(Code::Throttled, "too many wrong passwords; wait");
        Self { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(wait), ..refusal }
    }

    /// What WebDAV has answered to a change, other than that it is done.
    pub(super) fn of_webdav(response: &Response<Body>) -> Self {
        let detail = response.extensions().get::<FailureDetail>();
        let status = response.status();
        let code = match (detail.and_then(|detail| detail.kind), status) {
            (Some(kind), _) => kind.into(),
            (None, StatusCode::NOT_FOUND | StatusCode::CONFLICT) => Code::NotFound,
            (None, StatusCode::FORBIDDEN) => Code::Forbidden,
            (None, StatusCode::METHOD_NOT_ALLOWED) => Code::Exists,
            (None, StatusCode::PRECONDITION_FAILED) => Code::Changed,
            (None, StatusCode::PAYLOAD_TOO_LARGE) => Code::TooLarge,
            (None, StatusCode::INSUFFICIENT_STORAGE) => Code::Quota,
            (None, StatusCode::LOCKED | StatusCode::SERVICE_UNAVAILABLE) => Code::Busy,
            (None, _) if status.is_client_error() => Code::BadRequest,
            (None, _) => Code::Drive,
        };
        let words = detail.map_or_else(|| "it could not be carried out".to_owned(), |detail| detail.words.clone());
        let seconds = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Self { retry_after: seconds.map(Duration::from_secs), ..Self::new(code, words) }
    }

    /// Its kind.
    pub(super) fn code(&self) -> Code {
        self.code
    }

    /// What is wrong and what to do.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// The same words under another code.
    pub(super) fn with_code(self, code: Code) -> Self {
        Self { code, status: code.status(), ..self }
    }

    /// What an answer about several paths says of one.
    pub(super) fn members(&self) -> serde_json::Value {
        let mut told = json!({ "error": self.words, "code": self.code.as_str() });
        if let Some(wait) = self.retry_after {
            told["retry_after_ms"] = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into();
        }
        told
    }

    /// The answer.
    #[must_use]
    pub fn into_response(self, request: RequestId) -> Response<Body> {
        let mut told = self.members();
        told["request_id"] = request.as_str().into();
        let mut response = reply::json(self.status, &told);
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

impl From<drive::Error> for Refusal {
    fn from(error: drive::Error) -> Self {
        let Verdict { status, text, retry_after } = verdict(&error);
        if status.is_server_error() {
            tracing::warn!(%error, "a page's call failed");
        }
        let code = Code::from(error.kind());
        // The drive's own troubles differ: it did not answer in time, or answered nonsense.
        let status = if code == Code::Drive { status } else { code.status() };
        Self { code, status, words: text, retry_after }
    }
}

impl From<state::Error> for Refusal {
    fn from(error: state::Error) -> Self {
        tracing::error!(%error, "the state store failed a page's call");
        let words = "the state store failed; the server's log says why";
        Self { retry_after: Some(DEFAULT_RETRY), ..Self::new(Code::Busy, words) }
    }
}
