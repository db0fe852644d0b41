//! The sections that may come several times: accounts, mounts, client rules, users.

use secrecy::ExposeSecret as _;
use url::Url;

use crate::config::reader::Reader;
use crate::config::settings::{
    Account, ClientRule, DriveType, LinkPolicy, LivpFormat, Mount, OrderBy, OrderDirection, Permission, RemoveWay, User,
};
use crate::config::values::{argon2_string, http_url, network, set, tree_path};

pub(super) fn account(mut section: Reader<'_>) -> Account {
    let name = section.text("name").unwrap_or_else(|| "main".to_owned());
    let mut account = Account::named(&name);
    account.client_id = section.text("client_id");
    account.client_secret = section.token("client_secret");
    set(&mut account.oauth_token_urls, section.parsed_list("oauth_token_urls", token_url));
    account.refresh_token = section.token("refresh_token");
    if account.client_secret.is_some() && account.client_id.is_none() {
        section.fault("client_id", "is missing: a client_secret belongs to a client_id");
    }
    if account.client_id.is_none() && account.oauth_token_urls.is_empty() {
        section.fault("oauth_token_urls", "is empty: without a client_id a token server is needed");
    }
    section.finish();
    account
}

pub(super) fn mount(mut section: Reader<'_>) -> Mount {
    let path = section.parsed("path", tree_path).unwrap_or_else(|| "/".to_owned());
    let account = section.text("account").unwrap_or_else(|| "main".to_owned());
    let mut mount = Mount::at(&path, &account);
    let drives = [("default", DriveType::Default), ("resource", DriveType::Resource), ("backup", DriveType::Backup)];
    set(&mut mount.drive_type, section.word("drive_type", &drives));
    set(&mut mount.root_folder_id, section.text("root_folder_id"));
    let orders = [
        ("name", OrderBy::Name),
        ("name_enhanced", OrderBy::NameEnhanced),
        ("size", OrderBy::Size),
        ("updated_at", OrderBy::UpdatedAt),
        ("created_at", OrderBy::CreatedAt),
    ];
    set(&mut mount.order_by, section.word("order_by", &orders));
    let directions = [("ASC", OrderDirection::Asc), ("DESC", OrderDirection::Desc)];
    set(&mut mount.order_direction, section.word("order_direction", &directions));
    let ways = [("trash", RemoveWay::Trash), ("delete", RemoveWay::Delete)];
    set(&mut mount.remove_way, section.word("remove_way", &ways));
    set(&mut mount.rapid_upload, section.flag("rapid_upload"));
    set(&mut mount.internal_upload, section.flag("internal_upload"));
    let formats = [("jpeg", LivpFormat::Jpeg), ("mov", LivpFormat::Mov)];
    set(&mut mount.livp_download_format, section.word("livp_download_format", &formats));
    set(&mut mount.link_policy, section.word("link_policy", &LinkPolicy::WORDS));
    set(&mut mount.down_proxy_urls, section.parsed_list("down_proxy_urls", http_url));
    mount.down_proxy_token = section.token("down_proxy_token");
    set(&mut mount.down_proxy_sign, section.flag("down_proxy_sign"));
    set(&mut mount.read_only, section.flag("read_only"));
    if mount.link_policy == LinkPolicy::ProxyUrl {
        if mount.down_proxy_urls.is_empty() {
            section.fault("down_proxy_urls", "is empty: link_policy proxy_url needs the address of a download proxy");
        }
        if mount.down_proxy_sign && mount.down_proxy_token.is_none() {
            section.fault("down_proxy_token", "is missing: signed URLs need it; or set down_proxy_sign = false");
        }
    }
    section.finish();
    mount
}

pub(super) fn client(mut section: Reader<'_>) -> Option<ClientRule> {
    let user_agent = section.parsed("user_agent", |text| regex::Regex::new(text).map_err(|error| error.to_string()));
    let network = section.parsed("network", network);
    let user = section.text("user");
    let policy = section.word("link_policy", &LinkPolicy::WORDS);
    if policy.is_none() {
        section.missing("link_policy", "is missing: a client rule says which policy to use");
    }
    section.finish();
    Some(ClientRule { user_agent, network, user, link_policy: policy? })
}

pub(super) fn user(mut section: Reader<'_>) -> Option<User> {
    let name = section.parsed("name", |text| {
        if text.contains(':') {
            Err("must not hold a colon: it ends the name in HTTP".to_owned())
        } else {
            Ok(text.to_owned())
        }
    });
    let password = section.secret("password");
    let base_path = section.parsed("base_path", tree_path).unwrap_or_else(|| "/".to_owned());
    let words = [("read", Permission::Read), ("write", Permission::Write), ("none", Permission::None)];
    let permission = section.word("permission", &words).unwrap_or(Permission::Write);
    if name.is_none() {
        section.missing("name", "is missing");
    }
    match &password {
        None => section.missing("password", "is missing or empty; make one with: alidav hash-password"),
        Some(password) if password.expose_secret().starts_with("$argon2") => {
            if let Err(problem) = argon2_string(password.expose_secret()) {
                section.fault(
                    "password",
                    format!("is no valid argon2 string ({problem}); make one with: alidav hash-password"),
                );
            }
        }
        Some(_) => {}
    }
    section.finish();
    Some(User { name: name?, password: password?, base_path, permission })
}

/// A token server's address. Which tokens it names holds from the first call of a sign-in to the last renewal
/// (reference 1.8.2); what cannot be carried through is refused here.
fn token_url(text: &str) -> Result<Url, String> {
    let url = http_url(text)?;
    let mut kind: Option<String> = None;
    for (name, value) in url.query_pairs() {
        match (&*name, &*value) {
            // The second is the first one's old name.
            ("driver_txt" | "apps_types", "alicloud_qr" | "alicloud_tv") => {
                let other = kind.replace(value.to_string()).filter(|kind| *kind != value);
                other.map_or(Ok(()), |_| Err("names two kinds of sign-in: keep one driver_txt".to_owned()))?;
            }
            ("driver_txt" | "apps_types", "alicloud_go") => {
                let words = "has alicloud_go, whose sign-in ends on the server's own page and cannot be done here; leave it out: \
                             the same tokens are renewed, and signed in for by QR code";
                return Err(words.to_owned());
            }
            ("driver_txt" | "apps_types", _) => {
                return Err(format!(
                    "has {name}={value}: there are alicloud_qr, which is meant without it, and alicloud_tv"
                ));
            }
            ("server_use", "true") => {}
            ("server_use" | "client_uid" | "client_key", _) => {
                let words =
                    "is for an application of your own: put its client_id and client_secret into the account instead";
                return Err(words.to_owned());
            }
            _ => {}
        }
    }
    Ok(url)
}
