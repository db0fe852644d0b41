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

use super::locks;
use super::properties::{Plan, Subject};
use super::stored::{Notes, key};
use crate::drive::{Entry, Members, Path, Quota};
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
pub(super) struct Requested {
    /// Encoded, with a slash at the end for a folder.
    pub(super) href: String,
    pub(super) entry: Arc<Entry>,
    /// Label; not empty.
    pub(super) name: String,
    pub(super) quota: Option<Quota>,
    /// In the whole tree.
    pub(super) path: Path,
}

/// The members of one folder.
#[derive(Debug)]
pub(super) struct Section {
    /// The folder's href, with its slash.
    pub(super) href: String,
    /// In the whole tree.
    pub(super) path: Path,
    pub(super) members: Members,
}

/// What clients left at the resources: stored properties and locks.
#[derive(Debug)]
pub(super) struct Extras {
    /// By what they are kept by.
    pub(super) notes: HashMap<String, Arc<Notes>>,
    pub(super) locks: Vec<LockRow>,
    pub(super) base: Path,
    pub(super) prefix: Arc<str>,
}

impl Extras {
    fn notes(&self, entry: &Entry, path: impl FnOnce() -> Path) -> Option<Arc<Notes>> {
        if self.notes.is_empty() { None } else { self.notes.get(&*key(entry, path)).cloned() }
    }

    fn locks(&self, path: impl FnOnce() -> Path) -> String {
        if self.locks.is_empty() {
            String::new()
        } else {
            locks::discovery(&self.locks, &path(), &self.base, &self.prefix)
        }
    }
}

/// The document as a body.
#[derive(Debug)]
pub(super) struct Multistatus {
    plan: Plan,
    extras: Extras,
    requested: Option<Requested>,
    sections: std::vec::IntoIter<Section>,
    current: Option<(Section, usize)>,
    ended: bool,
}

impl Multistatus {
    pub(super) fn new(plan: Plan, extras: Extras, requested: Requested, sections: Vec<Section>) -> Self {
        let mut sections = sections.into_iter();
        let current = sections.next().map(|section| (section, 0));
        Self { plan, extras, requested: Some(requested), sections, current, ended: false }
    }

    /// The next piece; absent after the last.
    pub(super) fn piece(&mut self) -> Option<Vec<u8>> {
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
