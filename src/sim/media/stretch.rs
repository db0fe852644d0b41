//! What originals repeat: the clip over and over, in stretches of a second that are all of one size, so that
//! any byte of a film of two hours is known without those before it.
//!
//! A picture is filled up with what decoders skip (a NAL unit of filler, ISO/IEC 14496-10, 7.3.2.7), by which a film is
//! as large as it is wanted.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use crate::sim::media::clip::{Track, track};
use crate::sim::media::layout::{Layout, Part};

/// Samples of sound a second, in which all of a film's times count.
pub(super) const RATE: u64 = 44_100;

/// Pictures and pieces of sound of a stretch. A piece is 1,024 samples, and a picture lasts as long as makes both fit.
pub(super) const PICTURES: usize = 8;
pub(super) const PIECES: usize = 43;
pub(super) const PIECE_TICKS: u64 = 1024;
pub(super) const STRETCH_TICKS: u64 = PIECES as u64 * PIECE_TICKS;
pub(super) const PICTURE_TICKS: u64 = STRETCH_TICKS / PICTURES as u64;

/// A key frame comes every so many pictures.
pub(super) const KEY: u64 = 16;

/// Least that a picture is filled up by: a length, a type and the end.
const LEAST_FILLER: u64 = 6;

static TRACKS: LazyLock<Option<(Track, Track)>> = LazyLock::new(|| Some((track(b"vide")?, track(b"soun")?)));

/// What the container is written of.
pub(super) struct Stretches {
    pub(super) pictures: Bytes,
    pub(super) sound: Bytes,
    /// How many.
    pub(super) count: u64,
    /// Bytes of every picture.
    pub(super) picture: u64,
    /// Bytes of every stretch: its pictures, its sound, nothing.
    pub(super) size: u64,
    /// Sizes of the pieces of sound, until they repeat.
    pub(super) pieces: Vec<u32>,
    /// Stretches until they repeat.
    data: Vec<Layout>,
}

/// How many are nearest to so many seconds.
pub(super) fn stretches(seconds: u64) -> u64 {
    ((seconds * RATE + STRETCH_TICKS / 2) / STRETCH_TICKS).max(1)
}

impl Stretches {
    /// Of about so many seconds and bytes; larger where pictures do not fit. Absent if the clip is none.
    pub(super) fn new(seconds: u64, wanted: u64) -> Option<Self> {
        let (pictures, sound) = TRACKS.as_ref()?;
        let count = stretches(seconds);
        let sounds: Vec<Bytes> = sound.samples.chunks_exact(PIECES).map(|pieces| pieces.concat().into()).collect();
        let loudest = sounds.iter().map(Bytes::len).max()? as u64;
        let least = pictures.samples.iter().map(Bytes::len).max()? as u64 + LEAST_FILLER;
        let picture = ((wanted / count).saturating_sub(loudest) / PICTURES as u64).clamp(least, u64::from(u32::MAX));
        let size = picture * PICTURES as u64 + loudest;
        let stretch = |(pictures, sound): (&[Bytes], Bytes)| {
            let rest = loudest - sound.len() as u64;
            let mut parts: Vec<Part> = pictures.iter().flat_map(|bytes| filled(bytes, picture)).collect();
            parts.extend([Part::Kept(sound), Part::Fill(0, rest)]);
            Layout::of(parts)
        };
        Some(Self {
            pictures: pictures.description.clone(),
            sound: sound.description.clone(),
            count,
            picture,
            size,
            pieces: sound.samples.iter().filter_map(|piece| u32::try_from(piece.len()).ok()).collect(),
            data: pictures.samples.chunks_exact(PICTURES).zip(sounds).map(stretch).collect(),
        })
    }

    /// All of them.
    pub(super) fn all(&self) -> Part {
        let data: Arc<[Layout]> = self.data.clone().into();
        Part::each(self.count, move |number| data[usize::try_from(number).unwrap_or_default() % data.len()].clone())
    }
}

/// A picture, filled up to that size.
fn filled(picture: &Bytes, size: u64) -> [Part; 4] {
    let filler = size - picture.len() as u64 - 4;
    let length = u32::try_from(filler).unwrap_or_default().to_be_bytes();
    let head = [&length[..], &[0x0c]].concat();
    [Part::Kept(picture.clone()), Part::kept(head), Part::Fill(0xff, filler - 2), Part::kept(&[0x80][..])]
}
