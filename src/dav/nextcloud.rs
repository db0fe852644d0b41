//! The addresses by which Nextcloud's clients know WebDAV: `/remote.php/dav/files/USER/…` is the tree of who signed in,
//! `/remote.php/dav/uploads/USER/ID/CHUNK` an upload that comes in chunks (clients reference, section 4).
//!
//! They stand beside `dav_prefix` and never within it, so that no folder of a drive is hidden by them. Nothing else of
//! Nextcloud is served.

mod assemble;
pub(super) mod uploads;

use http::StatusCode;

use crate::dav::context::Context;
use crate::dav::error::Failure;
use crate::dav::site::Site;
use crate::drive::Path;
use crate::protocol::href;

/// Where all of it lies.
const DAV: &str = "/remote.php/dav";

/// Who asks without a name.
const ANONYMOUS: &str = "anonymous";

/// One of these addresses.
pub(super) enum Address {
    /// In the tree, which is served below another prefix here.
    Files(Site),
    /// Beside it.
    Uploads(Uploads),
}

/// An upload that comes in chunks, or one of its members.
pub(super) struct Uploads {
    /// The tree that its `Destination` lies in.
    pub(super) site: Site,
    /// What its client calls the upload.
    pub(super) id: String,
    pub(super) member: Option<String>,
}

/// What a URL means here; absent for all that is none of these addresses.
///
/// # Errors
/// The URL is malformed, or somebody else's.
pub(super) fn address(site: &Site, context: &Context, url_path: &str) -> Result<Option<Address>, Failure> {
    let path = href::decode(url_path)?;
    if path.strip_base(&site.prefix_path).is_some() {
        return Ok(None);
    }
    let Some(inside) = Path::parse(&format!("{}{DAV}", site.base)).ok().and_then(|dav| path.strip_base(&dav)) else {
        return Ok(None);
    };
    let mut names = inside.segments();
    let (Some(kind), Some(user)) = (names.next(), names.next()) else { return Ok(None) };
    if user != context.user.as_deref().unwrap_or(ANONYMOUS) {
        let text = "this address is of another user than the one who signed in";
        return Err(Failure::new(StatusCode::NOT_FOUND, text));
    }
    let files = site.below(&format!("{}{DAV}/files/{user}", site.base))?;
    let (id, member) = (names.next(), names.next());
    Ok(match (kind, id) {
        ("files", _) => Some(Address::Files(files)),
        ("uploads", Some(id)) if names.next().is_none() => {
            Some(Address::Uploads(Uploads { site: files, id: id.to_owned(), member: member.map(str::to_owned) }))
        }
        _ => None,
    })
}
