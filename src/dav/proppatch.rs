//! The body of PROPPATCH (RFC 4918, section 9.2) and its answer.
//!
//! Times that file managers and rclone set count as the file's time of modification; other properties of
//! any name are stored as they came. What the server computes cannot be set.

use http::{HeaderValue, Response, StatusCode, header};
use xmltree::{Element, XMLNode};

use super::body::{self, Body};
use super::error::Failure;
use super::propfind_request::PropName;
use super::stored::Patch;

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

/// Refuses what could make a parser grow: no document type, no entities.
pub(super) fn refuse_entities(body: &[u8]) -> Result<(), Failure> {
    let holds = |word: &[u8]| body.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    if holds(b"<!doctype") || holds(b"<!entity") {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "the request body has a document type or an entity, which are refused",
        ));
    }
    Ok(())
}

impl PropertyUpdate {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Failure> {
        refuse_entities(body)?;
        let wrong = |text: &str| Failure::new(StatusCode::BAD_REQUEST, text.to_owned());
        let tree = Element::parse(body).map_err(|_| wrong("the request body is not well-formed XML"))?;
        if tree.name != "propertyupdate" || tree.namespace.as_deref() != Some("DAV:") {
            return Err(wrong("the request body is not a propertyupdate"));
        }
        let mut update = Self { named: Vec::new(), patches: Vec::new() };
        for action in elements(&tree) {
            let set = match action.name.as_str() {
                "set" => true,
                "remove" => false,
                _ => continue,
            };
            for property in elements(action).filter(|e| e.name == "prop").flat_map(elements) {
                update.add(property, set);
            }
        }
        if update.named.is_empty() {
            return Err(wrong("the request body names no property"));
        }
        Ok(update)
    }

    fn add(&mut self, property: &Element, set: bool) {
        let name = PropName { namespace: property.namespace.clone().unwrap_or_default(), name: property.name.clone() };
        let text = property.get_text().unwrap_or_default();
        let verdict = match (name.namespace.as_str(), name.name.as_str(), set) {
            ("DAV:", protected, _) if PROTECTED.contains(&protected) => Verdict::Protected,
            ("DAV:", "lastmodified", true) => self.time(&text),
            // Checksums are the drive's; a client that repeats them is right.
            (OWNCLOUD, "checksums", _) => Verdict::Accepted,
            (MICROSOFT, "Win32LastModifiedTime", true) => match self.time(&text) {
                Verdict::Accepted => self.store(name.clone(), property),
                verdict => verdict,
            },
            (_, _, true) => self.store(name.clone(), property),
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
                self.patches.push(Patch::Modified(ms));
                Verdict::Accepted
            }
            None => Verdict::Malformed,
        }
    }

    fn store(&mut self, name: PropName, property: &Element) -> Verdict {
        let mut xml = Vec::new();
        let config = xmltree::EmitterConfig::new().write_document_declaration(false);
        match (property.write_with_config(&mut xml, config).ok(), String::from_utf8(xml)) {
            (Some(()), Ok(xml)) => {
                self.patches.push(Patch::Set(name, xml));
                Verdict::Accepted
            }
            _ => Verdict::Malformed,
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
            super::properties::push_unknown(&mut element, name);
            xml.push_str("<D:propstat><D:prop>");
            xml.push_str(&String::from_utf8_lossy(&element));
            xml.push_str(&format!("</D:prop><D:status>HTTP/1.1 {status}</D:status></D:propstat>"));
        }
        xml.push_str("</D:response></D:multistatus>\n");
        let mut response = Response::new(body::full(xml));
        *response.status_mut() = StatusCode::MULTI_STATUS;
        let xml = HeaderValue::from_static("application/xml; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, xml);
        response
    }
}

fn elements(parent: &Element) -> impl Iterator<Item = &Element> {
    parent.children.iter().filter_map(XMLNode::as_element)
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
        assert!(matches!(rclone.patches(), [Patch::Modified(1_700_000_000_000)]));
        let explorer = parse(
            "<D:set><D:prop><Z:Win32LastModifiedTime>Tue, 14 Nov 2023 22:13:20 GMT</Z:Win32LastModifiedTime>\
             <Z:Win32FileAttributes>00000020</Z:Win32FileAttributes></D:prop></D:set>",
        );
        assert!(explorer.is_allowed());
        assert!(matches!(explorer.patches(), [Patch::Modified(1_700_000_000_000), Patch::Set(..), Patch::Set(..)]));
        assert!(!parse("<D:set><D:prop><D:lastmodified>soon</D:lastmodified></D:prop></D:set>").is_allowed());
    }

    #[test]
    fn a_protected_property_stops_all_of_it() {
        let update = parse("<D:set><D:prop><D:getetag>x</D:getetag><a xmlns=\"b\"/></D:prop></D:set>");
        assert!(!update.is_allowed());
    }

    #[test]
    fn stored_xml_stands_on_its_own() {
        let update = parse("<D:set><D:prop><n:a xmlns:n=\"urn:n\" x=\"1\">t<n:b/></n:a></D:prop></D:set>");
        let [Patch::Set(name, xml)] = update.patches() else { panic!("one property") };
        assert_eq!((name.namespace.as_str(), name.name.as_str()), ("urn:n", "a"));
        assert!(Element::parse(xml.as_bytes()).is_ok(), "{xml}");
    }

    #[test]
    fn entities_are_refused() {
        let body = b"<!DOCTYPE a [<!ENTITY b \"c\">]><propertyupdate xmlns=\"DAV:\"/>";
        assert!(PropertyUpdate::parse(body).is_err());
    }
}
