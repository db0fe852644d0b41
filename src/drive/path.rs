//! Paths of the served tree: decoded, absolute, without `.`, `..` or empty segments.
//!
//! Answers for what may be a path at all. Percent-encoding belongs to the protocol; ids to `tree`.

use std::borrow::Cow;
use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// Longest name in bytes that the drive takes (reference 3.20).
pub const MAX_NAME_BYTES: usize = 1024;

/// Most segments of a path; deeper requests are refused before they cost anything.
const MAX_DEPTH: usize = 256;

/// An absolute path: `/` or `/a/b`, never a trailing slash.
///
/// ```
/// use alidav::drive::{Path, PathError};
///
/// let film = Path::parse("/films//first.mkv")?;
/// assert_eq!(film.as_str(), "/films/first.mkv");
/// assert_eq!(film.strip_base(&Path::parse("/films")?), Some(Path::parse("/first.mkv")?));
/// assert_eq!(Path::parse("/films/../secret"), Err(PathError::DotSegment));
/// # Ok::<(), PathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(Box<str>);

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Does not begin with `/`.
    #[error("path is not absolute")]
    NotAbsolute,
    /// Has a `.` or `..` segment.
    #[error("path has a `.` or `..` segment")]
    DotSegment,
    /// Has a NUL character.
    #[error("path has a NUL character")]
    Nul,
    /// A segment is longer than the drive takes.
    #[error("a name in the path is longer than {MAX_NAME_BYTES} bytes")]
    NameTooLong,
    /// More than 256 segments.
    #[error("path is deeper than {MAX_DEPTH} folders")]
    TooDeep,
}

impl Path {
    /// The top of the tree.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// Reads a decoded path; repeated and trailing slashes are dropped.
    ///
    /// # Errors
    /// [`PathError`] names what is wrong; nothing is repaired silently beyond the slashes.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if !text.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        if text.contains('\0') {
            return Err(PathError::Nul);
        }
        let mut path = String::with_capacity(text.len());
        for (depth, segment) in text.split('/').filter(|s| !s.is_empty()).enumerate() {
            if segment == "." || segment == ".." {
                return Err(PathError::DotSegment);
            }
            if segment.len() > MAX_NAME_BYTES {
                return Err(PathError::NameTooLong);
            }
            if depth >= MAX_DEPTH {
                return Err(PathError::TooDeep);
            }
            path.push('/');
            path.push_str(segment);
        }
        if path.is_empty() {
            path.push('/');
        }
        Ok(Self(path.into()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the top of the tree.
    #[must_use]
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// Names from the top down.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.0.split('/').filter(|s| !s.is_empty())
    }

    /// Last name; empty for the top.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The folder above; absent for the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.0.rfind('/').unwrap_or_default();
        Some(if end == 0 { Self::root() } else { Self(self.0[..end].into()) })
    }

    /// The member of this folder with the given name, which must be one segment.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        debug_assert!(!name.is_empty() && !name.contains('/'), "a member's name is one segment");
        if self.is_root() { Self(format!("/{name}").into()) } else { Self(format!("{}/{name}", self.0).into()) }
    }

    /// What remains below `base`: `/` when equal, absent when this path is not inside `base`.
    #[must_use]
    pub fn strip_base(&self, base: &Self) -> Option<Self> {
        if base.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(&*base.0)? {
            "" => Some(Self::root()),
            rest if rest.starts_with('/') => Some(Self(rest.into())),
            _ => None,
        }
    }

    /// This path below `base`: the inverse of [`Path::strip_base`].
    #[must_use]
    pub fn under(&self, base: &Self) -> Self {
        if self.is_root() {
            return base.clone();
        }
        if base.is_root() { self.clone() } else { Self(format!("{}{}", base.0, self.0).into()) }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A path in the Unicode form (NFC) by which those are compared that the drive does not know: both forms
/// mean the same file.
#[must_use]
pub fn nfc_key(path: &str) -> Cow<'_, str> {
    if path.is_ascii() { path.into() } else { path.nfc().collect() }
}

/// The other Unicode spellings (NFC, NFD) of a name, without the name itself: macOS programs send NFD,
/// most others NFC, and both mean the same file to their users.
pub(super) fn other_forms(name: &str) -> impl Iterator<Item = String> {
    let (nfc, nfd) = if name.is_ascii() {
        (None, None)
    } else {
        let nfc: String = name.nfc().collect();
        let nfd: String = name.nfd().collect();
        let nfd = (nfd != nfc && nfd != name).then_some(nfd);
        ((nfc != name).then_some(nfc), nfd)
    };
    nfc.into_iter().chain(nfd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_could_leave_the_tree() {
        assert_eq!(Path::parse("/a/../b"), Err(PathError::DotSegment));
        assert_eq!(Path::parse("/./b"), Err(PathError::DotSegment));
        assert_eq!(Path::parse("a"), Err(PathError::NotAbsolute));
        assert_eq!(Path::parse("/a\0b"), Err(PathError::Nul));
        assert_eq!(Path::parse(&format!("/{}", "x".repeat(1025))), Err(PathError::NameTooLong));
        assert_eq!(Path::parse(&"/a".repeat(257)), Err(PathError::TooDeep));
    }

    #[test]
    fn slashes_do_not_matter() {
        assert_eq!(Path::parse("//a///b/").unwrap().as_str(), "/a/b");
        assert_eq!(Path::parse("///").unwrap(), Path::root());
    }

    #[test]
    fn a_base_is_a_whole_segment() {
        let path = Path::parse("/films2/a").unwrap();
        assert_eq!(path.strip_base(&Path::parse("/films").unwrap()), None);
        assert_eq!(path.strip_base(&Path::parse("/films2").unwrap()).unwrap().as_str(), "/a");
    }

    #[test]
    fn a_twin_is_the_same_name_in_the_other_form() {
        assert_eq!(other_forms("a\u{301}").collect::<Vec<_>>(), ["á"]);
        assert_eq!(other_forms("á").collect::<Vec<_>>(), ["a\u{301}"]);
        assert_eq!(other_forms("plain").count(), 0);
    }

    proptest! {
        #[test]
        fn join_and_parent_undo_each_other(segments in proptest::collection::vec("[a-c.é ]{1,4}", 0..5), name in "[a-cé]{1,3}") {
            let Ok(path) = Path::parse(&format!("/{}", segments.join("/"))) else { return Ok(()) };
            let child = path.join(&name);
            prop_assert_eq!(child.parent().unwrap(), path.clone());
            prop_assert_eq!(child.name(), name.as_str());
            prop_assert_eq!(child.strip_base(&path).unwrap().under(&path), child);
        }
    }
}
