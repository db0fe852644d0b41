//! What a person can do about a refusal of the service, in words that go to terminal, log and client alike.
//!
//! Only where the refusal itself says what it takes. What depends on the account is `auth::status`'s.

use crate::upstream::error::{Error, ErrorKind};

/// How a drive is granted later: signing in again does not ask while the authorisation stands (reference 2.1).
pub const GRANT_DRIVE: &str = "withdraw alidav's authorisation in the drive's app (阿里云盘) first, then sign in again \
     with `alidav login` and tick that drive: as long as the authorisation stands, the app does not ask which drives";

/// Both reasons that the service has for this code (reference 5).
const FROZEN_OR_FULL: &str = "either the file or the account is frozen for a violation, or the account holds more than its \
     capacity: the drive's app says which; free space or extend the plan in the second case";

/// For some days of 2025 users of two applications were refused so while their drives were told (reference 5).
const OR_WAIT: &str =
    "or wait: the drive still knows the account, and it has refused whole applications for days before";

impl Error {
    /// What a person can do about it; absent where the refusal does not say.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        if self.kind == ErrorKind::FilesRefused {
            return Some(OR_WAIT);
        }
        match self.code.as_deref()? {
            "UserNotAllowedAccessDrive" => Some(GRANT_DRIVE),
            "UserNotAllowedAccessResource" => Some(FROZEN_OR_FULL),
            _ => None,
        }
    }
}
