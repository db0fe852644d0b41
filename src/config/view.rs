//! The shape of a view: a read-only tree of small files that each hold the address of one film.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// A folder's films as small files, for media servers.
#[derive(Debug, Clone)]
pub struct View {
    /// Where it appears: begins with `/`, no trailing slash, never the root.
    pub path: String,
    /// The folder that it mirrors.
    pub source: String,
    /// What the files are.
    pub form: ViewForm,
    /// What they lead to; never empty, each once. Several make a file each.
    pub quality: Vec<Quality>,
    /// By what the addresses open.
    pub links: ViewLinks,
    /// How long an address opens at least; zero for ever.
    pub link_life: Duration,
    /// How media servers and players reach this server, without name and password.
    pub base_url: Url,
    /// Name and password as a URL has them, for [`ViewLinks::Userinfo`].
    pub credentials: Option<SecretString>,
    /// Extensions of films, in lower case.
    pub types: Vec<String>,
    /// Extensions of files that are shown as they are, in lower case.
    pub also: Vec<String>,
    /// Smaller films are not shown.
    pub min_size: u64,
}

/// What the files of a view are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewForm {
    /// A line with the address.
    Strm,
    /// A playlist with one address.
    M3u8,
}

impl ViewForm {
    /// The setting's word for each, which is the extension too.
    pub(super) const WORDS: [(&str, Self); 2] = [("strm", Self::Strm), ("m3u8", Self::M3u8)];

    /// The extension of the files.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Strm => "strm",
            Self::M3u8 => "m3u8",
        }
    }
}

/// By what the addresses of a view open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewLinks {
    /// A sign.
    Signed,
    /// Nothing: strangers may read.
    Plain,
    /// A name and a password.
    Userinfo,
}

impl ViewLinks {
    /// The setting's word for each.
    pub(super) const WORDS: [(&str, Self); 3] =
        [("signed", Self::Signed), ("plain", Self::Plain), ("userinfo", Self::Userinfo)];
}

/// What an address of a view leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the templates are the service's own words")]
pub enum Quality {
    /// The file itself.
    Original,
    /// The best rendition there is.
    Best,
    Qhd,
    Fhd,
    Hd,
    Sd,
    Ld,
}

impl Quality {
    /// The setting's word for each, for renditions the service's template.
    pub(super) const WORDS: [(&str, Self); 7] = [
        ("original", Self::Original),
        ("best", Self::Best),
        ("QHD", Self::Qhd),
        ("FHD", Self::Fhd),
        ("HD", Self::Hd),
        ("SD", Self::Sd),
        ("LD", Self::Ld),
    ];

    /// The setting's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, own)| *own == self).map_or("", |(word, _)| word)
    }

    /// What people call it, in names of files.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Best => "best",
            Self::Qhd => "1440p",
            Self::Fhd => "1080p",
            Self::Hd => "720p",
            Self::Sd => "540p",
            Self::Ld => "360p",
        }
    }

    /// The shorter side of the picture; absent where it is not known beforehand.
    #[must_use]
    pub fn side(self) -> Option<u32> {
        self.label().strip_suffix('p').and_then(|side| side.parse().ok())
    }
}
