//! Local sources. Links are followed only if that is wanted, and never in a circle; what is neither file nor folder is
//! passed over with a word.

pub(super) mod content;
pub(super) mod hashes;

use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::time::SystemTime;

use super::fault::Fault;
use super::found::{Content, File, Folder, LocalFolder, Member, What};
use crate::clock::UnixMillis;

/// What a source names. It is followed where it is a link itself.
///
/// # Errors
/// It cannot be looked at.
pub(super) fn look(path: &Path) -> Result<What, Fault> {
    let path = fs::canonicalize(path).map_err(|error| Fault::reading(&error))?;
    let metadata = fs::metadata(&path).map_err(|error| Fault::reading(&error))?;
    Ok(what(&path, &metadata, &[]))
}

/// The members of a folder in order of name.
///
/// # Errors
/// It cannot be read.
pub(super) fn members(folder: &LocalFolder, follow_links: bool) -> Result<Vec<Member>, Fault> {
    let entries: io::Result<Vec<fs::DirEntry>> = fs::read_dir(&folder.path).and_then(Iterator::collect);
    let mut entries = entries.map_err(|error| Fault::reading(&error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries.iter().map(|entry| member(folder, entry, follow_links)).collect())
}

fn member(folder: &LocalFolder, entry: &fs::DirEntry, follow_links: bool) -> Member {
    let (path, name) = (entry.path(), entry.file_name());
    let Some(text) = name.to_str() else {
        return Member { name: name.display().to_string(), what: What::Broken("its name is no UTF-8".to_owned()) };
    };
    let looked = || -> io::Result<What> {
        let metadata = entry.metadata()?;
        if !metadata.is_symlink() {
            return Ok(what(&path, &metadata, &folder.chain));
        }
        if !follow_links {
            return Ok(What::LeftOut("a symbolic link; --follow-links follows it".to_owned()));
        }
        let metadata = fs::metadata(&path)?;
        if metadata.is_dir() && folder.chain.contains(&id(&metadata)) {
            return Ok(What::LeftOut("a symbolic link back to a folder that it lies in".to_owned()));
        }
        Ok(what(&path, &metadata, &folder.chain))
    };
    Member { name: text.to_owned(), what: looked().unwrap_or_else(|error| What::Broken(error.to_string())) }
}

fn what(path: &Path, metadata: &Metadata, above: &[(u64, u64)]) -> What {
    if metadata.is_dir() {
        let chain = above.iter().copied().chain([id(metadata)]).collect();
        return What::Folder(Folder::Local(LocalFolder { path: path.to_owned(), chain }));
    }
    match odd(metadata.file_type()) {
        Some(word) => What::LeftOut(word.to_owned()),
        None => What::File(File {
            size: Some(metadata.len()),
            modified: metadata.modified().ok().map(millis),
            content: Content::Local(path.to_owned()),
        }),
    }
}

fn odd(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("a device")
    } else {
        Some("no file")
    }
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Times before 1970 count as below nothing.
pub(super) fn millis(time: SystemTime) -> UnixMillis {
    let number = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => UnixMillis(number(after)),
        Err(before) => UnixMillis(-number(before.duration())),
    }
}
