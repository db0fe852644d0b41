//! The body of PROPPATCH (RFC 4918, section 9.2) and its answer.
//!
//! Times that file managers and rclone set count as the file's time of modification; other properties of
//! any name are stored as they came. What the server computes cannot be set.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::clock::UnixMillis;
use crate::dav::change::handoff::Handoff;
use crate::dav::error::Failure;
use crate::dav::prop_name::PropName;
use crate::dav::propfind::plan::push_unknown;
use crate::dav::request::xml::{Fragment, MAX_PROPERTIES, fragments};
use crate::dav::store::dead_properties::{Patch, property_key};
use crate::drive::{self, Freshness};
use crate::protocol::{Body, href, reply};

/// A PROPPATCH that asks for nothing: dav-server checks path, conditions and locks for it.
const NO_UPDATE: &[u8] = b"<D:propertyupdate xmlns:D=\"DAV:\"/>";

/// Keeps properties, all that are asked for or none.
pub(super) async fn proppatch(handoff: Handoff<'_>, body: &[u8]) -> Result<Response<Body>, Failure> {
    let update = PropertyUpdate::parse(body)?;
    let (site, path, base) = (handoff.site, handoff.path, &handoff.context.base_path);
    let checked = handoff.pass(Bytes::from_static(NO_UPDATE)).await?;
    if checked.status() != StatusCode::MULTI_STATUS {
        return Ok(checked);
    }
    let resource = site.tree.stat(&path.under(base), Freshness::Cached).await?;
    if resource.mount.as_ref().is_some_and(|mount| mount.read_only) {
        return Err(drive::Error::ReadOnly.into());
    }
    if update.is_allowed() {
        let key = property_key(&resource.entry, || resource.path.clone());
        let kept = site.stored.patch(&key, update.patches()).await;
        if !kept.map_err(drive::Error::from)? {
            let text = "this has too many stored properties; nothing was changed";
            return Err(Failure::new(StatusCode::INSUFFICIENT_STORAGE, text));
        }
    }
    Ok(update.answer(&href::encode(&site.prefix, path, resource.is_folder())))
}

/// Live properties of RFC 4918 and 4331, which a client cannot set.
const PROTECTED: [&str; 11] = [
    "creationdate",
    "displayname",
    "getcontentlength",
    "getcontenttype",
    "getetag",
    "getlastmodified",
    "lockdiscovery",
    "resourcetype",
    "supportedlock",
    "quota-available-bytes",
    "quota-used-bytes",
];

const MICROSOFT: &str = "urn:schemas-microsoft-com:";
const OWNCLOUD: &str = "http://owncloud.org/ns";

/// A parsed body.
#[derive(Debug)]
pub(super) struct PropertyUpdate {
    named: Vec<(PropName, Verdict)>,
    patches: Vec<Patch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Protected,
    Malformed,
}

impl PropertyUpdate {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Failure> {
        let wrong = |text: &str| Failure::new(StatusCode::BAD_REQUEST, text.to_owned());
        let mut update = Self { named: Vec::new(), patches: Vec::new() };
        for (above, property) in fragments(body, 3)? {
            if above.iter().any(|name| name.namespace != "DAV:") || above[0].name != "propertyupdate" {
                return Err(wrong("the request body is not a propertyupdate"));
            }
            match (above[1].name.as_str(), above[2].name.as_str()) {
                ("set", "prop") => update.add(property, true),
                ("remove", "prop") => update.add(property, false),
                _ => {}
            }
        }
        if update.named.len() > MAX_PROPERTIES {
            return Err(wrong("the request body names too many properties"));
        }
        if update.named.is_empty() {
            return Err(wrong("the request body names no property"));
        }
        Ok(update)
    }

    fn add(&mut self, property: Fragment, set: bool) {
        let text = property.text().unwrap_or_default();
        let name = property.name;
        let verdict = match (name.namespace.as_str(), name.name.as_str(), set) {
            ("DAV:", protected, _) if PROTECTED.contains(&protected) => Verdict::Protected,
            ("DAV:", "lastmodified", true) => self.time(&text),
            // Checksums are the drive's; a client that repeats them is right.
            (OWNCLOUD, "checksums", _) => Verdict::Accepted,
            (_, _, true) => {
                if (name.namespace.as_str(), name.name.as_str()) == (MICROSOFT, "Win32LastModifiedTime") {
                    // Explorer gives up the whole save over a refused time; one before 1970 is only remembered.
                    self.time(&text);
                }
                self.patches.push(Patch::Set(name.clone(), property.xml));
                Verdict::Accepted
            }
            (_, _, false) => {
                self.patches.push(Patch::Remove(name.clone()));
                Verdict::Accepted
            }
        };
        self.named.push((name, verdict));
    }

    fn time(&mut self, text: &str) -> Verdict {
        let text = text.trim();
        let seconds = text.parse::<i64>().ok().or_else(|| {
            let time = httpdate::parse_http_date(text).ok()?;
            i64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok()
        });
        match seconds.and_then(|seconds| seconds.checked_mul(1000)) {
            Some(ms) => {
                self.patches.push(Patch::Modified(UnixMillis(ms)));
                Verdict::Accepted
            }
            None => Verdict::Malformed,
        }
    }

    /// All of it is done or nothing.
    pub(super) fn is_allowed(&self) -> bool {
        self.named.iter().all(|(_, verdict)| *verdict == Verdict::Accepted)
    }

    pub(super) fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// The multistatus of the update on the resource with that href.
    pub(super) fn answer(&self, href: &str) -> Response<Body> {
        let allowed = self.is_allowed();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>{href}</D:href>"
        );
        for (name, verdict) in &self.named {
            let status = match verdict {
                Verdict::Accepted if allowed => "200 OK",
                Verdict::Accepted => "424 Failed Dependency",
                Verdict::Protected => "403 Forbidden",
                Verdict::Malformed => "409 Conflict",
            };
            let mut element = Vec::new();
            push_unknown(&mut element, name);
            xml.push_str("<D:propstat><D:prop>");
            xml.push_str(&String::from_utf8_lossy(&element));
            // RFC 4918, section 16.
            let reason = match verdict {
                Verdict::Protected => "<D:error><D:cannot-modify-protected-property/></D:error>",
                Verdict::Accepted | Verdict::Malformed => "",
            };
            xml.push_str(&format!("</D:prop><D:status>HTTP/1.1 {status}</D:status>{reason}</D:propstat>"));
        }
        xml.push_str("</D:response></D:multistatus>\n");
        reply::xml(StatusCode::MULTI_STATUS, xml)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(inner: &str) -> PropertyUpdate {
        let body = format!(
            "<D:propertyupdate xmlns:D=\"DAV:\" xmlns:Z=\"urn:schemas-microsoft-com:\">{inner}</D:propertyupdate>"
        );
        PropertyUpdate::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn times_of_rclone_and_explorer_are_the_file_s_time() {
        let rclone = parse("<D:set><D:prop><D:lastmodified>1700000000</D:lastmodified></D:prop></D:set>");
        assert!(matches!(rclone.patches(), [Patch::Modified(UnixMillis(1_700_000_000_000))]));
        let explorer = parse(
            "<D:set><D:prop><Z:Win32LastModifiedTime>Tue, 14 Nov 2023 22:13:20 GMT</Z:Win32LastModifiedTime>\
             <Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set>",
        );
        assert!(explorer.is_allowed());
        assert!(matches!(
            explorer.patches(),
            [Patch::Modified(UnixMillis(1_700_000_000_000)), Patch::Set(..), Patch::Set(..)]
        ));
        assert!(!parse("<D:set><D:prop><D:lastmodified>soon</D:lastmodified></D:prop></D:set>").is_allowed());
    }

    #[test]
    fn a_protected_property_stops_all_of_it() {
        let update = parse("<D:set><D:prop><D:getetag>x</D:getetag><a xmlns=\"b\"/></D:prop></D:set>");
        assert!(!update.is_allowed());
    }

    #[test]
    fn a_time_of_explorer_s_that_says_nothing_does_not_spoil_the_save() {
        for time in ["Mon, 01 Jan 1601 00:00:00 GMT", "", "soon"] {
            let update = parse(&format!(
                "<D:set><D:prop><Z:Win32LastModifiedTime>{time}</Z:Win32LastModifiedTime></D:prop></D:set>"
            ));
            assert!(update.is_allowed());
            assert!(matches!(update.patches(), [Patch::Set(..)]), "{time}");
        }
    }
}
