//! `alidav import`: the storages of AList and OpenList, written as settings.
//!
//! Answers for what their driver `AliyundriveOpen` keeps: mounts, sign-in, users without their passwords. It reads a
//! file and prints; it asks no drive and changes nothing. Other drivers are named and left out.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::Value;

/// The largest file read.
const MOST: u64 = 64 << 20;

/// The driver that this drive has there.
const DRIVER: &str = "AliyundriveOpen";

/// A backup, an answer of `/api/admin/storage/list`, or the storages alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Export {
    Backup {
        storages: Vec<Storage>,
        #[serde(default)]
        users: Vec<User>,
        #[serde(default)]
        settings: Vec<Item>,
    },
    Answer {
        data: Content,
    },
    Storages(Vec<Storage>),
    Storage(Box<Storage>),
}

#[derive(Deserialize)]
struct Content {
    content: Vec<Storage>,
}

#[derive(Deserialize)]
struct Item {
    key: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Storage {
    mount_path: String,
    driver: String,
    /// JSON in a text.
    #[serde(default)]
    addition: String,
    #[serde(default)]
    disabled: bool,
    /// Minutes.
    #[serde(default)]
    cache_expiration: u64,
    #[serde(default)]
    webdav_policy: String,
    /// One a line.
    #[serde(default)]
    down_proxy_url: String,
    /// `OpenList`'s; AList has `down_proxy_sign`.
    #[serde(default)]
    disable_proxy_sign: bool,
    down_proxy_sign: Option<bool>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Addition {
    drive_type: String,
    root_folder_id: String,
    refresh_token: String,
    order_by: String,
    order_direction: String,
    /// AList's name of the token server.
    oauth_token_url: String,
    /// `OpenList`'s.
    api_url_address: String,
    use_online_api: bool,
    alipan_type: String,
    client_id: String,
    client_secret: String,
    remove_way: String,
    rapid_upload: bool,
    internal_upload: bool,
    livp_download_format: String,
}

impl Default for Addition {
    fn default() -> Self {
        let none = String::new;
        Self {
            // What a storage has that was made before the choice was there.
            drive_type: "default".to_owned(),
            root_folder_id: none(),
            refresh_token: none(),
            order_by: none(),
            order_direction: none(),
            oauth_token_url: none(),
            api_url_address: none(),
            use_online_api: true,
            alipan_type: none(),
            client_id: none(),
            client_secret: none(),
            remove_way: none(),
            rapid_upload: false,
            internal_upload: false,
            livp_download_format: none(),
        }
    }
}

#[derive(Deserialize)]
struct User {
    username: String,
    #[serde(default)]
    base_path: String,
    /// 0 a user, 1 the guest, 2 the administrator.
    #[serde(default)]
    role: Value,
    #[serde(default)]
    disabled: bool,
    /// Bits; the ninth lets WebDAV read, the tenth lets it change.
    #[serde(default)]
    permission: u64,
}

/// Their bit for changes by WebDAV.
const WEBDAV_MANAGE: u64 = 1 << 9;

/// Prints settings for what a file holds; `-` is standard input. 1 when nothing of it can be taken.
pub(super) fn import(file: &Path) -> ExitCode {
    match read(file).and_then(|text| settings(&text)) {
        Ok((settings, remarks)) => {
            for remark in remarks {
                eprintln!("alidav: {remark}");
            }
            say!("{}", settings.trim_end());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("alidav: {}: {problem}", file.display());
            ExitCode::FAILURE
        }
    }
}

fn read(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = |from: &mut dyn std::io::Read, text: &mut String| from.take(MOST + 1).read_to_string(text);
    let read = if file.as_os_str() == "-" {
        read(&mut std::io::stdin().lock(), &mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| read(&mut file, &mut text))
    };
    match read {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(length) if length as u64 > MOST => Err("is larger than 64 MiB, so it is no backup of settings".to_owned()),
        Ok(_) => Ok(text),
    }
}

/// The settings, and what deserves a word beside them.
fn settings(text: &str) -> Result<(String, Vec<String>), String> {
    // The error of an untagged enum says nothing; whether it is JSON at all deserves better words.
    let value: Value =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| format!("is no JSON: {error}"))?;
    if value.get("encrypted").and_then(Value::as_str).is_some_and(|mark| !mark.is_empty()) {
        return Err("is encrypted: make the backup without a password".to_owned());
    }
    let export: Export = serde_json::from_value(value).map_err(|_| {
        "has no storages: give AList's or OpenList's backup (Settings, Backup & Restore), or the answer of \
         /api/admin/storage/list"
            .to_owned()
    })?;
    let (storages, users, items) = match export {
        Export::Backup { storages, users, settings } => (storages, users, settings),
        Export::Answer { data } => (data.content, Vec::new(), Vec::new()),
        Export::Storages(storages) => (storages, Vec::new(), Vec::new()),
        Export::Storage(storage) => (vec![*storage], Vec::new(), Vec::new()),
    };
    let mut remarks = Vec::new();
    let mut taken = Vec::new();
    for storage in storages {
        if storage.driver != DRIVER {
            remarks.push(format!("{}: left out, driver {} is another drive", storage.mount_path, storage.driver));
        } else if storage.disabled {
            remarks.push(format!("{}: left out, it is disabled", storage.mount_path));
        } else {
            match serde_json::from_str::<Addition>(&storage.addition) {
                Ok(addition) => taken.push((storage, addition)),
                Err(error) => {
                    remarks.push(format!("{}: left out, its addition is no JSON: {error}", storage.mount_path))
                }
            }
        }
    }
    if taken.is_empty() {
        return Err([vec![format!("has no storage of driver {DRIVER}")], remarks].concat().join("; "));
    }
    let token = items.into_iter().find(|item| item.key == "token").map(|item| item.value).unwrap_or_default();
    Ok((write(&taken, &users, &token, &mut remarks), remarks))
}

fn write(taken: &[(Storage, Addition)], users: &[User], token: &str, remarks: &mut Vec<String>) -> String {
    let mut out = Lines::default();
    out.line("# Imported. A refresh token is for one program: stop the other one before alidav starts, or leave the");
    out.line("# lines refresh_token out and run: alidav login");
    if let Some(minutes) =
        taken.iter().map(|(storage, _)| storage.cache_expiration).filter(|&minutes| minutes > 0).max()
    {
        out.section("[cache]");
        out.line(&format!("list_ttl_s = {}", minutes.saturating_mul(60).min(86_400 * 365)));
    }
    let mut accounts: Vec<(String, &Addition)> = Vec::new();
    let mut mounts = Lines::default();
    for (storage, addition) in taken {
        let same = |(_, other): &&(String, &Addition)| {
            (&other.refresh_token, &other.client_id) == (&addition.refresh_token, &addition.client_id)
        };
        let name = match accounts.iter().find(same) {
            Some((name, _)) => name.clone(),
            None => {
                let name =
                    if accounts.is_empty() { "main".to_owned() } else { format!("account{}", accounts.len() + 1) };
                accounts.push((name.clone(), addition));
                name
            }
        };
        mount(&mut mounts, storage, addition, &name, token);
    }
    for (name, addition) in &accounts {
        account(&mut out, name, addition);
    }
    out.0.push_str(&mounts.0);
    for known in users.iter().filter(|user| !user.disabled && !user.is_guest()) {
        user(&mut out, known);
        remarks.push(format!(
            "user {}: the password is not in the file; make one with: alidav hash-password",
            known.username
        ));
    }
    if users.is_empty() {
        out.section("[[user]]");
        out.text("name", "me");
        out.line("password = \"\"   # from: alidav hash-password");
        remarks
            .push("there are no users in it: put a password into [[user]], made with: alidav hash-password".to_owned());
    }
    out.0
}

fn account(out: &mut Lines, name: &str, addition: &Addition) {
    out.section("[[account]]");
    out.text("name", name);
    let own = !addition.client_id.is_empty() && (!addition.use_online_api || addition.api_url_address.is_empty());
    if own {
        out.text("client_id", &addition.client_id);
        out.given("client_secret", &addition.client_secret);
    } else {
        let server =
            if addition.api_url_address.is_empty() { &addition.oauth_token_url } else { &addition.api_url_address };
        let kind = if addition.alipan_type == "alipanTV" { "?driver_txt=alicloud_tv" } else { "" };
        match (server.as_str(), kind) {
            ("", "") => {}
            ("", kind) => out.list("oauth_token_urls", [format!("https://api.oplist.org/alicloud/renewapi{kind}")]),
            (server, kind) => out.list("oauth_token_urls", [format!("{server}{kind}")]),
        }
    }
    out.given("refresh_token", &addition.refresh_token);
}

fn mount(out: &mut Lines, storage: &Storage, addition: &Addition, account: &str, token: &str) {
    out.section("[[mount]]");
    out.text("path", &storage.mount_path);
    out.text("account", account);
    out.given("drive_type", &addition.drive_type);
    out.given("root_folder_id", &addition.root_folder_id);
    out.given("order_by", &addition.order_by);
    out.given("order_direction", &addition.order_direction);
    out.given("remove_way", &addition.remove_way);
    out.line(&format!("rapid_upload = {}", addition.rapid_upload));
    if addition.internal_upload {
        out.line("internal_upload = true");
    }
    out.given("livp_download_format", &addition.livp_download_format);
    out.given("link_policy", &storage.webdav_policy);
    let proxies: Vec<String> =
        storage.down_proxy_url.lines().map(str::trim).filter(|url| !url.is_empty()).map(str::to_owned).collect();
    if proxies.is_empty() {
        return;
    }
    let signed = storage.down_proxy_sign.unwrap_or(!storage.disable_proxy_sign);
    out.list("down_proxy_urls", proxies);
    out.line(&format!("down_proxy_sign = {signed}"));
    if signed && token.is_empty() {
        out.line("down_proxy_token = \"\"   # the token of the old server's settings");
    }
    out.given("down_proxy_token", token);
}

fn user(out: &mut Lines, user: &User) {
    out.section("[[user]]");
    out.text("name", &user.username);
    out.line("password = \"\"   # from: alidav hash-password");
    out.given("base_path", &user.base_path);
    let writes = user.is_administrator() || user.permission & WEBDAV_MANAGE != 0;
    out.text("permission", if writes { "write" } else { "read" });
}

impl User {
    fn is_guest(&self) -> bool {
        self.has_role(1)
    }

    fn is_administrator(&self) -> bool {
        self.has_role(2)
    }

    /// A number, or a list of them.
    fn has_role(&self, wanted: u64) -> bool {
        match &self.role {
            Value::Array(roles) => roles.iter().any(|role| role.as_u64() == Some(wanted)),
            role => role.as_u64() == Some(wanted),
        }
    }
}

/// A settings' file as it grows.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn section(&mut self, head: &str) {
        self.0.push('\n');
        self.line(head);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", toml::Value::from(value)));
    }

    /// A line unless it would say nothing.
    fn given(&mut self, key: &str, value: &str) {
        if !value.trim().is_empty() {
            self.text(key, value.trim());
        }
    }

    fn list(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        let values: Vec<toml::Value> = values.into_iter().map(toml::Value::from).collect();
        self.line(&format!("{key} = {}", toml::Value::from(values)));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, DriveType, LinkPolicy, Permission, RemoveWay};

    /// As `OpenList` backs itself up, cut to what matters.
    fn backup() -> String {
        let addition = |drive: &str, token: &str| {
            serde_json::json!({
                "drive_type": drive, "root_folder_id": "root", "refresh_token": token, "order_by": "name",
                "order_direction": "DESC", "use_online_api": true, "alipan_type": "default",
                "api_url_address": "https://tokens.example/alicloud/renewapi", "client_id": "", "client_secret": "",
                "remove_way": "delete", "rapid_upload": true, "internal_upload": false,
                "livp_download_format": "mov", "callback_concurrency": 1, "AccessToken": "old",
            })
            .to_string()
        };
        let storage = |path: &str, addition: String| {
            serde_json::json!({
                "id": 3, "mount_path": path, "order": 0, "driver": "AliyundriveOpen", "cache_expiration": 30,
                "status": "work", "addition": addition, "remark": "", "modified": "2026-01-01T00:00:00Z",
                "disabled": false, "web_proxy": false, "webdav_policy": "native_proxy", "down_proxy_url": "",
            })
        };
        let mut proxied = storage("/with \"quotes\"", addition("backup", "second.token"));
        proxied["webdav_policy"] = "use_proxy_url".into();
        proxied["down_proxy_url"] = "https://one.example\nhttps://two.example\n".into();
        let mut other = storage("/other", String::new());
        other["driver"] = "Quark".into();
        serde_json::json!({
            "encrypted": "", "metas": [],
            "settings": [{"key": "token", "value": "openlist-secret"}],
            "users": [
                {"username": "admin", "base_path": "/", "role": 2, "disabled": false, "permission": 0},
                {"username": "guest", "base_path": "/", "role": 1, "disabled": false, "permission": 0},
                {"username": "kid", "base_path": "/films", "role": 0, "disabled": false, "permission": 256},
            ],
            "storages": [storage("/films", addition("resource", "first.token")),
                storage("/again", addition("backup", "first.token")), proxied, other],
        })
        .to_string()
    }

    #[test]
    fn a_backup_becomes_settings_that_are_read() {
        let (text, remarks) = settings(&backup()).unwrap();
        assert!(remarks.iter().any(|remark| remark.contains("/other: left out, driver Quark")), "{remarks:?}");
        let told = Config::read(&text, None, &BTreeMap::new()).unwrap_err().to_string();
        assert!(told.lines().count() == 2 && told.contains("alidav hash-password"), "{told}");
        let filled = text.replace("password = \"\"", "password = \"secret\"");
        let config =
            Config::read(&filled, None, &BTreeMap::new()).unwrap_or_else(|faults| panic!("{faults}\n{text}")).config;
        let names: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
        assert_eq!(names, ["main", "account2"]);
        assert_eq!(config.accounts[0].oauth_token_urls[0].as_str(), "https://tokens.example/alicloud/renewapi");
        let mounts: Vec<_> =
            config.mounts.iter().map(|mount| (mount.path.as_str(), mount.account.as_str(), mount.drive_type)).collect();
        assert_eq!(
            mounts,
            [
                ("/films", "main", DriveType::Resource),
                ("/again", "main", DriveType::Backup),
                ("/with \"quotes\"", "account2", DriveType::Backup),
            ]
        );
        assert_eq!((config.mounts[0].link_policy, config.mounts[0].remove_way), (LinkPolicy::Proxy, RemoveWay::Delete));
        assert_eq!((config.mounts[2].link_policy, config.mounts[2].down_proxy_urls.len()), (LinkPolicy::ProxyUrl, 2));
        let users: Vec<_> =
            config.users.iter().map(|user| (user.name.as_str(), user.base_path.as_str(), user.permission)).collect();
        assert_eq!(users, [("admin", "/", Permission::Write), ("kid", "/films", Permission::Read)]);
        assert_eq!(config.cache.list_ttl.as_secs(), 1800);
    }

    #[test]
    fn storages_alone_and_an_answer_are_read_too() {
        let whole: Value = serde_json::from_str(&backup()).unwrap();
        let storages = &whole["storages"];
        let answer = serde_json::json!({"code": 200, "message": "success", "data": {"content": storages, "total": 4}});
        for text in [storages.to_string(), answer.to_string(), storages[0].to_string()] {
            let (settings, _) = settings(&text).unwrap();
            assert!(settings.contains("[[mount]]\npath = \"/films\""), "{settings}");
        }
    }

    #[test]
    fn what_is_no_backup_is_told_with_the_remedy() {
        for (text, words) in [
            ("", "is no JSON"),
            (r#"{"encrypted": "x", "storages": "y"}"#, "is encrypted"),
            ("{}", "has no storages: give AList's or OpenList's backup"),
            ("[]", "has no storage of driver AliyundriveOpen"),
            (r#"[{"mount_path": "/x", "driver": "AliyundriveOpen", "addition": "{"}]"#, "its addition is no JSON"),
            (r#"[{"mount_path": "/x", "driver": "Local", "addition": "{}"}]"#, "/x: left out, driver Local"),
        ] {
            let told = settings(text).unwrap_err();
            assert!(told.contains(words), "{told}");
        }
    }
}
