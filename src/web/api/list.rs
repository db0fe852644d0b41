//! `GET list` and `GET stat`: a folder's members and one item.

use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::UnixMillis;
use crate::config::{Permission, RemoveWay};
use crate::drive::{Entry, Freshness, Members, Origin, Resource};
use crate::protocol::gzip::Document;
use crate::protocol::{Body, reply};
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::input;
use crate::web::kind::Kind;
use crate::web::natural;
use crate::web::site::Site;

/// A piece of the document is handed on when it has grown to this.
const PIECE: usize = 48 << 10;

/// One item as the API tells it.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    kind: Kind,
    /// Absent for folders, and where the drive does not tell it.
    size: Option<u64>,
    modified: UnixMillis,
    id: &'a str,
    thumb: bool,
    mime: Option<&'static str>,
    /// Second at which it was left, of a film.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    starred: bool,
    /// It is not on the drive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    held: bool,
}

impl<'a> Row<'a> {
    fn of(entry: &'a Entry) -> Self {
        let kind = Kind::of(entry);
        Self {
            name: &entry.name,
            kind,
            size: entry.size.filter(|_| kind != Kind::Folder),
            modified: entry.modified,
            id: &entry.file_id,
            thumb: kind.has_thumbnail(entry),
            mime: entry.mime(),
            cursor: entry.cursor_s,
            starred: entry.starred,
            held: matches!(entry.origin, Origin::Held | Origin::Local),
        }
    }
}

/// `GET list?path=…[&refresh=1]`.
pub(super) async fn list(site: &Site, parts: &Parts, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let path = input::path(parts)?;
    let folder = site.tree.stat(&path.under(&caller.base_path), Freshness::Cached).await?;
    let freshness = if input::flag(parts, "refresh") { Freshness::Refresh } else { Freshness::Cached };
    let members = site.tree.members(&folder, freshness).await?;
    site.tree.looked_at(&folder, &members);
    let age = members.age().unwrap_or_default();
    let mut head = json!({
        "path": path.as_str(),
        "stale": age > site.list_ttl,
        "fetched_at": UnixMillis::now().minus(age),
    });
    if age > site.list_ttl
        && let Some(trouble) = site.tree.listing_trouble(&folder)
    {
        // Without one it is being asked for at this moment.
        head["stale_code"] = Code::from(trouble).as_str().into();
    }
    rights(&mut head, &folder, caller);
    let listing = Listing::new(&head, members);
    let mut response = Response::new(listing.map_err(|never| match never {}).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(Document);
    Ok(response)
}

/// What the caller may do at a place.
fn rights(told: &mut Value, at: &Resource, caller: &Caller) {
    let by_user = caller.permission == Permission::Write;
    let by_mount = at.mount.as_ref().is_some_and(|mount| !mount.read_only);
    told["write"] = (by_user && by_mount).into();
    told["bin"] = at.mount.as_ref().is_some_and(|mount| mount.remove_way == RemoveWay::Trash).into();
    if !by_user || !by_mount {
        told["read_only_reason"] = if by_user { "mount" } else { "user" }.into();
    }
}

/// `GET stat?path=…[&media=1]`. What is in a film or a picture is asked of the drive, in one call.
pub(super) async fn stat(site: &Site, parts: &Parts, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let path = input::path(parts)?;
    let asked = path.under(&caller.base_path);
    let mut item = site.tree.stat(&asked, Freshness::Cached).await?;
    if site.tree.is_in_view(&asked) {
        // What a view shows as it is lies elsewhere, with neighbours that the view does not show.
        item = Resource { path: asked, mount: None, ..item };
    }
    let mut row = serde_json::to_value(Row::of(&item.entry)).unwrap_or_default();
    row["created"] = item.entry.created.0.into();
    row["checksum"] = item.entry.sha1.map(|sha1| sha1.upper().to_string()).into();
    row["etag"] = item.entry.etag().into();
    if path.is_root() {
        // What is above the caller's part of the tree is not to be seen, its name neither.
        row["name"] = "".into();
    }
    let media = if input::flag(parts, "media") { media(site, &item).await } else { None };
    let mut told = json!({ "path": path.as_str(), "entry": row, "media": media });
    rights(&mut told, &item, caller);
    told["siblings"] = siblings(site, &item, path.is_root()).await?;
    Ok(reply::json(StatusCode::OK, &told))
}

/// Length, size and codings; none of what the drive does not have, and where it does not tell them: the rest of what is
/// known of an item is as good without.
async fn media(site: &Site, item: &Resource) -> Option<Value> {
    if !matches!(Kind::of(&item.entry), Kind::Video | Kind::Image | Kind::Audio) {
        return None;
    }
    let media = site.tree.films().media(item).await;
    let media =
        media.inspect_err(|error| tracing::info!(%error, path = %item.path, "its media are not told")).ok()??;
    Some(json!({
        "duration": media.duration_s, "width": media.width, "height": media.height, "video": media.video,
        "sound": media.sound,
    }))
}

/// The names before and after an item among those of its kind.
pub(super) async fn siblings(site: &Site, item: &Resource, is_top: bool) -> Result<Value, Refusal> {
    let none = json!({ "previous": null, "next": null });
    let Some(above) = item.path.parent().filter(|_| !is_top && !item.is_folder()) else { return Ok(none) };
    let folder = site.tree.stat(&above, Freshness::Cached).await?;
    let members = site.tree.members(&folder, Freshness::Cached).await?;
    let (kind, name) = (Kind::of(&item.entry), &*item.entry.name);
    let (mut previous, mut next) = (None::<&str>, None::<&str>);
    for other in members.iter().filter(|other| Kind::of(other) == kind) {
        let other = &*other.name;
        if natural::compare(other, name).is_lt() && previous.is_none_or(|best| natural::compare(other, best).is_gt()) {
            previous = Some(other);
        }
        if natural::compare(other, name).is_gt() && next.is_none_or(|best| natural::compare(other, best).is_lt()) {
            next = Some(other);
        }
    }
    Ok(json!({ "previous": previous, "next": next }))
}

/// The document, written from the listing that is shared with the cache.
struct Listing {
    members: Members,
    next: usize,
    first: bool,
    ended: bool,
    plain: Vec<u8>,
}

impl Listing {
    fn new(head: &Value, members: Members) -> Self {
        let mut plain = head.to_string().into_bytes();
        plain.pop();
        plain.extend_from_slice(b",\"entries\":[");
        Self { members, next: 0, first: true, ended: false, plain }
    }

    /// The next piece; absent after the last.
    fn piece(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        while self.plain.len() < PIECE && self.next < self.members.positions() {
            if let Some(entry) = self.members.get(self.next) {
                if !std::mem::take(&mut self.first) {
                    self.plain.push(b',');
                }
                // Into memory, of texts and numbers: it cannot fail.
                serde_json::to_writer(&mut self.plain, &Row::of(entry)).ok();
            }
            self.next += 1;
        }
        if self.next >= self.members.positions() {
            self.plain.extend_from_slice(b"]}");
            self.ended = true;
        }
        Some(std::mem::take(&mut self.plain).into())
    }
}

impl http_body::Body for Listing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        Poll::Ready(self.piece().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
