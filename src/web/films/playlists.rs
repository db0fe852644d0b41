//! Our own playlists (RFC 8216): relative lines, which stay valid for as long as their sign does.

use std::fmt::Write as _;

use crate::drive::PlayInfo;
use crate::drive::{self, Rendition};

/// Bits a second by the shorter side: what the drive's renditions need, about.
const BANDWIDTHS: [(u32, u32); 5] =
    [(360, 600_000), (540, 1_100_000), (720, 2_200_000), (1080, 4_500_000), (u32::MAX, 8_000_000)];

/// All usable renditions of a film with its subtitles; `suffix` is the query of each line.
///
/// # Errors
/// None is usable.
pub(super) fn master(info: &PlayInfo, suffix: &str) -> Result<String, drive::Error> {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:4\n".to_owned();
    let mut group = "";
    for (number, subtitle) in info.subtitles.iter().enumerate().filter(|(_, subtitle)| subtitle.address.is_some()) {
        group = ",SUBTITLES=\"subs\"";
        let (code, _) = language(&subtitle.language);
        let name = label(info, number);
        let _ = writeln!(
            text,
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"{name}\",LANGUAGE=\"{code}\",AUTOSELECT=YES,\
             DEFAULT=NO,FORCED=NO,URI=\"sub/{number}.m3u8?{suffix}\""
        );
    }
    let mut usable = false;
    for rendition in info.renditions.iter().filter(|rendition| rendition.playlist().is_some()) {
        usable = true;
        let side = rendition.shorter_side();
        let bandwidth = BANDWIDTHS.iter().find(|(most, _)| side <= *most).map_or(8_000_000, |(_, bits)| *bits);
        let resolution = match (rendition.width, rendition.height) {
            (0, _) | (_, 0) => String::new(),
            (width, height) => format!(",RESOLUTION={width}x{height}"),
        };
        let template = &rendition.template;
        let _ = writeln!(text, "#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}{resolution}{group}\n{template}.m3u8?{suffix}");
    }
    if usable { Ok(text) } else { Err(drive::Error::NoRendition(None)) }
}

/// One rendition, under the name that it was asked for by.
pub(super) fn rendition(rendition: &Rendition, template: &str, suffix: &str) -> String {
    let playlist = &rendition.playlist;
    let (version, target) = (playlist.version, playlist.target_s);
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
    );
    text.reserve(playlist.durations_ms().len() * (suffix.len() + 50));
    for (number, length) in playlist.durations_ms().iter().enumerate() {
        let (seconds, rest) = (length / 1000, length % 1000);
        let mark = &rendition.mark;
        let _ = writeln!(text, "#EXTINF:{seconds}.{rest:03},\n{template}/{number}.ts?e={mark}&{suffix}");
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

/// Subtitles as one segment of the whole length.
pub(super) fn subtitles(duration_s: Option<f64>, number: usize, suffix: &str) -> String {
    let length = duration_s.unwrap_or(86_400.0).max(1.0);
    let target = length.ceil();
    format!(
        "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:{target:.0}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n\
         #EXTINF:{length:.3},\n{number}.vtt?{suffix}\n#EXT-X-ENDLIST\n"
    )
}

/// What subtitles are called: their language, numbered from the second of it on.
pub(in crate::web) fn label(info: &PlayInfo, number: usize) -> String {
    let code = |at: usize| info.subtitles.get(at).map_or("", |subtitle| subtitle.language.as_str());
    let (_, name) = language(code(number));
    let name = if name.is_empty() { code(number).to_owned() } else { name.to_owned() };
    match (0..number).filter(|at| code(*at) == code(number)).count() {
        0 => name,
        before => format!("{name} {}", before + 1),
    }
}

/// A language's code for browsers (BCP 47) and its own name, by the drive's code or a part of a file's name.
pub(in crate::web) fn language(word: &str) -> (String, &'static str) {
    let word = word.to_ascii_lowercase();
    let (code, name) = match word.as_str() {
        "chi" | "zho" | "zh" | "chs" | "sc" | "zh-cn" | "zh-hans" | "gb" => ("zh", "中文"),
        "cht" | "tc" | "zh-tw" | "zh-hk" | "zh-hant" | "big5" => ("zh-Hant", "繁體中文"),
        "eng" | "en" | "en-us" => ("en", "English"),
        "jpn" | "ja" | "jp" => ("ja", "日本語"),
        "kor" | "ko" => ("ko", "한국어"),
        "fre" | "fra" | "fr" => ("fr", "Français"),
        "ger" | "deu" | "de" => ("de", "Deutsch"),
        "spa" | "es" => ("es", "Español"),
        "rus" | "ru" => ("ru", "Русский"),
        _ => return ("und".to_owned(), ""),
    };
    (code.to_owned(), name)
}
