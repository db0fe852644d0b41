//! What holds where nothing is said.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::settings::{
    Account, Cache, Config, Download, DriveType, LinkPolicy, ListenAddr, LivpFormat, LogFormat, LogTime, MetadataFiles,
    Mount, OrderBy, OrderDirection, Permission, RemoveWay, Segments, StartWith, StateLocation, Upload, Upstream, Web,
};
use crate::config::timeouts::Timeouts;
use crate::config::view::{Quality, View, ViewForm, ViewLinks};

const MIB: u64 = 1 << 20;

/// Address of the service (reference 0.2).
const API_URL: &str = "https://openapi.alipan.com";

/// Token servers used without an own application: OpenList's, and its twin for mainland China, which is reached where
/// the bot check before the first turns people away (reference 1.8.2).
const TOKEN_SERVERS: [&str; 2] =
    ["https://api.oplist.org/alicloud/renewapi", "https://api.oplist.org.cn/alicloud/renewapi"];

impl Default for Upstream {
    fn default() -> Self {
        Self {
            api_url: API_URL.parse().expect("a constant URL"),
            list_per_s: 4.0,
            link_per_s: 1.0,
            other_per_s: 15.0,
            max_streams: 3,
            max_wait: Duration::from_secs(20),
            outbound_proxy: None,
            steady_data_host: true,
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            list_ttl: Duration::from_secs(300),
            stale_ttl: Duration::from_secs(86_400),
            max_entries: 500_000,
            infinity_max_entries: 1000,
            prefetch_folders: 0,
            watch: Duration::from_secs(60),
        }
    }
}

impl Default for Download {
    fn default() -> Self {
        Self { read_ahead: 8 * MIB, connections: 1, memory: 256 * MIB }
    }
}

impl Default for Upload {
    fn default() -> Self {
        Self {
            part_size: 20 * MIB,
            memory: 128 * MIB,
            spool_dir: None,
            spool_limit: 20 * 1024 * MIB,
            metadata_files: MetadataFiles::Local,
            empty_file_wait: Duration::from_secs(60),
        }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self {
            enabled: true,
            title: "alidav".to_owned(),
            session: Duration::from_secs(30 * 86_400),
            link: Duration::from_secs(12 * 3600),
            start_with: StartWith::Auto,
            segments: Segments::Auto,
            media_hosts: Vec::new(),
        }
    }
}

impl Account {
    /// An account with all defaults and no token.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            client_id: None,
            client_secret: None,
            oauth_token_urls: TOKEN_SERVERS.map(|url| url.parse().expect("a constant URL")).to_vec(),
            refresh_token: None,
        }
    }
}

impl Mount {
    /// The account's default drive at a path, with all defaults.
    #[must_use]
    pub fn at(path: &str, account: &str) -> Self {
        Self {
            path: path.to_owned(),
            account: account.to_owned(),
            drive_type: DriveType::Default,
            root_folder_id: "root".to_owned(),
            order_by: OrderBy::Name,
            order_direction: OrderDirection::Asc,
            remove_way: RemoveWay::Trash,
            rapid_upload: true,
            internal_upload: false,
            livp_download_format: LivpFormat::Jpeg,
            link_policy: LinkPolicy::Redirect,
            down_proxy_urls: Vec::new(),
            down_proxy_token: None,
            down_proxy_sign: true,
            read_only: false,
        }
    }
}

impl View {
    /// All films as they are, at a path, with all defaults.
    #[must_use]
    pub fn at(path: &str, base_url: Url) -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            path: path.to_owned(),
            source: "/".to_owned(),
            form: ViewForm::Strm,
            quality: vec![Quality::Original],
            links: ViewLinks::Signed,
            link_life: Duration::ZERO,
            base_url,
            credentials: None,
            types: words(&["mkv", "mp4", "avi", "mov", "wmv", "ts", "m2ts", "flv", "rmvb", "webm"]),
            also: words(&["srt", "ass", "ssa", "vtt", "sub", "idx", "nfo", "jpg", "png", "webp"]),
            min_size: 0,
        }
    }
}

impl Config {
    /// All defaults around the given accounts and mounts; nobody may sign in yet.
    #[must_use]
    pub fn new(accounts: Vec<Account>, mounts: Vec<Mount>) -> Self {
        Self {
            listen: vec![ListenAddr::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)))],
            public_url: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            dav_prefix: "/dav".to_owned(),
            state: StateLocation::File(PathBuf::from("alidav.db")),
            instance: gethostname::gethostname().to_string_lossy().into_owned(),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            log_time: LogTime::Utc,
            shutdown_grace: Duration::from_secs(30),
            tls: None,
            upstream: Upstream::default(),
            cache: Cache::default(),
            download: Download::default(),
            upload: Upload::default(),
            web: Web::default(),
            accounts,
            mounts,
            views: Vec::new(),
            clients: Vec::new(),
            users: Vec::new(),
            anonymous: Permission::None,
            timeouts: Timeouts::default(),
        }
    }
}
