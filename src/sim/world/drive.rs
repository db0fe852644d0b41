//! Drives and their items, as the service holds them. Refuses nothing: that is for the calls.

use std::collections::HashMap;

use rand::Rng as _;

use crate::sim::clock::now_ms;
use crate::sim::world::content::Content;
use crate::sim::world::film::Film;

/// One file or folder.
#[derive(Debug, Clone)]
pub(in crate::sim) struct Node {
    pub(in crate::sim) file_id: String,
    pub(in crate::sim) parent: String,
    pub(in crate::sim) name: String,
    /// Absent for folders.
    pub(in crate::sim) content: Option<Content>,
    pub(in crate::sim) sha1: Option<String>,
    /// Jpeg and film of a live photo.
    pub(in crate::sim) streams: Option<(Content, Content)>,
    pub(in crate::sim) created_ms: i64,
    pub(in crate::sim) updated_ms: i64,
    pub(in crate::sim) local_created: Option<String>,
    pub(in crate::sim) local_modified: Option<String>,
    pub(in crate::sim) trashed: bool,
    pub(in crate::sim) starred: bool,
    pub(in crate::sim) punish_flag: i64,
    pub(in crate::sim) play_cursor: Option<String>,
    /// When that was last told.
    pub(in crate::sim) played_ms: i64,
    /// What the transcoder knows of it, where that is more than its name and size say.
    pub(in crate::sim) film: Option<Film>,
    /// An upload that is not complete; hidden from listings.
    pub(in crate::sim) uploading: bool,
}

impl Node {
    /// A new item without content.
    pub(in crate::sim) fn new(parent: &str, name: &str) -> Self {
        let now = now_ms();
        Self {
            file_id: new_file_id(),
            parent: parent.to_owned(),
            name: name.to_owned(),
            content: None,
            sha1: None,
            streams: None,
            created_ms: now,
            updated_ms: now,
            local_created: None,
            local_modified: None,
            trashed: false,
            starred: false,
            punish_flag: 0,
            play_cursor: None,
            played_ms: 0,
            film: None,
            uploading: false,
        }
    }

    pub(in crate::sim) fn is_folder(&self) -> bool {
        self.content.is_none() && !self.uploading
    }

    /// Whether its content is withheld (reference 3.1).
    pub(in crate::sim) fn is_frozen(&self) -> bool {
        matches!(self.punish_flag, 2 | 103)
    }

    pub(in crate::sim) fn size(&self) -> u64 {
        self.content.as_ref().map_or(0, Content::size)
    }

    pub(in crate::sim) fn film(&self) -> Film {
        self.film.clone().unwrap_or_else(|| Film::of(&self.name, self.size()))
    }

    pub(in crate::sim) fn bytes(&self) -> Option<Vec<u8>> {
        self.content.as_ref()?.all().ok()
    }
}

/// One drive of a user.
#[derive(Debug)]
pub(in crate::sim) struct Drive {
    pub(in crate::sim) id: String,
    pub(in crate::sim) user: usize,
    pub(in crate::sim) nodes: HashMap<String, Node>,
}

impl Drive {
    /// Whether the item or a folder above it is trashed.
    pub(in crate::sim) fn in_recycle_bin(&self, node: &Node) -> bool {
        let mut at = Some(node);
        while let Some(node) = at {
            if node.trashed {
                return true;
            }
            at = self.nodes.get(&node.parent);
        }
        false
    }

    /// Living, complete members of a folder.
    pub(in crate::sim) fn members<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.values().filter(move |n| n.parent == parent && !n.trashed && !n.uploading)
    }

    pub(in crate::sim) fn named<'a>(&'a self, parent: &'a str, name: &str) -> Option<&'a Node> {
        self.members(parent).filter(|n| n.name == name).max_by_key(|n| (n.updated_ms, n.file_id.clone()))
    }

    /// The oldest of that name, not the newest as [`Drive::named`] gives it.
    pub(in crate::sim) fn oldest_named<'a>(&'a self, parent: &'a str, name: &str) -> Option<&'a Node> {
        self.members(parent).filter(|n| n.name == name).min_by_key(|n| (n.updated_ms, n.file_id.clone()))
    }

    /// The item at a path; `root` for `/`.
    pub(in crate::sim) fn find(&self, path: &str) -> Option<String> {
        let mut at = "root".to_owned();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = self.named(&at, name)?.file_id.clone();
        }
        Some(at)
    }

    /// The folder at a path, made with all above it where it is missing.
    pub(in crate::sim) fn mkdir(&mut self, path: &str) -> String {
        let mut at = "root".to_owned();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = match self.named(&at, name) {
                Some(node) => node.file_id.clone(),
                None => self.add(&at, name, None),
            };
        }
        at
    }

    /// Adds an item, whatever is there already.
    pub(in crate::sim) fn add(&mut self, parent: &str, name: &str, content: Option<Content>) -> String {
        let mut node = Node::new(parent, name);
        node.sha1 = content.as_ref().and_then(Content::sha1);
        node.content = content;
        let id = node.file_id.clone();
        self.nodes.insert(id.clone(), node);
        id
    }

    /// Whether `file_id` is `folder` or lies below it.
    pub(in crate::sim) fn is_within(&self, file_id: &str, folder: &str) -> bool {
        let mut at = Some(file_id);
        while let Some(id) = at {
            if id == folder {
                return true;
            }
            at = self.nodes.get(id).map(|n| n.parent.as_str());
        }
        false
    }

    /// The item and all below it.
    pub(in crate::sim) fn subtree(&self, file_id: &str) -> Vec<String> {
        self.nodes.keys().filter(|id| self.is_within(id, file_id)).cloned().collect()
    }

    pub(in crate::sim) fn remove(&mut self, file_id: &str) {
        for id in self.subtree(file_id) {
            self.nodes.remove(&id);
        }
    }
}

/// 40 lower-case hex characters (reference 0.3).
pub(in crate::sim) fn new_file_id() -> String {
    let mut bytes = [0u8; 20];
    rand::rng().fill_bytes(&mut bytes);
    crate::sim::world::content::hex(&bytes).to_ascii_lowercase()
}
