//! Between the path of a URL and a path of the tree.
//!
//! Decoding is strict: what is not well-formed is refused and named. Names are encoded by `percent`.

use crate::drive::{Path, PathError};
pub use crate::percent::push_name;

/// Why the path of a URL is no path of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HrefError {
    /// A `%` without two hex digits.
    #[error("a `%` in the URL is not followed by two hexadecimal digits")]
    BadEscape,
    /// The decoded bytes are no UTF-8.
    #[error("the URL does not decode to UTF-8")]
    NotUtf8,
    /// The decoded text is no path.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// Reads the path of a URL.
///
/// ```
/// use alidav::protocol::href::{decode, encode};
///
/// let film = decode("/films/%E7%89%87%20a.mkv")?;
/// assert_eq!(film.as_str(), "/films/片 a.mkv");
/// assert_eq!(encode("/dav", &film, false), "/dav/films/%E7%89%87%20a.mkv");
/// # Ok::<(), alidav::protocol::href::HrefError>(())
/// ```
///
/// A `%2F` separates segments as `/` does: the drive has no name with a slash.
///
/// # Errors
/// [`HrefError`] says what is wrong with it.
pub fn decode(url_path: &str) -> Result<Path, HrefError> {
    let mut rest = url_path.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let digits = rest.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        rest = &rest[at + 1 + digits.ok_or(HrefError::BadEscape)?.len()..];
    }
    let text = percent_encoding::percent_decode_str(url_path).decode_utf8().map_err(|_| HrefError::NotUtf8)?;
    Ok(Path::parse(&text)?)
}

/// The encoded path below `prefix` (which is encoded already), with a slash at the end for a folder.
#[must_use]
pub fn encode(prefix: &str, path: &Path, folder: bool) -> String {
    let mut href = prefix.as_bytes().to_vec();
    for name in path.segments() {
        href.push(b'/');
        push_name(&mut href, name);
    }
    if folder {
        href.push(b'/');
    }
    if href.is_empty() {
        href.push(b'/');
    }
    // Percent-encoding yields ASCII, and the prefix was a string.
    String::from_utf8(href).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_malformed_or_leaves_the_tree() {
        assert_eq!(decode("/a%2"), Err(HrefError::BadEscape));
        assert_eq!(decode("/a%zz"), Err(HrefError::BadEscape));
        assert_eq!(decode("/%"), Err(HrefError::BadEscape));
        assert_eq!(decode("/%ff"), Err(HrefError::NotUtf8));
        assert_eq!(decode("/a/%2e%2e/b"), Err(HrefError::Path(PathError::DotSegment)));
        assert_eq!(decode("/a%00"), Err(HrefError::Path(PathError::Nul)));
    }

    #[test]
    fn one_canonical_encoding() {
        let path = Path::parse("/电影/a b(1)+é~_-.mkv").unwrap();
        assert_eq!(encode("/dav", &path, false), "/dav/%E7%94%B5%E5%BD%B1/a%20b%281%29%2B%C3%A9~_-.mkv");
        assert_eq!(encode("/dav", &Path::root(), true), "/dav/");
        assert_eq!(encode("", &Path::root(), true), "/");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(names in proptest::collection::vec("[^/\0]{1,8}", 1..4)) {
            prop_assume!(names.iter().all(|n| n != "." && n != ".."));
            let path = Path::parse(&format!("/{}", names.join("/"))).unwrap();
            prop_assert_eq!(decode(&encode("", &path, false)).unwrap(), path);
        }

        #[test]
        fn no_url_makes_decoding_panic(url in "\\PC{0,40}") {
            let _ = decode(&url);
        }
    }
}
