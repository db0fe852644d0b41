//! What the arguments name: where to copy from, and where to.
//!
//! A folder keeps its name below the destination; with a slash at its end only what is in it is copied. That does not
//! hang on whether the destination is there, so that the same command goes on where it was cut.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use url::Url;

use crate::drive;

const DRIVE: &str = "drive:";

/// A place that an argument names.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Local(PathBuf),
    Drive(drive::Path),
    Dav(Url),
}

/// A place to copy from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) place: Place,
    /// As it was given, but for what is no other's to read.
    pub(super) said: String,
    /// Only what is in it is wanted.
    contents: bool,
}

impl Place {
    /// # Errors
    /// It names no place, in words.
    pub(super) fn parse(text: &OsStr) -> Result<Self, String> {
        let Some(word) = text.to_str() else { return Ok(Self::Local(text.into())) };
        if word.starts_with("http://") || word.starts_with("https://") {
            let url: Url = word.parse().map_err(|_| "the address cannot be read".to_owned())?;
            if url.password().is_some() {
                return Err("a password in an address is everybody's to read; give it by WEBDAV_PASSWORD".to_owned());
            }
            if url.query().is_some() || url.fragment().is_some() {
                return Err(format!("{word}: a WebDAV address has no query; write ? as %3F and # as %23"));
            }
            return Ok(Self::Dav(url));
        }
        if let Some(path) = word.strip_prefix(DRIVE) {
            return drive::Path::parse(&format!("/{path}"))
                .map(Self::Drive)
                .map_err(|error| format!("{word}: {error}"));
        }
        if word.is_empty() {
            return Err("an empty word names no place".to_owned());
        }
        Ok(Self::Local(word.into()))
    }
}

impl Source {
    /// # Errors
    /// It names no place, in words.
    pub(super) fn parse(text: &OsStr) -> Result<Self, String> {
        let place = Place::parse(text)?;
        let said = text.to_string_lossy().into_owned();
        let contents = said.ends_with('/') || matches!(&place, Place::Local(path) if path.file_name().is_none());
        Ok(Self { place, said, contents })
    }

    /// Its name below the destination; absent where only what is in it is wanted, as of what has no name.
    ///
    /// # Errors
    /// It is no UTF-8.
    pub(super) fn name(&self) -> Result<Option<String>, String> {
        if self.contents { Ok(None) } else { self.own_name() }
    }

    /// Its name, whatever is wanted of it.
    ///
    /// # Errors
    /// It is no UTF-8.
    pub(super) fn own_name(&self) -> Result<Option<String>, String> {
        let no_text = || format!("{}: its name is no UTF-8", self.said);
        match &self.place {
            Place::Local(path) => {
                let name = Path::file_name(path);
                name.map(|name| name.to_str().map(str::to_owned).ok_or_else(no_text)).transpose()
            }
            Place::Drive(path) => Ok(Some(path.name().to_owned()).filter(|name| !name.is_empty())),
            Place::Dav(url) => {
                let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                let name = percent_encoding::percent_decode_str(last).decode_utf8().map_err(|_| no_text())?;
                Ok(Some(name.into_owned()).filter(|name| !name.is_empty()))
            }
        }
    }
}

/// Whether there is a way from these places to that one.
///
/// # Errors
/// There is none, in words.
pub(super) fn check(sources: &[Source], destination: &Place) -> Result<(), String> {
    let mut origins: Vec<url::Origin> = Vec::new();
    for source in sources {
        match (&source.place, destination) {
            (_, Place::Dav(_)) => return Err("nothing is copied to a WebDAV server; rclone does that".to_owned()),
            (Place::Drive(_), _) | (_, Place::Drive(_)) => {}
            (Place::Local(_) | Place::Dav(_), Place::Local(_)) => {
                return Err(format!("{}: one side must be the drive (drive:/…)", source.said));
            }
        }
        if let (Place::Drive(from), Place::Drive(to)) = (&source.place, destination)
            && to.strip_base(from).is_some()
        {
            return Err(format!("{}: a folder cannot be copied into itself", source.said));
        }
        if let Place::Dav(url) = &source.place {
            origins.push(url.origin());
        }
    }
    if origins.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err("addresses of two servers in one command; copy from one after the other".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        Source::parse(text.as_ref()).unwrap().name().unwrap()
    }

    #[test]
    fn a_slash_at_the_end_means_what_is_in_it() {
        for (text, kept) in [
            ("/a/films", Some("films")),
            ("/a/films/", None),
            (".", None),
            ("..", None),
            ("/", None),
            ("drive:/films", Some("films")),
            ("drive:films/", None),
            ("drive:/", None),
            ("drive:", None),
            ("https://x/dav/%E7%89%87", Some("片")),
            ("https://x/dav/", None),
            ("https://x", None),
        ] {
            assert_eq!(name(text).as_deref(), kept, "{text}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_told() {
        let told = |sources: &[&str], to: &str| {
            let sources: Vec<Source> = sources.iter().map(|source| Source::parse(source.as_ref()).unwrap()).collect();
            check(&sources, &Place::parse(to.as_ref()).unwrap()).err()
        };
        assert!(told(&["a", "https://x/d", "drive:/a"], "drive:/b").is_none());
        assert!(told(&["drive:/a"], "b").is_none());
        assert!(told(&["a"], "b").unwrap().contains("must be the drive"));
        assert!(told(&["a"], "https://x/").unwrap().contains("rclone"));
        assert!(told(&["drive:/a"], "drive:/a/b").unwrap().contains("into itself"));
        assert!(told(&["https://x/a", "https://y/a"], "drive:/b").unwrap().contains("two servers"));
        for odd in ["https://me:secret@x/", "https://x/?a", "drive:/../x", ""] {
            let told = Place::parse(odd.as_ref()).unwrap_err();
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
