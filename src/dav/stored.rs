//! Properties that clients store (dead properties, RFC 4918, section 4), by file id, so that they follow a
//! move and an overwrite. All of them are in memory too: a listing must not pay for them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::propfind_request::PropName;
use crate::drive::{Entry, Path};
use crate::state::{self, PropertyRow, Store};

/// Most stored properties of one item.
const MAX_OF_ONE: usize = 256;

/// The property that holds a time of modification which the drive cannot: `DAV:lastmodified`.
const LAST_MODIFIED: &str = "lastmodified";

/// What clients stored of one item.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    pub(super) properties: Vec<PropertyRow>,
    /// Time of modification that a client set afterwards, Unix milliseconds.
    pub(super) modified_ms: Option<i64>,
}

impl Notes {
    fn of(properties: Vec<PropertyRow>) -> Self {
        let modified = properties.iter().find(|p| p.namespace == "DAV:" && p.name == LAST_MODIFIED);
        Self { modified_ms: modified.and_then(|p| p.xml.parse().ok()), properties }
    }

    /// Properties that a client can ask for.
    pub(super) fn visible(&self) -> impl Iterator<Item = &PropertyRow> {
        self.properties.iter().filter(|p| !(p.namespace == "DAV:" && p.name == LAST_MODIFIED))
    }
}

/// One change of a PROPPATCH.
#[derive(Debug, Clone)]
pub(super) enum Patch {
    /// The whole element as XML.
    Set(PropName, String),
    Remove(PropName),
    /// Unix milliseconds.
    Modified(i64),
}

/// By what an item's properties are kept: its id. The roots of all drives have one and the same, and a folder that is
/// there only because mounts lie below it has none: these are known by their path in the whole tree.
pub(super) fn key(entry: &Entry, path: impl FnOnce() -> Path) -> Cow<'_, str> {
    match &*entry.file_id {
        "" | "root" => format!("root:{}", path()).into(),
        id => id.into(),
    }
}

#[derive(Debug)]
pub(super) struct Stored {
    store: Store,
    items: RwLock<HashMap<String, Arc<Notes>>>,
    /// One change at a time, so that memory and disk agree.
    change: tokio::sync::Mutex<()>,
}

impl Stored {
    pub(super) async fn load(store: Store) -> Result<Self, state::Error> {
        let mut by_item: HashMap<String, Vec<PropertyRow>> = HashMap::new();
        for row in store.properties().await? {
            by_item.entry(row.file_id.clone()).or_default().push(row);
        }
        let items = by_item.into_iter().map(|(id, rows)| (id, Arc::new(Notes::of(rows)))).collect();
        Ok(Self { store, items: RwLock::new(items), change: tokio::sync::Mutex::default() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.read().is_empty()
    }

    pub(super) fn of(&self, file_id: &str) -> Option<Arc<Notes>> {
        self.items.read().get(file_id).cloned()
    }

    /// An item's time of modification, a client's where one set it.
    pub(super) fn modified_ms(&self, entry: &Entry) -> i64 {
        self.of(&entry.file_id).and_then(|notes| notes.modified_ms).unwrap_or(entry.modified_ms)
    }

    /// Carries out a PROPPATCH, all of it or nothing; false if the item would have too many.
    pub(super) async fn patch(&self, file_id: &str, patches: &[Patch]) -> Result<bool, state::Error> {
        let _change = self.change.lock().await;
        let mut rows = self.of(file_id).map(|notes| notes.properties.clone()).unwrap_or_default();
        for patch in patches {
            let (namespace, name, xml) = match patch {
                Patch::Set(name, xml) => (name.namespace.as_str(), name.name.as_str(), Some(xml.clone())),
                Patch::Remove(name) => (name.namespace.as_str(), name.name.as_str(), None),
                Patch::Modified(ms) => ("DAV:", LAST_MODIFIED, Some(ms.to_string())),
            };
            rows.retain(|row| row.namespace != namespace || row.name != name);
            if let Some(xml) = xml {
                rows.push(PropertyRow {
                    file_id: file_id.to_owned(),
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    xml,
                });
            }
        }
        if rows.len() > MAX_OF_ONE {
            return Ok(false);
        }
        self.put(file_id, rows).await?;
        Ok(true)
    }

    /// The item's successor takes its properties over; `times` says whether its set time too.
    pub(super) async fn follow(&self, old: &str, new: &str, keep_old: bool) -> Result<(), state::Error> {
        let _change = self.change.lock().await;
        let Some(notes) = self.of(old) else { return Ok(()) };
        let rename = |row: &PropertyRow| PropertyRow { file_id: new.to_owned(), ..row.clone() };
        let rows = if keep_old {
            notes.properties.iter().map(rename).collect()
        } else {
            notes.visible().map(rename).collect()
        };
        self.put(new, rows).await?;
        if keep_old { Ok(()) } else { self.put(old, Vec::new()).await }
    }

    pub(super) async fn forget(&self, file_id: &str) -> Result<(), state::Error> {
        if self.of(file_id).is_none() {
            return Ok(());
        }
        let _change = self.change.lock().await;
        self.put(file_id, Vec::new()).await
    }

    async fn put(&self, file_id: &str, rows: Vec<PropertyRow>) -> Result<(), state::Error> {
        self.store.save_properties(file_id, &rows).await?;
        let mut items = self.items.write();
        if rows.is_empty() {
            items.remove(file_id);
        } else {
            items.insert(file_id.to_owned(), Arc::new(Notes::of(rows)));
        }
        Ok(())
    }
}
