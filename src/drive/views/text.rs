//! What a file of a view says: one address, deterministic, so that its length is known before anybody reads it.

use crate::config::{Quality, View, ViewForm};
use crate::link::Addresses;

/// Bits a second and size of the picture, about, as players are told them.
fn stream(quality: Quality) -> String {
    let (bits, resolution) = match quality {
        Quality::Original | Quality::Best => (8_000_000, ""),
        Quality::Qhd => (8_000_000, ",RESOLUTION=2560x1440"),
        Quality::Fhd => (4_500_000, ",RESOLUTION=1920x1080"),
        Quality::Hd => (2_200_000, ",RESOLUTION=1280x720"),
        Quality::Sd => (1_100_000, ",RESOLUTION=960x540"),
        Quality::Ld => (600_000, ",RESOLUTION=640x360"),
    };
    format!("#EXT-X-STREAM-INF:BANDWIDTH={bits}{resolution}")
}

/// The text of a film, by its path from the tree's root, in one quality.
pub(super) fn text(view: &View, addresses: &Addresses, film: &str, quality: Quality) -> String {
    let address = match quality {
        Quality::Original => addresses.file(film),
        rendition => addresses.film(film, &format!("{}.m3u8", rendition.as_str())),
    };
    match view.form {
        ViewForm::Strm => format!("{address}\n"),
        // Of the original no playlist of renditions can speak.
        ViewForm::M3u8 if quality == Quality::Original => format!("#EXTM3U\n#EXTINF:-1,\n{address}\n"),
        ViewForm::M3u8 => format!("#EXTM3U\n{}\n{address}\n", stream(quality)),
    }
}
