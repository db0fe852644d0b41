//! `GET status`: how the accounts and drives of the caller's part of the tree are, and what to do.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::clock::{UnixMillis, UnixSeconds};
use crate::config::{self, DriveType};
use crate::drive::{self, Client, Freshness, Membership, Path};
use crate::log_tail::{self, Line};
use crate::protocol::failure::verdict;
use crate::protocol::{Body, reply};
use crate::state::{Instance, Living};
use crate::version;
use crate::web::caller::Caller;
use crate::web::site::Site;

/// `GET status`. The space of an account is at most a minute old, its package ten; the rest makes no call.
pub(super) async fn status(site: &Site, caller: &Caller) -> Response<Body> {
    let seen: Vec<&config::Mount> = site.mounts.iter().filter(|mount| is_seen(mount, caller)).collect();
    let (mut accounts, mut errors, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for client in site.tree.accounts() {
        let name = client.account();
        if !seen.iter().any(|mount| mount.account == name) {
            continue;
        }
        accounts.push(account(client, &mut errors).await);
        calls.extend(
            client.turns().into_iter().map(
                |(class, per_s, count)| json!({ "account": name, "class": class, "per_s": per_s, "calls": count }),
            ),
        );
    }
    let pending = site.tree.pending_removals().into_iter();
    for removals in pending.filter(|removals| seen.iter().any(|mount| mount.account == removals.account)) {
        errors.extend(removals.complaint.map(|words| told_error(Some(&removals.account), None, &words)));
    }
    let living = site.store.living();
    errors.extend(living.as_ref().and_then(Living::complaint).map(|words| told_error(None, None, &words)));
    // What is over after what is not, the latest first.
    errors.sort_by_key(|error| std::cmp::Reverse(error["at"].as_i64().unwrap_or(i64::MAX)));
    let names: Vec<&str> = accounts.iter().filter_map(|account| account["name"].as_str()).collect();
    let sum = |of: &dyn Fn(&str) -> usize| names.iter().map(|name| of(name)).sum::<usize>();
    let mut told = json!({
        "version": version::WORDS,
        "started_at": site.started.0,
        "accounts": accounts,
        "mounts": seen.iter().map(|mount| mount_told(mount, caller)).collect::<Vec<_>>(),
        "space": space(site, &seen).await,
        "calls": calls,
        "streams": {
            "open": sum(&|name| site.tree.open_downloads(name)), "max": site.max_streams * names.len(),
            "memory": site.tree.download_memory(),
        },
        "uploads": { "running": sum(&|name| site.tree.running_uploads(name)), "memory": site.tree.upload_memory() },
        "errors": errors,
    });
    if let Some(living) = living {
        told["instances"] = instances(&living);
    }
    if caller.runs_all() {
        // It names files and people of the whole tree.
        let line = |line: Line| json!({ "at": line.at, "level": line.level, "words": line.words });
        told["log"] = log_tail::newest().into_iter().map(line).collect();
    }
    reply::json(StatusCode::OK, &told)
}

/// How an account's sign-in is; what is and was wrong with it is told among the others.
async fn account(client: &Client, errors: &mut Vec<Value>) -> Value {
    let (name, status, now) = (client.account(), client.token_status().await, UnixSeconds::now());
    let complaint = status.complaint(name, now);
    let problem = client.problem();
    let state = match (&complaint, &problem) {
        _ if status.sign_in_needed(now) => "sign_in_needed",
        (None, None) => "ok",
        (Some(_), None) => "sign_in_due",
        _ => "trouble",
    };
    errors.extend(complaint.iter().map(|words| told_error(Some(name), None, words)));
    errors.extend(client.troubles().into_iter().map(|trouble| {
        let at = (!trouble.is_present).then_some(trouble.at);
        told_error(Some(name), at, &trouble.words)
    }));
    json!({
        "name": name,
        "state": state,
        "words": complaint.or(problem),
        "access_expires_at": status.access_expires_at.map(UnixSeconds::millis),
        "refresh_expires_at": status.refresh_expires_at.map(UnixSeconds::millis),
        "sign_in_by": status.sign_in_by.map(UnixSeconds::millis),
        "renewable": status.renewable,
    })
}

/// What is wrong with an account, or with all, or was at a time, and what to do.
fn told_error(account: Option<&str>, at: Option<UnixMillis>, words: &str) -> Value {
    json!({ "account": account, "at": at, "words": words })
}

/// Who shares the database, by what was last known of it.
fn instances(living: &Living) -> Value {
    let now = UnixMillis::now();
    let told = |one: &Instance| json!({ "name": one.name, "own": one.own, "started_at": now.minus(one.age) });
    json!({ "at": now.minus(living.ago), "all": living.instances.iter().map(told).collect::<Vec<_>>() })
}

/// Whether a mount shows anything in the caller's part of the tree.
fn is_seen(mount: &config::Mount, caller: &Caller) -> bool {
    let Ok(path) = Path::parse(&mount.path) else { return false };
    path.strip_base(&caller.base_path).is_some() || caller.base_path.strip_base(&path).is_some()
}

fn mount_told(mount: &config::Mount, caller: &Caller) -> Value {
    let path = Path::parse(&mount.path).ok().and_then(|path| path.strip_base(&caller.base_path));
    json!({
        "path": path.unwrap_or_else(Path::root).as_str(),
        "account": mount.account,
        "read_only": mount.read_only,
        "drive": drive(mount.drive_type),
        "link_policy": mount.link_policy.as_str(),
        "bin": mount.remove_way == config::RemoveWay::Trash,
    })
}

fn drive(kind: DriveType) -> &'static str {
    match kind {
        DriveType::Default => "default",
        DriveType::Resource => "resource",
        DriveType::Backup => "backup",
    }
}

/// Space and package, once for each account.
async fn space(site: &Site, seen: &[&config::Mount]) -> Vec<Value> {
    let mut told: Vec<Value> = Vec::new();
    for mount in seen {
        if told.iter().any(|one| one["account"] == *mount.account) {
            continue;
        }
        let Ok(path) = Path::parse(&mount.path) else { continue };
        let asked = async {
            let root = site.tree.stat(&path, Freshness::Cached).await?;
            let quota = site.tree.quota(&root).await?;
            Ok::<_, drive::Error>((quota, site.tree.membership(&root).await))
        };
        told.push(match asked.await {
            Ok((quota, membership)) => json!({
                "account": mount.account,
                "used": quota.map(|quota| quota.used),
                "total": quota.map(|quota| quota.used + quota.available),
                "package": membership.map(package),
            }),
            Err(error) => json!({ "account": mount.account, "error": verdict(&error).text }),
        });
    }
    told
}

fn package(told: Membership) -> Value {
    json!({
        "identity": told.identity,
        "level": told.level,
        "expires_at": told.expires.map(|at| at.0 * 1000),
        "third_party": told.third_party,
        "third_party_expires_at": told.third_party_expires.map(|at| at.0 * 1000),
    })
}
