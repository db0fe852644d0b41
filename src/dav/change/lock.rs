//! The body of LOCK (RFC 4918, section 14.11) and its answer.

use http::{HeaderValue, Response, StatusCode, header};

use crate::dav::change::handoff::Handoff;
use crate::dav::error::Failure;
use crate::dav::prop_name::PropName;
use crate::dav::request::xml::{Fragment, fragments};
use crate::dav::store::locks::active_lock;
use crate::drive::Path;
use crate::protocol::{Body, body, reply};
use crate::state::LockRow;

/// Makes a lock, or refreshes one.
pub(super) async fn lock(mut handoff: Handoff<'_>, body: &[u8]) -> Result<Response<Body>, Failure> {
    let (site, context) = (handoff.site, handoff.context);
    // dav-server would take a failure for a free name, and lock an empty file into its place.
    site.at(&handoff.scope.0.source).await?;
    // Without a body a lock is refreshed.
    let info = if body.is_empty() { None } else { Some(LockInfo::parse(body)?) };
    let restated = info.as_ref().map(LockInfo::restated).unwrap_or_default();
    let refreshed = handoff.locks.tokens.first().cloned();
    handoff.locks.owner = info.and_then(|info| info.owner);
    let response = handoff.pass(restated.into()).await?;
    let made = response.headers().get("lock-token").and_then(|value| value.to_str().ok());
    let token = made.map(|token| token.trim_matches(['<', '>']).to_owned()).or(refreshed);
    let lock = site.locks.living().into_iter().find(|row| Some(&row.token) == token.as_ref());
    Ok(match lock {
        Some(lock) => answer(response, &lock, &context.base_path, &site.prefix),
        None => response,
    })
}

/// The lock that a client wants.
#[derive(Debug)]
pub(super) struct LockInfo {
    shared: bool,
    /// The client's `owner` element as it came.
    pub(super) owner: Option<String>,
}

impl LockInfo {
    /// Reads a body; elements that nobody knows are ignored (RFC 4918, section 17).
    pub(super) fn parse(body: &[u8]) -> Result<Self, Failure> {
        let wrong = |text: &str| Failure::new(StatusCode::BAD_REQUEST, text);
        let is = |name: &PropName, local: &str| name.namespace == "DAV:" && name.name == local;
        let found = fragments(body, 1)?;
        if !found.iter().all(|(above, _)| is(&above[0], "lockinfo")) {
            return Err(wrong("the request body is not a lockinfo"));
        }
        let child = |name: &str| found.iter().map(|(_, element)| element).find(|element| is(&element.name, name));
        let holds = |name: &str, local: &str| {
            let inner = child(name).and_then(|element| fragments(element.xml.as_bytes(), 1).ok()).unwrap_or_default();
            inner.iter().any(|(_, Fragment { name, .. })| is(name, local))
        };
        let shared = match (holds("lockscope", "exclusive"), holds("lockscope", "shared")) {
            (true, false) => false,
            (false, true) => true,
            _ => return Err(wrong("a lock must be exclusive or shared")),
        };
        if !holds("locktype", "write") {
            return Err(wrong("there are write locks only"));
        }
        Ok(Self { shared, owner: child("owner").map(|owner| owner.xml.clone()) })
    }

    /// The body as dav-server is to read it.
    pub(super) fn restated(&self) -> String {
        let scope = if self.shared { "shared" } else { "exclusive" };
        format!(
            "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"
        )
    }
}

/// dav-server's answer with the lock as PROPFIND shows it.
fn answer(mut response: Response<Body>, lock: &LockRow, base: &Path, prefix: &str) -> Response<Body> {
    let lock = active_lock(lock, base, prefix);
    *response.body_mut() = body::full(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:prop xmlns:D=\"DAV:\"><D:lockdiscovery>{lock}</D:lockdiscovery></D:prop>\n"
    ));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(reply::XML));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(inner: &str) -> Result<LockInfo, Failure> {
        LockInfo::parse(format!("<l:lockinfo xmlns:l=\"DAV:\">{inner}</l:lockinfo>").as_bytes())
    }

    const SCOPE: &str = "<l:lockscope><l:exclusive/></l:lockscope>";
    const TYPE: &str = "<l:locktype><l:write/></l:locktype>";

    #[test]
    fn scope_and_type_are_needed_and_the_owner_is_kept_as_it_came() {
        let info = parse(&format!(
            "{SCOPE}<x xmlns=\"urn:x\"/>{TYPE}<l:owner xml:lang=\"en\">me <l:href>a</l:href></l:owner>"
        ))
        .unwrap();
        assert!(!info.shared);
        assert_eq!(info.owner.unwrap(), "<l:owner xmlns:l=\"DAV:\" xml:lang=\"en\">me <l:href>a</l:href></l:owner>");
        assert!(parse(&format!("{}{TYPE}", SCOPE.replace("exclusive", "shared"))).unwrap().shared);
        for wrong in [SCOPE, TYPE, "", "<lockscope><exclusive/></lockscope>"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(LockInfo::parse(b"<lockinfo/>").is_err());
    }
}
