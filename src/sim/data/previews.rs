//! URLs of the preview host: playlists with their segments, subtitles, thumbnails (reference 3.1, 3.22). Their paths name
//! the content, not the file; and none has a `callback`, so that no limit of open downloads binds them.

use crate::sim::data::hosts;
use crate::sim::data::signed::{self, Checked};
use crate::sim::world::World;
use crate::sim::world::drive::Node;

/// First segment of the paths.
const PREFIX: &str = "/lt/";

/// What the service has signed along: `di,dr,f,u,pds-params`, and with web tokens a header, `referer`.
const PROCESS: &str = "hls/sign,params_ZGksZHIsZix1LHBkcy1wYXJhbXM=";
const PROCESS_REFERER: &str = "hls/sign,params_ZGksZHIsZix1LHBkcy1wYXJhbXM=,headers_cmVmZXJlcg==";

/// Whether a raw path is of the preview host's form.
pub(in crate::sim) fn is_preview_path(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// A playlist or a subtitle track; `place` is where it is within the preview.
pub(in crate::sim) fn url(world: &World, user: usize, drive_id: &str, node: &Node, place: &str) -> String {
    let rules = &world.rules;
    let mut query =
        vec![("dr", drive_id.to_owned()), ("f", node.file_id.clone()), ("pds-params", r#"{"ap":"sim"}"#.to_owned())];
    if rules.preview_referer {
        query.push(("x-oss-additional-headers", "referer".to_owned()));
    }
    let process = if rules.preview_referer { PROCESS_REFERER } else { PROCESS };
    query.push(("x-oss-process", process.to_owned()));
    let path = format!("{PREFIX}{}/{place}", content_name(node));
    let version = rules.preview_signature;
    hosts::for_previews(world) + &signed::signed(world, "GET", user, version, path, query, rules.preview_url_s)
}

/// The line of a segment in the playlist that was asked for: relative, with a signature of its own and the playlist's
/// own expiry.
pub(in crate::sim) fn segment(world: &World, playlist: &Checked, number: usize) -> String {
    let folder = format!("/{}/", playlist.path[..playlist.path.len() - 1].join("/"));
    let pairs = playlist.pairs.iter().filter(|(name, _)| name != "x-oss-process").cloned().collect();
    let url = signed::with_signature(world, playlist.version, "GET", &format!("{folder}media-{number}.ts"), pairs);
    url.strip_prefix(&folder).unwrap_or_default().to_owned()
}

/// A picture of a film or an image, as wide as the call has asked.
pub(in crate::sim) fn thumbnail(
    world: &World,
    user: usize,
    drive_id: &str,
    file_id: &str,
    of_film: bool,
    (time_ms, width): (u64, u64),
) -> String {
    let process = match of_film {
        true => format!("video/snapshot,t_{time_ms},f_jpg,w_{width},ar_auto,m_fast"),
        false => format!("image/resize,w_{width}/format,jpeg"),
    };
    hosts::for_previews(world) + &signed::thumbnail(world, user, drive_id, file_id, process)
}

/// `{SHA-1}_{size}__sha1_bj29_{8 hex}`.
fn content_name(node: &Node) -> String {
    let id = node.file_id.to_ascii_uppercase();
    let sha1 = node.sha1.as_deref().unwrap_or(&id);
    format!("{sha1}_{}__sha1_bj29_{}", node.size(), sha1[..8].to_ascii_lowercase())
}
