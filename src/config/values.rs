//! How single values are read: addresses, URLs, networks, paths, filters. Each says what is wrong in words that follow
//! the key's name.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use argon2::password_hash::phc::PasswordHash;
use ipnet::IpNet;
use url::Url;

use crate::config::postgres_url::PostgresUrl;
use crate::config::settings::{ListenAddr, StateLocation};

/// Puts a value where one was given.
pub(super) fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

/// A word alone is a module whose lines are wanted and no others, so `warning` or a misspelt level would silence the log.
pub(super) fn log_filter(text: &str) -> Result<(), String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    /// What other programs call them.
    const ELSEWHERE: [(&str, &str); 7] = [
        ("none", "off"),
        ("fatal", "error"),
        ("critical", "error"),
        ("warning", "warn"),
        ("notice", "info"),
        ("verbose", "debug"),
        ("all", "trace"),
    ];
    let mut speaks = false;
    for word in text.split(',').map(|word| word.trim().to_ascii_lowercase()) {
        if LEVELS.contains(&word.as_str()) || word.contains(['=', '[', ']']) || word.starts_with("alidav") {
            speaks = true;
            continue;
        }
        let same = ELSEWHERE.iter().find(|(other, _)| *other == word).map(|(_, level)| *level);
        let near = LEVELS.into_iter().map(|level| (strsim::damerau_levenshtein(level, &word), level)).min();
        let near = near.filter(|(distance, _)| *distance <= 2 && word.len() > 2).map(|(_, level)| level);
        if let Some(level) = same.or(near) {
            return Err(format!("{word} is no level; did you mean {level}?"));
        }
    }
    if !speaks {
        return Err(format!("there is no level in it, of {}; for one module write alidav=debug", LEVELS.join(", ")));
    }
    text.parse::<tracing_subscriber::EnvFilter>()
        .map(drop)
        .map_err(|error| format!("{error}; try \"info\" or \"alidav=debug\""))
}

pub(super) fn listen_addr(text: &str) -> Result<ListenAddr, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.is_empty() { Err("names no socket".to_owned()) } else { Ok(ListenAddr::Unix(path.into())) };
    }
    let addr: Result<SocketAddr, _> = text.parse();
    addr.map(ListenAddr::Tcp)
        .map_err(|_| "must be like \"127.0.0.1:8080\", \"[::]:8080\" or \"unix:/run/alidav.sock\"".to_owned())
}

pub(super) fn public_url(text: &str) -> Result<Url, String> {
    let url = http_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query".to_owned());
    }
    let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '/' | '-' | '_' | '.' | '~');
    let path = url.path().trim_end_matches('/');
    if path.contains("//") || !path.chars().all(plain) {
        return Err(format!("has the path {path}, which must be of plain letters and digits, such as \"/cloud\""));
    }
    Ok(url)
}

/// A source of a content policy: a host, with or without scheme and port, whose first label may be `*`.
pub(super) fn media_host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let (host, port) = bare.split_once(':').map_or((bare, None), |(host, port)| (host, Some(port)));
    let host = host.strip_prefix("*.").unwrap_or(host);
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|sign| sign.is_ascii_alphanumeric() || sign == b'-');
    if host.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok()) {
        Ok(text.to_owned())
    } else {
        Err("must be hosts such as \"https://media.example\" or \"https://*.example:8443\"".to_owned())
    }
}

/// What a browser sends as `Origin`, or `*`.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    let plain = |host: &str| !host.is_empty() && !host.contains(|sign: char| "/?#@*\\".contains(sign) || sign <= ' ');
    match text.split_once("://") {
        _ if text == "*" => {}
        Some((scheme, host)) if text.parse::<Url>().is_ok() && !scheme.is_empty() && plain(host) => {}
        _ => return Err("must be \"*\", or like \"https://app.example\" or \"app://obsidian.md\"".to_owned()),
    }
    Ok(text.to_owned())
}

pub(super) fn http_url(text: &str) -> Result<Url, String> {
    let wanted = || "must be a URL that begins with http:// or https://".to_owned();
    let url: Url = text.parse().map_err(|_| wanted())?;
    if matches!(url.scheme(), "http" | "https") && url.host().is_some() { Ok(url) } else { Err(wanted()) }
}

pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    let net = text
        .parse::<IpNet>()
        .or_else(|_| single())
        .map_err(|_| "must be an address or a network such as \"192.168.0.0/16\"".to_owned())?;
    // Clients' addresses are compared in canonical form, where ::ffff:10.0.0.1 is 10.0.0.1.
    let mapped = net.addr().to_canonical();
    let bits = net.prefix_len().checked_sub(96).filter(|_| mapped != net.addr());
    Ok(bits.and_then(|bits| IpNet::new(mapped, bits).ok()).unwrap_or(net))
}

pub(super) fn state(text: &str) -> Result<StateLocation, String> {
    match text.split_once(':') {
        Some(("sqlite", ":memory:")) => Ok(StateLocation::Memory),
        Some(("sqlite", path)) if !path.is_empty() => Ok(StateLocation::File(PathBuf::from(path))),
        Some(("postgres" | "postgresql", _)) => PostgresUrl::parse(text).map(StateLocation::Postgres),
        _ => Err("must be like \"sqlite:alidav.db\" or \"postgres://user@host/alidav\"".to_owned()),
    }
}

/// Reads the value of `state`. What is wrong is told without the value, which may have a password.
impl std::str::FromStr for StateLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        state(text)
    }
}

/// Whether a string can be compared with a password; one that was cut off is well-formed too.
pub(super) fn argon2_string(text: &str) -> Result<(), String> {
    let hash = PasswordHash::new(text).map_err(|error| error.to_string())?;
    argon2::Algorithm::new(hash.algorithm.as_str()).map_err(|error| error.to_string())?;
    argon2::Params::try_from(&hash).map_err(|error| error.to_string())?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("its end is missing".to_owned());
    }
    Ok(())
}

/// A path of the tree: absolute, without a slash at the end but for the root.
pub(super) fn tree_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') || has_dots(text) || text.contains("//") || text.contains('\0') {
        return Err("must be an absolute path such as \"/films\"".to_owned());
    }
    let trimmed = text.trim_end_matches('/');
    Ok(if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() })
}

/// Whether a path has a segment that leads elsewhere.
pub(super) fn has_dots(path: &str) -> bool {
    path.split('/').any(|name| name == "." || name == "..")
}
