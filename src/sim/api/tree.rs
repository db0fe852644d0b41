//! Endpoints that change the tree (reference 3.16–3.19).

use serde_json::{Value, json};

use crate::sim::answer::Refusal;
use crate::sim::api::items::{Wanted, item};
use crate::sim::api::params::Params;
use crate::sim::api::upload::{check_name, free_name};
use crate::sim::clock::now_ms;
use crate::sim::world::World;
use crate::sim::world::drive::new_file_id;

type Answer = Result<Value, Refusal>;

pub(in crate::sim) fn update(world: &mut World, user: usize, params: &Params) -> Answer {
    params.only(&["drive_id", "file_id", "name", "check_name_mode", "starred"])?;
    let (drive_id, file_id) = (params.need("drive_id")?.to_owned(), params.need("file_id")?.to_owned());
    let starred = params.flag("starred")?;
    let mode = params.word("check_name_mode", &["auto_rename", "refuse", "ignore"])?.unwrap_or("ignore");
    let node = world.node(user, &drive_id, &file_id)?;
    let mut name = params.text("name")?.map(str::to_owned);
    if let Some(wanted) = &mut name {
        check_name(world, wanted)?;
        let drive = world.drive(user, &drive_id)?;
        let itself = world.rules.own_namesake;
        let taken =
            |name: &str| drive.members(&node.parent).any(|n| n.name == name && (itself || n.file_id != file_id));
        if taken(wanted) && mode == "refuse" {
            return Err(world.name_taken());
        }
        if taken(wanted) && mode == "auto_rename" {
            *wanted = free_name(taken, wanted);
        }
    }
    if let Some(node) = world.drive_mut(user, &drive_id)?.nodes.get_mut(&file_id) {
        node.updated_ms = now_ms();
        node.name = name.unwrap_or_else(|| node.name.clone());
        node.starred = starred.unwrap_or(node.starred);
    }
    Ok(item(world, &drive_id, world.node(user, &drive_id, &file_id)?, &Wanted::plain(true)))
}

pub(in crate::sim) fn move_(world: &mut World, user: usize, params: &Params) -> Answer {
    params.only(&["drive_id", "file_id", "to_parent_file_id", "to_drive_id", "check_name_mode", "new_name"])?;
    let (drive_id, file_id) = (params.need("drive_id")?.to_owned(), params.need("file_id")?.to_owned());
    let target = params.need("to_parent_file_id")?.to_owned();
    if params.text("to_drive_id")?.is_some_and(|to| to != drive_id) {
        return Err(Refusal::parameter("NotSupported", "to_drive_id"));
    }
    let mode = params.word("check_name_mode", &["auto_rename", "refuse", "ignore"])?.unwrap_or("refuse");
    let node = world.node(user, &drive_id, &file_id)?.clone();
    world.check_parent(user, &drive_id, &target)?;
    let drive = world.drive(user, &drive_id)?;
    if node.is_folder() && drive.is_within(&target, &file_id) {
        return Err(Refusal::new(400, "InvalidParameter.ToParentFileId", "a folder cannot be moved into itself"));
    }
    let itself = world.rules.own_namesake;
    let taken = |name: &str| drive.members(&target).any(|n| n.name == name && (itself || n.file_id != file_id));
    let mut name = node.name.clone();
    if taken(&name) {
        match (params.text("new_name")?, mode) {
            (Some(new), _) if !taken(new) => name = new.to_owned(),
            (_, "refuse") => {
                return Ok(
                    json!({ "domain_id": "bj29", "drive_id": drive_id, "file_id": file_id, "exist": true, "async_task_id": "" }),
                );
            }
            (_, "auto_rename") => name = free_name(taken, &name),
            _ => {}
        }
    }
    if let Some(node) = world.drive_mut(user, &drive_id)?.nodes.get_mut(&file_id) {
        (node.parent, node.name, node.updated_ms) = (target, name, now_ms());
    }
    Ok(json!({ "domain_id": "bj29", "drive_id": drive_id, "file_id": file_id, "exist": false, "async_task_id": "" }))
}

pub(in crate::sim) fn copy(world: &mut World, user: usize, params: &Params) -> Answer {
    params.only(&["drive_id", "file_id", "to_parent_file_id", "to_drive_id", "auto_rename"])?;
    let (drive_id, file_id) = (params.need("drive_id")?.to_owned(), params.need("file_id")?.to_owned());
    let target = params.need("to_parent_file_id")?.to_owned();
    let to_drive = params.text("to_drive_id")?.unwrap_or(&drive_id).to_owned();
    if to_drive != drive_id && !world.rules.copy_to_other_drive {
        return Err(Refusal::parameter("NotSupported", "to_drive_id"));
    }
    let auto_rename = params.flag("auto_rename")?.unwrap_or(false);
    let node = world.node(user, &drive_id, &file_id)?.clone();
    world.check_parent(user, &to_drive, &target)?;
    if node.is_folder() && drive_id == to_drive && world.drive(user, &drive_id)?.is_within(&target, &file_id) {
        return Err(Refusal::new(400, "InvalidParameter.ToParentFileId", "a folder cannot be copied into itself"));
    }
    let taken = world.drive(user, &to_drive)?.named(&target, &node.name).is_some();
    let in_place = node.parent == target && drive_id == to_drive;
    if taken && in_place && !auto_rename && world.rules.refuse_copy_in_place {
        return Err(Refusal::new(
            world.rules.exists_status,
            "AlreadyExist.File",
            "The resource file has already exists",
        ));
    }
    let size: u64 = {
        let drive = world.drive(user, &drive_id)?;
        drive
            .subtree(&file_id)
            .iter()
            .filter_map(|id| drive.nodes.get(id))
            .map(crate::sim::world::drive::Node::size)
            .sum()
    };
    if world.used(user) + size > world.rules.quota {
        return Err(Refusal::new(403, "QuotaExhausted.Drive", "The drive capacity has exceeded the limit"));
    }
    let name = if taken && auto_rename {
        let drive = world.drive(user, &to_drive)?;
        free_name(|name| drive.named(&target, name).is_some(), &node.name)
    } else {
        node.name.clone()
    };
    let new_id = copy_tree(world, &drive_id, &file_id, &to_drive, &target, &name);
    let mut answer = json!({ "domain_id": "bj29", "drive_id": to_drive, "file_id": new_id });
    if node.is_folder() {
        answer["async_task_id"] = json!(new_task(world));
    }
    Ok(answer)
}

fn copy_tree(world: &mut World, from: &str, file_id: &str, to: &str, target: &str, name: &str) -> String {
    let now = now_ms();
    let mut pending = vec![(file_id.to_owned(), target.to_owned(), Some(name.to_owned()))];
    let mut top = String::new();
    while let Some((id, parent, name)) = pending.pop() {
        let Some(source) = world.drives.get(from).and_then(|d| d.nodes.get(&id)).cloned() else { continue };
        let children: Vec<String> =
            world.drives.get(from).map(|d| d.members(&id).map(|n| n.file_id.clone()).collect()).unwrap_or_default();
        let new_id = new_file_id();
        if top.is_empty() {
            top.clone_from(&new_id);
        }
        let name = name.unwrap_or_else(|| source.name.clone());
        let node = crate::sim::world::drive::Node {
            file_id: new_id.clone(),
            parent,
            name,
            created_ms: now,
            updated_ms: now,
            ..source
        };
        if let Some(drive) = world.drives.get_mut(to) {
            drive.nodes.insert(new_id.clone(), node);
        }
        pending.extend(children.into_iter().map(|child| (child, new_id.clone(), None)));
    }
    top
}

/// Trash where `forever` is false, else delete.
pub(in crate::sim) fn remove(world: &mut World, user: usize, params: &Params, forever: bool) -> Answer {
    params.only(&["drive_id", "file_id"])?;
    let (drive_id, file_id) = (params.need("drive_id")?.to_owned(), params.need("file_id")?.to_owned());
    world.drive(user, &drive_id)?;
    let folder = if forever {
        let missing = world.not_found();
        let drive = world.drive_mut(user, &drive_id)?;
        let folder = drive.nodes.get(&file_id).map(crate::sim::world::drive::Node::is_folder).ok_or(missing)?;
        drive.remove(&file_id);
        // What was to become of it goes along.
        world.uploads.retain(|_, upload| upload.done || upload.file_id != file_id);
        folder
    } else {
        let folder = world.node(user, &drive_id, &file_id)?.is_folder();
        if let Some(node) = world.drive_mut(user, &drive_id)?.nodes.get_mut(&file_id) {
            (node.trashed, node.updated_ms) = (true, now_ms());
        }
        folder
    };
    if world.rules.empty_removal_answer {
        return Ok(Value::Null);
    }
    let task = folder.then(|| new_task(world));
    Ok(json!({ "domain_id": "bj29", "drive_id": drive_id, "file_id": file_id, "async_task_id": task }))
}

pub(in crate::sim) fn restore(world: &mut World, user: usize, params: &Params) -> Answer {
    let (drive_id, file_id) = (params.need("drive_id")?.to_owned(), params.need("file_id")?.to_owned());
    let missing = world.not_found();
    let node = world.drive_mut(user, &drive_id)?.nodes.get_mut(&file_id).ok_or(missing)?;
    node.trashed = false;
    Ok(json!({ "domain_id": "bj29", "drive_id": drive_id, "file_id": file_id, "async_task_id": null }))
}

fn new_task(world: &mut World) -> Value {
    let Some(polls) = world.rules.task_polls else { return Value::Null };
    let id = uuid::Uuid::new_v4().simple().to_string();
    world.tasks.insert(id.clone(), polls);
    json!(id)
}

pub(in crate::sim) fn task(world: &mut World, params: &Params) -> Answer {
    params.only(&["async_task_id"])?;
    let id = params.need("async_task_id")?;
    let Some(left) = world.tasks.get_mut(id) else {
        return Err(Refusal::new(404, "NotFound.AsyncTaskId", "The resource async_task_id cannot be found"));
    };
    let state = if *left == 0 { "Succeed" } else { "Running" };
    *left = left.saturating_sub(1);
    Ok(json!({ "state": state, "async_task_id": id }))
}
