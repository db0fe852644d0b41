//! Upload sessions: create, parts, complete, rapid upload (reference 3.10–3.15).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Response;
use md5::Md5;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::sim::answer::{Body, Refusal, xml};
use crate::sim::api::items::{Wanted, item};
use crate::sim::api::params::Params;
use crate::sim::clock::now_ms;
use crate::sim::data::signed;
use crate::sim::world::World;
use crate::sim::world::content::{Content, hex};
use crate::sim::world::drive::Node;
use crate::sim::world::session::{Part, Upload, new_upload_id};

/// Uploads larger than this are not kept when they are to be discarded.
const KEEP: u64 = 1 << 20;

const FIELDS: [&str; 18] = [
    "drive_id",
    "parent_file_id",
    "name",
    "type",
    "check_name_mode",
    "part_info_list",
    "size",
    "pre_hash",
    "content_hash",
    "content_hash_name",
    "proof_code",
    "proof_version",
    "local_created_at",
    "local_modified_at",
    "content_type",
    "streams_info",
    "parallel_upload",
    "file_id",
];

pub(in crate::sim) fn create(world: &mut World, user: usize, token: &str, params: &Params) -> Result<Value, Refusal> {
    params.only(&FIELDS)?;
    let (drive_id, parent) = (params.need("drive_id")?.to_owned(), params.need("parent_file_id")?.to_owned());
    let mut name = params.need("name")?.to_owned();
    check_name(world, &name)?;
    let kind = params.word("type", &["file", "folder"])?.ok_or_else(|| Refusal::parameter("Missing", "type"))?;
    let mode = params.word("check_name_mode", &["auto_rename", "refuse", "ignore"])?;
    let mode = mode.ok_or_else(|| Refusal::parameter("Missing", "check_name_mode"))?;
    world.check_parent(user, &drive_id, &parent)?;
    let drive = world.drive(user, &drive_id)?;
    if let Some(existing) = drive.named(&parent, &name) {
        match mode {
            "refuse" if world.rules.refusal_is_success => return Ok(exists(&drive_id, &parent, existing)),
            "refuse" => return Err(world.name_taken()),
            "auto_rename" => name = free_name(|name| drive.named(&parent, name).is_some(), &name),
            _ => {}
        }
    }
    if kind == "folder" {
        let id = world.drive_mut(user, &drive_id)?.add(&parent, &name, None);
        return Ok(json!({
            "domain_id": "bj29", "drive_id": drive_id, "file_id": id, "parent_file_id": parent, "file_name": name,
            "type": "folder", "encrypt_mode": "none", "exist": false, "upload_id": null, "part_info_list": null,
            "rapid_upload": null,
        }));
    }
    create_file(world, user, token, params, &Target { drive_id, parent, name })
}

struct Target {
    drive_id: String,
    parent: String,
    name: String,
}

/// What is told of a file's content before it comes.
struct Announced {
    size: Option<u64>,
    sha1: Option<String>,
}

impl Announced {
    fn read(world: &World, user: usize, params: &Params) -> Result<Self, Refusal> {
        let size = params.number("size")?;
        if size.is_some_and(|size| size > world.rules.max_file_size) {
            return Err(Refusal::plain(413, "Payload Too Large"));
        }
        if world.used(user) + size.unwrap_or(0) > world.rules.quota {
            return Err(quota());
        }
        let named = params.text("content_hash_name")? != Some("none");
        let sha1 = params.text("content_hash")?.filter(|_| named).map(str::to_ascii_uppercase);
        Ok(Self { size, sha1 })
    }

    /// The content that the drive has already and whose possession is proved (reference 3.11); an error where a
    /// longer hash is to be told first.
    fn attached(&self, world: &World, token: &str, params: &Params) -> Result<Option<Content>, Refusal> {
        let size = || self.size.ok_or_else(|| Refusal::parameter("Missing", "size"));
        if let Some(hash) = &self.sha1 {
            let size = size()?;
            let other_hash = params.text("content_hash_name")?.is_some_and(|name| name != "sha1");
            if other_hash || params.text("proof_version")?.is_some_and(|version| version != "v1") {
                return Err(Refusal::parameter("NotSupported", "content_hash_name"));
            }
            let is_it = |n: &Node| world.rules.rapid_upload && n.size() == size && n.sha1.as_ref() == Some(hash);
            let content = candidate(world, is_it);
            if let Some(content) = &content {
                check_proof(token, content, params.text("proof_code")?.unwrap_or_default())?;
            }
            return Ok(content);
        }
        if let Some(pre_hash) = params.text("pre_hash")?.map(str::to_ascii_uppercase) {
            let size = size()?;
            let begins = |n: &Node| n.content.as_ref().and_then(Content::pre_hash).as_ref() == Some(&pre_hash);
            if candidate(world, |n| n.size() == size && begins(n)).is_some() {
                return Err(Refusal::new(world.rules.pre_hash_status, "PreHashMatched", "Pre hash matched."));
            }
        }
        Ok(None)
    }
}

fn create_file(
    world: &mut World,
    user: usize,
    token: &str,
    params: &Params,
    target: &Target,
) -> Result<Value, Refusal> {
    let parts = part_numbers(world, params)?;
    let announced = Announced::read(world, user, params)?;
    let attached = announced.attached(world, token, params)?;
    let rapid = attached.is_some();
    let mut node = Node::new(&target.parent, &target.name);
    node.content = attached;
    node.sha1 = announced.sha1.clone().filter(|_| rapid);
    node.local_created = params.text("local_created_at")?.map(str::to_owned);
    node.local_modified = params.text("local_modified_at")?.map(str::to_owned);
    node.uploading = !rapid;
    let (file_id, upload_id) = (node.file_id.clone(), new_upload_id());
    world.drive_mut(user, &target.drive_id)?.nodes.insert(file_id.clone(), node);
    let upload = Upload {
        user,
        drive_id: target.drive_id.clone(),
        file_id: file_id.clone(),
        parts: BTreeMap::new(),
        hasher: Sha1::new(),
        sequential: world.rules.sequential_parts,
        size: announced.size,
        content_hash: announced.sha1,
        done: rapid,
    };
    world.uploads.insert(upload_id.clone(), upload);
    let list = (!rapid).then(|| part_urls(world, user, &target.drive_id, &file_id, &upload_id, &parts));
    Ok(json!({
        "domain_id": "bj29", "drive_id": target.drive_id, "file_id": file_id, "parent_file_id": target.parent,
        "file_name": target.name, "type": "file", "upload_id": upload_id, "exist": false, "available": null,
        "rapid_upload": rapid, "part_info_list": list, "revision_id": "", "encrypt_mode": "none", "location": null,
    }))
}

fn quota() -> Refusal {
    Refusal::new(403, "QuotaExhausted.Drive", "The drive capacity has exceeded the limit")
}

fn exists(drive_id: &str, parent: &str, node: &Node) -> Value {
    json!({
        "domain_id": "bj29", "drive_id": drive_id, "file_id": node.file_id, "parent_file_id": parent, "file_name": null,
        "type": if node.is_folder() { "folder" } else { "file" }, "status": "available", "exist": true, "upload_id": null,
        "part_info_list": null, "rapid_upload": null,
    })
}

/// A name is at most 1,024 bytes, not empty, without a slash (reference 3.20).
pub(super) fn check_name(world: &World, name: &str) -> Result<(), Refusal> {
    let strict = world.rules.strict_names && name.contains(['\\', ':', '*', '?', '"', '<', '>', '|']);
    if name.is_empty() || name.len() > 1024 || name.contains('/') || strict {
        return Err(Refusal::parameter(".Name", "name"));
    }
    Ok(())
}

/// A suffix before the extension.
pub(super) fn free_name(taken: impl Fn(&str) -> bool, name: &str) -> String {
    let (stem, extension) = name.rsplit_once('.').map_or((name, String::new()), |(stem, e)| (stem, format!(".{e}")));
    let mut number = 1;
    loop {
        let candidate = format!("{stem}({number}){extension}");
        if !taken(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

fn part_numbers(world: &World, params: &Params) -> Result<Vec<u32>, Refusal> {
    let list = params.list("part_info_list")?.map(Vec::as_slice).unwrap_or_default();
    if list.len() > world.rules.max_parts {
        return Err(Refusal::plain(405, "Method Not Allowed"));
    }
    let numbers: Vec<u32> = list.iter().filter_map(|part| part["part_number"].as_u64()?.try_into().ok()).collect();
    if !numbers.iter().copied().eq(1..=u32::try_from(list.len()).unwrap_or(0)) {
        return Err(Refusal::parameter("OutOfRange", "part_info_list"));
    }
    Ok(if numbers.is_empty() { vec![1] } else { numbers })
}

fn part_urls(world: &World, user: usize, drive_id: &str, file_id: &str, upload_id: &str, parts: &[u32]) -> Vec<Value> {
    parts
        .iter()
        .map(|number| {
            let url = signed::upload(world, user, drive_id, file_id, upload_id, *number);
            json!({ "part_number": number, "upload_url": url, "part_size": null, "etag": null, "content_type": "", "internal_upload_url": null })
        })
        .collect()
}

/// Content that the service has anywhere.
fn candidate(world: &World, holds: impl Fn(&Node) -> bool) -> Option<Content> {
    let mut nodes = world.drives.values().flat_map(|d| d.nodes.values());
    nodes.find(|n| n.content.is_some() && !n.uploading && holds(n)).and_then(|n| n.content.clone())
}

fn check_proof(token: &str, content: &Content, proof: &str) -> Result<(), Refusal> {
    let size = content.size();
    let (mut range, mut expected) = ((0, 0), String::new());
    if size > 0 {
        let digest = hex(&Md5::digest(token.as_bytes()));
        let start = u64::from_str_radix(&digest[..16], 16).unwrap_or(0) % size;
        range = (start, (start + 8).min(size));
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < range.1 - range.0 {
            bytes.extend_from_slice(&content.piece(range.0 + bytes.len() as u64, range.1).unwrap_or_default());
        }
        expected = STANDARD.encode(bytes);
    }
    if expected == proof {
        return Ok(());
    }
    let message = format!("Invalid rapid proof, expected bytes [{}, {})", range.0, range.1);
    Err(Refusal::new(400, "InvalidRapidProof", message))
}

fn session<'a>(world: &'a World, user: usize, params: &Params) -> Result<(&'a Upload, String), Refusal> {
    let (drive_id, file_id, upload_id) = (params.need("drive_id")?, params.need("file_id")?, params.need("upload_id")?);
    world.drive(user, drive_id)?;
    let gone = || Refusal::new(400, "NotFound.UploadId", "The resource upload_id cannot be found");
    let is_it = |u: &&Upload| u.user == user && u.drive_id == drive_id && u.file_id == file_id;
    let upload = world.uploads.get(upload_id).filter(is_it).ok_or_else(gone)?;
    Ok((upload, upload_id.to_owned()))
}

pub(in crate::sim) fn upload_url(world: &World, user: usize, params: &Params) -> Result<Value, Refusal> {
    params.only(&["drive_id", "file_id", "upload_id", "part_info_list"])?;
    let (upload, upload_id) = session(world, user, params)?;
    if upload.done {
        return Err(Refusal::new(400, "NotFound.UploadId", "The resource upload_id cannot be found"));
    }
    let list = params.list("part_info_list")?.map(Vec::as_slice).unwrap_or_default();
    let numbers: Vec<u32> = list.iter().filter_map(|part| part["part_number"].as_u64()?.try_into().ok()).collect();
    if numbers.is_empty() || numbers.len() != list.len() || numbers.iter().any(|n| *n == 0 || *n > 10_000) {
        return Err(Refusal::parameter("OutOfRange", "part_info_list"));
    }
    let list = part_urls(world, user, &upload.drive_id, &upload.file_id, &upload_id, &numbers);
    Ok(json!({
        "domain_id": "bj29", "drive_id": upload.drive_id, "file_id": upload.file_id, "upload_id": upload_id,
        "created_at": crate::sim::clock::timestamp(now_ms()), "part_info_list": list,
    }))
}

pub(in crate::sim) fn uploaded_parts(world: &World, user: usize, params: &Params) -> Result<Value, Refusal> {
    params.only(&["drive_id", "file_id", "upload_id", "part_number_marker"])?;
    let (upload, upload_id) = session(world, user, params)?;
    if upload.done {
        return Err(Refusal::new(400, "NotFound.UploadId", "The resource upload_id cannot be found"));
    }
    let marker = params.text("part_number_marker")?.filter(|marker| !marker.is_empty());
    let marker = marker.map_or(Some(0), |marker| marker.parse::<u32>().ok());
    let after = marker.ok_or_else(|| Refusal::parameter("Invalid", "part_number_marker"))?;
    let told = |(number, part): (&u32, &Part)| {
        let size = world.rules.part_sizes.then_some(part.size);
        json!({ "part_number": number, "part_size": size, "etag": part.etag })
    };
    let left: Vec<_> = upload.parts.range(after + 1..).collect();
    let page: Vec<_> = left.iter().take(world.rules.part_page).copied().collect();
    let next = page.last().filter(|_| page.len() < left.len()).map(|(number, _)| number.to_string());
    let parts: Vec<Value> = page.into_iter().map(told).collect();
    Ok(json!({
        "drive_id": upload.drive_id, "upload_id": upload_id, "parallelUpload": !upload.sequential,
        "uploaded_parts": parts,
        "next_part_number_marker": next.unwrap_or_default(),
    }))
}

/// Stores a part; they come one after another, where they must (reference 3.12).
pub(in crate::sim) fn store_part(
    world: &mut World,
    upload_id: &str,
    number: u32,
    bytes: Bytes,
) -> Result<String, Box<Response<Body>>> {
    let discard = world.rules.discard_uploads;
    let gone = || Box::new(xml(404, "NoSuchUpload", "The specified upload does not exist.", "0042-00000004"));
    let upload = world.uploads.get_mut(upload_id).filter(|u| !u.done).ok_or_else(gone)?;
    let next = u32::try_from(upload.parts.len()).unwrap_or(u32::MAX) + 1;
    if upload.sequential && number < next {
        let message = "For sequential multipart upload, you can't overwrite uploaded parts.";
        return Err(Box::new(xml(409, "PartAlreadyExist", message, "0042-00000108")));
    }
    if upload.sequential && number > next {
        let message = "For sequential multipart upload, you must upload or complete parts with sequential part number.";
        return Err(Box::new(xml(409, "PartNotSequential", message, "0042-00000109")));
    }
    let etag = hex(&Md5::digest(&bytes));
    let size = bytes.len() as u64;
    if upload.sequential {
        upload.hasher.update(&bytes);
    }
    // What comes in any order is hashed at the end, so it is kept until then.
    let bytes = if discard && upload.sequential && size > KEEP { Bytes::new() } else { bytes };
    upload.parts.insert(number, Part { size, etag: etag.clone(), bytes });
    Ok(etag)
}

pub(in crate::sim) fn complete(world: &mut World, user: usize, params: &Params) -> Result<Value, Refusal> {
    params.only(&["drive_id", "file_id", "upload_id", "part_info_list"])?;
    let (upload, upload_id) = session(world, user, params)?;
    let (drive_id, file_id) = (upload.drive_id.clone(), upload.file_id.clone());
    if upload.done && !world.rules.complete_twice {
        return Err(Refusal::new(400, "NotFound.UploadId", "The resource upload_id cannot be found"));
    }
    if !upload.done {
        let (content, sha1) = finished(world, upload)?;
        if world.used(user) + content.size() > world.rules.quota {
            return Err(quota());
        }
        let content = crate::sim::world::persist::keep(world, &file_id, content);
        if let Some(upload) = world.uploads.get_mut(&upload_id) {
            upload.done = true;
            upload.parts = BTreeMap::new();
        }
        let missing = world.not_found();
        let node = world.drive_mut(user, &drive_id)?.nodes.get_mut(&file_id).ok_or(missing)?;
        let now = now_ms();
        (node.content, node.sha1, node.uploading) = (Some(content), Some(sha1), false);
        (node.created_ms, node.updated_ms) = (now, now);
    }
    Ok(item(world, &drive_id, world.node(user, &drive_id, &file_id)?, &Wanted::plain(true)))
}

/// The joined content and its hash, after the service's checks.
fn finished(world: &World, upload: &Upload) -> Result<(Content, String), Refusal> {
    let parts = || upload.parts.values();
    let size: u64 = parts().map(|part| part.size).sum();
    let small = parts().rev().skip(1).any(|part| part.size < world.rules.min_part_size);
    if small {
        return Err(Refusal::new(400, "EntityTooSmall", "Your proposed upload smaller than the minimum allowed size."));
    }
    if upload.size.is_some_and(|announced| announced != size) {
        return Err(Refusal::new(400, "InvalidParameter.Size", "file size is not matched with size in create request"));
    }
    let mut hasher = upload.hasher.clone();
    if !upload.sequential {
        parts().for_each(|part| hasher.update(&part.bytes));
    }
    let sha1 = hex(&hasher.finalize());
    if upload.content_hash.as_ref().is_some_and(|announced| *announced != sha1) {
        let message = "file content hash is not matched with content_hash in complete file request";
        return Err(Refusal::new(400, "InvalidParameter.ContentHash", message));
    }
    let kept: usize = parts().map(|part| part.bytes.len()).sum();
    let content = if kept as u64 == size {
        let mut joined = Vec::with_capacity(kept);
        parts().for_each(|part| joined.extend_from_slice(&part.bytes));
        Content::Kept(joined.into())
    } else {
        Content::Discarded { size }
    };
    Ok((content, sha1))
}
