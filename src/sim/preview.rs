//! The preview host: playlists, segments, subtitles and thumbnails by signed URLs (reference 3.1, 3.22).

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Response, header, request::Parts};

use crate::sim::answer::{Body, response, xml};
use crate::sim::data::signed::Checked;
use crate::sim::data::{parse_range, previews, signed};
use crate::sim::levers::fault::FaultKind;
use crate::sim::media::{self, SEGMENT_MS};
use crate::sim::shared::Shared;
use crate::sim::world::World;
use crate::sim::world::drive::Node;

const PLAYLIST: &str = "preview playlist";
const SEGMENT: &str = "preview segment";
const SUBTITLE: &str = "preview subtitle";
const THUMBNAIL: &str = "preview thumbnail";

/// Segments of a film that are made in advance, before it is played.
const MADE_AHEAD: u64 = 3;

type Refused = Box<Response<Body>>;

/// What of this host is asked for, as it is counted.
pub(super) fn call(parts: &Parts) -> Option<&'static str> {
    let path = parts.uri.path();
    if signed::is_data_path(path) {
        let is_thumbnail = parts.uri.query().is_some_and(|query| query.contains("x-oss-process="));
        return (parts.method == Method::GET && is_thumbnail).then_some(THUMBNAIL);
    }
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    previews::is_preview_path(path).then_some(match extension {
        Some("m3u8") => PLAYLIST,
        Some("ts") => SEGMENT,
        _ => SUBTITLE,
    })
}

/// Whether a call is one of this host's.
pub(super) fn serves(call: &str) -> bool {
    call.starts_with("preview ")
}

pub(super) async fn answer(
    shared: &Arc<Shared>,
    parts: &Parts,
    call: &str,
    fault: Option<&FaultKind>,
) -> Response<Body> {
    if fault == Some(&FaultKind::ExpireLink) {
        return signed::expired_early(parts);
    }
    if parts.method == Method::OPTIONS {
        return response(200, "application/xml", "");
    }
    let answered = match call {
        SEGMENT => segment(shared, parts).await,
        _ => {
            let world = shared.world.lock();
            signed::checked(&world, parts).and_then(|checked| match call {
                PLAYLIST => playlist(&world, &checked),
                THUMBNAIL => thumbnail(&world, &checked),
                _ => subtitle(&world, &checked),
            })
        }
    };
    answered.unwrap_or_else(|refusal| *refusal)
}

fn missing() -> Refused {
    Box::new(xml(404, "NoSuchKey", "The specified key does not exist.", "0026-00000001"))
}

fn node<'a>(world: &'a World, checked: &Checked) -> Result<&'a Node, Refused> {
    let drive = world.drives.get(&checked.value("dr"));
    drive.and_then(|drive| drive.nodes.get(&checked.value("f"))).ok_or_else(missing)
}

fn playlist(world: &World, checked: &Checked) -> Result<Response<Body>, Refused> {
    let film = node(world, checked)?.film();
    let target = SEGMENT_MS / 1000;
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-TARGETDURATION:{target}\n");
    for (number, length) in film.segments(SEGMENT_MS).enumerate() {
        let line = previews::segment(world, checked, number);
        text.push_str(&format!("#EXTINF:{}.{:03},\n{line}\n", length / 1000, length % 1000));
    }
    text.push_str("#EXT-X-ENDLIST\n");
    let mut answer = response(200, "application/vnd.apple.mpegurl", text);
    if let Ok(kind) = HeaderValue::from_str(&world.rules.playlist_type) {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(answer)
}

/// A segment that nobody has asked for yet is made first, which takes its time.
async fn segment(shared: &Shared, parts: &Parts) -> Result<Response<Body>, Refused> {
    let (template, number, length, making) = {
        let mut world = shared.world.lock();
        let checked = signed::checked(&world, parts)?;
        let [.., content, template, name] = checked.path.as_slice() else { return Err(missing()) };
        let number = name.strip_prefix("media-").and_then(|name| name.strip_suffix(".ts")?.parse::<u64>().ok());
        let number = number.ok_or_else(missing)?;
        let at = usize::try_from(number).map_err(|_| missing())?;
        let length = node(&world, &checked)?.film().segments(SEGMENT_MS).nth(at).ok_or_else(missing)?;
        let making = world.rules.segment_making_ms;
        let is_new = making > 0 && number >= MADE_AHEAD;
        let is_new = is_new && world.made.insert(format!("{content}/{template}/{name}"));
        (template.clone(), number, length, Duration::from_millis(if is_new { making } else { 0 }))
    };
    tokio::time::sleep(making).await;
    let bytes = media::segment(&template, number, length).ok_or_else(missing)?;
    let size = bytes.len() as u64;
    let range = parts.headers.get(header::RANGE).and_then(|range| parse_range(range.to_str().ok()?, size));
    let Some((start, end)) = range else { return Ok(response(200, "video/mp2t", bytes)) };
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let mut answer = response(206, "video/mp2t", bytes[index(start)..index(end)].to_vec());
    if let Ok(range) = HeaderValue::from_str(&format!("bytes {start}-{}/{size}", end - 1)) {
        answer.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    Ok(answer)
}

fn subtitle(world: &World, checked: &Checked) -> Result<Response<Body>, Refused> {
    let name = checked.path.last().and_then(|name| name.strip_suffix(".vtt"));
    let number = name.and_then(|name| name.rsplit_once('_')?.1.parse::<usize>().ok()).ok_or_else(missing)?;
    let film = node(world, checked)?.film();
    let track = film.subtitles.get(number).ok_or_else(missing)?;
    Ok(response(200, "text/vtt", track.text.clone()))
}

/// A picture is its own thumbnail, unless there is a smaller one; a film has one of a few stills.
fn thumbnail(world: &World, checked: &Checked) -> Result<Response<Body>, Refused> {
    let node = node(world, checked)?;
    let number = usize::from(node.file_id.as_bytes().iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)));
    let process = checked.value("x-oss-process");
    let width = process.split([',', '/']).find_map(|part| part.strip_prefix("w_")?.parse::<u32>().ok()).unwrap_or(480);
    if process.starts_with("video/") {
        return Ok(response(200, "image/jpeg", media::POSTERS[number % media::POSTERS.len()]));
    }
    let own = node.bytes().filter(|bytes| bytes.starts_with(&[0xff, 0xd8]));
    let known = own.as_ref().and_then(|own| media::PHOTOS.iter().find(|(full, _)| own == full));
    Ok(match (known.or(media::PHOTOS.get(number % media::PHOTOS.len()).filter(|_| own.is_none())), own) {
        (Some((_, small)), _) if width <= 480 => response(200, "image/jpeg", *small),
        (Some((full, _)), _) => response(200, "image/jpeg", *full),
        (None, own) => response(200, "image/jpeg", own.unwrap_or_default()),
    })
}
