//! Films, pictures and songs of the simulated drive, made once by `media/make.sh`; and the retimer, by which one segment
//! of each rendition is every segment of every film: what it adds to the clocks within (PCR, PTS, DTS) makes any number
//! of them one valid stream (ISO/IEC 13818-1, 2.4.3). Originals of any length are the clip repeated ([`original`]).

mod clip;
mod layout;
mod mp4;
pub(in crate::sim) mod original;
mod stretch;

use std::collections::{BTreeMap, BTreeSet};

/// Length of a whole segment in milliseconds.
pub(in crate::sim) const SEGMENT_MS: u64 = 10_000;

const SEGMENTS: [(&str, &[u8]); 5] = [
    ("LD", include_bytes!("media/LD.ts")),
    ("SD", include_bytes!("media/SD.ts")),
    ("HD", include_bytes!("media/HD.ts")),
    ("FHD", include_bytes!("media/FHD.ts")),
    ("QHD", include_bytes!("media/QHD.ts")),
];

/// A film of ten seconds that browsers play as it is.
pub(in crate::sim) const CLIP: &[u8] = include_bytes!("media/clip.mp4");

macro_rules! photo {
    ($name:literal) => {
        (
            include_bytes!(concat!("media/photo-", $name, ".jpg")),
            include_bytes!(concat!("media/photo-", $name, "-small.jpg")),
        )
    };
}

/// Photographs of 1,280 by 853, and the same 480 wide.
pub(in crate::sim) const PHOTOS: [(&[u8], &[u8]); 8] =
    [photo!("0"), photo!("1"), photo!("2"), photo!("3"), photo!("4"), photo!("5"), photo!("6"), photo!("7")];

/// Stills of films, 480 wide.
pub(in crate::sim) const POSTERS: [&[u8]; 4] = [
    include_bytes!("media/poster-0.jpg"),
    include_bytes!("media/poster-1.jpg"),
    include_bytes!("media/poster-2.jpg"),
    include_bytes!("media/poster-3.jpg"),
];

/// Songs as MP3 with title and artist.
pub(in crate::sim) const SONGS: [&[u8]; 2] = [include_bytes!("media/song-0.mp3"), include_bytes!("media/song-1.mp3")];

const PACKET: usize = 188;

/// Ticks a second of PTS and DTS, which count within 33 bits.
const TICKS_PER_MS: u64 = 90;
const CLOCK: u64 = 1 << 33;

/// When the first segment begins, so that no clock in it begins before zero.
const START: u64 = 10_000 * TICKS_PER_MS;

/// The segment of that number in a rendition, cut to so many milliseconds; absent for a template that does not exist.
pub(in crate::sim) fn segment(template: &str, number: u64, length_ms: u64) -> Option<Vec<u8>> {
    let (_, segment) = SEGMENTS.iter().find(|(name, _)| *name == template)?;
    Some(retimed(segment, number, length_ms * TICKS_PER_MS))
}

fn retimed(segment: &[u8], number: u64, length: u64) -> Vec<u8> {
    let packets = || segment.chunks_exact(PACKET);
    let first = packets().filter_map(|packet| pes(packet).map(|at| clock(&packet[at + 9..]))).min().unwrap_or_default();
    let shift = START + number * SEGMENT_MS * TICKS_PER_MS + CLOCK - first;
    // The counter of a stream's packets goes on from segment to segment.
    let mut counted: BTreeMap<u16, u64> = BTreeMap::new();
    packets().filter(|packet| packet[3] & 0x10 != 0).for_each(|packet| *counted.entry(pid(packet)).or_default() += 1);
    let mut ended = BTreeSet::new();
    let mut out = Vec::with_capacity(segment.len());
    for packet in packets() {
        let pid = pid(packet);
        if let Some(at) = pes(packet)
            && clock(&packet[at + 9..]).saturating_sub(first) >= length
        {
            ended.insert(pid);
        }
        if ended.contains(&pid) {
            continue;
        }
        let from = out.len();
        out.extend_from_slice(packet);
        let packet = &mut out[from..];
        let counter = u64::from(packet[3] & 0x0f) + number % 16 * counted.get(&pid).copied().unwrap_or_default();
        packet[3] = packet[3] & 0xf0 | low(counter % 16);
        if packet[3] & 0x20 != 0 && packet[4] >= 7 && packet[5] & 0x10 != 0 {
            shift_pcr(&mut packet[6..11], shift);
        }
        if let Some(at) = pes(packet) {
            let has_dts = packet[at + 7] & 0x40 != 0;
            shift_clock(&mut packet[at + 9..at + 14], shift);
            if has_dts {
                shift_clock(&mut packet[at + 14..at + 19], shift);
            }
        }
    }
    out
}

fn pid(packet: &[u8]) -> u16 {
    u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2])
}

/// Where in a packet the head of an elementary stream's packet with a PTS begins.
fn pes(packet: &[u8]) -> Option<usize> {
    let adaptation = if packet[3] & 0x20 != 0 { 1 + usize::from(packet[4]) } else { 0 };
    let at = 4 + adaptation;
    let starts = packet[1] & 0x40 != 0 && packet[3] & 0x10 != 0;
    let head = packet.get(at..at + 19).filter(|head| starts && head.starts_with(&[0, 0, 1]))?;
    (head[7] & 0x80 != 0).then_some(at)
}

fn clock(bytes: &[u8]) -> u64 {
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|at| u64::from(bytes[at]));
    (a >> 1 & 7) << 30 | b << 22 | c >> 1 << 15 | d << 7 | e >> 1
}

fn shift_clock(bytes: &mut [u8], shift: u64) {
    let value = (clock(bytes) + shift) % CLOCK;
    bytes[0] = bytes[0] & 0xf0 | low(value >> 29 & 0x0e | 1);
    bytes[1] = low(value >> 22);
    bytes[2] = low(value >> 14 & 0xfe | 1);
    bytes[3] = low(value >> 7);
    bytes[4] = low(value << 1 & 0xfe | 1);
}

fn shift_pcr(bytes: &mut [u8], shift: u64) {
    let base = bytes[..4].iter().fold(0, |base, byte| base << 8 | u64::from(*byte)) << 1 | u64::from(bytes[4] >> 7);
    let base = (base + shift) % CLOCK;
    for (at, byte) in bytes[..4].iter_mut().enumerate() {
        *byte = low(base >> (25 - 8 * at));
    }
    bytes[4] = bytes[4] & 0x7f | low((base & 1) << 7);
}

/// The lowest eight bits.
fn low(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_follow_one_another_in_clocks_and_counters() {
        let mut counters: BTreeMap<u16, u8> = BTreeMap::new();
        let mut clocks: BTreeMap<u16, u64> = BTreeMap::new();
        let film = [(0, SEGMENT_MS), (1, SEGMENT_MS), (2, 500)];
        let stream: Vec<u8> = film.into_iter().flat_map(|(n, length)| segment("LD", n, length).unwrap()).collect();
        for packet in stream.chunks_exact(PACKET) {
            assert_eq!(packet[0], 0x47);
            if let Some(before) = counters.insert(pid(packet), packet[3] & 0x0f) {
                assert_eq!(packet[3] & 0x0f, (before + 1) % 16, "of {}", pid(packet));
            }
            if let Some(at) = pes(packet)
                && let Some(before) = clocks.insert(pid(packet), clock(&packet[at + 9..]))
            {
                assert!(clock(&packet[at + 9..]) > before);
            }
        }
        let last = START + (2 * SEGMENT_MS + 500) * TICKS_PER_MS;
        assert!(clocks.values().all(|clock| (last - 50_000..last).contains(clock)), "{clocks:?}");
    }

    #[test]
    fn a_clock_is_written_as_it_is_read_and_begins_again_after_26_hours() {
        let mut bytes = [0x21, 0, 1, 0, 1];
        shift_clock(&mut bytes, CLOCK - 5);
        assert_eq!((clock(&bytes), bytes[0] & 0xf1), (CLOCK - 5, 0x21));
        shift_clock(&mut bytes, 7);
        assert_eq!(clock(&bytes), 2);
    }
}
