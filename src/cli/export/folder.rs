//! The folder that an export writes to. Nothing is followed out of it, and each file is there whole or not at all.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::clock::UnixMillis;
use crate::digest::Sha1;

/// Where the list of what was written is, and what is being written. Media servers pass over names with a dot.
const OWN: &str = ".alidav-export";

pub(super) struct Folder {
    root: PathBuf,
    /// Held as long as the export runs.
    _lock: Option<File>,
}

/// What is at a path.
pub(super) enum Local {
    Nothing,
    Folder,
    /// With the sum of its content.
    File(Sha1),
    /// Neither, or reached only by way of what is no folder of this one.
    Other,
}

impl Folder {
    /// Makes it where the one above is there. One export at a time.
    ///
    /// # Errors
    /// It cannot be used, or another export runs.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let named = |error: std::io::Error| format!("{}: {error}", root.display());
        match fs::create_dir(root) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(named(error)),
            _ => {}
        }
        if !fs::metadata(root).map_err(named)?.is_dir() {
            return Err(format!("{} is no folder", root.display()));
        }
        // A folder cannot be opened everywhere, nor locked.
        let lock = File::open(root).ok();
        if let Some(Err(fs::TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            return Err(format!("another export writes to {}; wait for its end", root.display()));
        }
        let folder = Self { root: root.to_owned(), _lock: lock };
        // What an export that was killed had begun.
        fs::remove_dir_all(folder.begun()).or_else(missing_is_fine).map_err(named)?;
        Ok(folder)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The list of what was written.
    pub(super) fn own(&self) -> PathBuf {
        self.root.join(OWN).join("written.json")
    }

    fn begun(&self) -> PathBuf {
        self.root.join(OWN).join("begun")
    }

    pub(super) fn read_own(&self) -> Result<Option<Vec<u8>>, String> {
        match fs::read(self.own()) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", self.own().display())),
        }
    }

    pub(super) fn write_own(&self, text: &[u8]) -> Result<(), String> {
        self.replace(&self.own(), text, None).map_err(|error| format!("{}: {error}", self.own().display()))
    }

    /// # Errors
    /// A file cannot be read.
    pub(super) fn look(&self, at: &str) -> Result<Local, String> {
        if !self.is_within(at) {
            return Ok(Local::Other);
        }
        let path = self.root.join(at);
        let named = |error: std::io::Error| format!("{}: {error}", path.display());
        match fs::symlink_metadata(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Local::Nothing),
            // What cannot be there is found out when it is to be written.
            Err(error) if error.kind() == ErrorKind::InvalidFilename => Ok(Local::Nothing),
            Err(error) => Err(named(error)),
            Ok(meta) if meta.is_dir() => Ok(Local::Folder),
            Ok(meta) if meta.is_file() => Ok(Local::File(Sha1::of(&fs::read(&path).map_err(named)?))),
            Ok(_) => Ok(Local::Other),
        }
    }

    /// Whether a path stays below the folder: each part above it is a folder, or not there yet.
    fn is_within(&self, at: &str) -> bool {
        let mut path = self.root.clone();
        let names: Vec<&str> = at.split('/').collect();
        let odd = |name: &&str| matches!(*name, "" | "." | ".." | OWN);
        if names.iter().any(odd) {
            return false;
        }
        names[..names.len() - 1].iter().all(|name| {
            path.push(name);
            fs::symlink_metadata(&path).map_or_else(|error| error.kind() == ErrorKind::NotFound, |meta| meta.is_dir())
        })
    }

    /// Makes a folder; false where it is there.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn make(&self, at: &str) -> Result<bool, String> {
        match fs::create_dir(self.root.join(at)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Puts a file in place at once; gives the sum of its content.
    ///
    /// # Errors
    /// It cannot be written; what was there is as it was.
    pub(super) fn put(&self, at: &str, content: &[u8], modified: UnixMillis) -> Result<Sha1, String> {
        let since = Duration::from_millis(u64::try_from(modified.0).unwrap_or_default());
        let modified = SystemTime::UNIX_EPOCH.checked_add(since);
        self.replace(&self.root.join(at), content, modified).map_err(|error| error.to_string())?;
        Ok(Sha1::of(content))
    }

    fn replace(&self, path: &Path, content: &[u8], modified: Option<SystemTime>) -> std::io::Result<()> {
        fs::create_dir_all(self.begun())?;
        let mut file = tempfile::Builder::new().tempfile_in(self.begun())?;
        file.write_all(content)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // For media servers, which run as somebody else.
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        if let Some(modified) = modified {
            file.as_file().set_modified(modified)?;
        }
        // A machine that stops must not leave an empty file under the name.
        file.as_file().sync_data()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes a file; false where it is not there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) fn remove(&self, at: &str) -> std::io::Result<bool> {
        if !self.is_within(at) {
            return Ok(false);
        }
        match fs::remove_file(self.root.join(at)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a folder that holds nothing; others stay.
    pub(super) fn remove_if_empty(&self, at: &str) {
        if self.is_within(at) {
            fs::remove_dir(self.root.join(at)).ok();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is in it any more.
        fs::remove_dir(self.begun()).ok();
    }
}

fn missing_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
