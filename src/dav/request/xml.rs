//! XML that clients send to be kept or acted on: bounded, well-formed, and handed on as it came.
//!
//! No document type, no entities but XML's own, 16 levels: readers of trees go down by recursion, and a body of
//! thousands of open tags would end the process. What is to be stored is cut out of the text with the namespaces and
//! the language that hold around it, so that nothing of it is lost (RFC 4918, section 4.3).

use http::StatusCode;
use quick_xml::NsReader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{PrefixDeclaration, ResolveResult};
use xmltree::Element;

use crate::dav::error::Failure;
use crate::dav::prop_name::PropName;

/// Largest body of a request that carries XML.
pub(in crate::dav) const MAX_BODY: usize = 64 << 10;

/// Deepest nesting of such a body.
pub(in crate::dav) const MAX_DEPTH: usize = 16;

/// Most properties that it names.
pub(in crate::dav) const MAX_PROPERTIES: usize = 256;

/// One element, able to stand on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dav) struct Fragment {
    pub(in crate::dav) name: PropName,
    /// The whole element.
    pub(in crate::dav) xml: String,
    /// What is between its tags, as it came.
    pub(in crate::dav) inner: String,
}

impl Fragment {
    /// Its text; absent where it holds other elements.
    pub(in crate::dav) fn text(&self) -> Option<String> {
        Some(unescape(&self.inner).ok().filter(|text| !text.contains('<'))?.trim().to_owned())
    }
}

/// A body's elements, those at `depth` (the root is at 0) whole, each with the names of what holds it.
pub(in crate::dav) fn fragments(body: &[u8], depth: usize) -> Result<Vec<(Vec<PropName>, Fragment)>, Failure> {
    let text = guard(body)?;
    let mut reader = NsReader::from_str(text);
    let mut above: Vec<(PropName, Option<String>)> = Vec::new();
    let mut found = Vec::new();
    loop {
        let event = reader.read_event().map_err(|_| malformed())?;
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                let name = name_of(&reader, start)?;
                let whole = matches!(event, Event::Start(_));
                if above.len() < depth {
                    if whole {
                        above.push((name, attribute(start, "xml:lang")));
                    }
                    continue;
                }
                let language = above.iter().rev().find_map(|(_, language)| language.as_deref());
                let tag = opening(&reader, start, language)?;
                let inner = if whole {
                    let span = reader.read_to_end(start.name()).map_err(|_| malformed())?;
                    let at = |position: u64| usize::try_from(position).unwrap_or(text.len());
                    text.get(at(span.start)..at(span.end)).unwrap_or_default()
                } else {
                    ""
                };
                let end = String::from(start.name().as_ref());
                let xml = if inner.is_empty() { format!("<{tag}/>") } else { format!("<{tag}>{inner}</{end}>") };
                let names = above.iter().map(|(name, _)| name.clone()).collect();
                found.push((names, Fragment { name, xml, inner: inner.to_owned() }));
            }
            Event::End(_) => {
                above.pop();
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// The text of a body that keeps to the bounds.
fn guard(body: &[u8]) -> Result<&str, Failure> {
    let text = std::str::from_utf8(body).map_err(|_| malformed())?.trim_start_matches('\u{feff}');
    let mut reader = NsReader::from_str(text);
    let (mut depth, mut roots) = (0, 0);
    loop {
        let event = reader.read_event().map_err(|_| malformed())?;
        roots += usize::from(depth == 0 && matches!(event, Event::Start(_) | Event::Empty(_)));
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::DocType(_) => return Err(entities()),
            Event::GeneralRef(reference) => {
                let predefined = matches!(reference.as_ref(), "lt" | "gt" | "amp" | "apos" | "quot");
                if !predefined && !reference.is_char_ref() {
                    return Err(entities());
                }
            }
            Event::Eof => break,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Failure::new(StatusCode::BAD_REQUEST, "the request body is nested too deeply"));
        }
    }
    if roots != 1 {
        return Err(malformed());
    }
    // The reader above forgives much that would make an answer ill-formed.
    Element::parse(text.as_bytes()).map_err(|_| malformed())?;
    Ok(text)
}

fn name_of(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<PropName, Failure> {
    let (namespace, local) = reader.resolver().resolve_element(start.name());
    let namespace = match namespace {
        ResolveResult::Bound(namespace) => unescape(namespace.as_ref()).map_err(|_| malformed())?.into_owned(),
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(_) => return Err(malformed()),
    };
    Ok(PropName { namespace, name: local.as_ref().to_owned() })
}

/// What stands between the brackets of a start tag, with all that it takes from the elements around it.
fn opening(reader: &NsReader<&[u8]>, start: &BytesStart<'_>, language: Option<&str>) -> Result<String, Failure> {
    let mut tag = String::from(start.name().as_ref());
    let mut add = |name: &str, value: &str| tag.push_str(&format!(" {name}=\"{}\"", value.replace('"', "&quot;")));
    for (prefix, namespace) in reader.resolver().bindings() {
        match prefix {
            PrefixDeclaration::Default => add("xmlns", namespace.as_ref()),
            PrefixDeclaration::Named(prefix) => add(&format!("xmlns:{prefix}"), namespace.as_ref()),
        }
    }
    if let Some(language) = language.filter(|_| attribute(start, "xml:lang").is_none()) {
        add("xml:lang", language);
    }
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| malformed())?;
        if attribute.key.as_namespace_binding().is_none() {
            add(attribute.key.as_ref(), &attribute.value);
        }
    }
    Ok(tag)
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    Some(start.attributes().filter_map(Result::ok).find(|attribute| attribute.key.as_ref() == name)?.value.into_owned())
}

fn malformed() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "the request body is not well-formed XML")
}

fn entities() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "the request body has a document type or an entity, which are refused")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(body: &str, depth: usize) -> Fragment {
        fragments(body.as_bytes(), depth).unwrap().remove(0).1
    }

    #[test]
    fn an_element_keeps_all_that_it_has_and_all_that_holds_around_it() {
        let found = one(
            "<D:a xmlns:D='DAV:' xmlns:n='urn:n?a&amp;b' xml:lang='zh'><n:p n:x='\"'> <n:q> </n:q><![CDATA[<]]>&lt;</n:p></D:a>",
            1,
        );
        assert_eq!((found.name.namespace.as_str(), found.name.name.as_str()), ("urn:n?a&b", "p"));
        assert_eq!(
            found.xml,
            "<n:p xmlns:D=\"DAV:\" xmlns:n=\"urn:n?a&amp;b\" xml:lang=\"zh\" n:x=\"&quot;\"> <n:q> </n:q><![CDATA[<]]>&lt;</n:p>"
        );
        let own = one("<a xmlns='DAV:' xml:lang='zh'><p xmlns='' xml:lang='en'/></a>", 1);
        assert_eq!((own.name.namespace.as_str(), own.xml.as_str()), ("", "<p xml:lang=\"en\"/>"));
        let around = one("<a xmlns='DAV:' xmlns:n='urn:n'><n:p><href>x</href></n:p></a>", 1);
        assert_eq!(around.xml, "<n:p xmlns=\"DAV:\" xmlns:n=\"urn:n\"><href>x</href></n:p>");
    }

    #[test]
    fn what_is_not_well_formed_or_out_of_bounds_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(9000), "</a>".repeat(9000));
        for body in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<a b/>",
            "<a><1/></a>",
            "<x:a/>",
            "<a>&b;</a>",
            "<!DOCTYPE a><a/>",
            "<a/><b/>",
            "<a>\u{1}</a>",
            &deep,
        ] {
            assert!(fragments(body.as_bytes(), 0).is_err(), "{:.30}", body);
        }
        let wide = "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".encode_utf16().flat_map(u16::to_le_bytes);
        assert!(fragments(&[0xff, 0xfe].into_iter().chain(wide).collect::<Vec<u8>>(), 0).is_err());
    }

    proptest! {
        #[test]
        fn a_fragment_is_well_formed(body in "<a xmlns='u' xmlns:n='v'>(<n:b c='[&;a-z\"]{0,5}'>|</n:b>|<d/>|[a-z<>&;]{0,3}){0,6}</a>") {
            for (_, fragment) in fragments(body.as_bytes(), 1).unwrap_or_default() {
                prop_assert!(Element::parse(fragment.xml.as_bytes()).is_ok(), "{}", fragment.xml);
            }
        }
    }
}
