//! Writes the answer of PROPFIND (RFC 4918, section 14.16), some ten thousand bytes at a time.
//!
//! The listing is complete before the first byte is written, and is shared with the cache: a folder of
//! a hundred thousand members needs one buffer, not a document. Written as bytes, not through an XML
//! writer's events: the element names are constants, and everything variable is escaped where it is
//! written (`properties`, `href`).

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::dav::propfind::plan::{Plan, Subject};
use crate::dav::store::dead_properties::{ItemProperties, property_key};
use crate::dav::store::locks;
use crate::drive::{Entry, Members, Path, Quota, Tree};
use crate::protocol::body::BodyError;
use crate::protocol::href::push_name;
use crate::state::LockRow;

/// A piece of the document is handed on when it has grown to this.
const PIECE: usize = 48 << 10;

const HEAD: &[u8] = b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
    <D:multistatus xmlns:D=\"DAV:\" xmlns:oc=\"http://owncloud.org/ns\">";
const TAIL: &[u8] = b"</D:multistatus>\n";

/// The resource that was asked about.
#[derive(Debug)]
pub(in crate::dav) struct Requested {
    /// Encoded, with a slash at the end for a folder.
    pub(in crate::dav) href: String,
    pub(in crate::dav) entry: Arc<Entry>,
    /// Label; not empty.
    pub(in crate::dav) name: String,
    pub(in crate::dav) quota: Option<Quota>,
    /// In the whole tree.
    pub(in crate::dav) path: Path,
}

/// The members of one folder.
#[derive(Debug)]
pub(in crate::dav) struct Section {
    /// The folder's href, with its slash.
    pub(in crate::dav) href: String,
    /// In the whole tree.
    pub(in crate::dav) path: Path,
    pub(in crate::dav) members: Members,
}

/// What clients left at the resources: stored properties and locks.
#[derive(Debug)]
pub(in crate::dav) struct Extras {
    /// By what they are kept by.
    pub(in crate::dav) notes: HashMap<String, Arc<ItemProperties>>,
    pub(in crate::dav) locks: Vec<LockRow>,
    pub(in crate::dav) tree: Tree,
    pub(in crate::dav) base: Path,
    pub(in crate::dav) prefix: Arc<str>,
}

impl Extras {
    fn notes(&self, entry: &Entry, path: impl FnOnce() -> Path) -> Option<Arc<ItemProperties>> {
        if self.notes.is_empty() { None } else { self.notes.get(&*property_key(entry, path)).cloned() }
    }

    fn locks(&self, path: impl FnOnce() -> Path) -> String {
        if self.locks.is_empty() {
            String::new()
        } else {
            locks::discovery(&self.locks, &self.tree.names(&path()), &self.base, &self.prefix)
        }
    }
}

/// The document as a body.
#[derive(Debug)]
pub(in crate::dav) struct Multistatus {
    plan: Plan,
    extras: Extras,
    requested: Option<Requested>,
    sections: std::vec::IntoIter<Section>,
    current: Option<(Section, usize)>,
    ended: bool,
}

impl Multistatus {
    pub(in crate::dav) fn new(plan: Plan, extras: Extras, requested: Requested, sections: Vec<Section>) -> Self {
        let mut sections = sections.into_iter();
        let current = sections.next().map(|section| (section, 0));
        Self { plan, extras, requested: Some(requested), sections, current, ended: false }
    }

    /// The next piece; absent after the last.
    pub(in crate::dav) fn piece(&mut self) -> Option<Vec<u8>> {
        if self.ended {
            return None;
        }
        let mut out = Vec::with_capacity(PIECE + (PIECE >> 3));
        if let Some(requested) = self.requested.take() {
            out.extend_from_slice(HEAD);
            let notes = self.extras.notes(&requested.entry, || requested.path.clone());
            let locks = self.extras.locks(|| requested.path.clone());
            let subject = Subject {
                entry: &requested.entry,
                name: &requested.name,
                quota: requested.quota,
                notes: notes.as_deref(),
                locks: &locks,
            };
            begin(&mut out, requested.href.as_bytes(), None);
            self.plan.write(&mut out, subject);
            end(&mut out);
        }
        while out.len() < PIECE {
            if !self.member(&mut out) {
                out.extend_from_slice(TAIL);
                self.ended = true;
                break;
            }
        }
        Some(out)
    }

    /// Appends the next member's response; false when there is none left.
    fn member(&mut self, out: &mut Vec<u8>) -> bool {
        while let Some((section, position)) = &mut self.current {
            if *position >= section.members.positions() {
                self.current = self.sections.next().map(|section| (section, 0));
                continue;
            }
            let at = *position;
            *position += 1;
            if let Some(entry) = section.members.get(at) {
                let notes = self.extras.notes(entry, || section.path.join(&entry.name));
                let locks = self.extras.locks(|| section.path.join(&entry.name));
                let subject = Subject { entry, name: &entry.name, quota: None, notes: notes.as_deref(), locks: &locks };
                begin(out, section.href.as_bytes(), Some(entry));
                self.plan.write(out, subject);
                end(out);
                return true;
            }
        }
        false
    }
}

fn begin(out: &mut Vec<u8>, href: &[u8], member: Option<&Entry>) {
    out.extend_from_slice(b"<D:response><D:href>");
    out.extend_from_slice(href);
    if let Some(entry) = member {
        push_name(out, &entry.name);
        if entry.is_folder() {
            out.push(b'/');
        }
    }
    out.extend_from_slice(b"</D:href>");
}

fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</D:response>");
}

impl http_body::Body for Multistatus {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.piece().map(|piece| Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
