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
enum Live {
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

const EVERY: [Live; 12] = [
    Live::ResourceType,
    Live::DisplayName,
    Live::ContentLength,
    Live::ContentType,
    Live::Etag,
    Live::LastModified,
    Live::CreationDate,
    Live::SupportedLock,
    Live::LockDiscovery,
    Live::QuotaAvailable,
    Live::QuotaUsed,
    Live::Checksums,
];

/// Those that allprop gives: not the quota (RFC 4331), nor what lies outside RFC 4918.
const ALLPROP: &[Live] = EVERY.split_at(9).0;

impl Live {
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
    live: Vec<Live>,
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
        let (base, asked, report_missing): (&[Live], &[PropName], bool) = match request {
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
            match Live::of(name) {
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
        self.live.iter().any(|live| matches!(live, Live::QuotaAvailable | Live::QuotaUsed))
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
fn write_property(out: &mut Vec<u8>, live: Live, subject: Subject<'_>) -> bool {
    let entry = subject.entry;
    match live {
        Live::ResourceType if entry.is_folder() => {
            out.extend_from_slice(b"<D:resourcetype><D:collection/></D:resourcetype>");
            return true;
        }
        Live::ResourceType => {
            push_empty(out, live.tag());
            return true;
        }
        Live::SupportedLock => return element(out, live, |out| out.extend_from_slice(SUPPORTED_LOCKS)),
        Live::LockDiscovery => return element(out, live, |out| out.extend_from_slice(subject.locks.as_bytes())),
        Live::DisplayName => return element(out, live, |out| push_text(out, subject.name)),
        _ => {}
    }
    let folder = entry.is_folder();
    let modified = subject.notes.and_then(|notes| notes.modified).unwrap_or(entry.modified);
    match live {
        Live::ContentLength => match entry.size.filter(|_| !folder) {
            Some(size) => element(out, live, |out| push_display(out, size)),
            None => false,
        },
        Live::ContentType => match entry.mime() {
            Some(mime) => element(out, live, |out| out.extend_from_slice(mime.as_bytes())),
            None => false,
        },
        Live::Etag => {
            let before = out.len();
            element(out, live, |out| entry.push_etag(out));
            let empty = out.len() == before + 2 * live.tag().len() + 5;
            if empty {
                out.truncate(before);
            }
            !empty
        }
        Live::LastModified => element(out, live, |out| push_http_date(out, modified.seconds())),
        Live::CreationDate => element(out, live, |out| push_rfc3339(out, entry.created.seconds())),
        Live::Checksums => match entry.sha1 {
            Some(sha1) => element(out, live, |out| push_sha1(out, sha1)),
            None => false,
        },
        Live::QuotaAvailable => match subject.quota {
            Some(quota) => element(out, live, |out| push_display(out, quota.available)),
            None => false,
        },
        Live::QuotaUsed => match subject.quota {
            Some(quota) => element(out, live, |out| push_display(out, quota.used)),
            None => false,
        },
        Live::ResourceType | Live::DisplayName | Live::SupportedLock | Live::LockDiscovery => false,
    }
}

fn element(out: &mut Vec<u8>, live: Live, value: impl FnOnce(&mut Vec<u8>)) -> bool {
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
