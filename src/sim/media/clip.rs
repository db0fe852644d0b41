//! The clip taken apart (ISO/IEC 14496-12): what its tracks are, and their samples one by one.

use bytes::Bytes;

use crate::sim::media::CLIP;

/// A track of the clip.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Track {
    /// Its `stsd` box, whole.
    pub(super) description: Bytes,
    /// Pictures or pieces of sound, as they are decoded.
    pub(super) samples: Vec<Bytes>,
}

/// The track of that handler, `vide` or `soun`; absent if the clip has none.
pub(super) fn track(handler: &[u8; 4]) -> Option<Track> {
    let moov = child(CLIP, b"moov")?;
    let traks = boxes(moov).filter(|(kind, _)| *kind == b"trak");
    let mut mdias = traks.filter_map(|(_, trak)| child(trak, b"mdia"));
    let mdia = mdias.find(|mdia| child(mdia, b"hdlr").and_then(|hdlr| hdlr.get(8..12)) == Some(handler))?;
    let stbl = child(child(mdia, b"minf")?, b"stbl")?;
    let stsd = child(stbl, b"stsd")?;
    let size = u32::try_from(stsd.len() + 8).ok()?;
    Some(Track { description: [&size.to_be_bytes()[..], b"stsd", stsd].concat().into(), samples: samples(stbl)? })
}

/// Samples in their order: chunk by chunk, each with as many as the last entry of `stsc` up to it says.
fn samples(stbl: &[u8]) -> Option<Vec<Bytes>> {
    let mut sizes = words(child(stbl, b"stsz")?.get(12..)?);
    let stsc: Vec<usize> = words(child(stbl, b"stsc")?.get(8..)?).collect();
    let mut samples = Vec::new();
    for (chunk, start) in (1..).zip(words(child(stbl, b"stco")?.get(8..)?)) {
        let count = stsc.chunks_exact(3).take_while(|entry| entry[0] <= chunk).last()?[1];
        let mut at = start;
        for size in sizes.by_ref().take(count) {
            samples.push(Bytes::from_static(CLIP.get(at..at + size)?));
            at += size;
        }
    }
    Some(samples)
}

fn words(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.chunks_exact(4).map(|word| word.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// Boxes by their kind and what they hold.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let size = words(rest.get(..4)?).next()?;
        let (kind, body) = (rest.get(4..8)?, rest.get(8..size)?);
        rest = &rest[size..];
        Some((kind, body))
    })
}

fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| found == kind).map(|(_, body)| body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clip_has_what_originals_repeat() {
        let (pictures, sound) = (track(b"vide").unwrap(), track(b"soun").unwrap());
        assert_eq!((pictures.samples.len(), sound.samples.len()), (80, 430));
        // A sample is pieces with their lengths before them: of a picture's the last is a slice, of a key frame (5) or
        // of another (1).
        for (number, picture) in pictures.samples.iter().enumerate() {
            let mut at = 0;
            let mut kind = 0;
            while at < picture.len() {
                let size = words(&picture[at..at + 4]).next().unwrap();
                kind = picture[at + 4] & 0x1f;
                at += 4 + size;
            }
            assert_eq!((at, kind), (picture.len(), if number % 16 == 0 { 5 } else { 1 }), "of {number}");
        }
        assert_eq!(track(b"text"), None);
    }
}
