//! Playlists of renditions as the service writes them (reference 3.22): the whole film from its start, relative lines,
//! each with a signature of its own. Kept small: what all lines have in common is kept once.

use std::fmt;
use std::str::FromStr as _;

use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::signed_url::{Life, SignedUrl};

/// What an error is said to be of.
const CALL: &str = "playlist";

/// Most segments that are believed: more than two days of ten seconds each.
const MOST: usize = 20_000;

/// A rendition's playlist.
#[derive(Clone)]
pub struct Playlist {
    /// `#EXT-X-VERSION`.
    pub version: u32,
    /// `#EXT-X-TARGETDURATION` in seconds.
    pub target_s: u32,
    /// How long its segments may be asked for.
    pub life: Life,
    durations_ms: Box<[u32]>,
    /// Scheme, host and folder of the playlist, with a slash at the end.
    base: String,
    /// The parameters of every line; absent where they differ.
    common: Box<[Option<Box<str>>]>,
    lines: Box<[Line]>,
}

#[derive(Clone)]
enum Line {
    /// What the line has of its own: its path, then the parameters that differ, joined by `&`.
    Own(Box<str>),
    /// A line of another form than the others.
    Whole(Box<str>),
}

impl fmt::Debug for Playlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Playlist({} segments, masked)", self.lines.len())
    }
}

impl Playlist {
    /// Reads what came from `url`; the segments live as long as that.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] for what is no playlist of a whole film in the clear.
    pub fn parse(text: &[u8], url: &SignedUrl, life: Life) -> Result<Self, Error> {
        let broken = |words: &str| Error::new(CALL, ErrorKind::Malformed).message(words);
        let text = std::str::from_utf8(text).map_err(|_| broken("a playlist that is no text"))?;
        let text = text.trim_start_matches('\u{feff}');
        if !text.trim_start().starts_with("#EXTM3U") {
            return Err(broken("no playlist: it does not begin with #EXTM3U"));
        }
        let (mut version, mut target_s, mut ended) = (3, 10, false);
        let (mut durations, mut lines, mut next) = (Vec::new(), Vec::new(), None);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once(':') {
                Some(("#EXT-X-VERSION", value)) => version = value.trim().parse().unwrap_or(version),
                Some(("#EXT-X-TARGETDURATION", value)) => target_s = value.trim().parse().unwrap_or(target_s),
                Some(("#EXTINF", value)) => next = milliseconds(value),
                Some(("#EXT-X-KEY", value)) if !value.contains("METHOD=NONE") => {
                    return Err(broken("a playlist of encrypted segments"));
                }
                Some(("#EXT-X-MAP" | "#EXT-X-BYTERANGE" | "#EXT-X-STREAM-INF", _)) => {
                    return Err(broken("a playlist of another form"));
                }
                _ if line == "#EXT-X-ENDLIST" => ended = true,
                _ if line.starts_with('#') => {}
                _ => {
                    durations.push(next.take().ok_or_else(|| broken("a segment without its length"))?);
                    lines.push(line);
                }
            }
        }
        if lines.is_empty() || !ended || lines.len() > MOST {
            return Err(broken("a playlist that is not of a whole film"));
        }
        let base = folder(url).ok_or_else(|| broken("a playlist without an address"))?;
        let common = common(&lines);
        let lines = lines.iter().map(|line| own(line, &common)).collect();
        Ok(Self { version, target_s, life, durations_ms: durations.into(), base, common: common.into(), lines })
    }

    /// Lengths of the segments in milliseconds.
    #[must_use]
    pub fn durations_ms(&self) -> &[u32] {
        &self.durations_ms
    }

    /// A segment's URL; absent beyond the end.
    #[must_use]
    pub fn segment(&self, number: usize) -> Option<SignedUrl> {
        let line = match self.lines.get(number)? {
            Line::Whole(line) => line.to_string(),
            Line::Own(own) => {
                let (path, rest) = own.split_once('?').unwrap_or((own, ""));
                let mut rest = rest.split('&');
                let pairs = self.common.iter().map(|common| common.as_deref().or_else(|| rest.next()));
                format!("{path}?{}", pairs.collect::<Option<Vec<_>>>()?.join("&"))
            }
        };
        if line.contains("://") {
            return SignedUrl::parse(&line);
        }
        let origin_end = self.base.find("://")? + 3;
        let origin_end = origin_end + self.base[origin_end..].find('/')?;
        let from = if line.starts_with('/') { &self.base[..origin_end] } else { &self.base };
        SignedUrl::parse(&format!("{from}{line}"))
    }

    /// Bytes that it takes to keep, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let line = |line: &Line| match line {
            Line::Own(text) | Line::Whole(text) => text.len() + size_of::<Line>() + 8,
        };
        let common: usize = self.common.iter().flatten().map(|text| text.len()).sum();
        self.lines.iter().map(line).sum::<usize>() + self.durations_ms.len() * 4 + self.base.len() + common + 200
    }
}

fn milliseconds(value: &str) -> Option<u32> {
    let seconds = f64::from_str(value.split(',').next()?.trim()).ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within an hour")]
    (0.0..3600.0).contains(&seconds).then(|| (seconds * 1000.0).round() as u32)
}

fn folder(url: &SignedUrl) -> Option<String> {
    let uri = url.expose();
    let path = uri.path();
    let folder = &path[..=path.rfind('/')?];
    Some(format!("{}://{}{folder}", uri.scheme_str()?, uri.authority()?))
}

fn pairs(line: &str) -> Vec<&str> {
    line.split_once('?').map(|(_, query)| query.split('&').collect()).unwrap_or_default()
}

/// The parameters that are the same in all lines of the first one's form.
fn common(lines: &[&str]) -> Vec<Option<Box<str>>> {
    let first = pairs(lines[0]);
    let mut same = vec![true; first.len()];
    for other in lines.iter().map(|line| pairs(line)).filter(|other| other.len() == first.len()) {
        same.iter_mut().zip(first.iter().zip(other)).for_each(|(same, (a, b))| *same &= *a == b);
    }
    first.into_iter().zip(same).map(|(pair, same)| same.then(|| pair.into())).collect()
}

fn own(line: &str, common: &[Option<Box<str>>]) -> Line {
    let all = pairs(line);
    if all.len() != common.len() || all.is_empty() {
        return Line::Whole(line.into());
    }
    let path = line.split('?').next().unwrap_or_default();
    let own: Vec<&str> = all.iter().zip(common).filter(|(_, common)| common.is_none()).map(|(pair, _)| *pair).collect();
    Line::Own(format!("{path}?{}", own.join("&")).into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parse(text: &str) -> Result<Playlist, Error> {
        let url = SignedUrl::parse("https://h.example/lt/A_1/FHD/media.m3u8?di=bj29&x-oss-signature=p").unwrap();
        Playlist::parse(text.as_bytes(), &url, Life::lasting(Duration::from_secs(900)))
    }

    #[test]
    fn every_line_comes_out_as_it_was_and_the_common_part_is_kept_once() {
        let common = format!("di=bj29&dr=1&security-token={}&x-oss-signature-version=OSS2", "t".repeat(800));
        let line =
            |n: usize| format!("media-{n}.ts?{}", common.replace("&x-oss", &format!("&x-oss-signature=s{n}%2B&x-oss")));
        let mut text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-TARGETDURATION:10\n".to_owned();
        (0..720).for_each(|n| text.push_str(&format!("#EXTINF:10.000,\n{}\n", line(n))));
        text.push_str("#EXTINF:3.25,\n/root.ts?a=b\n#EXTINF:1,\nhttps://other.example/x.ts?c\n#EXT-X-ENDLIST\n");
        let playlist = parse(&text).unwrap();
        for n in [0, 1, 719] {
            assert_eq!(
                playlist.segment(n).unwrap().expose().to_string(),
                format!("https://h.example/lt/A_1/FHD/{}", line(n))
            );
        }
        assert_eq!(playlist.segment(720).unwrap().expose(), "https://h.example/root.ts?a=b");
        assert_eq!(playlist.segment(721).unwrap().expose(), "https://other.example/x.ts?c");
        assert!(playlist.segment(722).is_none());
        assert_eq!(playlist.durations_ms()[719..], [10_000, 3250, 1000]);
        assert!(text.len() > 600_000 && playlist.size() < 80_000, "{}", playlist.size());
        assert_eq!(format!("{playlist:?}"), "Playlist(722 segments, masked)");
    }

    #[test]
    fn what_is_no_playlist_of_a_whole_film_is_refused() {
        for text in [
            "",
            "<html>sign in</html>",
            "#EXTM3U\n#EXT-X-ENDLIST\n",
            "#EXTM3U\n#EXTINF:10,\na.ts\n",
            "#EXTM3U\na.ts\n#EXT-X-ENDLIST\n",
            "#EXTM3U\n#EXTINF:-1,\na.ts\n#EXT-X-ENDLIST\n",
            "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:10,\na.ts\n#EXT-X-ENDLIST\n",
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n#EXT-X-ENDLIST\n",
        ] {
            assert_eq!(parse(text).unwrap_err().kind, ErrorKind::Malformed, "{text}");
        }
    }
}
