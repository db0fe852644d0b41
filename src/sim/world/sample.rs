//! What the demo's drive holds: folders, pictures, sounds, documents, and films that cost nothing.

use crate::sim::world::content::Content;
use crate::sim::world::drive::Drive;

const GIB: u64 = 1 << 30;

/// Fills a drive.
pub(in crate::sim) fn fill(drive: &mut Drive) {
    let films = drive.mkdir("/电影");
    drive.add(&films, "大片 (2160p).mkv", Some(Content::Generated { size: 60 * GIB, seed: 1 }));
    drive.add(&films, "Short film (1080p).mp4", Some(Content::Generated { size: 700 << 20, seed: 2 }));
    text(drive, &films, "大片 (2160p).srt", "1\n00:00:01,000 --> 00:00:04,000\n你好\n");
    let clips = drive.mkdir("/电影/短片");
    drive.add(&clips, "plasma.avi", Some(Content::Kept(avi().into())));
    let series = drive.mkdir("/剧集/第一季");
    for episode in 1..=12 {
        let size = 900 * (1 << 20) + episode;
        drive.add(&series, &format!("E{episode:02}.mp4"), Some(Content::Generated { size, seed: 100 + episode }));
    }
    let pictures = drive.mkdir("/照片/2025");
    for (at, name) in ["日落.bmp", "湖.bmp", "forest.bmp"].iter().enumerate() {
        drive.add(&pictures, name, Some(Content::Kept(bmp(at).into())));
    }
    let photo = drive.add(&pictures, "IMG_0001.livp", Some(Content::Generated { size: 3_000_000, seed: 9 }));
    if let Some(node) = drive.nodes.get_mut(&photo) {
        let film = Content::Generated { size: 2_500_000, seed: 10 };
        node.streams = Some((Content::Generated { size: 400_000, seed: 11 }, film));
    }
    let music = drive.mkdir("/音乐");
    drive.add(&music, "440 Hz.wav", Some(Content::Kept(wav().into())));
    let documents = drive.mkdir("/文档");
    text(drive, &documents, "读我.md", "# alidav\n\n这是模拟盘里的一个文件。\n");
    text(drive, &documents, "names & signs +%#.txt", "Names are shown as they are.\n");
    drive.mkdir("/文档/空文件夹");
}

fn text(drive: &mut Drive, parent: &str, name: &str, text: &str) {
    drive.add(parent, name, Some(Content::Kept(bytes::Bytes::copy_from_slice(text.as_bytes()))));
}

/// A picture of 320 by 200 in colours that differ by `kind`.
fn bmp(kind: usize) -> Vec<u8> {
    let (width, height) = (320u32, 200u32);
    let mut file = Vec::new();
    file.extend_from_slice(b"BM");
    file.extend_from_slice(&(54 + width * height * 3).to_le_bytes());
    file.extend_from_slice(&[0; 4]);
    for number in [54, 40, width, height] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.extend_from_slice(&[1, 0, 24, 0]);
    file.extend_from_slice(&[0; 24]);
    for y in 0..height {
        for x in 0..width {
            let mut colour = [byte(y), byte(x / 2), byte(255 - y)];
            colour.rotate_left(kind % 3);
            file.extend_from_slice(&colour);
        }
    }
    file
}

fn byte(number: u32) -> u8 {
    u8::try_from(number & 0xff).unwrap_or_default()
}

/// Two seconds of a tone, mono, 16 bits, 8,000 samples a second.
fn wav() -> Vec<u8> {
    let samples = 16_000u32;
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + samples * 2).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16u32.to_le_bytes());
    file.extend_from_slice(&[1, 0, 1, 0]);
    file.extend_from_slice(&8000u32.to_le_bytes());
    file.extend_from_slice(&16_000u32.to_le_bytes());
    file.extend_from_slice(&[2, 0, 16, 0]);
    file.extend_from_slice(b"data");
    file.extend_from_slice(&(samples * 2).to_le_bytes());
    for at in 0..samples {
        let value = (f64::from(at) * 440.0 * std::f64::consts::TAU / 8000.0).sin() * 12_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "within 12,000")]
        file.extend_from_slice(&(value as i16).to_le_bytes());
    }
    file
}

/// A playable film without a codec: 50 uncompressed frames of 96 by 64 at 10 a second.
fn avi() -> Vec<u8> {
    let (width, height, frames) = (96u32, 64u32, 50u32);
    let frame_size = width * height * 3;
    let le = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let chunk = |name: &[u8; 4], data: Vec<u8>| {
        let mut chunk = name.to_vec();
        chunk.extend_from_slice(&u32::try_from(data.len()).unwrap_or_default().to_le_bytes());
        chunk.extend(data);
        chunk
    };
    let list = |kind: &[u8; 4], chunks: Vec<u8>| chunk(b"LIST", [kind.to_vec(), chunks].concat());
    let main =
        chunk(b"avih", le(&[100_000, frame_size * 10, 0, 0x10, frames, 0, 1, frame_size, width, height, 0, 0, 0, 0]));
    let mut stream = b"vidsDIB ".to_vec();
    stream.extend(le(&[0, 0, 0, 1, 10, 0, frames, frame_size, u32::MAX, 0, 0, width | height << 16]));
    let format = le(&[40, width, height, 1 | 24 << 16, 0, frame_size, 0, 0, 0, 0]);
    let header =
        list(b"hdrl", [main, list(b"strl", [chunk(b"strh", stream), chunk(b"strf", format)].concat())].concat());
    let mut pictures = Vec::new();
    let mut index = Vec::new();
    for frame in 0..frames {
        index.extend_from_slice(b"00db");
        index.extend(le(&[0x10, u32::try_from(pictures.len()).unwrap_or_default() + 4, frame_size]));
        let pixels = (0..width * height).flat_map(|at| {
            let (x, y) = (at % width, at / width);
            [byte(x * 2 + frame * 5), byte(y * 3 + frame * 3), byte((x + y) * 2)]
        });
        pictures.extend(chunk(b"00db", pixels.collect()));
    }
    let body = [b"AVI ".to_vec(), header, list(b"movi", pictures), chunk(b"idx1", index)].concat();
    chunk(b"RIFF", body)
}
