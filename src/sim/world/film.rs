//! What the service's transcoder makes of a film (reference 3.22): how long it is, which renditions and subtitles it
//! has, and what stands in the way of playing it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A film of unknown length lasts as long as its bytes do at this rate, within [`SHORTEST_S`] and [`LONGEST_S`].
const BYTES_PER_S: u64 = 600_000;
const SHORTEST_S: f64 = 60.5;
const LONGEST_S: f64 = 7200.0;

/// Heights in names, the highest first.
const HEIGHTS: [(&str, u32); 8] = [
    ("2160p", 2160),
    ("4k", 2160),
    ("1440p", 1440),
    ("1080p", 1080),
    ("720p", 720),
    ("540p", 540),
    ("480p", 480),
    ("360p", 360),
];

/// Templates of renditions with the shorter side of each.
pub(in crate::sim) const TEMPLATES: [(&str, u32); 5] =
    [("LD", 360), ("SD", 540), ("HD", 720), ("FHD", 1080), ("QHD", 1440)];

/// A film as the transcoder sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Film {
    /// Seconds.
    pub duration_s: f64,
    /// Pixels of the source.
    pub width: u32,
    /// Pixels of the source.
    pub height: u32,
    /// Codec of its sound.
    pub sound: String,
    /// The subtitles within it.
    pub subtitles: Vec<Track>,
    /// Whether it can be played at all.
    pub preview: Preview,
    /// Renditions, by their template, that are not finished.
    pub renditions: BTreeMap<String, Rendition>,
}

/// Subtitles within a film.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// `chi`, `eng` or `jpn`; several may share one.
    pub language: String,
    /// The whole WebVTT.
    pub text: String,
}

/// Whether a film can be played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preview {
    /// Yes.
    #[default]
    Ready,
    /// Not before so many more calls, which say so with this status.
    Waits {
        /// 202, with the code in the body, or 400.
        status: u16,
        /// Calls that are still refused.
        calls: u32,
    },
    /// The transcoder can do nothing with it.
    Impossible,
}

/// A rendition that is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rendition {
    /// Being made.
    Running,
    /// Came to nothing.
    Failed,
    /// For members: no URL, and an advertisement.
    MembersOnly,
}

impl Default for Film {
    fn default() -> Self {
        let text = "WEBVTT\n\n00:00.500 --> 00:05.000\n字幕\n";
        Self {
            duration_s: SHORTEST_S,
            width: 1920,
            height: 1080,
            sound: "aac".to_owned(),
            subtitles: vec![Track { language: "chi".to_owned(), text: text.to_owned() }],
            preview: Preview::Ready,
            renditions: BTreeMap::new(),
        }
    }
}

impl Film {
    /// What is taken for granted of a file by its name and size.
    pub(in crate::sim) fn of(name: &str, size: u64) -> Self {
        let name = name.to_ascii_lowercase();
        let height = HEIGHTS.iter().find(|(word, _)| name.contains(word)).map_or(1080, |(_, height)| *height);
        #[expect(clippy::cast_precision_loss, reason = "a length in whole seconds")]
        let duration_s = ((size / BYTES_PER_S) as f64).clamp(SHORTEST_S, LONGEST_S);
        Self { duration_s, width: height * 16 / 9, height, ..Self::default() }
    }

    /// Lengths of its segments in milliseconds: all alike but for the last.
    pub(in crate::sim) fn segments(&self, each_ms: u64) -> impl Iterator<Item = u64> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and of hours")]
        let whole = (self.duration_s * 1000.0).round() as u64;
        (0..whole.div_ceil(each_ms)).map(move |number| each_ms.min(whole - number * each_ms))
    }

    /// Its renditions: template, width, height, and whether that is the source's own. None is larger than the source,
    /// and there is always one.
    pub(in crate::sim) fn templates(&self) -> Vec<(&'static str, u32, u32, bool)> {
        let short = self.width.min(self.height).max(1);
        let scaled = |side: u32, length: u32| (u64::from(side) * u64::from(length) / u64::from(short)) & !1;
        let scaled = |side: u32, length: u32| u32::try_from(scaled(side, length)).unwrap_or(side);
        let made = TEMPLATES.iter().filter(|(_, side)| *side <= short);
        let mut made: Vec<_> =
            made.map(|(id, side)| (*id, scaled(self.width, *side), scaled(self.height, *side), false)).collect();
        if made.is_empty() {
            made.push(("LD", self.width, self.height, true));
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_segment_is_shorter_and_no_rendition_is_larger_than_the_film() {
        let film = Film::of("clip (720p).mkv", 5);
        assert_eq!(film.segments(10_000).collect::<Vec<_>>(), [10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 500]);
        assert_eq!(film.templates(), [("LD", 640, 360, false), ("SD", 960, 540, false), ("HD", 1280, 720, false)]);
        let small = Film { width: 200, height: 300, ..Film::default() };
        assert_eq!(small.templates(), [("LD", 200, 300, true)]);
        assert_eq!(Film::of("a.mkv", 60 << 30).segments(10_000).count(), 720);
    }
}
