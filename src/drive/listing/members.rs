//! A folder's complete listing and what of it a caller sees.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::drive::entry::Entry;
use crate::drive::path::other_forms;
use crate::upstream::Item;

/// A folder's complete listing at one moment.
///
/// Entries are shared between one listing and the next: a change of our own to a folder of a hundred thousand
/// copies their addresses.
#[derive(Debug, Clone)]
pub(in crate::drive) struct Listing {
    /// In the service's order, each name once.
    entries: Vec<Arc<Entry>>,
    /// Positions in `entries` in order of name, for look-ups.
    by_name: Vec<u32>,
    /// Members whose name a newer one bears, the newest first.
    hidden: Vec<Arc<Entry>>,
    /// When the first page was asked for: what changed later may be missing.
    pub(in crate::drive) asked_at: Instant,
}

impl Listing {
    /// Takes all entries of a folder; where two share a name the newest is kept and the log names the other.
    pub(in crate::drive) fn new(entries: Vec<Arc<Entry>>, asked_at: Instant) -> Self {
        let listing = Self::sorted(entries, asked_at);
        for other in &listing.hidden {
            let served = listing.find_exact(&other.name).map(|served| &served.file_id);
            tracing::warn!(name = %other.name, ?served, hidden = %other.file_id,
                "two items of one name in a folder: the newest is served");
        }
        listing
    }

    fn sorted(entries: Vec<Arc<Entry>>, asked_at: Instant) -> Self {
        let (entries, hidden) = by_newest(entries);
        let mut by_name: Vec<u32> = (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
        by_name.sort_unstable_by(|a, b| entries[*a as usize].name.cmp(&entries[*b as usize].name));
        Self { entries, by_name, hidden, asked_at }
    }

    /// The member of that name, or of its NFC/NFD twin.
    pub(in crate::drive) fn find(&self, name: &str) -> Option<&Arc<Entry>> {
        self.find_exact(name)
            .or_else(|| other_forms(name).find_map(|twin| self.find_exact(&twin)))
            .or_else(|| self.find_live_photo(name))
    }

    /// Whether the listing has the item as the service tells it now.
    pub(in crate::drive) fn shows(&self, item: &Item) -> bool {
        let told = Entry::from(item);
        let same = |entry: &Arc<Entry>| {
            (&entry.file_id, &entry.name, entry.size, entry.sha1, entry.frozen)
                == (&told.file_id, &told.name, told.size, told.sha1, told.frozen)
        };
        self.find_exact(&told.name).is_some_and(same) || self.hidden.iter().any(same)
    }

    /// The member of that name, or of its twin, that would be served if those that are skipped were not there.
    pub(in crate::drive) fn other(&self, name: &str, skipped: impl Fn(&Entry) -> bool) -> Option<&Arc<Entry>> {
        let is_other = |entry: &&Arc<Entry>| !skipped(entry);
        let named = |name: &str| {
            let hidden = || self.hidden.iter().filter(is_other).find(|entry| *entry.name == *name);
            self.find_exact(name).filter(is_other).or_else(hidden)
        };
        named(name).or_else(|| other_forms(name).find_map(|twin| named(&twin)))
    }

    fn find_exact(&self, name: &str) -> Option<&Arc<Entry>> {
        let rank = self.rank(name).ok()?;
        Some(&self.entries[self.by_name[rank] as usize])
    }

    /// Where a name is in `by_name`, or where it would be.
    fn rank(&self, name: &str) -> Result<usize, usize> {
        self.by_name.binary_search_by(|at| (*self.entries[*at as usize].name).cmp(name))
    }

    /// A live photo is listed by its stream's name; its own name (`.livp`) finds it too.
    fn find_live_photo(&self, name: &str) -> Option<&Arc<Entry>> {
        let stem = crate::drive::listing::live_photo::stem(name)?;
        self.entries.iter().find(|e| e.livp.is_some() && crate::drive::listing::live_photo::shown_as(&e.name, stem))
    }

    /// Whether the item of that id is a member.
    pub(in crate::drive) fn holds(&self, file_id: &str) -> bool {
        self.place_of(file_id).is_some() || self.hidden.iter().any(|entry| *entry.file_id == *file_id)
    }

    /// The members.
    pub(in crate::drive) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter()
    }

    /// What bears the name of a newer member, which alone is shown.
    pub(in crate::drive) fn hidden(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.hidden.iter()
    }

    /// The folders among the members.
    pub(in crate::drive) fn folders(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(|entry| entry.is_folder())
    }

    pub(in crate::drive) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The listing after one of our own changes.
    pub(in crate::drive) fn with(&self, change: &Change) -> Self {
        match change {
            Change::Put(entry) => self.with_entry(entry),
            Change::Remove(id) => self.without(id),
        }
    }

    fn place_of(&self, file_id: &str) -> Option<usize> {
        self.entries.iter().position(|entry| *entry.file_id == *file_id)
    }

    fn with_entry(&self, entry: &Arc<Entry>) -> Self {
        if !self.hidden.is_empty() {
            return self.sorted_anew(&entry.file_id, Some(entry));
        }
        let mut next = self.clone();
        match (self.place_of(&entry.file_id), self.rank(&entry.name)) {
            (Some(place), _) if self.entries[place].name == entry.name => next.entries[place] = entry.clone(),
            (None, Err(rank)) => {
                next.by_name.insert(rank, u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
                next.entries.push(entry.clone());
            }
            // Another name, or one that is taken: rare enough to be sorted anew.
            (place, _) => {
                match place {
                    Some(place) => next.entries[place] = entry.clone(),
                    None => next.entries.push(entry.clone()),
                }
                next = Self::sorted(next.entries, self.asked_at);
            }
        }
        next
    }

    /// Without the item of that id and with the one given: another of its name may come to light.
    fn sorted_anew(&self, file_id: &str, entry: Option<&Arc<Entry>>) -> Self {
        let all = self.entries.iter().chain(&self.hidden).filter(|other| *other.file_id != *file_id);
        Self::sorted(all.chain(entry).cloned().collect(), self.asked_at)
    }

    fn without(&self, file_id: &str) -> Self {
        if !self.hidden.is_empty() {
            return self.sorted_anew(file_id, None);
        }
        let mut next = self.clone();
        let Some(place) = self.place_of(file_id) else { return next };
        next.entries.remove(place);
        next.by_name.retain(|at| *at as usize != place);
        for at in next.by_name.iter_mut().filter(|at| **at as usize > place) {
            *at -= 1;
        }
        next
    }
}

/// One of our own changes to a folder's members.
#[derive(Debug, Clone)]
pub(in crate::drive) enum Change {
    /// The entry is there now, in place of one of its id.
    Put(Arc<Entry>),
    /// The entry of that id is gone.
    Remove(Box<str>),
}

impl Change {
    /// The entry's id.
    pub(in crate::drive) fn file_id(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.file_id,
            Self::Remove(file_id) => file_id,
        }
    }
}

/// The newest of each name, in the order given, and the others.
fn by_newest(entries: Vec<Arc<Entry>>) -> (Vec<Arc<Entry>>, Vec<Arc<Entry>>) {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    let age = |e: &Arc<Entry>| (e.updated, e.created);
    order.sort_unstable_by(|a, b| {
        let (a, b) = (&entries[*a], &entries[*b]);
        a.name.cmp(&b.name).then_with(|| age(b).cmp(&age(a))).then_with(|| b.file_id.cmp(&a.file_id))
    });
    let same = order.windows(2).filter(|pair| entries[pair[0]].name == entries[pair[1]].name);
    let hidden: Vec<usize> = same.map(|pair| pair[1]).collect();
    if hidden.is_empty() {
        return (entries, Vec::new());
    }
    let others = hidden.iter().map(|at| entries[*at].clone()).collect();
    let is_hidden: HashSet<usize> = hidden.into_iter().collect();
    let shown = entries.into_iter().enumerate().filter(|(at, _)| !is_hidden.contains(at)).map(|(_, entry)| entry);
    (shown.collect(), others)
}

/// The members of one folder, in the mount's order.
#[derive(Debug, Clone)]
pub struct Members {
    pub(in crate::drive) listing: Option<Arc<Listing>>,
    /// Mount points below the folder; they cover listed entries of the same name.
    pub(in crate::drive) mounts: Arc<[Entry]>,
}

impl Members {
    /// Members of a folder of the server itself.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { listing: None, mounts: entries.into_iter().collect() }
    }

    /// The same with more beside the listed ones, which they cover.
    pub(in crate::drive) fn with(self, more: Vec<Entry>) -> Self {
        let covered = |entry: &&Entry| more.iter().all(|new| new.name != entry.name);
        let mounts = self.mounts.iter().filter(covered).cloned().chain(more.iter().cloned()).collect();
        Self { mounts, ..self }
    }

    /// How long ago the drive was asked for them; absent where it was not.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.listing.as_ref().map(|listing| listing.asked_at.elapsed())
    }

    /// How many positions [`Members::get`] knows; covered entries leave gaps.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.mounts.len() + self.listing.as_ref().map_or(0, |l| l.len())
    }

    /// The member at a position below [`Members::positions`]; absent where a mount point covers it.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&Entry> {
        if let Some(entry) = self.mounts.get(position) {
            return Some(entry);
        }
        let entry = self.listing.as_ref()?.entries.get(position - self.mounts.len())?;
        (!self.mounts.iter().any(|m| m.name == entry.name)).then_some(entry)
    }

    /// The members; mount points below the folder are among them, each name once.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> + Clone {
        (0..self.positions()).filter_map(|position| self.get(position))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.mounts.is_empty() { self.positions() } else { self.iter().count() }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMillis;
    use proptest::prelude::*;

    fn entry(name: &str, id: &str, updated: i64) -> Arc<Entry> {
        Arc::new(Entry::synthetic(name, id, UnixMillis(updated)))
    }

    proptest! {
        /// Taken over one by one, changes lead to what the whole would be when sorted anew.
        #[test]
        fn our_own_changes_keep_a_listing_in_order(
            changes in proptest::collection::vec(("[a-d]", 0..6u8, any::<bool>()), 0..30)
        ) {
            let now = Instant::now();
            // What is shown, and what comes to light when that goes.
            let seen = |listing: &Listing| {
                let ids = |entries: &mut dyn Iterator<Item = &Arc<Entry>>| entries.map(|e| e.file_id.clone()).collect::<Vec<_>>();
                (
                    ids(&mut listing.by_name.iter().map(|at| &listing.entries[*at as usize])),
                    ids(&mut listing.hidden.iter()),
                    listing.len(),
                )
            };
            let mut listing = Listing::new(Vec::new(), now);
            let mut plain: Vec<Arc<Entry>> = Vec::new();
            for (at, (name, id, put)) in changes.into_iter().enumerate() {
                let id = id.to_string();
                let change = match put {
                    true => Change::Put(entry(&name, &id, i64::try_from(at).unwrap())),
                    false => Change::Remove(id.as_str().into()),
                };
                listing = listing.with(&change);
                let place = plain.iter().position(|e| *e.file_id == *id);
                match (change, place) {
                    (Change::Put(entry), Some(place)) => plain[place] = entry,
                    (Change::Put(entry), None) => plain.push(entry),
                    (Change::Remove(_), Some(place)) => drop(plain.remove(place)),
                    (Change::Remove(_), None) => {}
                }
                prop_assert_eq!(seen(&listing), seen(&Listing::new(plain.clone(), now)));
            }
        }
    }

    #[tokio::test]
    async fn the_newest_of_one_name_is_served_in_its_place() {
        let listing = Listing::new(
            vec![entry("b", "1", 1), entry("a", "2", 5), entry("b", "3", 9), entry("b", "4", 3)],
            Instant::now(),
        );
        let ids: Vec<_> = listing.entries.iter().map(|e| &*e.file_id).collect();
        assert_eq!(ids, ["2", "3"]);
        assert_eq!(&*listing.find("b").unwrap().file_id, "3");
        assert_eq!(&*listing.other("b", |entry| *entry.file_id == *"3").unwrap().file_id, "4");
        assert_eq!(&*listing.with(&Change::Remove("3".into())).find("b").unwrap().file_id, "4");
    }

    #[tokio::test]
    async fn a_name_is_found_in_either_unicode_form_and_the_exact_one_wins() {
        let listing =
            Listing::new(vec![entry("é", "nfc", 1), entry("e\u{301}", "nfd", 1), entry("ü", "u", 1)], Instant::now());
        assert_eq!(&*listing.find("é").unwrap().file_id, "nfc");
        assert_eq!(&*listing.find("e\u{301}").unwrap().file_id, "nfd");
        assert_eq!(&*listing.find("u\u{308}").unwrap().file_id, "u");
        assert!(listing.find("É").is_none());
    }

    #[tokio::test]
    async fn a_mount_point_covers_a_folder_of_its_name() {
        let listing = Listing::new(vec![entry("a", "1", 1), entry("films", "2", 1)], Instant::now());
        let root = Entry::synthetic("films", "root", UnixMillis(0));
        let members = Members { listing: Some(Arc::new(listing)), mounts: vec![root].into() };
        let ids: Vec<_> = members.iter().map(|e| &*e.file_id).collect();
        assert_eq!(ids, ["root", "1"]);
        assert_eq!(members.len(), 2);
    }
}
