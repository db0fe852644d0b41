//! The body of PROPFIND (RFC 4918, section 9.1).
//!
//! XML of outside origin: no document type, no entities but the five of XML itself, and bounds on
//! size, depth and number.

use crate::dav::prop_name::PropName;
use crate::dav::request::xml::{MAX_DEPTH, MAX_PROPERTIES};
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

/// Which properties are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Propfind {
    /// The live properties of RFC 4918 and these.
    AllProp(Vec<PropName>),
    /// Names only.
    PropName,
    /// These.
    Prop(Vec<PropName>),
}

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not well-formed.
    #[error("the request body is not well-formed XML: {0}")]
    Malformed(String),
    /// A document type or an entity.
    #[error("the request body has a document type or an entity, which are refused")]
    Entities,
    /// Too deep or too many.
    #[error("the request body is nested too deeply or asks for more than {MAX_PROPERTIES} properties")]
    TooMuch,
    /// Not a `DAV:propfind` with exactly one of `prop`, `propname`, `allprop`.
    #[error("the request body is not a propfind with one of prop, propname and allprop")]
    NotPropfind,
}

impl Propfind {
    /// Reads a body; an empty one asks for all.
    ///
    /// # Errors
    /// [`RequestError`] says what is refused.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::AllProp(Vec::new()));
        }
        let text = std::str::from_utf8(body).map_err(|error| RequestError::Malformed(error.to_string()))?;
        let mut found = Found::default();
        let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
        let mut path: Vec<PropName> = Vec::new();
        loop {
            let (namespace, event) =
                reader.read_resolved_event().map_err(|error| RequestError::Malformed(error.to_string()))?;
            match &event {
                Event::Start(start) => {
                    let name = element_name(namespace, start)?;
                    found.element(&path, &name)?;
                    path.push(name);
                    if path.len() > MAX_DEPTH {
                        return Err(RequestError::TooMuch);
                    }
                }
                Event::Empty(start) => found.element(&path, &element_name(namespace, start)?)?,
                Event::End(_) => {
                    path.pop();
                }
                Event::DocType(_) => return Err(RequestError::Entities),
                Event::GeneralRef(reference) => {
                    let predefined = matches!(reference.as_ref(), "lt" | "gt" | "amp" | "apos" | "quot");
                    if !predefined && !reference.is_char_ref() {
                        return Err(RequestError::Entities);
                    }
                }
                Event::Eof if path.is_empty() => return found.finish(),
                Event::Eof => return Err(RequestError::Malformed("it ends early".to_owned())),
                _ => {}
            }
        }
    }
}

/// The name of an element that an answer can hold, and whose attributes are well-formed.
fn element_name(namespace: ResolveResult<'_>, start: &BytesStart<'_>) -> Result<PropName, RequestError> {
    let name = PropName { namespace: resolved(namespace)?, name: start.local_name().as_ref().to_owned() };
    if !is_name(&name.name) {
        return Err(RequestError::Malformed(format!("{:?} is no name", name.name)));
    }
    if let Some(attribute) = start.attributes().find_map(Result::err) {
        return Err(RequestError::Malformed(attribute.to_string()));
    }
    Ok(name)
}

fn resolved(namespace: ResolveResult<'_>) -> Result<String, RequestError> {
    match namespace {
        ResolveResult::Bound(namespace) => {
            let namespace = quick_xml::escape::unescape(namespace.as_ref())
                .map_err(|error| RequestError::Malformed(error.to_string()))?;
            if namespace.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) {
                return Err(RequestError::Malformed("a namespace has a control character".to_owned()));
            }
            Ok(namespace.into_owned())
        }
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(prefix) => Err(RequestError::Malformed(format!("prefix {prefix:?} is not bound"))),
    }
}

/// Whether an answer can hold an element of this name: the reader takes anything for one (XML 1.0, section 2.3,
/// without the colon).
fn is_name(name: &str) -> bool {
    let begins = |c: char| {
        matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
            | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
            | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
            | '\u{10000}'..='\u{effff}')
    };
    let within =
        |c: char| matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}');
    name.starts_with(begins) && name.chars().all(|c| begins(c) || within(c))
}

#[derive(Default)]
struct Found {
    root: bool,
    all: bool,
    names: bool,
    prop: Option<Vec<PropName>>,
    include: Vec<PropName>,
}

impl Found {
    fn element(&mut self, path: &[PropName], name: &PropName) -> Result<(), RequestError> {
        let is_dav = |n: &PropName, local: &str| n.namespace == "DAV:" && n.name == local;
        match path {
            [] if self.root || !is_dav(name, "propfind") => return Err(RequestError::NotPropfind),
            [] => self.root = true,
            [_] if is_dav(name, "allprop") => self.all = true,
            [_] if is_dav(name, "propname") => self.names = true,
            [_] if is_dav(name, "prop") => {
                self.prop.get_or_insert_default();
            }
            [_, list] if is_dav(list, "prop") => Self::push(self.prop.get_or_insert_default(), name)?,
            [_, list] if is_dav(list, "include") => Self::push(&mut self.include, name)?,
            // Elements that nobody knows are ignored (RFC 4918, section 17).
            _ => {}
        }
        Ok(())
    }

    fn push(list: &mut Vec<PropName>, name: &PropName) -> Result<(), RequestError> {
        if list.len() >= MAX_PROPERTIES {
            return Err(RequestError::TooMuch);
        }
        if !list.contains(name) {
            list.push(name.clone());
        }
        Ok(())
    }

    fn finish(self) -> Result<Propfind, RequestError> {
        match (self.all, self.names, self.prop) {
            (true, false, None) => Ok(Propfind::AllProp(self.include)),
            (false, true, None) => Ok(Propfind::PropName),
            (false, false, Some(names)) => Ok(Propfind::Prop(names)),
            _ => Err(RequestError::NotPropfind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(namespace: &str, name: &str) -> PropName {
        PropName { namespace: namespace.into(), name: name.into() }
    }

    #[test]
    fn reads_the_three_kinds() {
        assert_eq!(Propfind::parse(b"").unwrap(), Propfind::AllProp(Vec::new()));
        assert_eq!(Propfind::parse(b"<propfind xmlns='DAV:'><propname/></propfind>").unwrap(), Propfind::PropName);
        let prop = br#"<?xml version="1.0"?><a:propfind xmlns:a="DAV:" xmlns:o="http://owncloud.org/ns">
            <a:prop><a:getetag/><o:checksums/><bare/><a:getetag/></a:prop></a:propfind>"#;
        let names = vec![name("DAV:", "getetag"), name("http://owncloud.org/ns", "checksums"), name("", "bare")];
        assert_eq!(Propfind::parse(prop).unwrap(), Propfind::Prop(names));
        let escaped = b"<propfind xmlns='DAV:'><prop><p xmlns='urn:p?a&amp;b'/></prop></propfind>";
        assert_eq!(Propfind::parse(escaped).unwrap(), Propfind::Prop(vec![name("urn:p?a&b", "p")]));
        let all = b"<D:propfind xmlns:D='DAV:'><D:allprop/><D:include><D:quota-used-bytes/></D:include></D:propfind>";
        assert_eq!(Propfind::parse(all).unwrap(), Propfind::AllProp(vec![name("DAV:", "quota-used-bytes")]));
    }

    #[test]
    fn refuses_entities_and_document_types() {
        let laughs = r#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>
            <propfind xmlns="DAV:"><prop><x>&b;</x></prop></propfind>"#;
        assert_eq!(Propfind::parse(laughs.as_bytes()), Err(RequestError::Entities));
        let entity = "<propfind xmlns='DAV:'><prop><x>&b;</x></prop></propfind>";
        assert_eq!(Propfind::parse(entity.as_bytes()), Err(RequestError::Entities));
    }

    #[test]
    fn refuses_what_is_no_propfind() {
        for body in [
            "<propfind xmlns='DAV:'>",
            "<propfind xmlns='DAV:'></prop>",
            "<propfind xmlns='DAV:'/>",
            "<propfind/>",
            "<propfind xmlns='DAV:'><prop/><allprop/></propfind>",
            "<propfind xmlns='DAV:'><D:prop/></propfind>",
            "<propfind xmlns='DAV:'><prop/></propfind><propfind xmlns='DAV:'><prop/></propfind>",
            "hello",
            "<propfind xmlns='DAV:'><prop><1/></prop></propfind>",
            "<propfind xmlns='DAV:'><prop><a&b/></prop></propfind>",
            "<propfind xmlns='DAV:'><prop><a<b/></prop></propfind>",
            "<propfind xmlns='DAV:'><prop><a xmlns='\u{1}'/></prop></propfind>",
        ] {
            assert!(Propfind::parse(body.as_bytes()).is_err(), "{body}");
        }
        let deep = format!("<propfind xmlns='DAV:'><prop>{}{}</prop></propfind>", "<a>".repeat(50), "</a>".repeat(50));
        assert_eq!(Propfind::parse(deep.as_bytes()), Err(RequestError::TooMuch));
        assert!(Propfind::parse(b"<propfind xmlns='DAV:'><prop>\xff</prop></propfind>").is_err());
    }

    proptest! {
        #[test]
        fn no_body_makes_reading_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Propfind::parse(&body);
        }
    }
}
