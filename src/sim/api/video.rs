//! Video preview: renditions as HLS and subtitles (reference 3.22).
//!
//! The one segment of each rendition is the file itself, so that what a player shows is the film.

use http::Response;
use http::request::Parts;
use serde_json::{Value, json};

use crate::sim::answer::{Body, Refusal, response, xml};
use crate::sim::api::items::category;
use crate::sim::api::params::Params;
use crate::sim::data::signed;
use crate::sim::world::World;

const TEMPLATES: [(&str, u32, u32); 5] =
    [("LD", 640, 360), ("SD", 960, 540), ("HD", 1280, 720), ("FHD", 1920, 1080), ("QHD", 2560, 1440)];

/// Where within a preview a rendition's playlist is, and the subtitles are.
const PLAYLIST: &str = "/media.m3u8";
const SUBTITLES: &str = "chi.vtt";

pub(in crate::sim) fn play_info(
    world: &World,
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
    let node = world.node(user, drive_id, file_id)?;
    let extension = node.name.rsplit_once('.').map_or("", |(_, e)| e);
    if category(extension) != "video" {
        return Err(Refusal::new(404, "NotFound.VideoPreviewInfo", "The resource has no preview"));
    }
    let tasks: Vec<Value> = TEMPLATES
        .iter()
        .filter(|(id, _, _)| wanted.is_none_or(|wanted| wanted == *id))
        .map(|(id, width, height)| {
            let url = signed::preview(world, user, drive_id, file_id, &format!("{id}{PLAYLIST}"));
            let mut task = json!({
                "template_id": id, "template_name": "pds", "template_width": width, "template_height": height,
                "status": "finished", "stage": "stage_all", "keep_original_resolution": false,
            });
            if !meta_only {
                task["url"] = json!(url);
            }
            task
        })
        .collect();
    let mut info = json!({
        "category": "live_transcoding", "meta": { "duration": 60.5, "width": 1920, "height": 1080 },
        "live_transcoding_task_list": tasks,
    });
    if params.flag("get_subtitle_info")?.unwrap_or(true) && !meta_only {
        let url = signed::preview(world, user, drive_id, file_id, SUBTITLES);
        info["live_transcoding_subtitle_task_list"] = json!([{ "language": "chi", "status": "finished", "url": url }]);
    }
    if params.flag("with_play_cursor")? == Some(true) {
        info["play_cursor"] = json!(node.play_cursor);
    }
    let name = if meta_only { "video_preview_play_meta" } else { "video_preview_play_info" };
    let mut answer = json!({ "domain_id": "bj29", "drive_id": drive_id, "file_id": file_id });
    answer[name] = info;
    Ok(answer)
}

pub(in crate::sim) fn update_record(world: &mut World, user: usize, params: &Params) -> Result<Value, Refusal> {
    params.only(&["drive_id", "file_id", "play_cursor", "duration"])?;
    let (drive_id, file_id) = (params.need("drive_id")?.to_owned(), params.need("file_id")?.to_owned());
    let cursor = params.need("play_cursor")?.to_owned();
    let name = world.node(user, &drive_id, &file_id)?.name.clone();
    if let Some(node) = world.drive_mut(user, &drive_id)?.nodes.get_mut(&file_id) {
        node.play_cursor = Some(cursor);
    }
    Ok(json!({ "domain_id": "bj29", "drive_id": drive_id, "file_id": file_id, "name": name }))
}

pub(in crate::sim) fn recent(world: &World, user: usize) -> Value {
    let items: Vec<Value> = world
        .drives
        .values()
        .filter(|drive| drive.user == user)
        .flat_map(|drive| {
            drive
                .nodes
                .values()
                .filter(|n| n.play_cursor.is_some())
                .map(|n| crate::sim::api::items::item(world, &drive.id, n, false))
        })
        .collect();
    json!({ "items": items })
}

/// A playlist or a subtitle track, by its signed URL.
pub(in crate::sim) fn preview(world: &World, parts: &Parts) -> Response<Body> {
    let grant = match signed::check(world, parts) {
        Ok(grant) => grant,
        Err(refusal) => return *refusal,
    };
    let Some(node) = world.drives.get(&grant.drive_id).and_then(|drive| drive.nodes.get(&grant.file_id)) else {
        return xml(404, "NoSuchKey", "The specified key does not exist.", "0026-00000001");
    };
    if grant.stream == SUBTITLES {
        return response(200, "text/vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:05.000\n字幕\n");
    }
    let segment = signed::download(world, grant.user, &grant.drive_id, node, "");
    let playlist = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:61\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:60.5,\n{segment}\n#EXT-X-ENDLIST\n"
    );
    response(200, "application/vnd.apple.mpegurl", playlist)
}
