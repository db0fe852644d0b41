//! Properties that clients store (dead properties, RFC 4918, section 4), by file id, so that they follow a
//! move and an overwrite. Which items have any is in memory, eight bytes each; the properties are read from the store, and
//! those that were looked at last are kept.
//!
//! Where several instances share the store they tell each other whose properties they have changed; each change is
//! made from what the store has, by one instance at a time.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use crate::clock::UnixMillis;
use crate::dav::prop_name::PropName;
use crate::drive::{Entry, Path};
use crate::state::{self, Change, Lease, LeaseKey, Leases, PropertyRow, Store};

/// Most stored properties of one item.
const MAX_OF_ONE: usize = 256;

/// Bytes of stored properties that stay in memory.
const MEMORY: u64 = 8 << 20;

/// How long another instance that changes an item's is waited for; it takes a few statements.
const LONGEST_TURN: Duration = Duration::from_secs(10);

/// The property that holds a time of modification which the drive cannot: `DAV:lastmodified`.
const LAST_MODIFIED: &str = "lastmodified";

/// What clients stored of one item.
#[derive(Debug, Clone, Default)]
pub(in crate::dav) struct ItemProperties {
    pub(in crate::dav) properties: Vec<PropertyRow>,
    /// Time of modification that a client set afterwards.
    pub(in crate::dav) modified: Option<UnixMillis>,
}

impl ItemProperties {
    fn of(properties: Vec<PropertyRow>) -> Self {
        let modified = properties.iter().find(|p| p.namespace == "DAV:" && p.name == LAST_MODIFIED);
        Self { modified: modified.and_then(|p| p.xml.parse().ok()).map(UnixMillis), properties }
    }

    /// About how many bytes they take.
    fn size(&self) -> usize {
        let text = |p: &PropertyRow| p.file_id.len() + p.namespace.len() + p.name.len() + p.xml.len();
        self.properties.iter().map(|p| size_of::<PropertyRow>() + text(p)).sum()
    }

    /// Properties that a client can ask for.
    pub(in crate::dav) fn visible(&self) -> impl Iterator<Item = &PropertyRow> {
        self.properties.iter().filter(|p| !(p.namespace == "DAV:" && p.name == LAST_MODIFIED))
    }
}

/// One change of a PROPPATCH.
#[derive(Debug, Clone)]
pub(in crate::dav) enum Patch {
    /// The whole element as XML.
    Set(PropName, String),
    Remove(PropName),
    /// The time of modification.
    Modified(UnixMillis),
}

/// By what an item's properties are kept: its id. The roots of all drives have one and the same, and a folder that is
/// there only because mounts lie below it has none: these are known by their path in the whole tree.
pub(in crate::dav) fn property_key(entry: &Entry, path: impl FnOnce() -> Path) -> Cow<'_, str> {
    match &*entry.file_id {
        "" | "root" => format!("root:{}", path()).into(),
        id => id.into(),
    }
}

pub(in crate::dav) struct DeadProperties {
    store: Store,
    leases: Leases,
    /// Hashes of the ids of items that have any: most have none, and the store is not asked about each of a listing.
    items: RwLock<HashSet<u64>>,
    hasher: RandomState,
    recent: moka::sync::Cache<String, Arc<ItemProperties>>,
    /// One change or reading at a time, so that memory and disk agree.
    change: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for DeadProperties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadProperties").field("items", &self.items.read().len()).finish_non_exhaustive()
    }
}

impl DeadProperties {
    pub(in crate::dav) async fn load(store: Store) -> Result<Arc<Self>, state::Error> {
        let changes = store.changes();
        let size =
            |id: &String, notes: &Arc<ItemProperties>| u32::try_from(id.len() + notes.size()).unwrap_or(u32::MAX);
        let stored = Arc::new(Self {
            leases: store.leases(),
            store,
            items: RwLock::default(),
            hasher: RandomState::new(),
            recent: moka::sync::Cache::builder().max_capacity(MEMORY).weigher(size).build(),
            change: tokio::sync::Mutex::default(),
        });
        changes.hand_to(&stored, Self::hear);
        stored.find_items().await?;
        Ok(stored)
    }

    /// Reads which items have any.
    async fn find_items(&self) -> Result<(), state::Error> {
        let mut items = HashSet::new();
        let note = |id: &str| {
            items.insert(self.hasher.hash_one(id));
        };
        self.store.items_with_properties(note).await?;
        self.items.write().extend(items);
        Ok(())
    }

    /// Takes over what another instance has told.
    async fn hear(self: Arc<Self>, change: Change) {
        match change {
            Change::Row { table, key } if table == "properties" => {
                // That an item has any is only where to look.
                self.items.write().insert(self.hasher.hash_one(&key));
                self.recent.invalidate(&key);
            }
            Change::Unknown => {
                self.recent.invalidate_all();
                log_failure(self.find_items().await);
            }
            _ => {}
        }
    }

    /// The turn to change an item's among all instances.
    async fn turn(&self, file_id: &str) -> Result<Lease, state::Error> {
        self.leases.all(&[LeaseKey::new("properties", &[file_id])], LONGEST_TURN).await
    }

    /// Whether an item has any.
    pub(in crate::dav) fn has(&self, file_id: &str) -> bool {
        let items = self.items.read();
        !items.is_empty() && items.contains(&self.hasher.hash_one(file_id))
    }

    /// What is stored of those items that have anything.
    pub(in crate::dav) async fn of(
        &self,
        file_ids: Vec<String>,
    ) -> Result<HashMap<String, Arc<ItemProperties>>, state::Error> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for id in file_ids.into_iter().filter(|id| self.has(id)) {
            match self.recent.get(&id) {
                Some(notes) => drop(found.insert(id, notes)),
                None => missing.push(id),
            }
        }
        if !missing.is_empty() {
            let _change = self.change.lock().await;
            found.extend(self.read(&missing).await?);
        }
        Ok(found)
    }

    async fn one(&self, file_id: &str) -> Result<Option<Arc<ItemProperties>>, state::Error> {
        Ok(self.of(vec![file_id.to_owned()]).await?.remove(file_id))
    }

    /// Whether an item may have any: what another instance has put there may not have been told yet.
    fn may_have(&self, file_id: &str) -> bool {
        self.leases.are_shared() || self.has(file_id)
    }

    /// From the store, by whoever may change.
    async fn read(&self, ids: &[String]) -> Result<HashMap<String, Arc<ItemProperties>>, state::Error> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).filter(|id| self.may_have(id)).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut by_item: HashMap<String, Vec<PropertyRow>> = HashMap::new();
        for row in self.store.properties_of(&ids).await? {
            by_item.entry(row.file_id.clone()).or_default().push(row);
        }
        let found =
            by_item.into_iter().map(|(id, rows)| (id, Arc::new(ItemProperties::of(rows)))).collect::<HashMap<_, _>>();
        for (id, notes) in &found {
            self.recent.insert(id.clone(), notes.clone());
        }
        Ok(found)
    }

    /// The same for one item.
    async fn read_one(&self, file_id: &str) -> Result<Option<Arc<ItemProperties>>, state::Error> {
        Ok(self.read(&[file_id.to_owned()]).await?.remove(file_id))
    }

    /// An item's time of modification, a client's where one set it. While the store fails it is the drive's.
    pub(in crate::dav) async fn modified(&self, entry: &Entry) -> UnixMillis {
        let notes = self.one(&entry.file_id).await.unwrap_or_else(|error| {
            tracing::error!(%error, "stored properties could not be read");
            None
        });
        notes.and_then(|notes| notes.modified).unwrap_or(entry.modified)
    }

    /// Carries out a PROPPATCH, all of it or nothing; false if the item would have too many.
    pub(in crate::dav) async fn patch(&self, file_id: &str, patches: &[Patch]) -> Result<bool, state::Error> {
        let _change = self.change.lock().await;
        let _turn = self.turn(file_id).await?;
        let before = self.read_one(file_id).await?;
        let mut rows = before.map(|notes| notes.properties.clone()).unwrap_or_default();
        for patch in patches {
            let (namespace, name, xml) = match patch {
                Patch::Set(name, xml) => (name.namespace.as_str(), name.name.as_str(), Some(xml.clone())),
                Patch::Remove(name) => (name.namespace.as_str(), name.name.as_str(), None),
                Patch::Modified(moment) => ("DAV:", LAST_MODIFIED, Some(moment.0.to_string())),
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

    /// The item's successor takes its properties over; with `keep_old` the old one keeps them, and the
    /// time that a client set is taken over too.
    pub(in crate::dav) async fn follow(&self, old: &str, new: &str, keep_old: bool) -> Result<(), state::Error> {
        let _change = self.change.lock().await;
        let Some(notes) = self.read_one(old).await? else { return Ok(()) };
        let rename = |row: &PropertyRow| PropertyRow { file_id: new.to_owned(), ..row.clone() };
        let rows = if keep_old {
            notes.properties.iter().map(rename).collect()
        } else {
            notes.visible().map(rename).collect()
        };
        self.put(new, rows).await?;
        if keep_old { Ok(()) } else { self.put(old, Vec::new()).await }
    }

    pub(in crate::dav) async fn forget(&self, file_id: &str) -> Result<(), state::Error> {
        if !self.may_have(file_id) {
            return Ok(());
        }
        let _change = self.change.lock().await;
        self.put(file_id, Vec::new()).await
    }

    async fn put(&self, file_id: &str, rows: Vec<PropertyRow>) -> Result<(), state::Error> {
        self.store.save_properties(file_id, &rows).await?;
        let mark = self.hasher.hash_one(file_id);
        if rows.is_empty() {
            self.items.write().remove(&mark);
            self.recent.invalidate(file_id);
        } else {
            self.items.write().insert(mark);
            self.recent.insert(file_id.to_owned(), Arc::new(ItemProperties::of(rows)));
        }
        Ok(())
    }
}

/// Stored properties are worth less than the content they belong to.
pub(in crate::dav) fn log_failure(result: Result<(), state::Error>) {
    if let Err(error) = result {
        tracing::error!(%error, "stored properties could not be kept");
    }
}
