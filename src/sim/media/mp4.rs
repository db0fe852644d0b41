//! An original as MP4 (ISO/IEC 14496-12): `moov` before the samples, so that it plays from its beginning on; pictures
//! and sound take turns every second. Its tables are made as they are read, too.

use bytes::Bytes;

use crate::sim::media::layout::{Layout, Part};
use crate::sim::media::stretch::{KEY, PICTURE_TICKS, PICTURES, PIECE_TICKS, PIECES, RATE, STRETCH_TICKS, Stretches};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;

/// Turned by nothing and scaled by nothing (6.2.2).
const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// The file.
pub(super) fn film(film: Stretches) -> Layout {
    let ftyp = boxed(b"ftyp", vec![Part::kept(&b"isom\0\0\x02\0isomiso2avc1mp41"[..])]);
    let samples = film.size * film.count;
    // Sizes of over 4 GiB stand behind the name (4.2).
    let mdat = [&1u32.to_be_bytes()[..], b"mdat", &(samples + 16).to_be_bytes()].concat();
    // Where the samples begin hangs on how large the tables are, not on what stands in them.
    let before = size(&ftyp) + size(&moov(&film, 0)) + mdat.len() as u64;
    let moov = moov(&film, before);
    Layout::of([ftyp, moov, vec![Part::kept(mdat), film.all()]].concat())
}

fn moov(film: &Stretches, samples: u64) -> Vec<Part> {
    let head = [&[0, 0, low(RATE), duration(film), 0x1_0000, 0x0100_0000, 0, 0][..], &UNITY, &[0; 6], &[3]].concat();
    let pictures = Media {
        id: 1,
        handler: *b"vide",
        head: full(b"vmhd", 1, &[0, 0]),
        description: film.pictures.clone(),
        count: film.count * PICTURES as u64,
        ticks: PICTURE_TICKS,
        chunk: PICTURES,
        sizes: full(b"stsz", 0, &[low(film.picture), low(film.count * PICTURES as u64)]),
        keys: numbers(b"stss", (film.count * PICTURES as u64).div_ceil(KEY), |number| {
            low(number * KEY + 1).to_be_bytes().to_vec()
        }),
        offset: samples,
    };
    let pieces = film.count * PIECES as u64;
    let table = words(&film.pieces);
    let table = move |number: u64| {
        let from = usize::try_from(number).unwrap_or_default() * PIECES * 4 % table.len();
        Layout::of(vec![Part::Kept(table.slice(from..from + PIECES * 4))])
    };
    let sizes = [Part::Kept(words(&[0, 0, low(pieces)])), Part::each(film.count, table)];
    let sound = Media {
        id: 2,
        handler: *b"soun",
        head: full(b"smhd", 0, &[0]),
        description: film.sound.clone(),
        count: pieces,
        ticks: PIECE_TICKS,
        chunk: PIECES,
        sizes: boxed(b"stsz", sizes.into()),
        keys: Vec::new(),
        offset: samples + film.picture * PICTURES as u64,
    };
    boxed(b"moov", [full(b"mvhd", 0, &head), pictures.trak(film), sound.trak(film)].concat())
}

/// What makes a track.
struct Media {
    id: u32,
    handler: [u8; 4],
    head: Vec<Part>,
    description: Bytes,
    /// Samples, how long each is, and how many are in a chunk.
    count: u64,
    ticks: u64,
    chunk: usize,
    sizes: Vec<Part>,
    keys: Vec<Part>,
    /// Where its first chunk is.
    offset: u64,
}

impl Media {
    fn trak(self, film: &Stretches) -> Vec<Part> {
        let duration = duration(film);
        let picture = &self.handler == b"vide";
        let (volume, width, height) = if picture { (0, WIDTH << 16, HEIGHT << 16) } else { (0x0100_0000, 0, 0) };
        let tkhd = [&[0, 0, self.id, 0, duration, 0, 0, 0, volume][..], &UNITY, &[width, height]].concat();
        // The language is none ("und", 8.4.2).
        let mdhd = full(b"mdhd", 0, &[0, 0, low(RATE), duration, 0x55c4_0000]);
        let handler = words(&[0, 0, u32::from_be_bytes(self.handler), 0, 0, 0]);
        let hdlr = boxed(b"hdlr", vec![Part::Kept(handler), Part::Fill(0, 1)]);
        let url = full(b"url ", 1, &[]);
        let dref = boxed(b"dref", [vec![Part::Kept(words(&[0, 1]))], url].concat());
        let (size, offset) = (film.size, self.offset);
        let offsets = numbers(b"co64", film.count, move |number| (offset + number * size).to_be_bytes().to_vec());
        let stbl = [
            vec![Part::Kept(self.description)],
            full(b"stts", 0, &[1, low(self.count), low(self.ticks)]),
            self.keys,
            full(b"stsc", 0, &[1, 1, low(self.chunk as u64), 1]),
            self.sizes,
            offsets,
        ];
        let minf = [self.head, boxed(b"dinf", dref), boxed(b"stbl", stbl.concat())].concat();
        let mdia = [mdhd, hdlr, boxed(b"minf", minf)].concat();
        // In use, and in the presentation (8.3.2).
        boxed(b"trak", [full(b"tkhd", 3, &tkhd), boxed(b"mdia", mdia)].concat())
    }
}

/// In ticks; one that the head cannot hold, of more than a day, is told as unknown (8.2.2).
fn duration(film: &Stretches) -> u32 {
    u32::try_from(film.count * STRETCH_TICKS).unwrap_or(u32::MAX)
}

fn boxed(kind: &[u8; 4], parts: Vec<Part>) -> Vec<Part> {
    let head = [&low(size(&parts) + 8).to_be_bytes()[..], kind].concat();
    [vec![Part::kept(head)], parts].concat()
}

/// A box with flags, and nothing but words.
fn full(kind: &[u8; 4], flags: u32, body: &[u32]) -> Vec<Part> {
    boxed(kind, vec![Part::Kept(words(&[&[flags], body].concat()))])
}

/// A table of so many entries.
fn numbers(kind: &[u8; 4], count: u64, entry: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static) -> Vec<Part> {
    let entries = Part::each(count, move |number| Layout::of(vec![Part::kept(entry(number))]));
    boxed(kind, vec![Part::Kept(words(&[0, low(count)])), entries])
}

fn words(words: &[u32]) -> Bytes {
    words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>().into()
}

fn size(parts: &[Part]) -> u64 {
    parts.iter().map(Part::size).sum()
}

/// A number that a table's word holds.
fn low(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
