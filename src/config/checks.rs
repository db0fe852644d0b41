//! Checks that need more than one section.

use secrecy::ExposeSecret as _;

use crate::config::reader::Notes;
use crate::config::settings::{Config, ListenAddr, Permission};
use crate::config::view::{Quality, View, ViewLinks};

/// Notes contradictions; gives what is allowed but unwise.
pub(super) fn whole(config: &Config, anonymous_is_explicit: bool, notes: &Notes) -> Vec<String> {
    accounts(config, notes);
    mounts(config, notes);
    for at in 0..config.views.len() {
        view(config, at, notes);
    }
    for (at, user) in config.users.iter().enumerate() {
        if config.users[..at].iter().any(|other| other.name == user.name) {
            notes.fault(&format!("user[{at}].name"), format!("{:?} is there twice", user.name));
        }
    }
    if config.download.connections > config.upstream.max_streams && !notes.is_faulty("upstream.max_streams") {
        notes.fault(
            "download.connections",
            "is more than upstream.max_streams: a stream cannot have more than all connections",
        );
    }
    for (at, address) in config.listen.iter().enumerate() {
        // Port 0 is another one each time.
        let any = matches!(address, ListenAddr::Tcp(addr) if addr.port() == 0);
        if config.listen[..at].contains(address) && !any {
            notes.fault("listen", format!("has {address} twice"));
        }
    }
    let open: Vec<String> = config
        .listen
        .iter()
        .filter_map(|addr| match addr {
            ListenAddr::Tcp(addr) if !addr.ip().is_loopback() => Some(addr.to_string()),
            _ => None,
        })
        .collect();
    if !open.is_empty() && config.users.is_empty() && !anonymous_is_explicit {
        let problem = format!(
            "{} can be reached by others, and nothing says who may come in: add a [[user]], or say in [anonymous] \
             permission what everybody may do without a password",
            open.join(", ")
        );
        notes.fault("listen", problem);
    }
    warnings(config, &open)
}

fn accounts(config: &Config, notes: &Notes) {
    for (at, account) in config.accounts.iter().enumerate() {
        if config.accounts[..at].iter().any(|other| other.name == account.name) {
            notes.fault(&format!("account[{at}].name"), format!("{:?} is there twice", account.name));
        }
    }
}

fn mounts(config: &Config, notes: &Notes) {
    if config.mounts.is_empty() && !notes.is_faulty("mount") {
        notes.fault("mount", "is missing: add a [[mount]] section with path = \"/\"");
    }
    for (at, mount) in config.mounts.iter().enumerate() {
        let path_of = |at: usize| format!("mount[{at}].path");
        let same = |other: &usize| config.mounts[*other].path == mount.path && !notes.is_faulty(&path_of(*other));
        if let Some(other) = (0..at).find(same).filter(|_| !notes.is_faulty(&path_of(at))) {
            notes.fault(&path_of(at), format!("{:?} is already mount[{other}]'s", mount.path));
        }
        if !config.accounts.iter().any(|account| account.name == mount.account) {
            let mut names: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
            names.dedup();
            let problem = format!("{:?} is no account; there is {}", mount.account, names.join(", "));
            notes.fault(&format!("mount[{at}].account"), problem);
        }
    }
}

/// Whether a path is another's or lies below it.
fn is_within(path: &str, other: &str) -> bool {
    other == "/" || path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A view covers what it lies over, so it must lie over nothing that the settings name.
fn view(config: &Config, at: usize, notes: &Notes) {
    let view = &config.views[at];
    let fault = |key: &str, problem: String| notes.fault(&format!("view[{at}].{key}"), problem);
    if let Some(mount) = config.mounts.iter().find(|mount| is_within(&mount.path, &view.path)) {
        fault("path", format!("{:?} would cover the mount at {:?}: choose another path", view.path, mount.path));
    }
    let overlaps = |other: &&View| is_within(&view.path, &other.path) || is_within(&other.path, &view.path);
    if let Some(other) = config.views[..at].iter().find(overlaps) {
        fault(
            "path",
            format!("{:?} and the view at {:?} cover each other: choose another path", view.path, other.path),
        );
    }
    if let Some(other) = config.views.iter().find(|other| is_within(&view.source, &other.path)) {
        fault("source", format!("{:?} lies in the view at {:?}: no view shows another", view.source, other.path));
    }
    if config.dav_prefix.is_empty() && view.quality.iter().any(|quality| *quality != Quality::Original) {
        let words = "has renditions, which are served below /v, where WebDAV at the root leaves no room: set dav_prefix \
                     = \"/dav\", or keep \"original\"";
        fault("quality", words.to_owned());
    }
    match view.links {
        ViewLinks::Signed => {}
        ViewLinks::Plain if config.anonymous >= Permission::Read => {}
        ViewLinks::Plain => {
            let words =
                "is plain, but strangers may not read: set [anonymous] permission = \"read\", or links = \"signed\"";
            fault("links", words.to_owned());
        }
        ViewLinks::Userinfo => {
            let credentials = view.credentials.as_ref().map_or("", |credentials| credentials.expose_secret());
            let encoded = credentials.split(':').next().unwrap_or_default();
            let name = percent_encoding::percent_decode_str(encoded).decode_utf8_lossy();
            match config.users.iter().find(|user| user.name == name) {
                None => fault("base_url", format!("names the user {name:?}, whom there is not")),
                Some(user) if user.permission < Permission::Read || !is_within(&view.source, &user.base_path) => {
                    fault("base_url", format!("names the user {name:?}, who may not read {:?}", view.source));
                }
                Some(_) => {}
            }
        }
    }
}

fn warnings(config: &Config, open: &[String]) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.admits_nobody() {
        let words = "nobody can come in: there is no [[user]], and [anonymous] permission is none; add a [[user]] with \
                     name and password";
        warnings.push(words.to_owned());
    }
    if config.web.enabled && config.dav_prefix.is_empty() {
        let words = "there are no pages for browsers: WebDAV is served at the root; set dav_prefix = \"/dav\" to have \
                     them, or [web] enabled = false";
        warnings.push(words.to_owned());
    }
    for user in &config.users {
        if !user.password.expose_secret().starts_with("$argon2") {
            warnings.push(format!(
                "the password of user {:?} is plain text; make it an argon2 string with: alidav hash-password",
                user.name
            ));
        }
    }
    for view in config.views.iter().filter(|view| view.links == ViewLinks::Userinfo) {
        warnings.push(format!(
            "every file of the view at {:?} holds a name and a password, and media servers keep them; links = \"signed\" \
             does without",
            view.path
        ));
    }
    for (at, rule) in config.clients.iter().enumerate() {
        if let Some(name) = rule.user.as_ref().filter(|name| config.users.iter().all(|user| user.name != **name)) {
            warnings.push(format!("client[{at}] never holds: there is no user {name:?}"));
        }
    }
    if !open.is_empty() && config.tls.is_none() && !config.users.is_empty() {
        warnings.push(format!(
            "{} takes passwords without TLS; put it behind a reverse proxy or set [tls]",
            open.join(", ")
        ));
    }
    warnings
}
