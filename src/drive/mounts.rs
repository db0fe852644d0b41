//! The mounts as one tree: which one a path lies in, and what is there because mounts are.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::clock::{UnixMillis, UnixSeconds};
use crate::config::{self, Config};
use crate::drive::account::Account;
use crate::drive::entry::{Entry, Resource};
use crate::drive::mount::Mounted;
use crate::drive::path::Path;

/// All mounts.
pub(super) struct Mounts {
    /// Deepest path first, so that the first base of a path is its mount.
    list: Vec<Arc<Mounted>>,
    /// Folders of the tree that are of no mount, wherever they lie.
    views: Vec<Path>,
    /// Time of folders that no drive item stands for.
    started: UnixMillis,
}

impl fmt::Debug for Mounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list.iter().map(|m| &m.path)).finish()
    }
}

impl Mounts {
    /// The configured ones. A mount whose account has no client is left out (the configuration's check rules that out).
    pub(super) fn new(config: &Config, accounts: &HashMap<String, Arc<Account>>) -> Self {
        let started = UnixSeconds::now().millis();
        Self { list: mounts(config, accounts, &[], started), views: views(config), started }
    }

    /// Those of other settings; what stays the same keeps its listings.
    pub(super) fn reconfigured(&self, config: &Config, accounts: &HashMap<String, Arc<Account>>) -> Self {
        let list = mounts(config, accounts, &self.list, self.started);
        Self { list, views: views(config), started: self.started }
    }

    pub(super) fn all(&self) -> &[Arc<Mounted>] {
        &self.list
    }

    /// Whether a path lies in a view.
    pub(super) fn is_in_view(&self, path: &Path) -> bool {
        self.views.iter().any(|view| path.strip_base(view).is_some())
    }

    /// The mount a path lies in and the path below it; absent above the mounts and in views.
    pub(super) fn of(&self, path: &Path) -> Option<(&Arc<Mounted>, Path)> {
        if self.is_in_view(path) {
            return None;
        }
        self.list.iter().find_map(|mount| path.strip_base(&mount.path).map(|rest| (mount, rest)))
    }

    /// The mounts that show something at or below a path: the one that it lies in, and those below it.
    pub(super) fn seen_from(&self, path: &Path) -> impl Iterator<Item = &Arc<Mounted>> {
        let own = self.of(path).map(|(mount, _)| mount.index);
        self.list.iter().filter(move |mount| own == Some(mount.index) || mount.path.strip_base(path).is_some())
    }

    /// A path, and what leads to the same by other mounts of the folder that its mount shows.
    pub(super) fn names(&self, path: &Path) -> Vec<Path> {
        let mut names = vec![path.clone()];
        if let Some((mount, rest)) = self.of(path) {
            for other in self.list.iter().filter(|other| other.index != mount.index && other.shows_same(mount)) {
                let name = rest.under(&other.path);
                // A mount point within the other one covers what is there.
                if self.of(&name).is_some_and(|(found, _)| found.index == other.index) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Whether mounts or views lie below the path.
    pub(super) fn lie_below(&self, path: &Path) -> bool {
        let mut all = self.list.iter().map(|mount| &mount.path).chain(&self.views);
        all.any(|other| other.strip_base(path).is_some())
    }

    /// The folder at a path above a mount, which exists because the mount does.
    pub(super) fn above(&self, path: &Path) -> Option<Resource> {
        let above = |m: &Arc<Mounted>| m.path != *path && m.path.strip_base(path).is_some();
        self.list.iter().any(above).then(|| Resource {
            path: path.clone(),
            entry: Arc::new(Entry::mount_point(path.name(), "", self.started)),
            mount: None,
        })
    }

    /// The mount points that a folder has beside its listed members, in order of name.
    pub(super) fn points(&self, folder: &Path) -> Vec<Entry> {
        let mut names: Vec<&str> = self
            .list
            .iter()
            .filter_map(|mount| mount.path.as_str().strip_prefix(folder.as_str()))
            .filter(|rest| folder.is_root() || rest.starts_with('/'))
            .filter_map(|rest| rest.split('/').find(|name| !name.is_empty()))
            .collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| self.point(&folder.join(name))).collect()
    }

    fn point(&self, path: &Path) -> Entry {
        match self.list.iter().find(|mount| mount.path == *path) {
            Some(mount) => (*mount.root).clone(),
            None => Entry::mount_point(path.name(), "", self.started),
        }
    }
}

fn views(config: &Config) -> Vec<Path> {
    config.views.iter().filter_map(|view| Path::parse(&view.path).ok()).collect()
}

/// The mounts, deepest path first. One that shows the same folder in the same order as an old one keeps its
/// index, and by it its listings.
fn mounts(
    config: &Config,
    accounts: &HashMap<String, Arc<Account>>,
    old: &[Arc<Mounted>],
    started: UnixMillis,
) -> Vec<Arc<Mounted>> {
    let mut next = old.iter().map(|mount| mount.index + 1).max().unwrap_or(0);
    let mut taken = Vec::new();
    let mut mounts: Vec<_> = config
        .mounts
        .iter()
        .filter_map(|settings| {
            let path = Path::parse(&settings.path).ok()?;
            let root = Arc::new(Entry::mount_point(path.name(), &settings.root_folder_id, started));
            let account = accounts.get(&settings.account)?.clone();
            let mut same = old.iter().filter(|old| same_view(&old.settings, settings) && !taken.contains(&old.index));
            let index = same.next().map_or(next, |old| old.index);
            next = next.max(index + 1);
            taken.push(index);
            Some(Arc::new(Mounted::new(index, path, Arc::new(settings.clone()), account, root)))
        })
        .collect();
    mounts.sort_by_key(|mount| std::cmp::Reverse(mount.path.segments().count()));
    mounts
}

fn same_view(a: &config::Mount, b: &config::Mount) -> bool {
    (&a.account, a.drive_type, &a.root_folder_id, a.order_by, a.order_direction)
        == (&b.account, b.drive_type, &b.root_folder_id, b.order_by, b.order_direction)
}
