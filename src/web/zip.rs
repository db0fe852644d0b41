//! The zip format, as far as a stream of stored files needs it (PKWARE's APPNOTE.TXT 6.3.10, "4.x" below): made front
//! to back, of bytes that pass by, of any number and size.
//!
//! Answers for headers, sums and the directory at the end. A file's bytes go beside it, as they are; it only sees them.
//! It packs nothing: what is large on a drive is packed already. The sum of a file is known when it has passed, so it
//! stands behind it (4.3.9); its size is known before, and is told in front, which lets readers step over it.

use crc32fast::Hasher;
use jiff::Timestamp;
use jiff::tz::Offset;

use crate::clock::UnixMillis;

/// Largest directory that is kept: of some 150,000 files.
const MAX_DIRECTORY: usize = 16 << 20;

/// A number that does not fit stands in a field of zip64 instead (4.4.8, 4.5.3).
const MAX_32: u64 = u32::MAX as u64;

/// Names are UTF-8 (4.4.4, bit 11).
const UTF8: u16 = 1 << 11;

/// The sum comes behind the bytes (4.4.4, bit 3).
const SUM_BEHIND: u16 = 1 << 3;

/// The version that knows folders, and the one that knows zip64 (4.4.3.2).
const FOLDERS: u16 = 20;
const ZIP64: u16 = 45;

/// Unix, whose modes the attributes hold (4.4.2).
const MADE_ON_UNIX: u16 = 3 << 8;

/// Why a zip cannot go on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ZipError {
    /// Of the folder are more files than are kept in mind.
    #[error("more files than one zip may have; take the sub-folders one by one")]
    TooMany,
    /// A path has no room in its header.
    #[error("a path that is too long for a zip")]
    LongName,
    /// Another number of bytes than its header told.
    #[error("a file has another size than its listing says")]
    OtherSize,
}

/// A zip that is being made.
#[derive(Default)]
pub(super) struct Zip {
    /// Bytes so far.
    at: u64,
    /// The directory so far (4.3.12).
    directory: Vec<u8>,
    members: u64,
}

/// A file whose bytes pass.
pub(super) struct Member {
    name: Vec<u8>,
    header_at: u64,
    modified: UnixMillis,
    size: u64,
    passed: u64,
    sum: Hasher,
}

impl Zip {
    /// A folder, whose path ends without a slash.
    pub(super) fn folder(&mut self, path: &str, modified: UnixMillis) -> Result<Vec<u8>, ZipError> {
        let (header, member) = self.begin(&format!("{path}/"), modified, 0, false)?;
        self.enter(&member, 0, 0o40_755 << 16 | 0x10)?;
        Ok(header)
    }

    /// What stands before a file's bytes.
    pub(super) fn file(&mut self, path: &str, modified: UnixMillis, size: u64) -> Result<(Vec<u8>, Member), ZipError> {
        self.begin(path, modified, size, true)
    }

    fn begin(
        &mut self,
        path: &str,
        modified: UnixMillis,
        size: u64,
        is_file: bool,
    ) -> Result<(Vec<u8>, Member), ZipError> {
        let name = path.as_bytes().to_vec();
        let mut extra = Vec::new();
        if size >= MAX_32 {
            push(&mut extra, &[&1u16.to_le_bytes(), &16u16.to_le_bytes(), &size.to_le_bytes(), &size.to_le_bytes()]);
        }
        push_time(&mut extra, modified);
        let mut header = b"PK\x03\x04".to_vec();
        push_common(&mut header, if is_file { UTF8 | SUM_BEHIND } else { UTF8 }, modified, 0, size);
        push(&mut header, &[&length(&name)?, &length(&extra)?, &name, &extra]);
        let member = Member { name, header_at: self.at, modified, size, passed: 0, sum: Hasher::new() };
        self.at += header.len() as u64;
        Ok((header, member))
    }

    /// What stands behind a file's bytes (4.3.9).
    pub(super) fn end(&mut self, member: Member) -> Result<Vec<u8>, ZipError> {
        if member.passed != member.size {
            return Err(ZipError::OtherSize);
        }
        let sum = member.sum.clone().finalize();
        let mut behind = b"PK\x07\x08".to_vec();
        behind.extend_from_slice(&sum.to_le_bytes());
        for _ in ["packed", "whole"] {
            if member.size >= MAX_32 {
                behind.extend_from_slice(&member.size.to_le_bytes());
            } else {
                behind.extend_from_slice(&short(member.size).to_le_bytes());
            }
        }
        self.at += member.size + behind.len() as u64;
        self.enter(&member, sum, 0o100_644 << 16)?;
        Ok(behind)
    }

    /// Puts a member into the directory.
    fn enter(&mut self, member: &Member, sum: u32, attributes: u32) -> Result<(), ZipError> {
        let mut extra = Vec::new();
        let (large, far) = (member.size >= MAX_32, member.header_at >= MAX_32);
        if large || far {
            let fields = if large { 16u16 } else { 0 } + if far { 8 } else { 0 };
            push(&mut extra, &[&1u16.to_le_bytes(), &fields.to_le_bytes()]);
            if large {
                push(&mut extra, &[&member.size.to_le_bytes(), &member.size.to_le_bytes()]);
            }
            if far {
                extra.extend_from_slice(&member.header_at.to_le_bytes());
            }
        }
        push_time(&mut extra, member.modified);
        let is_file = attributes & 0x10 == 0;
        let directory = &mut self.directory;
        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend_from_slice(&(MADE_ON_UNIX | ZIP64).to_le_bytes());
        let flags = if is_file { UTF8 | SUM_BEHIND } else { UTF8 };
        push_common(directory, flags, member.modified, sum, member.size);
        push(
            directory,
            &[
                &length(&member.name)?,
                &length(&extra)?,
                // No comment, the first disk, nothing of its inner form.
                &[0; 6],
                &attributes.to_le_bytes(),
                &short(member.header_at).to_le_bytes(),
                &member.name,
                &extra,
            ],
        );
        self.members += 1;
        if self.directory.len() > MAX_DIRECTORY { Err(ZipError::TooMany) } else { Ok(()) }
    }

    /// The directory and the end of it all (4.3.12 to 4.3.16).
    pub(super) fn finish(self) -> Vec<u8> {
        let (at, length, members) = (self.at, self.directory.len() as u64, self.members);
        let mut end = self.directory;
        if at >= MAX_32 || members >= u64::from(u16::MAX) {
            let counts = members.to_le_bytes();
            push(
                &mut end,
                &[
                    b"PK\x06\x06",
                    &44u64.to_le_bytes(),
                    &(MADE_ON_UNIX | ZIP64).to_le_bytes(),
                    &ZIP64.to_le_bytes(),
                    &[0; 8],
                    &counts,
                    &counts,
                    &length.to_le_bytes(),
                    &at.to_le_bytes(),
                    b"PK\x06\x07",
                    &[0; 4],
                    &(at + length).to_le_bytes(),
                    &1u32.to_le_bytes(),
                ],
            );
        }
        let count = u16::try_from(members).unwrap_or(u16::MAX).to_le_bytes();
        push(
            &mut end,
            &[b"PK\x05\x06", &[0; 4], &count, &count, &short(length).to_le_bytes(), &short(at).to_le_bytes(), &[0; 2]],
        );
        end
    }
}

impl Member {
    /// Some of its bytes pass.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        self.passed += bytes.len() as u64;
        self.sum.update(bytes);
    }
}

/// A name as every system can have it within a path: of what the drive allows, `\` would be a folder on Windows, and
/// one or two dots the folder itself or the one above.
pub(super) fn safe(name: &str) -> String {
    match name {
        "." | ".." => name.replace('.', "．"),
        _ => name.replace(['/', '\0'], "_").replace('\\', "＼"),
    }
}

/// The fields that a header and the directory have in common (4.3.7, 4.3.12): from the version that is needed to the
/// sizes. Nothing is packed: method 0.
fn push_common(out: &mut Vec<u8>, flags: u16, modified: UnixMillis, sum: u32, size: u64) {
    let (date, time) = dos_time(modified);
    let version = if size >= MAX_32 { ZIP64 } else { FOLDERS };
    let size = short(size).to_le_bytes();
    push(
        out,
        &[
            &version.to_le_bytes(),
            &flags.to_le_bytes(),
            &[0; 2],
            &time.to_le_bytes(),
            &date.to_le_bytes(),
            &sum.to_le_bytes(),
            &size,
            &size,
        ],
    );
}

/// Seconds since 1970, which the other field cannot tell: the "extended timestamp" of Info-ZIP (4.6.1).
fn push_time(extra: &mut Vec<u8>, modified: UnixMillis) {
    if let Ok(seconds) = i32::try_from(modified.seconds().0) {
        push(extra, &[b"UT", &5u16.to_le_bytes(), &[1], &seconds.to_le_bytes()]);
    }
}

/// Date and time in steps of two seconds since 1980 (4.4.6), in UTC: the format has no zone.
fn dos_time(modified: UnixMillis) -> (u16, u16) {
    let first = (1 << 5 | 1, 0);
    let Ok(at) = Timestamp::from_millisecond(modified.0) else { return first };
    let at = Offset::UTC.to_datetime(at);
    let Some(year) = u16::try_from(at.year()).ok().and_then(|year| year.checked_sub(1980)).filter(|y| *y < 128) else {
        return first;
    };
    let part = |number: i8| u16::from(number.unsigned_abs());
    let date = year << 9 | part(at.month()) << 5 | part(at.day());
    (date, part(at.hour()) << 11 | part(at.minute()) << 5 | (part(at.second()) / 2))
}

/// A length for a field of 16 bits.
fn length(bytes: &[u8]) -> Result<[u8; 2], ZipError> {
    u16::try_from(bytes.len()).map(u16::to_le_bytes).map_err(|_| ZipError::LongName)
}

/// A number for a field of 32 bits; all ones where zip64 has it.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn push(out: &mut Vec<u8>, fields: &[&[u8]]) {
    fields.iter().for_each(|field| out.extend_from_slice(field));
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};

    use ::zip::ZipArchive;

    use super::*;

    const TIME: UnixMillis = UnixMillis(1_700_000_001_000);

    #[test]
    fn sizes_and_places_beyond_four_gigabytes_are_told_in_full() {
        let mut file = tempfile::tempfile().unwrap();
        let mut zip = Zip::default();
        for (name, size) in [("large", 5 << 30), ("far", 3), ("at the bound", MAX_32), ("below it", MAX_32 - 1)] {
            let (before, mut member) = zip.file(name, TIME, size).unwrap();
            file.write_all(&before).unwrap();
            // A hole in the file stands for the bytes.
            file.seek(SeekFrom::Current(i64::try_from(size).unwrap())).unwrap();
            member.passed = size;
            file.write_all(&zip.end(member).unwrap()).unwrap();
        }
        file.write_all(&zip.finish()).unwrap();
        let mut archive = ZipArchive::new(file).unwrap();
        let mut told = Vec::new();
        for index in 0..archive.len() {
            let member = archive.by_index_raw(index).unwrap();
            assert_eq!(member.compressed_size(), member.size());
            told.push((member.name().unwrap().into_owned(), member.size()));
        }
        let expected = [("large", 5 << 30), ("far", 3), ("at the bound", MAX_32), ("below it", MAX_32 - 1)];
        assert_eq!(told, expected.map(|(name, size)| (name.to_owned(), size)));
    }

    #[test]
    fn more_members_than_the_old_end_can_count_are_counted() {
        let mut zip = Zip::default();
        let mut bytes = Vec::new();
        for number in 0..70_000 {
            bytes.extend(zip.folder(&number.to_string(), TIME).unwrap());
        }
        bytes.extend(zip.finish());
        assert_eq!(ZipArchive::new(std::io::Cursor::new(bytes)).unwrap().len(), 70_000);
    }

    #[test]
    fn what_would_not_be_the_folder_is_refused() {
        let mut zip = Zip::default();
        let (_, mut member) = zip.file("a", TIME, 3).unwrap();
        member.pass(b"ab");
        assert_eq!(zip.end(member), Err(ZipError::OtherSize));
        assert_eq!(zip.file(&"x".repeat(70_000), TIME, 0).err(), Some(ZipError::LongName));
        let long = "x".repeat(60_000);
        let many = (0..1_000).map(|_| zip.folder(&long, TIME).map(drop)).find_map(Result::err);
        assert_eq!(many, Some(ZipError::TooMany));
    }

    #[test]
    fn names_and_times_are_such_as_every_system_has() {
        assert_eq!((safe(".."), safe("a\\b"), safe("a.b")), ("．．".to_owned(), "a＼b".to_owned(), "a.b".to_owned()));
        assert_eq!(dos_time(TIME), (43 << 9 | 11 << 5 | 14, 22 << 11 | 13 << 5 | 10));
        for odd in [0, i64::MIN, i64::MAX] {
            assert_eq!(dos_time(UnixMillis(odd)), (1 << 5 | 1, 0));
        }
    }
}
