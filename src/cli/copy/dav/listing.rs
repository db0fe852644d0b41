//! What a server says a folder holds. Only what lies directly below the folder by its address counts, whatever hosts and
//! paths a listing names, so that nothing else is ever asked for.

use std::collections::HashSet;
use std::time::SystemTime;

use quick_xml::NsReader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use url::Url;

use crate::clock::UnixMillis;
use crate::digest::Sha1;

const DAV: &str = "DAV:";
const OWNCLOUD: &str = "http://owncloud.org/ns";

/// Deepest nesting of a document.
const MOST_DEPTH: usize = 32;

/// A file or folder on a server.
#[derive(Debug, Clone)]
pub(in crate::cli::copy) struct Remote {
    /// Its address, on the host that was asked.
    pub(in crate::cli::copy) url: Url,
    pub(in crate::cli::copy) name: String,
    pub(in crate::cli::copy) told: Told,
}

/// What is told of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::cli::copy) struct Told {
    pub(in crate::cli::copy) folder: bool,
    pub(in crate::cli::copy) size: Option<u64>,
    pub(in crate::cli::copy) modified: Option<UnixMillis>,
    pub(in crate::cli::copy) sha1: Option<Sha1>,
}

/// A folder's listing.
#[derive(Debug)]
pub(in crate::cli::copy) struct Listed {
    pub(in crate::cli::copy) members: Vec<Remote>,
    /// What it names that is no member, each with the reason.
    pub(in crate::cli::copy) odd: Vec<(String, &'static str)>,
}

/// What a listing says of the address itself.
///
/// # Errors
/// It is no listing, or of something else.
pub(in crate::cli::copy) fn itself(document: &str, url: &Url) -> Result<Remote, String> {
    let own = segments(url).ok_or("its address is no UTF-8")?;
    let found = responses(document)?.into_iter().find(|(href, _)| at(url, href).is_some_and(|(_, path)| path == own));
    let (_, told) = found.ok_or("the server tells of something else")?;
    Ok(Remote { url: url.clone(), name: own.last().cloned().unwrap_or_default(), told })
}

/// The members that a listing has of the folder at an address, in order of name.
///
/// # Errors
/// It is no listing.
pub(in crate::cli::copy) fn members(document: &str, folder: &Url) -> Result<Listed, String> {
    let own = segments(folder).ok_or("its address is no UTF-8")?;
    let mut listed = Listed { members: Vec::new(), odd: Vec::new() };
    let mut names = HashSet::new();
    for (href, told) in responses(document)? {
        let Some((url, path)) = at(folder, &href) else {
            listed.odd.push((href, "its address cannot be read"));
            continue;
        };
        if path == own {
            continue;
        }
        match path.strip_prefix(&own[..]) {
            Some([name]) if name.contains(['/', '\0']) || name == "." || name == ".." => {
                listed.odd.push((href, "its name is none"));
            }
            Some([name]) if names.insert(name.clone()) => {
                listed.members.push(Remote { url, name: name.clone(), told });
            }
            Some([_]) => listed.odd.push((href, "the server names it twice")),
            _ => listed.odd.push((href, "the server names what does not lie in the folder")),
        }
    }
    listed.members.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(listed)
}

/// Where an href leads on the host that was asked, and the names on the way.
fn at(base: &Url, href: &str) -> Option<(Url, Vec<String>)> {
    let mut url = base.join(href).ok()?;
    // Servers behind a proxy name themselves otherwise.
    url.set_scheme(base.scheme()).ok()?;
    url.set_host(base.host_str()).ok()?;
    url.set_port(base.port()).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    let path = segments(&url)?;
    Some((url, path))
}

fn segments(url: &Url) -> Option<Vec<String>> {
    let names = url.path().split('/').filter(|name| !name.is_empty());
    names.map(|name| Some(percent_encoding::percent_decode_str(name).decode_utf8().ok()?.into_owned())).collect()
}

/// Each response's href and what is told with status 200.
fn responses(document: &str) -> Result<Vec<(String, Told)>, String> {
    let malformed = || "its listing is no XML".to_owned();
    let mut reader = NsReader::from_str(document);
    let (mut depth, mut found) = (0usize, Vec::new());
    let (mut href, mut told, mut part, mut good) = (None, Told::default(), Told::default(), true);
    loop {
        let event = reader.read_event().map_err(|_| malformed())?;
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                let whole = matches!(event, Event::Start(_));
                let (namespace, name) = name_of(&reader, start);
                match (namespace, name.as_str()) {
                    (DAV, "response") => (href, told) = (None, Told::default()),
                    (DAV, "propstat") => (part, good) = (Told::default(), true),
                    (DAV, "collection") => part.folder = true,
                    (DAV, "href") if whole && href.is_none() => {
                        href = Some(text(&mut reader, start)?);
                        continue;
                    }
                    (DAV, "status") if whole => {
                        good = text(&mut reader, start)?.split_whitespace().nth(1) == Some("200");
                        continue;
                    }
                    (DAV, "getcontentlength") if whole => {
                        part.size = text(&mut reader, start)?.trim().parse().ok();
                        continue;
                    }
                    (DAV, "getlastmodified") if whole => {
                        part.modified = time(&text(&mut reader, start)?);
                        continue;
                    }
                    (OWNCLOUD, "checksums") if whole => {
                        part.sha1 = sha1(&raw(&mut reader, start)?);
                        continue;
                    }
                    _ => {}
                }
                depth += usize::from(whole);
                if depth > MOST_DEPTH {
                    return Err(malformed());
                }
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                match end.local_name().as_ref() {
                    "propstat" if good => merge(&mut told, &part),
                    "response" => found.extend(href.take().map(|href| (href, told.clone()))),
                    _ => {}
                }
            }
            Event::DocType(_) => return Err("its listing has a document type".to_owned()),
            Event::Eof if depth == 0 && !document.trim().is_empty() => return Ok(found),
            Event::Eof => return Err("its listing breaks off".to_owned()),
            _ => {}
        }
    }
}

fn merge(told: &mut Told, part: &Told) {
    told.folder |= part.folder;
    told.size = told.size.or(part.size);
    told.modified = told.modified.or(part.modified);
    told.sha1 = told.sha1.or(part.sha1);
}

/// The namespace, as far as it is one that counts, and the name of an element.
fn name_of(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> (&'static str, String) {
    let (namespace, name) = reader.resolver().resolve_element(start.name());
    let namespace = match namespace {
        ResolveResult::Bound(namespace) if namespace.as_ref() == DAV => DAV,
        ResolveResult::Bound(namespace) if namespace.as_ref() == OWNCLOUD => OWNCLOUD,
        _ => "",
    };
    (namespace, name.as_ref().to_owned())
}

/// What is between an element's tags.
fn raw(reader: &mut NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<String, String> {
    let text = reader.read_text(start.name()).map_err(|_| "its listing is no XML".to_owned())?;
    Ok(text.to_string())
}

fn text(reader: &mut NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<String, String> {
    let raw = raw(reader, start)?;
    let plain = raw.trim().strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>"));
    match plain {
        Some(plain) => Ok(plain.to_owned()),
        None => unescape(raw.trim()).map(std::borrow::Cow::into_owned).map_err(|_| "its listing is no XML".to_owned()),
    }
}

fn time(text: &str) -> Option<UnixMillis> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(UnixMillis(i64::try_from(since.as_millis()).ok()?))
}

/// Of `SHA1:hex MD5:hex`, in an element of its own or not, in whatever case.
fn sha1(text: &str) -> Option<Sha1> {
    let lower = text.to_ascii_lowercase();
    let rest = &lower[lower.find("sha1:")? + "sha1:".len()..];
    Sha1::parse(rest.get(..40)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(responses: &str) -> String {
        format!(
            r#"<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">{responses}</d:multistatus>"#
        )
    }

    fn file(href: &str) -> String {
        format!(
            "<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:getcontentlength>3</d:getcontentlength></d:prop>\
                 <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
        )
    }

    fn listed(responses: &str) -> Listed {
        members(&document(responses), &"http://host:5244/dav/a%20b/".parse().unwrap()).unwrap()
    }

    #[test]
    fn members_are_what_lies_directly_in_the_folder() {
        let hrefs = [
            "/dav/a%20b/",
            "/dav/a b/one",
            "http://inner/dav/a%20b/%E7%89%87.mkv",
            "/dav/a%20b/sub/deeper",
            "/dav/other",
            "/dav/a%20b/../x",
            "/dav/a%20b/%2e%2e/y",
            "/dav/a%20b/p%2Fq",
            "https://evil.example/z",
            "/dav/a%20b/one",
            "%ff",
            "a&amp;b",
        ];
        let found = listed(&hrefs.map(file).concat());
        let names: Vec<&str> = found.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["a&b", "one", "片.mkv"]);
        assert!(found.members.iter().all(|member| member.url.as_str().starts_with("http://host:5244/dav/a%20b/")));
        assert_eq!(found.odd.len(), 8, "{:?}", found.odd);
    }

    #[test]
    fn what_has_not_status_200_is_not_told() {
        let found = listed(
            "<d:response><d:href>/dav/a%20b/x</d:href><d:propstat><d:prop><d:getcontentlength>7</d:getcontentlength>\
             <d:getlastmodified>Thu, 06 May 2021 07:08:09 GMT</d:getlastmodified><d:resourcetype/></d:prop>\
             <d:status>HTTP/1.1 200 OK</d:status></d:propstat><d:propstat><d:prop><oc:checksums><oc:checksum>SHA1:\
             aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d</oc:checksum></oc:checksums></d:prop>\
             <d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response>",
        );
        let told = &found.members[0].told;
        assert_eq!(
            *told,
            Told { folder: false, size: Some(7), modified: Some(UnixMillis(1_620_284_889_000)), sha1: None }
        );
    }

    #[test]
    fn sums_are_read_in_every_form() {
        let sum = "AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D";
        for text in [
            format!("<oc:checksum>SHA1:{sum} MD5:x</oc:checksum>"),
            format!("sha1:{sum}"),
            format!("<x>MD5:1 SHA1:{sum}</x>"),
        ] {
            assert_eq!(sha1(&text), Some(Sha1::of(b"hello")), "{text}");
        }
        assert_eq!(sha1("SHA1:aaf4"), None);
        assert_eq!(sha1("SHA256:aaf4"), None);
    }

    #[test]
    fn what_is_no_listing_is_told_and_nothing_panics() {
        let folder: Url = "http://host/".parse().unwrap();
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        for odd in ["", "<a", "<a>", "<!DOCTYPE a><a/>", &document("<d:response>")[..60], deep.as_str()] {
            assert!(members(odd, &folder).is_err(), "{odd}");
        }
        assert!(itself(&document(&file("/other")), &folder).is_err());
        assert_eq!(itself(&document(&file("/")), &folder).unwrap().told.size, Some(3));
    }
}
