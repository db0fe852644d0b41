//! Video preview: renditions as HLS, subtitles, and where films were left (reference 3.22).

use serde_json::{Value, json};

use crate::sim::answer::Refusal;
use crate::sim::api::items::{Wanted, category, item};
use crate::sim::api::params::Params;
use crate::sim::clock::now_ms;
use crate::sim::data::previews;
use crate::sim::media::SEGMENT_MS;
use crate::sim::world::World;
use crate::sim::world::drive::Node;
use crate::sim::world::film::{Film, Preview, Rendition};

/// Most films that `recentList` tells.
const RECENT: usize = 100;

pub(in crate::sim) fn play_info(
    world: &mut World,
    user: usize,
    params: &Params,
    meta_only: bool,
) -> Result<Value, Refusal> {
    params.only(&[
        "drive_id",
        "file_id",
        "category",
        "get_subtitle_info",
        "template_id",
        "url_expire_sec",
        "only_vip",
        "with_play_cursor",
    ])?;
    let (drive_id, file_id) = (params.need("drive_id")?, params.need("file_id")?);
    params.word("category", &["live_transcoding"])?.ok_or_else(|| Refusal::parameter("Missing", "category"))?;
    let wanted = params.word("template_id", &["LD", "SD", "HD", "FHD", "QHD"])?;
    params.number("url_expire_sec")?;
    playable(world, user, drive_id, file_id)?;
    let node = world.node(user, drive_id, file_id)?;
    let film = node.film();
    let mut tasks = renditions(world, user, drive_id, node, &film);
    tasks.retain(|task| wanted.is_none_or(|wanted| task["template_id"] == wanted));
    let subtitles = params.flag("get_subtitle_info")?.unwrap_or(true);
    if meta_only {
        tasks.iter_mut().filter_map(Value::as_object_mut).for_each(|task| drop(task.remove("url")));
    }
    let mut info = json!({
        "category": "live_transcoding", "live_transcoding_task_list": tasks,
        "meta": {
            "duration": film.duration_s, "width": film.width, "height": film.height,
            "live_transcoding_meta": {
                "ts_segment": SEGMENT_MS / 1000, "ts_total_count": film.segments(SEGMENT_MS).count(), "ts_pre_count": 3,
            },
        },
    });
    if subtitles && !meta_only {
        info["live_transcoding_subtitle_task_list"] = subtitle_tasks(world, user, drive_id, node, &film);
    }
    let name = if meta_only { "video_preview_play_meta" } else { "video_preview_play_info" };
    let mut answer = json!({ "domain_id": "bj29", "drive_id": drive_id, "file_id": file_id });
    if params.flag("with_play_cursor")? == Some(true) {
        let beside = world.rules.cursor_beside;
        (if beside { &mut answer } else { &mut info })["play_cursor"] = json!(node.play_cursor);
    }
    answer[name] = info;
    Ok(answer)
}

/// Whether the film can be played now; a call that is told to wait counts as one.
fn playable(world: &mut World, user: usize, drive_id: &str, file_id: &str) -> Result<(), Refusal> {
    let node = world.node(user, drive_id, file_id)?;
    let extension = node.name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    if node.is_frozen() {
        return Err(Refusal::new(403, "UserNotAllowedAccessResource", "the resource is frozen"));
    }
    if world.rules.over_capacity {
        return Err(Refusal::new(403, "ExceedCapacityForbidden", "the capacity of the drive is exceeded"));
    }
    if category(&extension) != "video" || node.film().preview == Preview::Impossible {
        return Err(Refusal::new(404, "NotFound.VideoPreviewInfo", "The resource has no preview"));
    }
    let film = world.drive_mut(user, drive_id)?.nodes.get_mut(file_id).and_then(|node| node.film.as_mut());
    match film.map(|film| &mut film.preview) {
        Some(Preview::Waits { status, calls }) if *calls > 0 => {
            *calls -= 1;
            let message = "media is transcoding, please wait and retry.";
            Err(Refusal::new(*status, "VideoPreviewWaitAndRetry", message))
        }
        _ => Ok(()),
    }
}

fn renditions(world: &World, user: usize, drive_id: &str, node: &Node, film: &Film) -> Vec<Value> {
    let in_the_making = world.rules.segment_making_ms > 0;
    let task = |(id, width, height, own): (&str, u32, u32, bool)| {
        let url = previews::url(world, user, drive_id, node, &format!("{id}/media.m3u8"));
        let (status, url, description) = match film.renditions.get(id) {
            None => ("finished", url, None),
            Some(Rendition::Running) => ("running", String::new(), None),
            Some(Rendition::Failed) => ("failed", String::new(), None),
            Some(Rendition::MembersOnly) => ("finished", String::new(), Some("开通三方应用权益包，即可播放超清视频")),
        };
        let mut task = json!({
            "template_id": id, "template_name": "pds", "template_width": width, "template_height": height,
            "status": status, "stage": if in_the_making { "stage_none" } else { "stage_all" }, "url": url,
            "keep_original_resolution": own,
        });
        if let Some(description) = description {
            task["description"] = json!(description);
        }
        task
    };
    film.templates().into_iter().map(task).collect()
}

fn subtitle_tasks(world: &World, user: usize, drive_id: &str, node: &Node, film: &Film) -> Value {
    let first = |language: &str, at| film.subtitles.iter().position(|track| track.language == language) == Some(at);
    let tracks = film.subtitles.iter().enumerate().map(|(at, track)| {
        let name = if first(&track.language, at) { track.language.as_str() } else { "subtitle" };
        let url = previews::url(world, user, drive_id, node, &format!("subtitle/{name}_{at}.vtt"));
        json!({ "language": track.language, "status": "finished", "url": url })
    });
    tracks.collect()
}

pub(in crate::sim) fn update_record(world: &mut World, user: usize, params: &Params) -> Result<Value, Refusal> {
    params.only(&["drive_id", "file_id", "play_cursor", "duration"])?;
    let (drive_id, file_id) = (params.need("drive_id")?.to_owned(), params.need("file_id")?.to_owned());
    let cursor = params.need("play_cursor")?.to_owned();
    for (name, seconds) in [("play_cursor", Some(cursor.as_str())), ("duration", params.text("duration")?)] {
        if seconds.is_some_and(|seconds| !seconds.parse::<f64>().is_ok_and(|seconds| seconds >= 0.0)) {
            return Err(Refusal::parameter("WrongFormat", name));
        }
    }
    let name = world.node(user, &drive_id, &file_id)?.name.clone();
    if let Some(node) = world.drive_mut(user, &drive_id)?.nodes.get_mut(&file_id) {
        (node.play_cursor, node.played_ms) = (Some(cursor), now_ms());
    }
    Ok(json!({ "domain_id": "bj29", "drive_id": drive_id, "file_id": file_id, "name": name }))
}

/// The films played last, the latest first.
pub(in crate::sim) fn recent(world: &World, user: usize, params: &Params) -> Result<Value, Refusal> {
    params.only(&["video_thumbnail_width"])?;
    let wanted = Wanted::of(params, false)?;
    let drives = world.drives.values().filter(|drive| drive.user == user);
    let mut played: Vec<_> = drives
        .flat_map(|drive| drive.nodes.values().map(move |node| (drive, node)))
        .filter(|(drive, node)| node.play_cursor.is_some() && !drive.in_recycle_bin(node))
        .collect();
    played.sort_by_key(|(_, node)| std::cmp::Reverse(node.played_ms));
    let items: Vec<Value> =
        played.iter().take(RECENT).map(|(drive, node)| item(world, &drive.id, node, &wanted)).collect();
    Ok(json!({ "items": items }))
}
