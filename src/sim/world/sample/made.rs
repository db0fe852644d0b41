//! Files that the demo's drive is given by computing them: a tone, a film without a codec, a page, a live photo.

fn byte(number: u32) -> u8 {
    u8::try_from(number & 0xff).unwrap_or_default()
}

/// Two seconds of a tone, mono, 16 bits, 8,000 samples a second.
pub(super) fn wav() -> Vec<u8> {
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
pub(super) fn avi() -> Vec<u8> {
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

/// Files in a zip archive, stored as they are: what a live photo is.
pub(super) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    let number = |length: usize| u32::try_from(length).unwrap_or_default().to_le_bytes();
    for (name, content) in files {
        let at = number(file.len());
        // Version 1.0, no flags, stored, at noon of the first of June 2025.
        let mut head = vec![10, 0, 0, 0, 0, 0, 0, 0x60, 0xc1, 0x5a];
        head.extend(crc32fast::hash(content).to_le_bytes());
        head.extend(number(content.len()).repeat(2));
        head.extend([byte(u32::try_from(name.len()).unwrap_or_default()), 0, 0, 0]);
        file.extend([&b"PK\x03\x04"[..], &head, name.as_bytes(), content].concat());
        directory.extend([&b"PK\x01\x02\x0a\0"[..], &head, &[0; 10], &at, name.as_bytes()].concat());
    }
    let count = [byte(u32::try_from(files.len()).unwrap_or_default()), 0];
    let (size, at) = (number(directory.len()), number(file.len()));
    file.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &count, &count, &size, &at, &[0, 0]].concat());
    file
}

/// A page of a few lines in Latin letters.
pub(super) fn pdf(lines: &[&str]) -> Vec<u8> {
    let text: String = lines.iter().map(|line| format!("({line}) Tj 0 -28 Td ")).collect();
    let text = format!("BT /F1 20 Tf 60 760 Td {text}ET");
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>".to_owned(),
        format!("<</Length {}>>stream\n{text}\nendstream", text.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj{object}endobj\n"));
    }
    let (count, start) = (objects.len() + 1, file.len());
    file.push_str(&format!("xref\n0 {count}\n{table}trailer<</Size {count}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"));
    file.into_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    #[test]
    fn a_live_photo_holds_a_picture_and_a_film() {
        let mut archive =
            zip::ZipArchive::new(Cursor::new(super::zip(&[("a.JPG", b"still"), ("a.MOV", b"moving")]))).unwrap();
        for (at, name, content) in [(0, "a.JPG", "still"), (1, "a.MOV", "moving")] {
            let mut file = archive.by_index(at).unwrap();
            let mut read = String::new();
            // Checks the checksum too.
            file.read_to_string(&mut read).unwrap();
            assert_eq!((&*file.name().unwrap(), &*read), (name, content));
        }
    }
}
