//! Names in the path of a URL, percent-encoded in one way everywhere.
//!
//! RFC 3986's unreserved characters stay bare, all else is upper-case hex, since Kodi compares hrefs as texts (clients
//! reference, section 3).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Appends one encoded name.
pub fn push_name(href: &mut Vec<u8>, name: &str) {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if name.bytes().all(bare) {
        return href.extend_from_slice(name.as_bytes());
    }
    for piece in utf8_percent_encode(name, ENCODED) {
        href.extend_from_slice(piece.as_bytes());
    }
}
