//! PROPFIND: listing first, status second, then the document.
//!
//! Whatever can fail has been asked of the drive before the status line is chosen: a folder that
//! cannot be listed is an error, never an empty folder.

mod multistatus;
pub(super) mod plan;
pub mod request;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;

use crate::dav::context::Context;
use crate::dav::error::Failure;
use crate::dav::propfind::multistatus::{Extras, Multistatus, Requested, Section};
use crate::dav::propfind::plan::Plan;
use crate::dav::propfind::request::Propfind;
use crate::dav::request::body::read_xml;
use crate::dav::request::depth::Depth;
use crate::dav::site::Site;
use crate::dav::store::dead_properties::{ItemProperties, property_key};
use crate::dav::store::locks::Look;
use crate::drive::{self, Freshness, Path, Quota, Resource};
use crate::protocol::gzip::Document;
use crate::protocol::{Body, RequestBody, body, href, reply};

/// Longest wait for the account's space; the listing does not depend on it.
const QUOTA_WAIT: Duration = Duration::from_secs(5);

/// Walks over a tree whose folders go away meanwhile.
const WALKS: u32 = 3;

/// Answers for a resource and what is below it.
pub(super) async fn propfind<B: RequestBody>(
    site: &Site,
    context: &Context,
    headers: &HeaderMap,
    body: B,
    path: &Path,
) -> Result<Response<Body>, Failure> {
    let request = read(body).await?;
    let depth = Depth::of(headers)?;
    let freshness = if asks_for_fresh(headers) { Freshness::Refresh } else { Freshness::Cached };
    let inside = path.under(&context.base_path);
    let resource = site.tree.stat(&inside, freshness).await?;
    let sections = sections(site, &resource, path, depth, freshness).await?;
    let plan = Plan::new(&request);
    let quota = quota(site, &plan, &resource).await;
    let folder = resource.is_folder();
    let requested = Requested {
        href: href::encode(&site.prefix, path, folder),
        name: label(site, path),
        path: inside,
        entry: resource.entry,
        quota,
    };
    let notes = notes(site, &requested, &sections).await?;
    // While the store is away what was known of the locks is shown.
    site.locks.look_again(Look::Show).await.ok();
    let extras = Extras { notes, ..extras(site, context) };
    Ok(multistatus(Multistatus::new(plan, extras, requested, sections)))
}

async fn read<B: RequestBody>(body: B) -> Result<Propfind, Failure> {
    let body = read_xml(body).await?;
    Propfind::parse(&body).map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.to_string()))
}

/// What is stored of all that will be answered.
async fn notes(
    site: &Site,
    requested: &Requested,
    sections: &[Section],
) -> Result<HashMap<String, Arc<ItemProperties>>, drive::Error> {
    let requested = property_key(&requested.entry, || requested.path.clone());
    let members = sections
        .iter()
        .flat_map(|section| section.members.iter().map(|entry| property_key(entry, || section.path.join(&entry.name))));
    let keys = std::iter::once(requested).chain(members).filter(|key| site.stored.has(key));
    let keys = keys.map(std::borrow::Cow::into_owned).collect();
    Ok(site.stored.of(keys).await?)
}

fn extras(site: &Site, context: &Context) -> Extras {
    Extras {
        notes: HashMap::new(),
        locks: site.locks.living(),
        tree: site.tree.clone(),
        base: context.base_path.clone(),
        prefix: site.prefix.clone(),
    }
}

/// A label for the requested resource: old Kodi versions stumble over an empty one.
fn label(site: &Site, path: &Path) -> String {
    let root = || site.prefix.rsplit('/').find(|name| !name.is_empty()).unwrap_or("alidav");
    if path.is_root() { root().to_owned() } else { path.name().to_owned() }
}

async fn sections(
    site: &Site,
    resource: &Resource,
    path: &Path,
    depth: Depth,
    freshness: Freshness,
) -> Result<Vec<Section>, Failure> {
    if depth == Depth::Zero || !resource.is_folder() {
        return Ok(Vec::new());
    }
    if depth == Depth::Infinity {
        return whole_tree(site, resource, path, freshness).await;
    }
    let members = site.tree.members(resource, freshness).await?;
    site.tree.looked_at(resource, &members);
    Ok(vec![Section { href: href::encode(&site.prefix, path, true), path: resource.path.clone(), members }])
}

/// All folders below, as long as the configured bound holds their members.
async fn whole_tree(
    site: &Site,
    resource: &Resource,
    path: &Path,
    freshness: Freshness,
) -> Result<Vec<Section>, Failure> {
    for _ in 0..WALKS {
        if let Some(sections) = walk(site, resource, path, freshness).await? {
            return Ok(sections);
        }
    }
    Err(Failure::busy("folders go away while the tree is listed; ask again", None))
}

/// One walk; absent if a folder below went away behind our back, whose parent has been listed anew then.
async fn walk(
    site: &Site,
    resource: &Resource,
    path: &Path,
    freshness: Freshness,
) -> Result<Option<Vec<Section>>, Failure> {
    let too_large = || {
        Failure::new(
            StatusCode::FORBIDDEN,
            "the tree is too large to be listed at once; ask folder by folder (Depth: 1)",
        )
        .condition("propfind-finite-depth")
    };
    let mut left = site.infinity_max_entries;
    if left == 0 {
        return Err(too_large());
    }
    let mut sections = Vec::new();
    let mut folders = vec![(resource.clone(), path.clone())];
    while let Some((folder, path)) = folders.pop() {
        let members = match site.tree.members(&folder, freshness).await {
            Err(drive::Error::NotFound | drive::Error::NotAFolder) if !sections.is_empty() => return Ok(None),
            members => members?,
        };
        left = left.checked_sub(members.len() + 1).ok_or_else(too_large)?;
        for entry in members.iter().filter(|entry| entry.is_folder()) {
            match site.tree.stat(&folder.path.join(&entry.name), Freshness::Cached).await {
                Ok(inside) => folders.push((inside, path.join(&entry.name))),
                Err(drive::Error::NotFound) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        sections.push(Section { href: href::encode(&site.prefix, &path, true), path: folder.path.clone(), members });
    }
    Ok(Some(sections))
}

async fn quota(site: &Site, plan: &Plan, resource: &Resource) -> Option<Quota> {
    if !plan.wants_quota() || !resource.is_folder() {
        return None;
    }
    match tokio::time::timeout(QUOTA_WAIT, site.tree.quota(resource)).await {
        Ok(Ok(quota)) => quota,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the account's space is not known");
            None
        }
        Err(_) => None,
    }
}

/// Answers for a folder above the prefix, where Explorer looks first: it holds the next folder on
/// the way to the prefix.
pub(super) async fn propfind_above<B: RequestBody>(
    site: &Site,
    context: &Context,
    headers: &HeaderMap,
    body: B,
    path: &Path,
) -> Result<Response<Body>, Failure> {
    let request = read(body).await?;
    let depth = Depth::of(headers)?;
    let prefix = href::decode(&site.prefix)?;
    let rest = prefix.strip_base(path).ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "nothing is here"))?;
    let next = rest.segments().next().unwrap_or_default();
    let href = href::encode("", path, true);
    let entry = drive::Entry::folder(path.name(), site.started).into();
    let name = if path.is_root() { "alidav".to_owned() } else { path.name().to_owned() };
    let requested = Requested { href: href.clone(), entry, name, quota: None, path: Path::root() };
    let sections = match depth {
        Depth::Zero => Vec::new(),
        Depth::One | Depth::Infinity => {
            vec![Section {
                href,
                path: Path::root(),
                members: drive::Members::of([drive::Entry::folder(next, site.started)]),
            }]
        }
    };
    let extras = Extras { locks: Vec::new(), ..extras(site, context) };
    Ok(multistatus(Multistatus::new(Plan::new(&request), extras, requested, sections)))
}

fn asks_for_fresh(headers: &HeaderMap) -> bool {
    let has = |name, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|v: &HeaderValue| v.to_str().ok())
            .any(|v| v.to_ascii_lowercase().contains(word))
    };
    has(header::CACHE_CONTROL, "no-cache") || has(header::CACHE_CONTROL, "max-age=0") || has(header::PRAGMA, "no-cache")
}

fn multistatus(mut document: Multistatus) -> Response<Body> {
    // A short document is sent with its length, a long one piece by piece.
    let first = document.piece().unwrap_or_default();
    let body = if http_body::Body::is_end_stream(&document) {
        body::full(first)
    } else {
        let first = futures_util::stream::iter([Ok(http_body::Frame::data(first.into()))]);
        let rest = http_body_util::BodyDataStream::new(document);
        let rest = futures_util::StreamExt::map(rest, |piece| piece.map(http_body::Frame::data));
        http_body_util::StreamBody::new(futures_util::StreamExt::chain(first, rest)).boxed_unsync()
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::MULTI_STATUS;
    response.extensions_mut().insert(Document);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply::XML));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
