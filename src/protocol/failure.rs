//! The status of every failure of the tree and the words for the client: one table, which `dav` and `web` both ask.
//!
//! The words say what to do. They never hold a link or a token; the cause goes to the log.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

use crate::drive::{DriveTrouble, Error, ErrorKind};

/// When the drive does not say how long to wait.
pub const DEFAULT_RETRY: Duration = Duration::from_secs(5);

/// When a person has to do something first.
const PERSON_RETRY: Duration = Duration::from_secs(60);

/// What a failure is answered by.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The status.
    pub status: StatusCode,
    /// What is wrong and what to do.
    pub text: Cow<'static, str>,
    /// When it is worth trying again, where waiting helps.
    pub retry_after: Option<Duration>,
}

impl Verdict {
    fn new(status: StatusCode, text: &'static str) -> Self {
        Self { status, text: text.into(), retry_after: None }
    }

    /// Waiting helps: so long, or else the usual time.
    fn busy(text: &'static str, wait: Option<Duration>) -> Self {
        Self { retry_after: Some(wait.unwrap_or(DEFAULT_RETRY)), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }
}

/// What an answer of WebDAV's says of its failure, for those who tell it in another form; goes with the answer as an
/// extension.
#[derive(Debug, Clone)]
pub struct FailureDetail {
    /// What is wrong and what to do.
    pub words: String,
    /// What the tree said, where it was the tree.
    pub kind: Option<ErrorKind>,
}

/// Looks a failure up.
#[must_use]
pub fn verdict(error: &Error) -> Verdict {
    use ErrorKind as K;
    let new = Verdict::new;
    let busy = |text| Verdict::busy(text, error.retry_after());
    let told = |status, words: String| Verdict { text: words.into(), ..new(status, "") };
    match error.kind() {
        K::NotFound => new(StatusCode::NOT_FOUND, "nothing is here"),
        K::NotAFolder => new(StatusCode::CONFLICT, "this is a file, not a folder"),
        K::IsAFolder => new(StatusCode::METHOD_NOT_ALLOWED, "this is a folder, not a file"),
        K::NotGranted => told(StatusCode::FORBIDDEN, error.to_string()),
        K::Frozen => new(StatusCode::FORBIDDEN, "the drive has frozen this file and does not give it out"),
        K::Transcoding => busy("the drive is still transcoding this film; try again in a moment, or play the original"),
        K::NoPreview => told(StatusCode::NOT_FOUND, format!("{error}; play the original")),
        K::OtherFilm => new(StatusCode::GONE, "this film was replaced on the drive; open it again"),
        K::Changing => busy("the file is being changed; try again"),
        K::NoFreeStream => {
            busy("all download connections that the drive allows are in use; stop another download or wait")
        }
        K::EndlessListing => new(StatusCode::BAD_GATEWAY, "the drive's listing contradicts itself; try again"),
        K::Stopping => busy("the server is stopping"),
        K::ReadOnly => new(StatusCode::FORBIDDEN, "this mount is read-only"),
        K::InView => new(
            StatusCode::FORBIDDEN,
            "this is a view, made of another folder's films, and cannot be changed: change that folder",
        ),
        K::Protected => new(StatusCode::FORBIDDEN, "a mount point cannot be changed here; change the settings"),
        K::ParentMissing => new(StatusCode::CONFLICT, "the folder above does not exist; make it first"),
        K::NameExists => new(StatusCode::PRECONDITION_FAILED, "something of this name is already there"),
        K::ConditionFailed => new(StatusCode::PRECONDITION_FAILED, "a condition of the request does not hold any more"),
        K::IntoItself => {
            new(StatusCode::FORBIDDEN, "an item cannot be put into itself, nor in place of a folder that holds it")
        }
        K::CrossDrive => new(StatusCode::BAD_GATEWAY, "the drive copies nothing between these two places; try again"),
        K::Partly => told(StatusCode::BAD_GATEWAY, format!("{error}; try again: what has arrived is not copied twice")),
        K::Cancelled => new(StatusCode::CONFLICT, "this copy was cancelled; what has arrived stays"),
        K::OtherContent => told(StatusCode::BAD_REQUEST, format!("{error}; nothing was changed")),
        K::Corrupt => new(StatusCode::BAD_GATEWAY, "the drive stored other content than was sent; nothing was changed"),
        K::NoUploadMemory => {
            busy("other uploads hold all memory that upload.memory allows; try again, with fewer at a time")
        }
        K::PartsTooLarge => new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "a file of this size needs larger parts than upload.memory can hold; raise it in the settings",
        ),
        K::NotCarriedOut => new(StatusCode::BAD_GATEWAY, "the drive did not carry it out; try again"),
        K::Source => new(StatusCode::BAD_GATEWAY, "what is to be copied cannot be read where it is; try again"),
        K::Spool => busy("the server's spool folder cannot be used; its log says why"),
        K::SpoolFull => spool_full(error),
        K::TooManyRemovals => {
            busy("too many replaced versions could not be removed from the drive yet; the server's log says why")
        }
        K::Store => busy("the state store failed; the server's log says why"),
        K::Drive(trouble) => of_drive(trouble, error),
    }
}

fn spool_full(error: &Error) -> Verdict {
    let text = "the server has no room to keep the chunks of this file until the last has come: raise \
                upload.spool_limit, send fewer files at a time, or send them whole (nextcloud_chunk_size=0)";
    Verdict { retry_after: error.retry_after(), ..Verdict::new(StatusCode::INSUFFICIENT_STORAGE, text) }
}

fn of_drive(trouble: DriveTrouble, error: &Error) -> Verdict {
    use DriveTrouble as T;
    let new = Verdict::new;
    let busy = |text| Verdict::busy(text, error.retry_after());
    let person = |text| Verdict::busy(text, Some(PERSON_RETRY));
    match trouble {
        T::NameTaken => new(StatusCode::METHOD_NOT_ALLOWED, "something of this name is already here"),
        T::Full => new(
            StatusCode::INSUFFICIENT_STORAGE,
            "the drive is full or over its capacity; free space or extend it, then try again",
        ),
        T::Forbidden => {
            let code = error.code().unwrap_or("no code");
            let usual = "the file or account is frozen, or there is no permission for it";
            let words = format!("the drive refuses this ({code}): {}", error.remedy().unwrap_or(usual));
            Verdict { text: words.into(), ..new(StatusCode::FORBIDDEN, "") }
        }
        T::FilesRefused => {
            let remedy = error.remedy().unwrap_or("or wait");
            let words =
                format!("the drive refuses the account's files: run `alidav login` where alidav runs, {remedy}");
            Verdict { text: words.into(), ..person("") }
        }
        T::SignInLate => {
            busy("the sign-in is not renewed yet: the token server takes long or does not answer; try again later")
        }
        T::Throttled => busy("the drive is limiting the rate of requests; wait and try again"),
        T::SignInNeeded => person(
            "the drive does not accept the stored sign-in: run `alidav login` where alidav runs, or put a new \
             refresh_token of the account into the configuration and restart alidav",
        ),
        T::ApplicationRefused => person(
            "the drive refuses the application: check client_id, client_secret and oauth_token_urls of the account",
        ),
        T::InvalidName => new(StatusCode::BAD_REQUEST, "the drive refuses this name"),
        T::TooLarge => new(StatusCode::PAYLOAD_TOO_LARGE, "the file is larger than the drive takes from applications"),
        T::NoLink => busy("the drive gives no link for this file at the moment; try again"),
        T::Timeout => new(StatusCode::GATEWAY_TIMEOUT, "the drive did not answer in time; try again"),
        T::Unreachable => Verdict::busy("the drive cannot be reached; the server's network is down", None),
        T::Unavailable => new(StatusCode::BAD_GATEWAY, "the drive is in trouble; try again later"),
        T::Nonsense => new(StatusCode::BAD_GATEWAY, "the drive gave an answer that makes no sense; the log has it"),
        T::TooManyStreams => busy("the drive allows no further download connection; wait and try again"),
        T::Stalled => new(StatusCode::GATEWAY_TIMEOUT, "the drive sent nothing in time; try again"),
        T::LinkRefused => new(StatusCode::BAD_GATEWAY, "the drive refuses its own link; try again"),
        T::TransferFailed => new(StatusCode::BAD_GATEWAY, "the transfer from the drive failed; try again"),
    }
}
