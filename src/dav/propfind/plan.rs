//! The live properties of a resource and how each is written.

use crate::dav::prop_name::PropName;
use crate::dav::propfind::request::Propfind;
use crate::dav::store::dead_properties::ItemProperties;
use crate::dav::values::{push_display, push_http_date, push_rfc3339, push_sha1, push_text};
use crate::drive::{Entry, Quota};

/// Namespace of checksums (clients reference, section 3).
const OWNCLOUD: &str = "http://owncloud.org/ns";

/// A property that the server computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LiveProperty {
    ResourceType,
    DisplayName,
    ContentLength,
    ContentType,
    Etag,
    LastModified,
    CreationDate,
    SupportedLock,
    LockDiscovery,
    QuotaAvailable,
    QuotaUsed,
    Checksums,
}

const EVERY: [LiveProperty; 12] = [
    LiveProperty::ResourceType,
    LiveProperty::DisplayName,
    LiveProperty::ContentLength,
    LiveProperty::ContentType,
    LiveProperty::Etag,
    LiveProperty::LastModified,
    LiveProperty::CreationDate,
    LiveProperty::SupportedLock,
    LiveProperty::LockDiscovery,
    LiveProperty::QuotaAvailable,
    LiveProperty::QuotaUsed,
    LiveProperty::Checksums,
];

/// Those that allprop gives: not the quota (RFC 4331), nor what lies outside RFC 4918.
const ALLPROP: &[LiveProperty] = EVERY.split_at(9).0;

impl LiveProperty {
    fn of(name: &PropName) -> Option<Self> {
        EVERY.into_iter().find(|live| live.namespace() == name.namespace && live.local() == name.name)
    }

    fn namespace(self) -> &'static str {
        if self == Self::Checksums { OWNCLOUD } else { "DAV:" }
    }

    fn local(self) -> &'static str {
        &self.tag()[self.tag().find(':').map_or(0, |at| at + 1)..]
    }

    /// The name with the prefix that the document binds.
    fn tag(self) -> &'static str {
        match self {
            Self::ResourceType => "D:resourcetype",
            Self::DisplayName => "D:displayname",
            Self::ContentLength => "D:getcontentlength",
            Self::ContentType => "D:getcontenttype",
            Self::Etag => "D:getetag",
            Self::LastModified => "D:getlastmodified",
            Self::CreationDate => "D:creationdate",
            Self::SupportedLock => "D:supportedlock",
            Self::LockDiscovery => "D:lockdiscovery",
            Self::QuotaAvailable => "D:quota-available-bytes",
            Self::QuotaUsed => "D:quota-used-bytes",
            Self::Checksums => "oc:checksums",
        }
    }
}

/// Both scopes of write locks (RFC 4918, section 15.10).
const SUPPORTED_LOCKS: &[u8] =
    b"<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>\
    <D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>";

const COLLECTION: &[u8] = b"<D:resourcetype><D:collection/></D:resourcetype>";

/// What of a resource its properties are made of.
#[derive(Clone, Copy)]
pub(in crate::dav) struct Subject<'a> {
    pub(in crate::dav) entry: &'a Entry,
    /// Label; the entry's own name but for the root.
    pub(in crate::dav) name: &'a str,
    pub(in crate::dav) quota: Option<Quota>,
    /// What clients stored of it.
    pub(in crate::dav) notes: Option<&'a ItemProperties>,
    /// `activelock` elements.
    pub(in crate::dav) locks: &'a str,
}

/// A request's properties, worked out once for all resources of the answer.
#[derive(Debug)]
pub(in crate::dav) struct Plan {
    live: Vec<LiveProperty>,
    /// Properties that the server does not compute, each with its element.
    others: Vec<(PropName, Vec<u8>)>,
    /// Stored properties are given although nobody named them.
    all_stored: bool,
    /// Report what is missing, as a request by name does.
    report_missing: bool,
    names_only: bool,
}

impl Plan {
    pub(in crate::dav) fn new(request: &Propfind) -> Self {
        let (base, asked, report_missing): (&[LiveProperty], &[PropName], bool) = match request {
            Propfind::AllProp(include) => (ALLPROP, include, true),
            Propfind::PropName => (&EVERY, &[], false),
            Propfind::Prop(names) => (&[], names, true),
        };
        let mut plan = Self {
            live: base.to_vec(),
            others: Vec::new(),
            all_stored: matches!(request, Propfind::AllProp(_) | Propfind::PropName),
            report_missing,
            names_only: *request == Propfind::PropName,
        };
        for name in asked {
            match LiveProperty::of(name) {
                Some(live) if plan.live.contains(&live) => {}
                Some(live) => plan.live.push(live),
                None => {
                    let mut element = Vec::new();
                    push_unknown(&mut element, name);
                    plan.others.push((name.clone(), element));
                }
            }
        }
        // Only what was asked for by name is reported as missing.
        if matches!(request, Propfind::AllProp(include) if include.is_empty()) {
            plan.report_missing = false;
        }
        plan
    }

    /// Whether the account's space is needed.
    pub(in crate::dav) fn wants_quota(&self) -> bool {
        self.live.iter().any(|live| matches!(live, LiveProperty::QuotaAvailable | LiveProperty::QuotaUsed))
    }

    /// Appends the propstat elements of one resource.
    pub(in crate::dav) fn write(&self, out: &mut Vec<u8>, subject: Subject<'_>) {
        let begin = out.len();
        out.extend_from_slice(b"<D:propstat><D:prop>");
        let first = out.len();
        let mut missing: u32 = 0;
        for (at, live) in self.live.iter().enumerate() {
            let before = out.len();
            if !write_property(out, *live, subject) {
                missing |= 1 << at;
            } else if self.names_only {
                out.truncate(before);
                push_empty(out, live.tag());
            }
        }
        let absent = self.write_stored(out, subject);
        let report = self.report_missing && (missing != 0 || !absent.is_empty());
        if out.len() > first || !report {
            out.extend_from_slice(b"</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>");
        } else {
            out.truncate(begin);
        }
        if report {
            out.extend_from_slice(b"<D:propstat><D:prop>");
            for (at, live) in self.live.iter().enumerate() {
                if missing & (1 << at) != 0 {
                    push_empty(out, live.tag());
                }
            }
            absent.iter().for_each(|element| out.extend_from_slice(element));
            out.extend_from_slice(b"</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>");
        }
    }

    /// Appends stored properties; gives the elements of those asked for that are not there.
    fn write_stored(&self, out: &mut Vec<u8>, subject: Subject<'_>) -> Vec<&[u8]> {
        let stored = || subject.notes.into_iter().flat_map(ItemProperties::visible);
        let mut absent = Vec::new();
        for (name, element) in &self.others {
            match stored().find(|row| row.namespace == name.namespace && row.name == name.name) {
                Some(row) => out.extend_from_slice(row.xml.as_bytes()),
                None => absent.push(element.as_slice()),
            }
        }
        if self.all_stored {
            for row in stored() {
                if self.names_only {
                    push_unknown(out, &PropName { namespace: row.namespace.clone(), name: row.name.clone() });
                } else {
                    out.extend_from_slice(row.xml.as_bytes());
                }
            }
        }
        absent
    }
}

fn push_empty(out: &mut Vec<u8>, tag: &str) {
    out.push(b'<');
    out.extend_from_slice(tag.as_bytes());
    out.extend_from_slice(b"/>");
}

/// Appends the empty element of a name.
pub(in crate::dav) fn push_unknown(out: &mut Vec<u8>, name: &PropName) {
    // Element names come from well-formed XML; only the namespace can hold what needs escaping.
    let element = if name.namespace.is_empty() {
        format!("<{}/>", name.name)
    } else {
        format!("<x:{} xmlns:x=\"{}\"/>", name.name, quick_xml::escape::escape(name.namespace.as_str()))
    };
    out.extend_from_slice(element.as_bytes());
}

/// Appends the property with its value; false where the resource has none.
fn write_property(out: &mut Vec<u8>, live: LiveProperty, subject: Subject<'_>) -> bool {
    let entry = subject.entry;
    let folder = entry.is_folder();
    match live {
        LiveProperty::ResourceType => {
            out.extend_from_slice(if folder { COLLECTION } else { b"<D:resourcetype/>" });
            true
        }
        LiveProperty::SupportedLock => element(out, live, |out| out.extend_from_slice(SUPPORTED_LOCKS)),
        LiveProperty::LockDiscovery => element(out, live, |out| out.extend_from_slice(subject.locks.as_bytes())),
        LiveProperty::DisplayName => element(out, live, |out| push_text(out, subject.name)),
        LiveProperty::ContentLength => optional(out, live, entry.size.filter(|_| !folder), push_display),
        LiveProperty::ContentType => {
            optional(out, live, entry.mime(), |out, mime| out.extend_from_slice(mime.as_bytes()))
        }
        LiveProperty::Etag => write_etag(out, entry),
        LiveProperty::LastModified => {
            let modified = subject.notes.and_then(|notes| notes.modified).unwrap_or(entry.modified);
            element(out, live, |out| push_http_date(out, modified.seconds()))
        }
        LiveProperty::CreationDate => element(out, live, |out| push_rfc3339(out, entry.created.seconds())),
        LiveProperty::Checksums => optional(out, live, entry.sha1, push_sha1),
        LiveProperty::QuotaAvailable => optional(out, live, subject.quota.map(|quota| quota.available), push_display),
        LiveProperty::QuotaUsed => optional(out, live, subject.quota.map(|quota| quota.used), push_display),
    }
}

/// Written straight into the document: most entries are asked for theirs.
fn write_etag(out: &mut Vec<u8>, entry: &Entry) -> bool {
    let live = LiveProperty::Etag;
    let before = out.len();
    element(out, live, |out| entry.push_etag(out));
    let empty = out.len() == before + 2 * live.tag().len() + 5;
    if empty {
        out.truncate(before);
    }
    !empty
}

/// The element of what not every resource has.
fn optional<T>(out: &mut Vec<u8>, live: LiveProperty, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) -> bool {
    value.is_some_and(|value| element(out, live, |out| write(out, value)))
}

fn element(out: &mut Vec<u8>, live: LiveProperty, value: impl FnOnce(&mut Vec<u8>)) -> bool {
    let tag = live.tag().as_bytes();
    out.push(b'<');
    out.extend_from_slice(tag);
    out.push(b'>');
    value(out);
    out.extend_from_slice(b"</");
    out.extend_from_slice(tag);
    out.push(b'>');
    true
}
