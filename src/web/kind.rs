//! What a file is to a person: what opens it.

use serde::Serialize;

use crate::drive::{Entry, Origin};

/// What opens an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Folder,
    Video,
    Image,
    Audio,
    Pdf,
    Text,
    Markdown,
    Archive,
    Other,
}

/// Films whose type no registry names as one.
const VIDEOS: [&str; 6] = ["rmvb", "rm", "vob", "m2ts", "mts", "divx"];

const ARCHIVES: [&str; 12] = ["zip", "rar", "7z", "tar", "gz", "tgz", "bz2", "xz", "zst", "iso", "jar", "apk"];

/// Text under a type that does not say so.
const TEXTS: [&str; 34] = [
    "srt", "ass", "ssa", "vtt", "sub", "lrc", "nfo", "ini", "conf", "cfg", "toml", "yaml", "yml", "json", "xml", "log",
    "sh", "bat", "ps1", "py", "rs", "go", "js", "mjs", "jsx", "java", "c", "h", "cpp", "sql", "cue", "m3u", "m3u8",
    "strm",
];

impl Kind {
    pub(super) fn of(entry: &Entry) -> Self {
        if entry.is_folder() {
            return Self::Folder;
        }
        let extension = entry.name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        let extension = extension.as_str();
        match extension {
            "md" | "markdown" => return Self::Markdown,
            "pdf" => return Self::Pdf,
            _ if ARCHIVES.contains(&extension) => return Self::Archive,
            _ if TEXTS.contains(&extension) => return Self::Text,
            _ if VIDEOS.contains(&extension) => return Self::Video,
            _ => {}
        }
        match entry.mime().and_then(|mime| mime.split('/').next()) {
            Some("video") => Self::Video,
            Some("image") => Self::Image,
            Some("audio") => Self::Audio,
            Some("text") => Self::Text,
            _ => Self::Other,
        }
    }

    /// Whether the drive makes small pictures of such items.
    pub(super) fn has_thumbnail(self, entry: &Entry) -> bool {
        let own = matches!(entry.origin, Origin::Held | Origin::Local | Origin::View);
        matches!(self, Self::Video | Self::Image) && !own && !entry.name.to_ascii_lowercase().ends_with(".svg")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMillis;

    #[test]
    fn a_name_says_what_opens_it() {
        let kind = |name: &str| {
            let mut entry = Entry::folder(name, UnixMillis::default());
            entry.kind = crate::drive::Kind::File;
            Kind::of(&entry)
        };
        for (name, expected) in [
            ("a.MKV", Kind::Video),
            ("a.ts", Kind::Video),
            ("a.rmvb", Kind::Video),
            ("a.heic", Kind::Image),
            ("a.flac", Kind::Audio),
            ("a.pdf", Kind::Pdf),
            ("README.md", Kind::Markdown),
            ("a.srt", Kind::Text),
            ("a.html", Kind::Text),
            ("a.tar.gz", Kind::Archive),
            ("a.docx", Kind::Other),
            ("mkv", Kind::Other),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
        assert_eq!(Kind::of(&Entry::folder("a.mkv", UnixMillis::default())), Kind::Folder);
    }
}
