//! From a failure to a status: the one place where `dav` chooses the status of what went wrong.
//!
//! The client gets a short `DAV:error` saying what to do; the log gets the drive's code and request
//! id. Neither ever holds a link or a token.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};

use crate::drive;
use crate::protocol::href::HrefError;
use crate::protocol::{Body, reply};
use crate::upstream::{DataErrorKind, ErrorKind};

/// A request that fails: what the client is told and what the log is told.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    /// For the client: what is wrong and what to do.
    pub(super) text: String,
    /// Name of the violated precondition in the `DAV:` namespace (RFC 4918, section 16).
    pub(super) condition: Option<&'static str>,
    /// URL of the resource that the condition is about, encoded.
    pub(super) about: Option<Box<str>>,
    pub(super) retry_after: Option<Duration>,
    /// For the log.
    pub(super) cause: Option<Box<str>>,
    pub(super) headers: Vec<(header::HeaderName, HeaderValue)>,
}

/// When the drive does not say how long to wait.
const DEFAULT_RETRY: Duration = Duration::from_secs(5);

impl Failure {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            condition: None,
            about: None,
            retry_after: None,
            cause: None,
            headers: Vec::new(),
        }
    }

    pub(super) fn condition(mut self, name: &'static str) -> Self {
        self.condition = Some(name);
        self
    }

    pub(super) fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Somebody else's lock, by the URL where it sits, is in the way. A lock cannot be had beside it; any other method
    /// lacks its token.
    pub(super) fn locked(lock_root: String, wants_lock: bool) -> Self {
        let condition = if wants_lock { "no-conflicting-lock" } else { "lock-token-submitted" };
        let failure = Self::new(StatusCode::LOCKED, "somebody holds a lock on this").condition(condition);
        Self { about: Some(lock_root.into()), ..failure }
    }

    pub(super) fn busy(text: &str, wait: Option<Duration>) -> Self {
        Self { retry_after: Some(wait.unwrap_or(DEFAULT_RETRY)), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    /// The answer; a body only where the method allows one.
    pub(super) fn into_response(self, head: bool) -> Response<Body> {
        let document = document(self.condition, self.about.as_deref(), &self.text);
        let mut response = reply::xml(self.status, if head { String::new() } else { document });
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        headers.extend(self.headers);
        response
    }
}

fn document(condition: Option<&str>, about: Option<&str>, text: &str) -> String {
    let condition = condition.map(|name| match about {
        Some(href) => format!("<D:{name}><D:href>{href}</D:href></D:{name}>"),
        None => format!("<D:{name}/>"),
    });
    let condition = condition.unwrap_or_default();
    let text = quick_xml::escape::partial_escape(text);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\">{condition}\
         <message xmlns=\"urn:alidav\">{text}</message></D:error>\n"
    )
}

impl From<HrefError> for Failure {
    fn from(error: HrefError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<drive::Error> for Failure {
    fn from(error: drive::Error) -> Self {
        use drive::Error as E;
        let mut failure = match &error {
            E::NotFound => return Self::new(StatusCode::NOT_FOUND, "nothing is here"),
            E::NotAFolder => return Self::new(StatusCode::CONFLICT, "this is a file, not a folder"),
            E::IsAFolder => return Self::new(StatusCode::METHOD_NOT_ALLOWED, "this is a folder, not a file"),
            E::NoDriveGranted | E::DriveNotGranted { .. } => Self::new(StatusCode::FORBIDDEN, error.to_string()),
            E::Frozen => {
                return Self::new(StatusCode::FORBIDDEN, "the drive has frozen this file and does not give it out");
            }
            E::Changed { gone: true } => return Self::new(StatusCode::NOT_FOUND, "nothing is here"),
            E::Changed { gone: false } => {
                Self::busy("the file is being changed; try again", Some(Duration::from_secs(1)))
            }
            E::NoFreeStream { retry_after } => Self::busy(
                "all download connections that the drive allows are in use; stop another download or wait",
                Some(*retry_after),
            ),
            E::EndlessListing => {
                Self::new(StatusCode::BAD_GATEWAY, "the drive's listing contradicts itself; try again")
            }
            E::Stopping => Self::busy("the server is stopping", None),
            E::ReadOnly => return Self::new(StatusCode::FORBIDDEN, "this mount is read-only"),
            E::Protected => {
                return Self::new(StatusCode::FORBIDDEN, "a mount point cannot be changed here; change the settings");
            }
            E::ParentMissing => {
                return Self::new(StatusCode::CONFLICT, "the folder above does not exist; make it first");
            }
            E::NameExists => {
                return Self::new(StatusCode::PRECONDITION_FAILED, "something of this name is already there");
            }
            E::ConditionFailed => {
                return Self::new(StatusCode::PRECONDITION_FAILED, "a condition of the request does not hold any more");
            }
            E::IntoItself => {
                return Self::new(
                    StatusCode::FORBIDDEN,
                    "an item cannot be put into itself, nor in place of a folder that holds it",
                );
            }
            E::CrossDrive => {
                return Self::new(
                    StatusCode::BAD_GATEWAY,
                    "the two places are on different drives, between which the drive moves nothing; copy it by way of the client",
                );
            }
            E::Length { .. } => return Self::new(StatusCode::BAD_REQUEST, format!("{error}; nothing was changed")),
            E::Checksum => return Self::new(StatusCode::BAD_REQUEST, format!("{error}; nothing was changed")),
            E::Corrupt => {
                Self::new(StatusCode::BAD_GATEWAY, "the drive stored other content than was sent; nothing was changed")
            }
            E::NoUploadMemory { retry_after } => Self::busy(
                "other uploads hold all memory that upload.memory allows; try again, with fewer at a time",
                Some(*retry_after),
            ),
            E::PartsTooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "a file of this size needs larger parts than upload.memory can hold; raise it in the settings",
            ),
            E::Upload(_) | E::Task(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "the drive did not carry it out; try again")
            }
            E::Spool(_) => Self::busy("the server's spool folder cannot be used; its log says why", None),
            E::TooManyRemovals => Self::busy(
                "too many replaced versions could not be removed from the drive yet; the server's log says why",
                None,
            ),
            E::Upstream(upstream) => of_upstream(upstream),
            E::Data(data) => of_data(data.kind),
            E::State(_) => Self::busy("the state store failed; the server's log says why", None),
        };
        failure.cause = Some(error.to_string().into());
        failure
    }
}

fn of_upstream(error: &crate::upstream::Error) -> Failure {
    let new = |status, text: &str| Failure::new(status, text);
    match error.kind {
        ErrorKind::NotFound => new(StatusCode::NOT_FOUND, "nothing is here"),
        ErrorKind::ParentNotFound => new(StatusCode::CONFLICT, "the folder above does not exist"),
        ErrorKind::NameExists => new(StatusCode::METHOD_NOT_ALLOWED, "something of this name is already here"),
        ErrorKind::QuotaExhausted => no_space(),
        ErrorKind::Forbidden => Failure::new(
            StatusCode::FORBIDDEN,
            format!(
                "the drive refuses this ({}): {}",
                error.code.as_deref().unwrap_or("no code"),
                error.remedy().unwrap_or("the file or account is frozen, or there is no permission for it")
            ),
        ),
        ErrorKind::FilesRefused => Failure {
            retry_after: Some(Duration::from_secs(60)),
            ..new(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!(
                    "the drive refuses the account's files: run `alidav login` where alidav runs, {}",
                    error.remedy().unwrap_or("or wait")
                ),
            )
        },
        ErrorKind::Throttled | ErrorKind::Unavailable if error.call == "oauth/access_token" => Failure::busy(
            "the sign-in is not renewed yet: the token server takes long or does not answer; try again later",
            error.retry_after,
        ),
        ErrorKind::Throttled => {
            Failure::busy("the drive is limiting the rate of requests; wait and try again", error.retry_after)
        }
        ErrorKind::SignInNeeded => Failure {
            retry_after: Some(Duration::from_secs(60)),
            ..new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the drive does not accept the stored sign-in: run `alidav login` where alidav runs, or put a new \
                 refresh_token of the account into the configuration and restart alidav",
            )
        },
        ErrorKind::ApplicationRefused => Failure {
            retry_after: Some(Duration::from_secs(60)),
            ..new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the drive refuses the application: check client_id, client_secret and oauth_token_urls of the account",
            )
        },
        ErrorKind::InvalidName => new(StatusCode::BAD_REQUEST, "the drive refuses this name"),
        ErrorKind::TooLarge => {
            new(StatusCode::PAYLOAD_TOO_LARGE, "the file is larger than the drive takes from applications")
        }
        ErrorKind::NoLink | ErrorKind::Transcoding => {
            Failure::busy("the drive gives no link for this file at the moment; try again", error.retry_after)
        }
        ErrorKind::Store => Failure::busy("the state store failed; the server's log says why", None),
        ErrorKind::Timeout => new(StatusCode::GATEWAY_TIMEOUT, "the drive did not answer in time; try again"),
        ErrorKind::Unreachable => Failure::busy("the drive cannot be reached; the server's network is down", None),
        ErrorKind::Unavailable => new(StatusCode::BAD_GATEWAY, "the drive is in trouble; try again later"),
        ErrorKind::PreHashMatched
        | ErrorKind::ProofRefused
        | ErrorKind::ContentHashMismatch
        | ErrorKind::UploadGone
        | ErrorKind::InvalidRequest
        | ErrorKind::Malformed => {
            new(StatusCode::BAD_GATEWAY, "the drive gave an answer that makes no sense; the log has it")
        }
    }
}

fn no_space() -> Failure {
    let text = "the drive is full or over its capacity; free space or extend it, then try again";
    Failure::new(StatusCode::INSUFFICIENT_STORAGE, text).condition("quota-not-exceeded")
}

fn of_data(kind: DataErrorKind) -> Failure {
    match kind {
        DataErrorKind::TooManyStreams => {
            Failure::busy("the drive allows no further download connection; wait and try again", None)
        }
        DataErrorKind::Throttled => {
            Failure::busy("the drive is limiting the rate of requests; wait and try again", None)
        }
        DataErrorKind::NoSpace => no_space(),
        DataErrorKind::Stalled => {
            Failure::new(StatusCode::GATEWAY_TIMEOUT, "the drive sent nothing in time; try again")
        }
        DataErrorKind::Refused | DataErrorKind::Redirected | DataErrorKind::Gone => {
            Failure::new(StatusCode::BAD_GATEWAY, "the drive refuses its own link; try again")
        }
        DataErrorKind::Expired
        | DataErrorKind::WrongRange
        | DataErrorKind::Shorter
        | DataErrorKind::Unavailable
        | DataErrorKind::Broken
        | DataErrorKind::PartAlreadyExists
        | DataErrorKind::PartNotSequential
        | DataErrorKind::UploadGone => {
            Failure::new(StatusCode::BAD_GATEWAY, "the transfer from the drive failed; try again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_whole_seconds_and_at_least_one() {
        let wait = |ms| {
            let response = Failure::busy("", Some(Duration::from_millis(ms))).into_response(false);
            response.headers()[header::RETRY_AFTER].clone()
        };
        assert_eq!(wait(0), "1");
        assert_eq!(wait(3300), "4");
        assert_eq!(wait(2000), "2");
    }

    #[test]
    fn the_text_is_escaped() {
        assert!(document(None, None, "a<b&c").contains("a&lt;b&amp;c"));
        assert!(document(Some("propfind-finite-depth"), None, "").contains("<D:propfind-finite-depth/>"));
    }
}
