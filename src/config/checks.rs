//! Checks that need more than one section.

use secrecy::ExposeSecret as _;

use crate::config::reader::Notes;
use crate::config::settings::{Config, ListenAddr};

/// Notes contradictions; gives what is allowed but unwise.
pub(super) fn whole(config: &Config, anonymous_is_explicit: bool, notes: &Notes) -> Vec<String> {
    accounts(config, notes);
    mounts(config, notes);
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
            "{} can be reached by others and nobody needs a password: add a [[user]], or say what strangers may do \
             in [anonymous] permission",
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

fn warnings(config: &Config, open: &[String]) -> Vec<String> {
    let mut warnings = Vec::new();
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
