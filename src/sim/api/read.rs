//! Endpoints that change nothing (reference 2, 3.2–3.8).

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::sim::answer::Refusal;
use crate::sim::api::items::{Wanted, hash_case, item, root};
use crate::sim::api::params::Params;
use crate::sim::api::query::Query;
use crate::sim::clock::{now_ms, timestamp};
use crate::sim::data::signed;
use crate::sim::levers::rules::{Expiration, LastMarker, OddItems, PageShape, SearchShape};
use crate::sim::world::World;
use crate::sim::world::drive::{Drive, Node};

type Answer = Result<Value, Refusal>;

const THUMBNAILS: [&str; 3] = ["video_thumbnail_time", "video_thumbnail_width", "image_thumbnail_width"];

pub(in crate::sim) fn drive_info(world: &World, user: usize) -> Value {
    let who = &world.users[user];
    json!({
        "user_id": who.id,
        "name": who.name,
        "avatar": "https://img.example/a.jpg",
        "default_drive_id": if world.rules.default_is_resource { &who.resource_drive } else { &who.backup_drive },
        "resource_drive_id": world.rules.grant_resource.then_some(&who.resource_drive),
        "backup_drive_id": world.rules.grant_backup.then_some(&who.backup_drive),
    })
}

pub(in crate::sim) fn space_info(world: &World, user: usize) -> Value {
    json!({ "personal_space_info": { "used_size": world.used(user), "total_size": world.rules.quota } })
}

pub(in crate::sim) fn vip_info() -> Value {
    json!({ "identity": "member", "level": null, "expire": 0, "thirdPartyVip": false, "thirdPartyVipExpire": 0 })
}

fn known(params: &Params, names: &[&str]) -> Result<(), Refusal> {
    let all: Vec<&str> = names.iter().chain(&THUMBNAILS).copied().collect();
    params.only(&all)?;
    THUMBNAILS.iter().try_for_each(|name| params.number(name).map(drop))
}

pub(in crate::sim) fn list(world: &World, user: usize, params: &Params) -> Answer {
    known(
        params,
        &["drive_id", "parent_file_id", "limit", "marker", "order_by", "order_direction", "category", "type", "fields"],
    )?;
    let drive_id = params.need("drive_id")?;
    let parent = params.need("parent_file_id")?;
    let limit = limit(world, params, 50)?;
    params.text("category")?;
    params.text("fields")?;
    let order_by = params
        .word("order_by", &["created_at", "updated_at", "name", "size", "name_enhanced"])?
        .unwrap_or("created_at");
    let descending = params.word("order_direction", &["ASC", "DESC"])? == Some("DESC");
    let kind = params.word("type", &["all", "file", "folder"])?.unwrap_or("all");
    world.check_parent(user, drive_id, parent)?;
    let drive = world.drive(user, drive_id)?;
    let unavailable = |n: &&Node| world.rules.list_unavailable && n.parent == parent && (n.trashed || n.uploading);
    let mut nodes: Vec<&Node> = drive.members(parent).chain(drive.nodes.values().filter(unavailable)).collect();
    nodes.retain(|n| kind == "all" || (kind == "folder") == n.is_folder());
    nodes.sort_by(|a, b| {
        let order = compare(a, b, order_by).then_with(|| a.file_id.cmp(&b.file_id));
        if descending { order.reverse() } else { order }
    });
    page(world, drive_id, &nodes, limit, params)
}

fn limit(world: &World, params: &Params, default: u64) -> Result<usize, Refusal> {
    let (limit, most) = (params.number("limit")?.unwrap_or(default), world.rules.max_list_limit);
    if limit == 0 || limit > most && !world.rules.clamp_list_limit {
        return Err(Refusal::new(400, &world.rules.list_limit_code, "The input parameter limit is not valid"));
    }
    usize::try_from(limit.min(most)).map_err(|_| Refusal::parameter(".Limit", "limit"))
}

fn compare(a: &Node, b: &Node, order_by: &str) -> Ordering {
    match order_by {
        "name" => a.name.cmp(&b.name),
        "name_enhanced" => natural(&a.name).cmp(&natural(&b.name)),
        "size" => a.size().cmp(&b.size()),
        "updated_at" => a.updated_ms.cmp(&b.updated_ms),
        _ => a.created_ms.cmp(&b.created_ms),
    }
}

/// Numbers within names compare as numbers.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0u64)];
    for c in name.chars() {
        match (c.to_digit(10), parts.last_mut()) {
            (Some(digit), Some(last)) => last.1 = last.1.saturating_mul(10).saturating_add(digit.into()),
            (None, Some(last)) if last.1 == 0 => last.0.push(c),
            (None, _) => parts.push((c.to_string(), 0)),
            (Some(_), None) => {}
        }
    }
    parts
}

/// One page; the marker holds the position, and pages may be short or empty before the last.
fn page(world: &World, drive_id: &str, nodes: &[&Node], limit: usize, params: &Params) -> Answer {
    let wanted = Wanted::of(params, world.rules.list_streams)?;
    let wrong = || Refusal::parameter(".Marker", "marker");
    let (start, number) = match params.text("marker")? {
        None => (0, 0),
        Some(marker) => {
            let text = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|b| String::from_utf8(b).ok()).ok_or_else(wrong)?;
            let (start, number) = text.split_once(',').ok_or_else(wrong)?;
            (start.parse::<usize>().map_err(|_| wrong())?, number.parse::<usize>().map_err(|_| wrong())?)
        }
    };
    let taken = match world.rules.page_shape {
        PageShape::Full => limit,
        PageShape::Short => (limit * 2 / 3).max(1),
        PageShape::SomeEmpty if number % 2 == 0 => 0,
        PageShape::SomeEmpty => limit,
    };
    let end = (start + taken).min(nodes.len());
    let shown = nodes.get(start..end).unwrap_or_default().iter();
    let items = shown.map(|n| item(world, drive_id, n, &wanted)).collect();
    let mut answer = json!({ "items": with_odd_ones(world.rules.odd_items, items) });
    let next = if end < nodes.len() {
        Some(json!(URL_SAFE_NO_PAD.encode(format!("{end},{}", number + 1))))
    } else {
        match world.rules.last_marker {
            LastMarker::Empty => Some(json!("")),
            LastMarker::Null => Some(Value::Null),
            LastMarker::Absent => None,
        }
    };
    if let (Some(next), Some(fields)) = (next, answer.as_object_mut()) {
        fields.insert("next_marker".to_owned(), next);
    }
    Ok(answer)
}

fn with_odd_ones(odd: OddItems, mut items: Vec<Value>) -> Vec<Value> {
    match odd {
        OddItems::None => items,
        OddItems::Some if items.is_empty() => items,
        OddItems::Some => {
            let mut nameless = items[0].clone();
            nameless["name"] = Value::Null;
            let odd = [Value::Null, nameless, json!({ "file_id": 5, "name": ["x"], "type": "file" }), json!("item")];
            items.splice(0..0, odd);
            items
        }
        OddItems::All => items.iter().map(|_| Value::Null).collect(),
    }
}

pub(in crate::sim) fn get(world: &World, user: usize, params: &Params) -> Answer {
    known(params, &["drive_id", "file_id", "fields"])?;
    let (drive_id, file_id) = (params.need("drive_id")?, params.need("file_id")?);
    if file_id == "root" {
        world.drive(user, drive_id)?;
        return Ok(root(drive_id));
    }
    Ok(item(world, drive_id, world.node(user, drive_id, file_id)?, &Wanted::of(params, true)?))
}

pub(in crate::sim) fn get_by_path(world: &World, user: usize, params: &Params) -> Answer {
    known(params, &["drive_id", "file_path", "fields"])?;
    let (drive_id, path) = (params.need("drive_id")?, params.need("file_path")?);
    let drive = world.drive(user, drive_id)?;
    if !path.starts_with('/') || path.len() < 2 || path.ends_with('/') {
        return Err(Refusal::parameter(".FilePath", "file_path"));
    }
    let status = world.rules.not_found_by_path_status;
    let missing = || Refusal::new(status, "NotFound.File", "The resource file cannot be found. file not exist");
    let named = if world.rules.by_path_oldest { Drive::oldest_named } else { Drive::named };
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    let parent = drive.find(folder).ok_or_else(missing)?;
    Ok(item(world, drive_id, named(drive, &parent, name).ok_or_else(missing)?, &Wanted::of(params, false)?))
}

pub(in crate::sim) fn batch_get(world: &World, user: usize, params: &Params) -> Answer {
    known(params, &["file_list", "fields"])?;
    let list = params.list("file_list")?.ok_or_else(|| Refusal::parameter("Missing", "file_list"))?;
    if list.len() > 100 {
        return Err(Refusal::parameter("OutOfRange", "file_list"));
    }
    let wanted = Wanted::of(params, true)?;
    let mut items = Vec::new();
    for entry in list {
        let (Some(drive_id), Some(file_id)) = (entry["drive_id"].as_str(), entry["file_id"].as_str()) else {
            return Err(Refusal::parameter("WrongFormat", "file_list"));
        };
        if let Ok(node) = world.node(user, drive_id, file_id) {
            items.push(item(world, drive_id, node, &wanted));
        }
    }
    Ok(json!({ "items": items }))
}

pub(in crate::sim) fn search(world: &World, user: usize, params: &Params) -> Answer {
    known(params, &["drive_id", "query", "limit", "marker", "order_by", "return_total_count", "fields"])?;
    let drive_id = params.need("drive_id")?;
    let limit = limit(world, params, 100)?;
    let query =
        Query::parse(params.text("query")?.unwrap_or_default()).ok_or_else(|| Refusal::parameter(".Query", "query"))?;
    let drive = world.drive(user, drive_id)?;
    let mut nodes: Vec<&Node> =
        drive.nodes.values().filter(|n| !n.uploading && !drive.in_recycle_bin(n) && query.holds(n)).collect();
    let indexed_until = now_ms() - world.rules.search_lag_ms;
    nodes.retain(|n| n.updated_ms <= indexed_until);
    for order in params.text("order_by")?.unwrap_or("created_at DESC").rsplit(',') {
        let (field, direction) = order.trim().split_once(' ').unwrap_or((order.trim(), "ASC"));
        nodes.sort_by(|a, b| if direction == "DESC" { compare(b, a, field) } else { compare(a, b, field) });
    }
    let total = nodes.len();
    match world.rules.search_shape {
        SearchShape::Right => {}
        SearchShape::Repeated => nodes = nodes.iter().flat_map(|n| [*n, *n]).collect(),
        SearchShape::Reversed => nodes.reverse(),
    }
    let mut answer = page(world, drive_id, &nodes, limit, params)?;
    if params.flag("return_total_count")? == Some(true) {
        answer["total_count"] = json!(total);
    }
    Ok(answer)
}

pub(in crate::sim) fn starred(world: &World, user: usize, params: &Params) -> Answer {
    known(params, &["drive_id", "limit", "marker", "order_by", "order_direction", "type"])?;
    let drive_id = params.need("drive_id")?;
    let limit = limit(world, params, 100)?;
    let drive = world.drive(user, drive_id)?;
    let mut nodes: Vec<&Node> =
        drive.nodes.values().filter(|n| n.starred && !n.uploading && !drive.in_recycle_bin(n)).collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    page(world, drive_id, &nodes, limit, params)
}

pub(in crate::sim) fn recycled(world: &World, user: usize, params: &Params) -> Answer {
    let drive_id = params.need("drive_id")?;
    let drive = world.drive(user, drive_id)?;
    let nodes: Vec<&Node> = drive.nodes.values().filter(|n| n.trashed).collect();
    page(world, drive_id, &nodes, 200, params)
}

pub(in crate::sim) fn download_url(world: &World, user: usize, params: &Params) -> Answer {
    known(params, &["drive_id", "file_id", "expire_sec"])?;
    let (drive_id, file_id) = (params.need("drive_id")?, params.need("file_id")?);
    params.number("expire_sec")?;
    let node = world.node(user, drive_id, file_id)?;
    if node.is_folder() {
        return Err(Refusal::new(400, "InvalidResource.FileTypeFolder", "This operation is not allowed on folders"));
    }
    if node.is_frozen() {
        return Err(Refusal::new(403, "UserNotAllowedAccessResource", "the resource is frozen"));
    }
    let link = |stream| signed::download(world, user, drive_id, node, stream);
    let (url, streams) = match &node.streams {
        Some(_) => (Value::Null, json!({ "jpeg": link("jpeg"), "mov": link("mov") })),
        None => (json!(link("")), Value::Null),
    };
    Ok(json!({
        "domain_id": "bj29", "drive_id": drive_id, "file_id": file_id, "revision_id": "", "method": "GET",
        "url": url, "internal_url": null, "cdn_url": null, "expiration": expiration(world), "size": node.size(),
        "streamsUrl": streams, "content_hash": node.sha1.as_deref().filter(|_| world.rules.link_hashes).map(|hash| hash_case(world, hash)),
        "content_hash_name": "sha1", "description": null,
    }))
}

fn expiration(world: &World) -> Value {
    let expires_ms = (world.clock_ms() / 1000 + world.rules.link_s) * 1000;
    match world.rules.link_expiration {
        Expiration::Right => json!(timestamp(expires_ms)),
        Expiration::Null => Value::Null,
        Expiration::Past => json!(timestamp(expires_ms - 86_400_000)),
        Expiration::Number => json!(expires_ms),
    }
}
