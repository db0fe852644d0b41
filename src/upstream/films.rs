//! What the service tells of films and pictures, in our words (reference 3.22, 3.1).

use crate::upstream::signed_url::{Life, SignedUrl};
use crate::upstream::types::{Address, Item};

/// How a film can be played: its renditions, the smallest first, and its subtitles.
#[derive(Debug, Clone, Default)]
pub struct PlayInfo {
    /// Seconds.
    pub duration_s: Option<f64>,
    /// Pixels of the source.
    pub width: Option<u32>,
    /// Pixels of the source.
    pub height: Option<u32>,
    /// Seconds at which it was left.
    pub cursor_s: Option<f64>,
    /// By their shorter side.
    pub renditions: Vec<Rendition>,
    /// In the service's order, by which they are told apart: several may be of one language.
    pub subtitles: Vec<Subtitle>,
}

/// One transcoded form of a film.
#[derive(Debug, Clone)]
pub struct Rendition {
    /// `LD`, `SD`, `HD`, `FHD`, `QHD`, and what else the service may think of.
    pub template: String,
    /// Pixels; 0 where it does not say.
    pub width: u32,
    /// Pixels; 0 where it does not say.
    pub height: u32,
    /// Whether it can be played.
    pub state: RenditionState,
}

/// Whether a rendition can be played.
#[derive(Debug, Clone)]
pub enum RenditionState {
    /// By its playlist, whether or not all of it is made already.
    Usable(Address),
    /// It is being made.
    Running,
    /// It came to nothing.
    Failed,
    /// Not for this account, in the service's words.
    Withheld(Option<String>),
}

impl Rendition {
    /// Its playlist, if it can be played.
    #[must_use]
    pub fn playlist(&self) -> Option<&Address> {
        if let RenditionState::Usable(address) = &self.state { Some(address) } else { None }
    }

    /// The side by which people name it; of the names alone where the service tells no pixels.
    #[must_use]
    pub fn shorter_side(&self) -> u32 {
        match self.width.min(self.height) {
            0 => Self::nominal_side(&self.template).unwrap_or(0),
            side => side,
        }
    }

    /// The shorter side that a template stands for; absent for an unknown one (reference 3.22).
    #[must_use]
    pub fn nominal_side(template: &str) -> Option<u32> {
        Some(match template {
            "LD" => 360,
            "SD" => 540,
            "HD" => 720,
            "FHD" => 1080,
            "QHD" => 1440,
            "UHD" => 2160,
            _ => return None,
        })
    }
}

/// Subtitles that were within a film, as WebVTT.
#[derive(Debug, Clone)]
pub struct Subtitle {
    /// `chi`, `eng`, `jpn`, …
    pub language: String,
    /// Absent while they are being made.
    pub address: Option<Address>,
}

/// Which picture of a film or an image is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Picture {
    /// Pixels, at most.
    pub width: u32,
    /// Of a film, where it is taken, in milliseconds; by default where the service takes it by itself.
    pub at_ms: Option<u32>,
}

/// A file that was played, with where it was left.
#[derive(Debug, Clone)]
pub struct Played {
    /// The drive that it is in.
    pub drive_id: String,
    /// The file, with where it was left.
    pub item: Item,
}

impl PlayInfo {
    /// Until when all that it tells can be used: the shortest life of its addresses.
    #[must_use]
    pub fn life(&self) -> Option<Life> {
        let renditions = self.renditions.iter().filter_map(Rendition::playlist);
        let subtitles = self.subtitles.iter().filter_map(|subtitle| subtitle.address.as_ref());
        renditions.chain(subtitles).map(|address| address.life).min_by_key(|life| life.left())
    }

    /// Bytes that it takes to keep, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let size = |url: &SignedUrl| url.size() + 200;
        let renditions = self.renditions.iter().filter_map(Rendition::playlist);
        let subtitles = self.subtitles.iter().filter_map(|subtitle| subtitle.address.as_ref());
        renditions.chain(subtitles).map(|address| size(&address.url)).sum::<usize>() + 200
    }
}
