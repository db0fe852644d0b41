//! The shape of every setting. How it is read, its default and its bounds are in the files beside.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::config::postgres_url::PostgresUrl;
use crate::config::timeouts::Timeouts;
use crate::config::view::View;

/// Everything the program was told, after all checks have passed.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses to accept connections on; never empty.
    pub listen: Vec<ListenAddr>,
    /// How clients reach the server, where that differs from the listening address. Its path is what everything is
    /// served below ([`Config::base`]).
    pub public_url: Option<Url>,
    /// Peers whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Path under which WebDAV is served: begins with `/`, no trailing slash; empty for the root.
    pub dav_prefix: String,
    /// Origins whose scripts may use WebDAV, such as `app://obsidian.md`; `*` for all.
    pub cors_origins: Vec<String>,
    /// Where the state store is kept.
    pub state: StateLocation,
    /// What this server is called among several that share a database.
    pub instance: String,
    /// Log filter in `tracing`'s directive syntax.
    pub log: String,
    /// What a line of the log looks like.
    pub log_format: LogFormat,
    /// By which clock a line of the log is dated.
    pub log_time: LogTime,
    /// Longest wait for running requests at shutdown.
    pub shutdown_grace: Duration,
    /// Certificate and key files; absent means plain HTTP.
    pub tls: Option<Tls>,
    /// How the drive's API is called.
    pub upstream: Upstream,
    /// How long and how much of the listings is remembered.
    pub cache: Cache,
    /// Streams to clients.
    pub download: Download,
    /// Writes to the drive.
    pub upload: Upload,
    /// The pages for browsers.
    pub web: Web,
    /// Accounts by unique name.
    pub accounts: Vec<Account>,
    /// Where each drive appears; paths are unique.
    pub mounts: Vec<Mount>,
    /// Trees of addresses for media servers; none lies in another or hides a mount.
    pub views: Vec<View>,
    /// Link-policy exceptions in order of precedence.
    pub clients: Vec<ClientRule>,
    /// People who may sign in.
    pub users: Vec<User>,
    /// What a request without credentials may do.
    pub anonymous: Permission,
    /// The waits that are no settings; no key of the file.
    pub timeouts: Timeouts,
}

impl Config {
    /// Path below which everything is served: begins with `/`, no trailing slash; empty for the root. It has only
    /// characters that a URL bears as they are.
    #[must_use]
    pub fn base(&self) -> &str {
        self.public_url.as_ref().map_or("", |url| url.path().trim_end_matches('/'))
    }

    /// Path of WebDAV with what everything is served below; empty for the root.
    #[must_use]
    pub fn dav_path(&self) -> String {
        format!("{}{}", self.base(), self.dav_prefix)
    }

    /// Whether every request is turned away: nobody has a password, and nothing is open without one.
    #[must_use]
    pub fn admits_nobody(&self) -> bool {
        self.users.is_empty() && self.anonymous == Permission::None
    }

    /// Whether there are pages: WebDAV at the root leaves them no room.
    #[must_use]
    pub fn has_pages(&self) -> bool {
        self.web.enabled && !self.dav_prefix.is_empty()
    }

    /// Whether renditions are served by signed addresses: pages play them, and views lead to them.
    #[must_use]
    pub fn has_films(&self) -> bool {
        !self.dav_prefix.is_empty() && (self.web.enabled || !self.views.is_empty())
    }
}

/// One address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddr {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A unix-domain socket at this path.
    Unix(PathBuf),
}

impl std::fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(addr) => write!(f, "{addr}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Where the state store is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// A SQLite file, created with mode 0600.
    File(PathBuf),
    /// Kept in memory and lost at exit (`sqlite::memory:`), for the demo and tests.
    Memory,
    /// A database of a PostgreSQL server, which several instances may share.
    Postgres(PostgresUrl),
}

/// The file, or the database without a password.
impl std::fmt::Display for StateLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Memory => f.write_str(":memory:"),
            Self::Postgres(url) => write!(f, "{url}"),
        }
    }
}

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: words and `name=value`.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// By which clock a line of the log is dated; either tells its distance from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTime {
    /// UTC.
    Utc,
    /// The machine's time zone.
    Local,
}

/// PEM files of the listener.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// How the drive's API is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Base URL of the API, without a trailing slash.
    pub api_url: Url,
    /// Listings per second and account.
    pub list_per_s: f64,
    /// Download links per second and account.
    pub link_per_s: f64,
    /// All other calls per second and account.
    pub other_per_s: f64,
    /// Open download bodies per account.
    pub max_streams: usize,
    /// Longest a request waits for its turn.
    pub max_wait: Duration,
    /// `http://` or `socks5://` proxy for all outgoing calls.
    pub outbound_proxy: Option<Url>,
    /// Whether links to the data host that refuses on some networks are turned to the one that does not (reference 3.9).
    pub steady_data_host: bool,
}

/// How long and how much of the listings is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct Cache {
    /// Age up to which a listing is believed.
    pub list_ttl: Duration,
    /// Age up to which a listing is served while it is refreshed.
    pub stale_ttl: Duration,
    /// Entries kept over all listings.
    pub max_entries: u64,
    /// Largest tree, in entries, that `Depth: infinity` answers; 0 refuses always.
    pub infinity_max_entries: usize,
    /// Sub-folders of a folder looked at that are listed before they are opened; 0 for none.
    pub prefetch_folders: usize,
    /// How often a drive in use is asked what other programs changed; zero for never.
    pub watch: Duration,
}

/// Streams to clients.
#[derive(Debug, Clone, PartialEq)]
pub struct Download {
    /// Read-ahead of one stream in bytes.
    pub read_ahead: u64,
    /// Parallel range requests of one stream.
    pub connections: usize,
    /// Bytes all streams may hold together.
    pub memory: u64,
}

/// Writes to the drive.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Part size in bytes; grows where a file would need over 10,000 parts.
    pub part_size: u64,
    /// Bytes all uploads may hold together.
    pub memory: u64,
    /// Where a rapid-upload candidate waits for its hash; absent means the system's temporary folder.
    pub spool_dir: Option<PathBuf>,
    /// Bytes the spool may hold.
    pub spool_limit: u64,
    /// What happens to the file managers' own files.
    pub metadata_files: MetadataFiles,
    /// How long an empty file waits for its content before it goes to the drive; no key of the file.
    pub empty_file_wait: Duration,
}

/// The pages for browsers and their API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Whether there are any.
    pub enabled: bool,
    /// What they are called.
    pub title: String,
    /// How long a session lasts after its last use.
    pub session: Duration,
    /// How long a signed link lasts where its maker does not say.
    pub link: Duration,
    /// What the player begins with.
    pub start_with: StartWith,
    /// Which way the segments of a film go.
    pub segments: Segments,
    /// Hosts beside the drive's own that pages may load films and pictures from, as sources of a content policy.
    pub media_hosts: Vec<String>,
}

/// What the player begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartWith {
    /// The original where the browser surely plays it, else a rendition.
    Auto,
    /// A rendition of the drive's.
    Rendition,
    /// The file as it is.
    Original,
}

impl StartWith {
    /// The setting's word for each.
    pub(super) const WORDS: [(&str, Self); 3] =
        [("auto", Self::Auto), ("rendition", Self::Rendition), ("original", Self::Original)];

    /// The setting's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, own)| *own == self).map_or("", |(word, _)| word)
    }
}

/// Which way the segments of a film go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segments {
    /// Redirected to whoever is known to follow.
    Auto,
    /// Always by a redirect.
    Redirect,
    /// Always through this program.
    Proxy,
}

/// What happens to `._*`, `.DS_Store`, `Thumbs.db` and `desktop.ini`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataFiles {
    /// Kept beside, in the state store, never uploaded.
    Local,
    /// Uploaded like any file.
    Upload,
    /// Refused with 403.
    Refuse,
}

/// One Aliyundrive account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Unique name, used in mounts, logs and metrics.
    pub name: String,
    /// Own developer application; absent means a token server holds one.
    pub client_id: Option<String>,
    /// Secret of the own application; absent with a `client_id` means PKCE.
    pub client_secret: Option<SecretString>,
    /// Token servers in order of preference, used without a `client_id`.
    pub oauth_token_urls: Vec<Url>,
    /// Refresh token to start with; the newer of this and the stored one wins.
    pub refresh_token: Option<SecretString>,
}

/// Secrets are compared in constant time.
impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |secret: &Option<SecretString>| secret.as_ref().map(|s| s.expose_secret().as_bytes().to_vec());
        let same = |one: &Option<SecretString>, two: &Option<SecretString>| match (bytes(one), bytes(two)) {
            (Some(one), Some(two)) => bool::from(one.ct_eq(&two)),
            (one, two) => one.is_none() && two.is_none(),
        };
        self.name == other.name
            && self.client_id == other.client_id
            && self.oauth_token_urls == other.oauth_token_urls
            && same(&self.client_secret, &other.client_secret)
            && same(&self.refresh_token, &other.refresh_token)
    }
}

/// One drive, or a folder of it, at a path of the served tree.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Path under the prefix: begins with `/`, no trailing slash except for the root itself.
    pub path: String,
    /// Name of an [`Account`].
    pub account: String,
    /// Which of the account's drives.
    pub drive_type: DriveType,
    /// Folder that appears as the mount's root.
    pub root_folder_id: String,
    /// Listing order asked of the service.
    pub order_by: OrderBy,
    /// Direction of that order.
    pub order_direction: OrderDirection,
    /// How removed things go.
    pub remove_way: RemoveWay,
    /// Whether content the drive already has is committed without sending it.
    pub rapid_upload: bool,
    /// Whether part URLs are rewritten to the host inside Alibaba's Beijing network.
    pub internal_upload: bool,
    /// Which stream of a live photo is served.
    pub livp_download_format: LivpFormat,
    /// Which way downloads go, where no client rule says otherwise.
    pub link_policy: LinkPolicy,
    /// Base URLs of download proxies, for [`LinkPolicy::ProxyUrl`].
    pub down_proxy_urls: Vec<Url>,
    /// Secret shared with the download proxy.
    pub down_proxy_token: Option<SecretString>,
    /// Whether the URLs given to clients are signed.
    pub down_proxy_sign: bool,
    /// Whether every change is refused.
    pub read_only: bool,
}

/// Which of an account's drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriveType {
    /// The one the service names as default.
    Default,
    /// 资源库.
    Resource,
    /// 备份盘.
    Backup,
}

/// Listing order, in the service's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the service's own words")]
pub enum OrderBy {
    Name,
    NameEnhanced,
    Size,
    UpdatedAt,
    CreatedAt,
}

/// Direction of a listing's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum OrderDirection {
    Asc,
    Desc,
}

/// How removed things go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoveWay {
    /// To the recycle bin.
    Trash,
    /// For good.
    Delete,
}

/// Which stream of a live photo is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum LivpFormat {
    Jpeg,
    Mov,
}

/// Which way a download goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPolicy {
    /// 302 to the drive's own link.
    Redirect,
    /// Streamed through this program.
    Proxy,
    /// 302 to a download proxy.
    ProxyUrl,
}

impl LinkPolicy {
    /// Our word for each, then AList's.
    pub(super) const WORDS: [(&str, Self); 7] = [
        ("redirect", Self::Redirect),
        ("proxy", Self::Proxy),
        ("proxy_url", Self::ProxyUrl),
        ("302", Self::Redirect),
        ("302_redirect", Self::Redirect),
        ("native_proxy", Self::Proxy),
        ("use_proxy_url", Self::ProxyUrl),
    ];

    /// Reads our word for a policy or AList's.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, policy)| policy)
    }

    /// Our word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.into_iter().find(|(_, policy)| *policy == self).map_or("", |(word, _)| word)
    }
}

/// An exception to the mounts' link policy; every condition given must hold.
#[derive(Debug, Clone)]
pub struct ClientRule {
    /// Pattern searched in the `User-Agent`.
    pub user_agent: Option<regex::Regex>,
    /// Network of the client's address.
    pub network: Option<IpNet>,
    /// Name of the signed-in user.
    pub user: Option<String>,
    /// The policy to use.
    pub link_policy: LinkPolicy,
}

/// One person who may sign in.
#[derive(Debug, Clone)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Argon2id PHC string, or plain text (with a warning at start).
    pub password: SecretString,
    /// The only part of the tree the user sees: begins with `/`, no trailing slash except for the root.
    pub base_path: String,
    /// What the user may do.
    pub permission: Permission,
}

/// What a user may do, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum Permission {
    None,
    Read,
    Write,
}
