//! Each section of the file: its keys, their defaults, their bounds.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::reader::Reader;
use crate::config::settings::{
    Account, Cache, Config, Download, LogFormat, LogTime, MetadataFiles, Permission, Segments, StartWith, Tls, Upload,
    Upstream, Web,
};
use crate::config::values::{
    has_dots, http_url, listen_addr, log_filter, media_host, network, origin, public_url, set, state,
};
use crate::config::{checks, entries, view_entry};

const MIB: u64 = 1 << 20;

/// Reads everything; faults are in the reader's notes.
pub(super) fn read(mut top: Reader<'_>) -> (Config, Vec<String>) {
    let mut config = Config::new(Vec::new(), Vec::new());
    if let Some(listen) = top.parsed_list("listen", listen_addr) {
        if listen.is_empty() {
            top.missing("listen", "is empty: give at least one address such as \"127.0.0.1:8080\"");
        }
        config.listen = listen;
    }
    config.public_url = top.parsed("public_url", public_url);
    set(&mut config.trusted_proxies, top.parsed_list("trusted_proxies", network));
    set(&mut config.cors_origins, top.parsed_list("cors_origins", origin));
    set(&mut config.dav_prefix, prefix(&mut top));
    set(&mut config.state, top.parsed("state", state));
    if let Some(name) = top.text("instance").filter(|name| !name.is_empty()) {
        config.instance = name;
    }
    if let Some(log) = top.text("log") {
        match log_filter(&log) {
            Ok(()) => config.log = log,
            Err(problem) => top.fault("log", format!("is {log:?}: {problem}")),
        }
    }
    set(&mut config.log_format, top.word("log_format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]));
    set(&mut config.log_time, top.word("log_time", &[("utc", LogTime::Utc), ("local", LogTime::Local)]));
    set(&mut config.shutdown_grace, top.seconds("shutdown_grace_s", 0, 3600));
    config.tls = top.section("tls").and_then(tls);
    if let Some(section) = top.section("upstream") {
        config.upstream = upstream(section);
    }
    if let Some(section) = top.section("cache") {
        config.cache = cache(section);
    }
    if let Some(section) = top.section("download") {
        config.download = download(section);
    }
    if let Some(section) = top.section("upload") {
        config.upload = upload(section);
    }
    if let Some(section) = top.section("web") {
        config.web = web(section);
    }
    config.accounts = top.sections("account").into_iter().map(entries::account).collect();
    if config.accounts.is_empty() {
        config.accounts.push(Account::named("main"));
    }
    config.mounts = top.sections("mount").into_iter().map(entries::mount).collect();
    let usual = config.public_url.clone();
    config.views = top.sections("view").into_iter().filter_map(|view| view_entry::view(view, usual.as_ref())).collect();
    config.clients = top.sections("client").into_iter().filter_map(entries::client).collect();
    config.users = top.sections("user").into_iter().filter_map(entries::user).collect();
    let anonymous = top.section("anonymous").and_then(anonymous);
    config.anonymous = anonymous.unwrap_or(Permission::None);
    let warnings = checks::whole(&config, anonymous.is_some(), top.notes);
    top.finish();
    (config, warnings)
}

/// The prefix may be blank, which text that is blank otherwise is not.
fn prefix(top: &mut Reader<'_>) -> Option<String> {
    top.parsed("dav_prefix", |text| {
        let trimmed = text.trim_end_matches('/');
        let taken = ["/api", "/d", "/v", "/files", "/login", "/accounts", "/status", "/assets", "/healthz", "/metrics"];
        if trimmed.is_empty() {
            return Ok(String::new());
        }
        if !trimmed.starts_with('/')
            || has_dots(trimmed)
            || trimmed.contains("//")
            || trimmed.contains(['?', '#', '%', '\0'])
        {
            return Err("must be a path such as \"/dav\", or \"/\" for the root".to_owned());
        }
        match taken.iter().find(|own| trimmed == **own || trimmed.starts_with(&format!("{own}/"))) {
            Some(own) => Err(format!("{own} is used by the server itself; choose another path")),
            None => Ok(trimmed.to_owned()),
        }
    })
}

fn tls(mut section: Reader<'_>) -> Option<Tls> {
    let (cert, key) = (section.text("cert"), section.text("key"));
    for (name, file) in [("cert", &cert), ("key", &key)] {
        if let Some(Err(error)) = file.as_ref().map(std::fs::read) {
            section.fault(name, format!("is {:?}: cannot be read: {error}", file.as_deref().unwrap_or_default()));
        }
    }
    let tls = match (cert, key) {
        (Some(cert), Some(key)) => Some(Tls { cert: cert.into(), key: key.into() }),
        (None, None) => None,
        (cert, _) => {
            let missing = if cert.is_some() { "key" } else { "cert" };
            section.fault(missing, "is missing: TLS needs both cert and key");
            None
        }
    };
    section.finish();
    tls
}

fn upstream(mut section: Reader<'_>) -> Upstream {
    let mut upstream = Upstream::default();
    set(&mut upstream.api_url, section.parsed("api_url", http_url));
    set(&mut upstream.list_per_s, section.rate("list_per_s"));
    set(&mut upstream.link_per_s, section.rate("link_per_s"));
    set(&mut upstream.other_per_s, section.rate("other_per_s"));
    set(&mut upstream.max_streams, section.integer("max_streams", 1, 10_000).and_then(|n| usize::try_from(n).ok()));
    set(&mut upstream.max_wait, section.seconds("max_wait_s", 1, 600));
    upstream.outbound_proxy = section.parsed("outbound_proxy", |text| {
        let url: Url = text.parse().map_err(|_| "must be a URL".to_owned())?;
        let known = matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
        if known { Ok(url) } else { Err("must begin with http:// or socks5://".to_owned()) }
    });
    set(&mut upstream.steady_data_host, section.flag("steady_data_host"));
    section.finish();
    upstream
}

fn cache(mut section: Reader<'_>) -> Cache {
    let mut cache = Cache::default();
    set(&mut cache.list_ttl, section.seconds("list_ttl_s", 0, 86_400 * 365));
    set(&mut cache.stale_ttl, section.seconds("stale_ttl_s", 0, 86_400 * 365));
    set(&mut cache.max_entries, section.integer("max_entries", 0, 1_000_000_000));
    let infinity = section.integer("infinity_max_entries", 0, 1_000_000);
    set(&mut cache.infinity_max_entries, infinity.and_then(|n| usize::try_from(n).ok()));
    let folders = section.integer("prefetch_folders", 0, 1000);
    set(&mut cache.prefetch_folders, folders.and_then(|n| usize::try_from(n).ok()));
    set(&mut cache.watch, section.seconds("watch_s", 0, 86_400));
    if cache.stale_ttl < cache.list_ttl {
        section.missing(
            "stale_ttl_s",
            "is less than list_ttl_s: a listing cannot be thrown away while it is still believed",
        );
    }
    section.finish();
    cache
}

fn download(mut section: Reader<'_>) -> Download {
    let mut download = Download::default();
    set(&mut download.read_ahead, section.bytes("read_ahead", 0, 1 << 30));
    set(&mut download.connections, section.integer("connections", 1, 64).and_then(|n| usize::try_from(n).ok()));
    set(&mut download.memory, section.bytes("memory", MIB, 1 << 40));
    section.finish();
    download
}

fn upload(mut section: Reader<'_>) -> Upload {
    let mut upload = Upload::default();
    // Bounds of the service (reference 3.12).
    set(&mut upload.part_size, section.bytes("part_size", 100 << 10, 5 << 30));
    set(&mut upload.memory, section.bytes("memory", MIB, 1 << 40));
    upload.spool_dir = section.parsed("spool_dir", |text| match std::fs::metadata(text) {
        Ok(meta) if meta.is_dir() => Ok(PathBuf::from(text)),
        Ok(_) => Err("is no folder".to_owned()),
        Err(error) => Err(format!("{error}; make the folder, or leave it blank for the system's temporary one")),
    });
    set(&mut upload.spool_limit, section.bytes("spool_limit", 0, 1 << 50));
    let words = [("local", MetadataFiles::Local), ("upload", MetadataFiles::Upload), ("refuse", MetadataFiles::Refuse)];
    set(&mut upload.metadata_files, section.word("metadata_files", &words));
    section.finish();
    upload
}

fn web(mut section: Reader<'_>) -> Web {
    let mut web = Web::default();
    set(&mut web.enabled, section.flag("enabled"));
    set(&mut web.title, section.text("title"));
    // Browsers keep a cookie for 400 days at most.
    set(&mut web.session, section.integer("session_days", 1, 400).map(|days| Duration::from_secs(days * 86_400)));
    set(&mut web.link, section.integer("link_hours", 1, 24 * 365).map(|hours| Duration::from_secs(hours * 3600)));
    set(&mut web.start_with, section.word("start_with", &StartWith::WORDS));
    let ways = [("auto", Segments::Auto), ("redirect", Segments::Redirect), ("proxy", Segments::Proxy)];
    set(&mut web.segments, section.word("segments", &ways));
    set(&mut web.media_hosts, section.parsed_list("media_hosts", media_host));
    section.finish();
    web
}

fn anonymous(mut section: Reader<'_>) -> Option<Permission> {
    let words = [("none", Permission::None), ("read", Permission::Read), ("write", Permission::Write)];
    let permission = section.word("permission", &words);
    section.finish();
    permission
}
