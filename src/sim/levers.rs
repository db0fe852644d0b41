//! `/sim/…`: what tests and scripts do to the service from behind (JSON).

pub(super) mod fault;
pub(super) mod gate;
pub(super) mod rules;

use bytes::Bytes;
use http::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::sim::answer::{Body, json_response};
use crate::sim::clock::now_ms;
use crate::sim::levers::fault::Fault;
use crate::sim::shared::Shared;
use crate::sim::world::World;
use crate::sim::world::application::{Application, CLIENT_ID, CLIENT_SECRET};
use crate::sim::world::content::Content;
use crate::sim::world::drive::{Drive, Node};
use crate::sim::world::tokens::LoginState;

pub(super) fn answer(shared: &Shared, method: &Method, path: &str, body: &Bytes) -> Response<Body> {
    let mut world = shared.world.lock();
    match handle(&mut world, method, path, body) {
        Ok(value) => {
            crate::sim::world::persist::save(&world);
            json_response(200, &value)
        }
        Err(problem) => json_response(400, &json!({ "error": problem })),
    }
}

fn handle(world: &mut World, method: &Method, path: &str, body: &Bytes) -> Result<Value, String> {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8().map_err(|e| e.to_string())?;
    let segments: Vec<&str> = decoded.trim_start_matches("/sim/").splitn(3, '/').collect();
    if method == Method::GET {
        return look(world, &segments);
    }
    match (method.as_str(), segments.as_slice()) {
        ("POST", ["reset"]) => world.ledger.reset(),
        ("POST", ["fault"]) => world.ledger.plan(read::<Fault>(body)?),
        ("DELETE", ["fault"]) => world.ledger.clear(),
        ("POST", ["rules"]) => change_rules(world, &read(body)?)?,
        ("POST", ["expire", what]) => expire(world, what)?,
        ("POST", ["qr", sid, state]) => set_login(world, sid, state)?,
        ("DELETE", ["files", which, path]) => {
            let drive = drive(world, which)?;
            let id = drive.find(path).filter(|id| id != "root").ok_or("nothing there")?;
            drive.remove(&id);
        }
        ("POST", ["film", which, path]) => {
            let drive = drive(world, which)?;
            let node = drive.find(path).and_then(|id| drive.nodes.get_mut(&id));
            node.ok_or("nothing there")?.film = Some(read(body)?);
        }
        (method, [what, which, path]) => {
            let id = make(drive(world, which)?, method, what, path, body)?;
            return Ok(json!({ "file_id": id }));
        }
        _ => return Err(format!("no such lever: {method} {path}")),
    }
    Ok(json!({}))
}

/// What is asked without changing anything but the count of tokens.
fn look(world: &mut World, segments: &[&str]) -> Result<Value, String> {
    let user = &world.users[0];
    Ok(match segments {
        ["calls"] => json!(world.ledger.calls()),
        ["refused"] => json!(world.ledger.refused()),
        ["downloads"] => {
            json!({ "open": user.open_downloads, "peak": user.peak_downloads, "bytes": user.downloaded })
        }
        ["token"] => {
            // OpenList's, where those who ask here renew it.
            let refresh = world.tokens.new_refresh(0, user, Application::OpenList);
            json!({
                "refresh_token": refresh, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
                "resource_drive_id": user.resource_drive, "backup_drive_id": user.backup_drive,
            })
        }
        ["secrets"] => json!(world.tokens.secrets()),
        ["tree"] => tree(drive(world, "default")?),
        ["tree", which] => tree(drive(world, which)?),
        _ => return Err(format!("no such lever: GET {}", segments.join("/"))),
    })
}

/// Puts something at a path; gives its id.
fn make(drive: &mut Drive, method: &str, what: &str, path: &str, body: &Bytes) -> Result<String, String> {
    Ok(match (method, what) {
        ("PUT", "files") => put(drive, path, Content::Kept(body.clone())),
        ("POST", "mkdir") => drive.mkdir(path),
        ("POST", "generate") => {
            let told: Value = read(body)?;
            let (size, seed) = (told["size"].as_u64().unwrap_or(0), told["seed"].as_u64().unwrap_or(1));
            let id = put(drive, path, Content::Generated { size, seed });
            // What is too large to be hashed here may be told to have a hash, by which it is known and asked for.
            if let (Some(sha1), Some(node)) = (told["sha1"].as_str(), drive.nodes.get_mut(&id)) {
                node.sha1 = Some(sha1.to_ascii_uppercase());
            }
            id
        }
        ("POST", "fill") => {
            let told: Value = read(body)?;
            fill(drive, path, told["count"].as_u64().ok_or("how many? {\"count\": 1000}")?)
        }
        _ => return Err(format!("no such lever: {method} {what}")),
    })
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Changes those rules that are named, all or none.
fn change_rules(world: &mut World, changes: &Value) -> Result<(), String> {
    let mut rules = serde_json::to_value(&world.rules).map_err(|error| error.to_string())?;
    if let (Some(rules), Some(changes)) = (rules.as_object_mut(), changes.as_object()) {
        rules.extend(changes.clone());
    }
    world.rules = serde_json::from_value(rules).map_err(|error| error.to_string())?;
    Ok(())
}

/// What the person with the phone does.
pub(super) fn set_login(world: &mut World, sid: &str, state: &str) -> Result<(), String> {
    let login = world.tokens.logins.get_mut(sid).ok_or("no such login")?;
    login.state = match state {
        "scan" => LoginState::Scanned,
        "confirm" => LoginState::Confirmed,
        "expire" => LoginState::Expired,
        "refuse" => LoginState::Refused,
        _ => return Err("scan, confirm, expire or refuse".to_owned()),
    };
    Ok(())
}

fn expire(world: &mut World, what: &str) -> Result<(), String> {
    match what {
        "links" => world.links_expired_before_ms = now_ms() + 1,
        "access_tokens" => world.tokens.expire_access(),
        "refresh_tokens" => world.tokens.revoke_refresh(),
        _ => return Err("links, access_tokens or refresh_tokens".to_owned()),
    }
    Ok(())
}

fn drive<'a>(world: &'a mut World, which: &str) -> Result<&'a mut Drive, String> {
    let id = match which {
        "default" | "backup" => world.users[0].backup_drive.clone(),
        "resource" => world.users[0].resource_drive.clone(),
        id => id.to_owned(),
    };
    world.drives.get_mut(&id).ok_or_else(|| format!("no drive {which:?}: default, resource, backup or an id"))
}

/// Puts content at a path, in the place of what bears the name.
pub(super) fn put(drive: &mut Drive, path: &str, content: Content) -> String {
    let (folder, name) = path.trim_start_matches('/').rsplit_once('/').unwrap_or(("", path.trim_start_matches('/')));
    let parent = drive.mkdir(folder);
    if let Some(old) = drive.named(&parent, name).map(|n| n.file_id.clone()) {
        drive.remove(&old);
    }
    drive.add(&parent, name, Some(content))
}

/// Adds so many empty files to the folder at a path, without looking whether their names are taken: a search for
/// each would make large folders take minutes.
pub(super) fn fill(drive: &mut Drive, path: &str, count: u64) -> String {
    let folder = drive.mkdir(path);
    for n in 1..=count {
        drive.add(&folder, &format!("file number {n:06}.mkv"), Some(Content::Kept(Bytes::new())));
    }
    folder
}

/// All living items by path, in order.
pub(super) fn living(drive: &Drive) -> Vec<(String, &Node)> {
    let mut rows = Vec::new();
    let mut folders = vec![("root".to_owned(), String::new())];
    while let Some((id, path)) = folders.pop() {
        for node in drive.nodes.values().filter(|n| n.parent == id && !n.trashed && !n.uploading) {
            let path = format!("{path}/{}", node.name);
            if node.is_folder() {
                folders.push((node.file_id.clone(), path.clone()));
            }
            rows.push((path, node));
        }
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.created_ms.cmp(&b.1.created_ms)));
    rows
}

/// What lives, as JSON.
pub(super) fn tree(drive: &Drive) -> Value {
    let row = |(path, node): (String, &Node)| {
        let kind = if node.is_folder() { "folder" } else { "file" };
        json!({ "path": path, "type": kind, "size": node.size(), "sha1": node.sha1, "file_id": node.file_id })
    };
    living(drive).into_iter().map(row).collect()
}
