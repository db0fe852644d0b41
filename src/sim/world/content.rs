//! The bytes of files: kept, on disk, or made as they are read, so that a film of 60 GB costs nothing.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use sha1::{Digest as _, Sha1};

use crate::sim::media::original::Original;

/// Generated content is made of blocks of this size.
const BLOCK: u64 = 1 << 20;

/// Most of a film that is made at a time.
const FILM_PIECE: u64 = 256 << 10;

/// Largest generated content that is hashed; above, the service tells no hash.
const MAX_HASHED: u64 = 64 << 20;

/// Two copies of one block of noise, so that every rotation of it is one slice.
static NOISE: LazyLock<Bytes> = LazyLock::new(|| {
    let mut noise = Vec::with_capacity(2 << 20);
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    while noise.len() < 1 << 20 {
        noise.extend_from_slice(&mix(&mut state).to_le_bytes());
    }
    noise.extend_from_within(..);
    noise.into()
});

fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Content of a file.
#[derive(Debug, Clone)]
pub(in crate::sim) enum Content {
    /// In memory.
    Kept(Bytes),
    /// In a file of the simulator's folder.
    File(PathBuf, u64),
    /// Made from a seed.
    Generated { size: u64, seed: u64 },
    /// A film that plays.
    Film(Arc<Original>),
    /// Hashed and thrown away; reads as zeros.
    Discarded { size: u64 },
}

impl Content {
    pub(in crate::sim) fn size(&self) -> u64 {
        match self {
            Self::Kept(bytes) => bytes.len() as u64,
            Self::Film(film) => film.size(),
            Self::File(_, size) | Self::Generated { size, .. } | Self::Discarded { size } => *size,
        }
    }

    /// Bytes from `start` on, at most to `end` and as many as come without copying.
    pub(in crate::sim) fn piece(&self, start: u64, end: u64) -> std::io::Result<Bytes> {
        let end = end.min(self.size());
        if start >= end {
            return Ok(Bytes::new());
        }
        match self {
            Self::Kept(bytes) => Ok(bytes.slice(index(start)..index(end.min(start + BLOCK)))),
            Self::File(path, _) => read_file(path, start, end.min(start + BLOCK)),
            Self::Film(film) => Ok(film.read(start, end.min(start + FILM_PIECE)).into()),
            Self::Generated { seed, .. } => Ok(generated(*seed, start, end)),
            Self::Discarded { .. } => Ok(Bytes::from(vec![0; index((end - start).min(BLOCK))])),
        }
    }

    /// The whole, for small content.
    pub(in crate::sim) fn all(&self) -> std::io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while (all.len() as u64) < self.size() {
            all.extend_from_slice(&self.piece(all.len() as u64, self.size())?);
        }
        Ok(all)
    }

    /// SHA-1 in upper-case hex, where it is known at a bearable cost.
    pub(in crate::sim) fn sha1(&self) -> Option<String> {
        match self {
            Self::Generated { .. } | Self::Film(_) if self.size() > MAX_HASHED => return None,
            Self::Discarded { .. } => return None,
            _ => {}
        }
        let mut hasher = Sha1::new();
        let mut at = 0;
        while at < self.size() {
            let piece = self.piece(at, self.size()).ok()?;
            hasher.update(&piece);
            at += piece.len() as u64;
        }
        Some(hex(&hasher.finalize()))
    }

    /// SHA-1 of the first 1,024 bytes in upper-case hex.
    pub(in crate::sim) fn pre_hash(&self) -> Option<String> {
        let mut head = Vec::new();
        let end = self.size().min(1024);
        while (head.len() as u64) < end {
            head.extend_from_slice(&self.piece(head.len() as u64, end).ok()?);
        }
        Some(hex(&Sha1::digest(&head)))
    }
}

fn generated(seed: u64, start: u64, end: u64) -> Bytes {
    let block = start / BLOCK;
    let mut state = seed ^ block.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let rotation = mix(&mut state) % BLOCK;
    let from = rotation + start % BLOCK;
    let to = from + (end - start).min(BLOCK - start % BLOCK);
    NOISE.slice(index(from)..index(to))
}

fn read_file(path: &PathBuf, start: u64, end: u64) -> std::io::Result<Bytes> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; index(end - start)];
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

/// A position within content that is in memory.
fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// Upper-case hex.
pub(in crate::sim) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_content_is_the_same_from_every_offset() {
        let content = Content::Generated { size: 3_500_000, seed: 7 };
        let all = content.all().unwrap();
        assert_eq!(all.len(), 3_500_000);
        for start in [0u64, 1, 1_048_575, 1_048_576, 2_000_003, 3_499_999] {
            let piece = content.piece(start, 3_500_000).unwrap();
            assert_eq!(piece, all[index(start)..index(start) + piece.len()]);
        }
        assert_ne!(content.sha1(), Content::Generated { size: 3_500_000, seed: 8 }.sha1());
        assert_eq!(content.sha1().unwrap(), hex(&Sha1::digest(&all)));
    }

    #[test]
    fn a_large_film_costs_nothing() {
        let film = Content::Generated { size: 60 << 30, seed: 1 };
        assert_eq!(film.sha1(), None);
        assert_eq!(film.piece((60 << 30) - 1, u64::MAX).unwrap().len(), 1);
    }
}
