//! Addresses of files and films that open without a password: what is signed of them, and how they are written.
//!
//! A sign is of one path from the tree's root. That of a film opens all its playlists and pieces, and nothing else.

use crate::clock::UnixSeconds;
use crate::link::sign::{self, SignError};
use crate::percent::push_name;

/// Before a film's path in what is signed, so that no sign of a file is one of its renditions.
const FILM: &str = "v:";

/// What makes addresses. Its key is a secret.
pub struct Addresses {
    base: String,
    /// Absent: they open for whoever may read anyway.
    signs: Option<(String, UnixSeconds)>,
}

impl Addresses {
    /// Signed ones below `base`, which has no slash at its end; `end` 0 for ever.
    #[must_use]
    pub fn signed(base: &str, key: String, end: UnixSeconds) -> Self {
        Self { base: base.to_owned(), signs: Some((key, end)) }
    }

    /// Ones without a sign.
    #[must_use]
    pub fn plain(base: &str) -> Self {
        Self { base: base.to_owned(), signs: None }
    }

    /// Of a file by its decoded path from the tree's root.
    ///
    /// ```
    /// use alidav::link::Addresses;
    ///
    /// let plain = Addresses::plain("https://dav.example");
    /// assert_eq!(plain.file("/片/a b.mkv"), "https://dav.example/d/%E7%89%87/a%20b.mkv");
    /// assert_eq!(plain.film("/a.mkv", "best.m3u8"), "https://dav.example/v/a.mkv/best.m3u8");
    /// ```
    #[must_use]
    pub fn file(&self, path: &str) -> String {
        self.address("/d", path, "", path)
    }

    /// Of `what` there is of a film's renditions, such as `master.m3u8`.
    #[must_use]
    pub fn film(&self, path: &str, what: &str) -> String {
        self.address("/v", path, what, &format!("{FILM}{path}"))
    }

    fn address(&self, route: &str, path: &str, what: &str, signed: &str) -> String {
        let mut address = self.base.as_bytes().to_vec();
        address.extend_from_slice(route.as_bytes());
        for name in path.split('/').chain([what]).filter(|name| !name.is_empty()) {
            address.push(b'/');
            push_name(&mut address, name);
        }
        if path == "/" && what.is_empty() {
            address.push(b'/');
        }
        // Encoding yields ASCII, and the base was a text.
        let mut address = String::from_utf8(address).unwrap_or_default();
        if let Some((key, end)) = &self.signs {
            address.push_str("?sign=");
            let sign = sign::sign(key, signed, *end);
            address.extend(url::form_urlencoded::byte_serialize(sign.as_bytes()));
        }
        address
    }
}

/// Checks a sign of a film's renditions at the time `now`.
///
/// # Errors
/// [`SignError`] says why it is refused.
pub fn verify_film(key: &str, path: &str, sign: &str, now: UnixSeconds) -> Result<(), SignError> {
    sign::verify(key, &format!("{FILM}{path}"), sign, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_opens_the_file_or_its_renditions_never_both() {
        let (key, now) = ("key", UnixSeconds(5));
        let addresses = Addresses::signed("http://a", key.to_owned(), UnixSeconds(0));
        let sign = |address: String| {
            let url: url::Url = address.parse().unwrap();
            url.query_pairs().next().unwrap().1.into_owned()
        };
        let (file, film) = (sign(addresses.file("/a b.mkv")), sign(addresses.film("/a b.mkv", "HD.m3u8")));
        assert_eq!(sign::verify(key, "/a b.mkv", &file, now), Ok(()));
        assert_eq!(verify_film(key, "/a b.mkv", &film, now), Ok(()));
        assert_eq!(verify_film(key, "/a b.mkv", &file, now), Err(SignError::Invalid));
        assert_eq!(sign::verify(key, "/a b.mkv", &film, now), Err(SignError::Invalid));
        assert_eq!(verify_film("other", "/a b.mkv", &film, now), Err(SignError::Invalid));
    }
}
