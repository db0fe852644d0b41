//! Every reason why a sign-in does not come to tokens, each with its remedy.

use crate::upstream::error::{Error, ErrorKind};

/// Why a sign-in failed; the words are for the person who signs in and say what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct SignInError {
    /// What kind of failure it is.
    pub kind: SignInErrorKind,
    /// Words and remedy, without tokens or codes.
    pub message: String,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInErrorKind {
    /// No connection to the service, or to any token server.
    Unreachable,
    /// The application's id or secret is refused.
    ApplicationRefused,
    /// Too many calls; wait.
    Throttled,
    /// The service, or every token server, is in trouble.
    ServerTrouble,
    /// The person refused on the phone.
    RefusedByUser,
    /// The authorisation came and could not be turned into tokens.
    NotExchanged,
    /// Another user is signed in under this account's name.
    OtherUser,
    /// The tokens could not be kept.
    NotKept,
}

impl SignInError {
    pub(in crate::upstream) fn new(kind: SignInErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// No place gave a code; the last of the failures decides the kind, all are told.
    pub(in crate::upstream) fn no_code(account: &str, failures: &[Error]) -> Self {
        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let words = words.join("; ");
        let kind = match failures.last().map(|error| error.kind) {
            Some(ErrorKind::Unreachable | ErrorKind::Timeout) => SignInErrorKind::Unreachable,
            Some(ErrorKind::ApplicationRefused) => SignInErrorKind::ApplicationRefused,
            Some(ErrorKind::Throttled) => SignInErrorKind::Throttled,
            _ => SignInErrorKind::ServerTrouble,
        };
        let remedy = match kind {
            SignInErrorKind::Unreachable => "check the network, DNS and upstream.outbound_proxy".to_owned(),
            SignInErrorKind::ApplicationRefused => {
                format!(
                    "check client_id and client_secret of account {account:?}; an application may also have been cancelled"
                )
            }
            SignInErrorKind::Throttled => "wait some minutes".to_owned(),
            _ => format!("try again later, or name another token server in oauth_token_urls of account {account:?}"),
        };
        Self::new(kind, format!("no code to scan was given ({words}); {remedy}"))
    }

    /// The authorisation could not be exchanged.
    pub(in crate::upstream) fn not_exchanged(account: &str, error: &Error) -> Self {
        match error.kind {
            ErrorKind::ApplicationRefused => Self::new(
                SignInErrorKind::ApplicationRefused,
                format!("the tokens were refused ({error}); check client_id and client_secret of account {account:?}"),
            ),
            _ => Self::new(
                SignInErrorKind::NotExchanged,
                format!("the sign-in was confirmed but no tokens came ({error}); start again with a new code"),
            ),
        }
    }

    /// The tokens are another user's.
    pub(in crate::upstream) fn other_user(account: &str) -> Self {
        Self::new(
            SignInErrorKind::OtherUser,
            format!(
                "account {account:?} belongs to another user of the drive, whose tokens were left alone; scan with that user's phone, \
                 give this user an [[account]] of its own, or run `alidav login --account {account} --replace` and restart the server"
            ),
        )
    }
}
