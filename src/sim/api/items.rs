//! The file object (reference 3.1).

use serde_json::{Map, Value, json};

use crate::sim::answer::Refusal;
use crate::sim::api::params::Params;
use crate::sim::clock::timestamp;
use crate::sim::data::{previews, signed};
use crate::sim::levers::rules::{ListedUrl, SizeForm};
use crate::sim::world::World;
use crate::sim::world::content::Content;
use crate::sim::world::drive::Node;

/// Files below this have a `url`.
const SMALL: u64 = 5_000_000;

/// A data URL's stream when it comes from a file object, for files and for images.
pub(in crate::sim) const LISTED: &str = "listed";
pub(in crate::sim) const PREVIEW: &str = "preview";

/// What a call wants of an object beside what all of them have.
pub(in crate::sim) struct Wanted {
    /// Those of a live photo.
    streams: bool,
    /// Of a film's thumbnail: at which millisecond and how wide.
    film: (u64, u64),
    /// Of an image's: how wide.
    image_width: u64,
}

impl Wanted {
    pub(in crate::sim) fn plain(streams: bool) -> Self {
        Self { streams, film: (120_000, 480), image_width: 480 }
    }

    /// With the thumbnails that a call's fields describe (reference 3.2).
    pub(in crate::sim) fn of(params: &Params, streams: bool) -> Result<Self, Refusal> {
        let plain = Self::plain(streams);
        Ok(Self {
            film: (
                params.number("video_thumbnail_time")?.unwrap_or(plain.film.0),
                params.number("video_thumbnail_width")?.unwrap_or(plain.film.1),
            ),
            image_width: params.number("image_thumbnail_width")?.unwrap_or(plain.image_width),
            ..plain
        })
    }
}

/// The object as listings and `get` give it.
pub(in crate::sim) fn item(world: &World, drive_id: &str, node: &Node, wanted: &Wanted) -> Value {
    let folder = node.is_folder();
    let extension = node.name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).filter(|_| !folder);
    let category = (!folder).then(|| category(extension.as_deref().unwrap_or_default()));
    let film = (category == Some("video")).then(|| film_metadata(node));
    let hash = node.sha1.as_deref().map(|hash| hash_case(world, hash));
    let mut item = json!({
        "drive_id": drive_id,
        "domain_id": "bj29",
        "file_id": node.file_id,
        "parent_file_id": node.parent,
        "name": node.name,
        "type": if folder { "folder" } else { "file" },
        "size": if folder { Value::Null } else { size(world, node.size()) },
        "category": category,
        "file_extension": extension,
        "mime_type": extension.as_deref().map(mime),
        "content_type": if folder { Value::Null } else { json!("application/oct-stream") },
        "content_hash": hash,
        "content_hash_name": if folder { Value::Null } else { json!("sha1") },
        "status": if node.uploading { "uploading" } else { "available" },
        "starred": node.starred,
        "hidden": false,
        "trashed": node.trashed.then_some(true),
        "thumbnail": thumbnail(world, drive_id, node, category, wanted),
        "url": listed_url(world, drive_id, node),
        "created_at": timestamp(node.created_ms),
        "updated_at": timestamp(node.updated_ms),
        "local_created_at": node.local_created,
        "local_modified_at": node.local_modified,
        "play_cursor": node.play_cursor,
        "punish_flag": node.punish_flag,
        "encrypt_mode": "none",
        "user_meta": null,
        "video_media_metadata": film,
        "image_media_metadata": null,
    });
    if wanted.streams
        && let (Some((jpeg, mov)), Some(fields)) = (&node.streams, item.as_object_mut())
    {
        fields.insert("streams_info".to_owned(), json!({ "jpeg": stream(world, jpeg), "mov": stream(world, mov) }));
    }
    item
}

fn thumbnail(world: &World, drive_id: &str, node: &Node, category: Option<&str>, wanted: &Wanted) -> Option<String> {
    let of_film = category == Some("video");
    let none = !of_film && category != Some("image") || node.size() == 0 || node.uploading || node.is_frozen();
    let user = world.drives.get(drive_id).filter(|_| !none)?.user;
    let size = if of_film { wanted.film } else { (0, wanted.image_width) };
    Some(previews::thumbnail(world, user, drive_id, &node.file_id, of_film, size))
}

/// Numbers of seconds and bits are in words, all others are not (reference 3.1).
fn film_metadata(node: &Node) -> Value {
    let film = node.film();
    let duration = film.duration_s.to_string();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and of hours")]
    let bitrate = (node.size() * 8 / (film.duration_s as u64).max(1)).to_string();
    json!({
        "duration": duration, "width": film.width, "height": film.height, "time": null,
        "video_media_video_stream": [{
            "duration": duration, "clarity": film.height.to_string(), "fps": "25/1", "bitrate": bitrate, "code_name": "h264",
        }],
        "video_media_audio_stream": [{
            "duration": duration, "channels": 2, "channel_layout": "stereo", "bit_rate": "128000",
            "code_name": film.sound, "sample_rate": "44100",
        }],
    })
}

/// The download address of a small file, or a preview of an image of any size.
fn listed_url(world: &World, drive_id: &str, node: &Node) -> Option<String> {
    let image = node.name.rsplit_once('.').is_some_and(|(_, e)| category(&e.to_ascii_lowercase()) == "image");
    let none = world.rules.listed_url == ListedUrl::Absent
        || node.is_folder()
        || node.uploading
        || !image && !(1..SMALL).contains(&node.size())
        || node.is_frozen();
    let user = world.drives.get(drive_id).filter(|_| !none)?.user;
    Some(signed::download(world, user, drive_id, node, if image { PREVIEW } else { LISTED }))
}

fn size(world: &World, size: u64) -> Value {
    match world.rules.sizes {
        SizeForm::Number => json!(size),
        SizeForm::Text => json!(size.to_string()),
        SizeForm::Untold => Value::Null,
    }
}

fn stream(world: &World, content: &Content) -> Value {
    let hash = content.sha1().map(|hash| hash_case(world, &hash));
    json!({ "size": content.size(), "content_hash": hash, "content_hash_name": "sha1" })
}

pub(super) fn hash_case(world: &World, hash: &str) -> String {
    if world.rules.lower_case_hashes { hash.to_ascii_lowercase() } else { hash.to_owned() }
}

/// The sparse object of a drive's root (reference 3.5).
pub(in crate::sim) fn root(drive_id: &str) -> Value {
    let mut root = Map::new();
    for (name, value) in [("file_id", "root"), ("name", "Default"), ("type", "folder"), ("status", "available")] {
        root.insert(name.to_owned(), json!(value));
    }
    root.insert("drive_id".to_owned(), json!(drive_id));
    root.insert("domain_id".to_owned(), json!("bj29"));
    root.insert("revision_id".to_owned(), json!(""));
    Value::Object(root)
}

pub(super) fn category(extension: &str) -> &'static str {
    match extension {
        "mp4" | "mkv" | "avi" | "mov" | "ts" | "webm" => "video",
        "mp3" | "flac" | "wav" | "m4a" => "audio",
        "jpg" | "jpeg" | "png" | "gif" | "bmp" | "heic" | "livp" => "image",
        "txt" | "md" | "pdf" | "doc" | "docx" | "srt" => "doc",
        "zip" | "rar" | "7z" => "zip",
        _ => "others",
    }
}

fn mime(extension: &str) -> &'static str {
    match extension {
        "mp4" => "video/mp4",
        "mkv" => "video/x-matroska",
        "avi" => "video/x-msvideo",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "bmp" => "image/bmp",
        "txt" => "text/plain",
        _ => "application/oct-stream",
    }
}
