//! A file that is on its way from the drive: its bytes in a `.part` beside its place, and the sums of its blocks.
//!
//! What is found of an earlier run counts only as far as its blocks have their sums. Nothing bears the file's name before
//! the whole has the drive's hash and is on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha1::Digest as _;

use crate::cli::copy::fault::Fault;
use crate::clock::UnixMillis;
use crate::digest::Sha1;

/// What is lost at most of what has come: a block has a sum once it is whole.
const BLOCK: u64 = 8 << 20;

/// Most bytes of a part's own name: 255 is the least that file systems take.
const MOST_NAME: usize = 200;

/// What is known of a content beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::copy) struct Wanted {
    pub(in crate::cli::copy) size: u64,
    /// Absent where the drive tells none: then only the length is held.
    pub(in crate::cli::copy) sha1: Option<Sha1>,
}

/// A file under way; nobody else is at it.
pub(in crate::cli::copy) struct Part {
    wanted: Wanted,
    path: PathBuf,
    sums_path: PathBuf,
    file: File,
    sums: File,
    whole: sha1::Sha1,
    block: sha1::Sha1,
    at: u64,
}

impl Part {
    /// Takes up what an earlier run has left of this content under this name, as far as it is right.
    ///
    /// # Errors
    /// It cannot be written, or another run is at it.
    pub(in crate::cli::copy) fn open(folder: &Path, name: &str, wanted: Wanted) -> Result<Self, Fault> {
        let own = part_name(name, wanted);
        let (path, sums_path) = (folder.join(format!("{own}.part")), folder.join(format!("{own}.part.sums")));
        let (file, sums) = (open(&path)?, open(&sums_path)?);
        if matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)) {
            return Err(Fault::Local("another copy is at it".to_owned()));
        }
        let mut part =
            Self { wanted, path, sums_path, file, sums, whole: sha1::Sha1::new(), block: sha1::Sha1::new(), at: 0 };
        part.take_up().map_err(|error| Fault::writing(&error))?;
        Ok(part)
    }

    /// Bytes that are there.
    pub(in crate::cli::copy) fn at(&self) -> u64 {
        self.at
    }

    fn take_up(&mut self) -> std::io::Result<()> {
        let header = format!("{:?} {}\n", self.wanted.sha1, self.wanted.size);
        let mut lines = BufReader::new(&self.sums).lines();
        let same = lines.next().transpose().ok().flatten().is_some_and(|line| line == header.trim_end());
        let sums: Vec<Sha1> = if same && self.wanted.sha1.is_some() {
            lines.map_while(|line| Sha1::parse(&line.ok()?)).collect()
        } else {
            Vec::new()
        };
        let mut good = header;
        let mut block = Vec::new();
        for sum in sums {
            block.clear();
            let count = (&self.file).take(BLOCK).read_to_end(&mut block)? as u64;
            if count < BLOCK || Sha1::of(&block) != sum || self.at + count > self.wanted.size {
                break;
            }
            self.whole.update(&block);
            self.at += count;
            good.push_str(&format!("{sum}\n"));
        }
        self.file.set_len(self.at)?;
        self.file.seek(SeekFrom::Start(self.at))?;
        self.sums.set_len(0)?;
        self.sums.seek(SeekFrom::Start(0))?;
        self.sums.write_all(good.as_bytes())
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// They cannot be written.
    pub(in crate::cli::copy) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let room = usize::try_from(BLOCK - self.at % BLOCK).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.file.write_all(now).map_err(|error| Fault::writing(&error))?;
            self.whole.update(now);
            self.block.update(now);
            self.at += now.len() as u64;
            if self.at.is_multiple_of(BLOCK) {
                let sum = Sha1::from(std::mem::take(&mut self.block));
                self.sums.write_all(format!("{sum}\n").as_bytes()).map_err(|error| Fault::writing(&error))?;
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Gives the file its name, if it is what was wanted; else all of it goes.
    ///
    /// # Errors
    /// It is not, or cannot be named.
    pub(in crate::cli::copy) fn finish(self, name: &Path, modified: UnixMillis) -> Result<(), Fault> {
        let sum = Sha1::from(self.whole.clone());
        if self.at != self.wanted.size || self.wanted.sha1.is_some_and(|wanted| wanted != sum) {
            self.discard();
            let words = "what came is not what the drive lists".to_owned();
            return Err(Fault::Passing { words, after: None });
        }
        self.place(name, modified).map_err(|error| Fault::writing(&error))
    }

    /// Nothing of it is of use.
    pub(in crate::cli::copy) fn discard(self) {
        fs::remove_file(&self.path).ok();
        fs::remove_file(&self.sums_path).ok();
    }

    fn place(&self, name: &Path, modified: UnixMillis) -> std::io::Result<()> {
        let since = Duration::from_millis(u64::try_from(modified.0).unwrap_or_default());
        if let Some(time) = SystemTime::UNIX_EPOCH.checked_add(since) {
            self.file.set_modified(time)?;
        }
        self.file.sync_all()?;
        fs::rename(&self.path, name)?;
        // Not everywhere can a folder be opened; where it can, the name is on the disk when this returns.
        if let Some(folder) = name.parent().and_then(|folder| File::open(folder).ok()) {
            folder.sync_all().ok();
        }
        fs::remove_file(&self.sums_path)
    }
}

fn open(path: &Path) -> Result<File, Fault> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).write(true).truncate(false);
    // A link that somebody has put there leads elsewhere.
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(Fault::Local(format!("{} is no file", path.display()))),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Fault::writing(&error)),
        _ => options.open(path).map_err(|error| Fault::writing(&error)),
    }
}

/// The name as far as there is room, and by what two contents and two names differ.
fn part_name(name: &str, wanted: Wanted) -> String {
    let mark = Sha1::of(format!("{name}/{:?}/{}", wanted.sha1, wanted.size).as_bytes()).to_string();
    let end = name.floor_char_boundary(MOST_NAME);
    format!("{}.{}", &name[..end], &mark[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 251).unwrap()).collect()
    }

    fn wanted(content: &[u8]) -> Wanted {
        Wanted { size: content.len() as u64, sha1: Some(Sha1::of(content)) }
    }

    #[test]
    fn what_is_right_of_an_earlier_run_is_kept_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let block = usize::try_from(BLOCK).unwrap();
        let content = content(3 * block + 100);
        let open = || Part::open(folder.path(), "film", wanted(&content)).unwrap();
        let mut part = open();
        part.write(&content[..2 * block + 50]).unwrap();
        let path = part.path.clone();
        drop(part);
        assert_eq!(open().at(), 2 * BLOCK);
        // A block that was damaged meanwhile, and all after it, come anew.
        let mut bytes = fs::read(&path).unwrap();
        bytes[block + 7] ^= 1;
        fs::write(&path, bytes).unwrap();
        let mut part = open();
        assert_eq!(part.at(), BLOCK);
        part.write(&content[block..]).unwrap();
        let name = folder.path().join("film");
        part.finish(&name, UnixMillis(1_620_284_889_000)).unwrap();
        assert!(fs::read(&name).unwrap() == content);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_content_never_gets_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let (right, name) = (content(1000), folder.path().join("film"));
        fs::write(&name, "old").unwrap();
        for wrong in [content(999), vec![7; 1000], Vec::new()] {
            let mut part = Part::open(folder.path(), "film", wanted(&right)).unwrap();
            part.write(&wrong).unwrap();
            part.finish(&name, UnixMillis(0)).unwrap_err();
            assert_eq!(fs::read(&name).unwrap(), b"old");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let two = || Part::open(folder.path(), "film", wanted(&right));
        let _first = two().unwrap();
        assert!(two().is_err());
        let long = "电".repeat(80);
        assert!(part_name(&long, wanted(&right)).len() + ".part.sums".len() <= 255);
    }
}
