//! PROPFIND: listing first, status second, then the document.
//!
//! Whatever can fail has been asked of the drive before the status line is chosen: a folder that
//! cannot be listed is an error, never an empty folder.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;

use super::error::Failure;
use super::multistatus::{Extras, Multistatus, Requested, Section};
use super::properties::Plan;
use super::propfind_request::Propfind;
use super::stored::{self, Notes};
use super::{Context, Dav, href};
use crate::drive::{self, Freshness, Path, Quota, Resource};
use crate::protocol::{Body, body, reply};

/// Longest wait for the account's space; the listing does not depend on it.
const QUOTA_WAIT: Duration = Duration::from_secs(5);

/// Walks over a tree whose folders go away meanwhile.
const WALKS: u32 = 3;

/// How far down an answer goes (RFC 4918, section 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Zero,
    One,
    Infinity,
}

impl Depth {
    /// A missing header means infinity for PROPFIND.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let Some(value) = headers.get("depth") else { return Ok(Self::Infinity) };
        match value.as_bytes().trim_ascii() {
            b"0" => Ok(Self::Zero),
            b"1" => Ok(Self::One),
            text if text.eq_ignore_ascii_case(b"infinity") => Ok(Self::Infinity),
            _ => Err(Failure::new(StatusCode::BAD_REQUEST, "Depth must be 0, 1 or infinity")),
        }
    }
}

impl Dav {
    pub(super) async fn propfind(
        &self,
        headers: &HeaderMap,
        request: &Propfind,
        path: &Path,
        context: &Context,
    ) -> Result<Response<Body>, Failure> {
        let depth = Depth::of(headers)?;
        let freshness = if asks_for_fresh(headers) { Freshness::Refresh } else { Freshness::Cached };
        let inside = path.under(&context.base_path);
        let resource = self.tree.stat(&inside, freshness).await?;
        let sections = self.sections(&resource, path, depth, freshness).await?;
        let plan = Plan::new(request);
        let quota = self.quota(&plan, &resource).await;
        let folder = resource.is_folder();
        let requested = Requested {
            href: href::encode(&self.prefix, path, folder),
            name: self.label(path),
            path: inside,
            entry: resource.entry,
            quota,
        };
        let notes = self.notes(&requested, &sections).await?;
        let extras = Extras { notes, ..self.extras(context) };
        Ok(multistatus(Multistatus::new(plan, extras, requested, sections)))
    }

    /// What is stored of all that will be answered.
    async fn notes(
        &self,
        requested: &Requested,
        sections: &[Section],
    ) -> Result<HashMap<String, Arc<Notes>>, drive::Error> {
        let requested = stored::key(&requested.entry, || requested.path.clone());
        let members = sections.iter().flat_map(|section| {
            section.members.iter().map(|entry| stored::key(entry, || section.path.join(&entry.name)))
        });
        let keys = std::iter::once(requested).chain(members).filter(|key| self.stored.has(key));
        let keys = keys.map(std::borrow::Cow::into_owned).collect();
        self.stored.of(keys).await.map_err(|error| drive::Error::State(Arc::new(error)))
    }

    fn extras(&self, context: &Context) -> Extras {
        Extras {
            notes: HashMap::new(),
            locks: self.locks.living(),
            base: context.base_path.clone(),
            prefix: self.prefix.clone(),
        }
    }

    /// A label for the requested resource: old Kodi versions stumble over an empty one.
    fn label(&self, path: &Path) -> String {
        let root = || self.prefix.rsplit('/').find(|name| !name.is_empty()).unwrap_or("alidav");
        if path.is_root() { root().to_owned() } else { path.name().to_owned() }
    }

    async fn sections(
        &self,
        resource: &Resource,
        path: &Path,
        depth: Depth,
        freshness: Freshness,
    ) -> Result<Vec<Section>, Failure> {
        if depth == Depth::Zero || !resource.is_folder() {
            return Ok(Vec::new());
        }
        if depth == Depth::Infinity {
            return self.whole_tree(resource, path, freshness).await;
        }
        let members = self.tree.members(resource, freshness).await?;
        self.tree.looked_at(resource, &members);
        Ok(vec![Section { href: href::encode(&self.prefix, path, true), path: resource.path.clone(), members }])
    }

    /// All folders below, as long as the configured bound holds their members.
    async fn whole_tree(
        &self,
        resource: &Resource,
        path: &Path,
        freshness: Freshness,
    ) -> Result<Vec<Section>, Failure> {
        for _ in 0..WALKS {
            if let Some(sections) = self.walk(resource, path, freshness).await? {
                return Ok(sections);
            }
        }
        Err(Failure::busy("folders go away while the tree is listed; ask again", None))
    }

    /// One walk; absent if a folder below went away behind our back, whose parent has been listed anew then.
    async fn walk(
        &self,
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
        let mut left = self.infinity_max_entries;
        if left == 0 {
            return Err(too_large());
        }
        let mut sections = Vec::new();
        let mut folders = vec![(resource.clone(), path.clone())];
        while let Some((folder, path)) = folders.pop() {
            let members = match self.tree.members(&folder, freshness).await {
                Err(drive::Error::NotFound | drive::Error::NotAFolder) if !sections.is_empty() => return Ok(None),
                members => members?,
            };
            left = left.checked_sub(members.len() + 1).ok_or_else(too_large)?;
            for entry in members.iter().filter(|entry| entry.is_folder()) {
                match self.tree.stat(&folder.path.join(&entry.name), Freshness::Cached).await {
                    Ok(inside) => folders.push((inside, path.join(&entry.name))),
                    Err(drive::Error::NotFound) => return Ok(None),
                    Err(error) => return Err(error.into()),
                }
            }
            sections.push(Section {
                href: href::encode(&self.prefix, &path, true),
                path: folder.path.clone(),
                members,
            });
        }
        Ok(Some(sections))
    }

    async fn quota(&self, plan: &Plan, resource: &Resource) -> Option<Quota> {
        if !plan.wants_quota() || !resource.is_folder() {
            return None;
        }
        match tokio::time::timeout(QUOTA_WAIT, self.tree.quota(resource)).await {
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
    pub(super) fn propfind_above(
        &self,
        headers: &HeaderMap,
        request: &Propfind,
        path: &Path,
        context: &Context,
    ) -> Result<Response<Body>, Failure> {
        let depth = Depth::of(headers)?;
        let prefix = href::decode(&self.prefix)?;
        let rest = prefix.strip_base(path).ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "nothing is here"))?;
        let next = rest.segments().next().unwrap_or_default();
        let href = href::encode("", path, true);
        let entry = drive::Entry::folder(path.name(), self.started_ms).into();
        let name = if path.is_root() { "alidav".to_owned() } else { path.name().to_owned() };
        let requested = Requested { href: href.clone(), entry, name, quota: None, path: Path::root() };
        let sections = match depth {
            Depth::Zero => Vec::new(),
            Depth::One | Depth::Infinity => {
                vec![Section {
                    href,
                    path: Path::root(),
                    members: drive::Members::of([drive::Entry::folder(next, self.started_ms)]),
                }]
            }
        };
        let extras = Extras { locks: Vec::new(), ..self.extras(context) };
        Ok(multistatus(Multistatus::new(Plan::new(request), extras, requested, sections)))
    }
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
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply::XML));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
