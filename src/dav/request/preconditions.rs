//! Whether a change may go ahead: the `If` header (RFC 4918, section 10.4) and the conditions of RFC 9110, section 13.
//!
//! Judged here and not by dav-server, to which a lock token that is long gone is as good as a living one: a client
//! whose lock has run out would write over what others wrote since.

use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use crate::dav::context::Context;
use crate::dav::error::Failure;
use crate::dav::request::conditions::{self, Validators};
use crate::dav::request::if_header::{self, Condition, Item};
use crate::dav::site::Site;
use crate::dav::store::locks::covers;
use crate::drive::{Expected, Path};
use crate::protocol::href;
use crate::state::LockRow;

const CONDITIONS: [header::HeaderName; 3] = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE];

/// What conditions that hold say of the request.
#[derive(Debug)]
pub(in crate::dav) struct Preconditions {
    /// Lock tokens that were submitted.
    pub(in crate::dav) tokens: Vec<String>,
    /// What the client knows to be there, where it made that a condition.
    pub(in crate::dav) expected: Expected,
}

impl Preconditions {
    /// Judges the conditions of a request on `path`, in the whole tree.
    pub(in crate::dav) async fn judge(
        site: &Site,
        context: &Context,
        parts: &Parts,
        path: &Path,
    ) -> Result<Self, Failure> {
        let expected = expected(site, parts, path).await?;
        let Some(value) = if_value(&parts.headers)? else { return Ok(Self { tokens: Vec::new(), expected }) };
        let malformed = || Failure::new(StatusCode::BAD_REQUEST, "the If header is malformed");
        let lists = if_header::parse(&value).ok_or_else(malformed)?;
        let locks = site.locks.living();
        let mut holds = false;
        for list in &lists {
            let resource = match &list.resource {
                None => Some(path.clone()),
                Some(reference) => referred(site, reference, context),
            };
            holds = holds || all_hold(site, &list.conditions, resource.as_ref(), &locks).await?;
        }
        if !holds {
            return Err(precondition_failed());
        }
        let conditions = lists.into_iter().flat_map(|list| list.conditions);
        let tokens = conditions.filter_map(|c| if let Item::State(token) = c.item { Some(token) } else { None });
        Ok(Self { tokens: tokens.collect(), expected })
    }
}

/// What the conditions of RFC 9110, which hold, say of what is there.
async fn expected(site: &Site, parts: &Parts, path: &Path) -> Result<Expected, Failure> {
    if !CONDITIONS.iter().any(|name| parts.headers.contains_key(name)) {
        return Ok(Expected::Anything);
    }
    let current = site.at(path).await?;
    let etag = current.as_ref().and_then(|resource| resource.entry.etag());
    let validators = match &current {
        Some(resource) => Some(Validators {
            etag: etag.as_deref(),
            modified: site.stored.modified(&resource.entry).await.seconds(),
            changed: resource.entry.updated.seconds(),
        }),
        None => None,
    };
    if !conditions::permit_change(&parts.headers, validators) {
        return Err(precondition_failed());
    }
    Ok(current.map_or(Expected::Nothing, |_| Expected::Tag(etag.unwrap_or_default())))
}

async fn all_hold(
    site: &Site,
    conditions: &[Condition],
    resource: Option<&Path>,
    locks: &[LockRow],
) -> Result<bool, Failure> {
    for condition in conditions {
        let holds = match (&condition.item, resource) {
            (_, None) => false,
            (Item::State(token), Some(path)) => {
                let names = site.tree.names(path);
                locks.iter().any(|row| row.token == *token && covers(row, &names))
            }
            (Item::Tag(tag), Some(path)) => {
                site.at(path).await?.and_then(|found| found.entry.etag()).is_some_and(|etag| etag == *tag)
            }
        };
        if holds == condition.not {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The resource of a tagged list in the whole tree, if it is one of ours. Its host is not compared: behind a
/// reverse proxy it may have another name.
fn referred(site: &Site, reference: &str, context: &Context) -> Option<Path> {
    let path = match reference.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => reference,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    Some(href::decode(path).ok()?.strip_base(&site.prefix_path)?.under(&context.base_path))
}

/// All `If` fields as one.
fn if_value(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let fields: Result<Vec<&str>, _> =
        headers.get_all("if").iter().map(|value| std::str::from_utf8(value.as_bytes())).collect();
    let fields = fields.map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "the If header is malformed"))?;
    Ok((!fields.is_empty()).then(|| fields.join(" ")))
}

fn precondition_failed() -> Failure {
    Failure::new(StatusCode::PRECONDITION_FAILED, "a condition of the request does not hold")
}
