//! What the terminal says of the drives that a user granted.

use super::words::Language;
use crate::state::DriveIds;
use crate::upstream::GRANT_DRIVE;

/// Which drives were granted, and which of them is served where the settings name none.
///
/// # Errors
/// None was: nothing can be served, and what to do about it.
pub(super) fn words(drives: &DriveIds, tell: Language) -> Result<String, String> {
    let Some((default, id)) = drives.default_drive() else {
        return Err(tell.no_drive(GRANT_DRIVE));
    };
    let granted: Vec<&str> = drives.granted().map(|(kind, _)| kind.name()).collect();
    let named = drives.default_drive_id.as_deref();
    let note = if named.is_none_or(|named| named == id) { String::new() } else { tell.default_not_granted() };
    Ok(tell.drives_granted(&granted.join(", "), default.name(), &note))
}
