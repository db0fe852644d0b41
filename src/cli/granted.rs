//! What the terminal says of the drives that a user granted.

use crate::state::DriveIds;
use crate::upstream::GRANT_DRIVE;

/// Which drives were granted, and which of them is served where the settings name none.
///
/// # Errors
/// None was: nothing can be served, and what to do about it.
pub(super) fn words(drives: &DriveIds) -> Result<String, String> {
    let Some((default, id)) = drives.default_drive() else {
        return Err(format!("no drive was granted, so there is nothing to serve; {GRANT_DRIVE}"));
    };
    let granted: Vec<&str> = drives.granted().map(|(kind, _)| kind.name()).collect();
    let named = drives.default_drive_id.as_deref();
    let note = if named.is_none_or(|named| named == id) { "" } else { ": the one the drive calls so was not granted" };
    Ok(format!("drives granted: {}; drive_type \"default\" is the {} drive{note}", granted.join(", "), default.name()))
}
