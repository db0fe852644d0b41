//! The service's state: users, drives, items, upload sessions, tasks, tokens.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use rand::Rng as _;

use super::answer::Refusal;
use super::content::Content;
use super::fault::Ledger;
use super::rules::Rules;
use super::tokens::Tokens;
use super::upload::Upload;

/// One file or folder.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) file_id: String,
    pub(super) parent: String,
    pub(super) name: String,
    /// Absent for folders.
    pub(super) content: Option<Content>,
    pub(super) sha1: Option<String>,
    /// Jpeg and film of a live photo.
    pub(super) streams: Option<(Content, Content)>,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) local_created: Option<String>,
    pub(super) local_modified: Option<String>,
    pub(super) trashed: bool,
    pub(super) starred: bool,
    pub(super) punish_flag: i64,
    pub(super) play_cursor: Option<String>,
    /// An upload that is not complete; hidden from listings.
    pub(super) uploading: bool,
}

impl Node {
    pub(super) fn is_folder(&self) -> bool {
        self.content.is_none() && !self.uploading
    }

    pub(super) fn size(&self) -> u64 {
        self.content.as_ref().map_or(0, Content::size)
    }

    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        self.content.as_ref()?.all().ok()
    }
}

/// One drive of a user.
#[derive(Debug)]
pub(super) struct Drive {
    pub(super) id: String,
    pub(super) user: usize,
    pub(super) nodes: HashMap<String, Node>,
}

/// One account.
#[derive(Debug)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) resource_drive: String,
    pub(super) backup_drive: String,
    pub(super) open_downloads: usize,
    /// Bytes of all bodies that are over.
    pub(super) downloaded: u64,
    pub(super) peak_downloads: usize,
}

pub(super) struct World {
    pub(super) rules: Rules,
    pub(super) ledger: Ledger,
    pub(super) users: Vec<User>,
    pub(super) drives: HashMap<String, Drive>,
    pub(super) uploads: HashMap<String, Upload>,
    /// Polls left until a task succeeds.
    pub(super) tasks: HashMap<String, u32>,
    pub(super) tokens: Tokens,
    /// Transfers by the host that was asked.
    pub(super) data_hosts: BTreeMap<String, u64>,
    /// Base URL of this server.
    pub(super) base: String,
    pub(super) dir: Option<PathBuf>,
    /// Links made before this moment (Unix milliseconds) are expired.
    pub(super) links_expired_before_ms: i64,
    pub(super) secret: [u8; 32],
    /// Calls of each user and class within the last ten seconds, in milliseconds.
    pub(super) recent: HashMap<(usize, &'static str), Vec<i64>>,
}

impl World {
    pub(super) fn new(rules: Rules, base: String, dir: Option<PathBuf>) -> Self {
        let user = |n: u8, name: &str| User {
            id: format!("0123456789abcdef0123456789abcde{n:x}"),
            name: name.to_owned(),
            resource_drive: format!("1029342{n}"),
            backup_drive: format!("1084010{n}"),
            open_downloads: 0,
            downloaded: 0,
            peak_downloads: 0,
        };
        let users = vec![user(0, "demo"), user(1, "second")];
        let mut drives = HashMap::new();
        for (at, user) in users.iter().enumerate() {
            for id in [&user.resource_drive, &user.backup_drive] {
                drives.insert(id.clone(), Drive { id: id.clone(), user: at, nodes: HashMap::new() });
            }
        }
        let mut secret = [0; 32];
        rand::rng().fill_bytes(&mut secret);
        Self {
            rules,
            ledger: Ledger::default(),
            users,
            drives,
            uploads: HashMap::new(),
            tasks: HashMap::new(),
            tokens: Tokens::default(),
            data_hosts: BTreeMap::new(),
            base,
            dir,
            links_expired_before_ms: 0,
            secret,
            recent: HashMap::new(),
        }
    }

    /// The service's time, Unix milliseconds.
    pub(super) fn clock_ms(&self) -> i64 {
        now_ms() + self.rules.clock_offset_s * 1000
    }

    /// The drive, if the user owns it and granted it.
    pub(super) fn drive(&self, user: usize, drive_id: &str) -> Result<&Drive, Refusal> {
        let refused = || Refusal::new(403, "UserNotAllowedAccessDrive", "User not allowed access drive");
        let drive = self.drives.get(drive_id).filter(|d| d.user == user).ok_or_else(refused)?;
        let owner = &self.users[user];
        let granted =
            if drive_id == owner.resource_drive { self.rules.grant_resource } else { self.rules.grant_backup };
        if granted { Ok(drive) } else { Err(refused()) }
    }

    pub(super) fn drive_mut(&mut self, user: usize, drive_id: &str) -> Result<&mut Drive, Refusal> {
        self.drive(user, drive_id)?;
        self.drives.get_mut(drive_id).ok_or_else(|| Refusal::new(404, "NotFound.Drive", "no such drive"))
    }

    pub(super) fn not_found(&self) -> Refusal {
        let message = "The resource file cannot be found. file not exist";
        Refusal::new(self.rules.not_found_status, "NotFound.File", message)
    }

    pub(super) fn name_taken(&self) -> Refusal {
        Refusal::new(self.rules.exists_status, "AlreadyExist.File", "The resource file has already exists")
    }

    /// A living, complete item.
    pub(super) fn node(&self, user: usize, drive_id: &str, file_id: &str) -> Result<&Node, Refusal> {
        let drive = self.drive(user, drive_id)?;
        let node = drive.nodes.get(file_id).filter(|n| !n.uploading).ok_or_else(|| self.not_found())?;
        if drive.in_recycle_bin(node) {
            let message = "The resource file is in the recycle bin";
            return Err(Refusal::new(self.rules.recycled_status, "ForbiddenFileInTheRecycleBin", message));
        }
        Ok(node)
    }

    /// Checks that `parent` is a living folder.
    pub(super) fn check_parent(&self, user: usize, drive_id: &str, parent: &str) -> Result<(), Refusal> {
        self.drive(user, drive_id)?;
        if parent == "root" {
            return Ok(());
        }
        match self.node(user, drive_id, parent) {
            Ok(node) if node.is_folder() => Ok(()),
            Ok(_) => Err(Refusal::new(400, "InvalidParameter.ParentFileId", "the parent is not a folder")),
            Err(refusal) if refusal.code == "NotFound.File" => {
                Err(Refusal::new(self.rules.not_found_status, "NotFound.ParentFileId", "the parent cannot be found"))
            }
            Err(refusal) => Err(refusal),
        }
    }

    pub(super) fn used(&self, user: usize) -> u64 {
        self.drives.values().filter(|d| d.user == user).flat_map(|d| d.nodes.values()).map(Node::size).sum()
    }
}

impl Drive {
    /// Whether the item or a folder above it is trashed.
    pub(super) fn in_recycle_bin(&self, node: &Node) -> bool {
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
    pub(super) fn members<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.values().filter(move |n| n.parent == parent && !n.trashed && !n.uploading)
    }

    pub(super) fn named<'a>(&'a self, parent: &'a str, name: &str) -> Option<&'a Node> {
        self.members(parent).filter(|n| n.name == name).max_by_key(|n| (n.updated_ms, n.file_id.clone()))
    }

    /// The oldest of that name, not the newest as [`Drive::named`] gives it.
    pub(super) fn oldest_named<'a>(&'a self, parent: &'a str, name: &str) -> Option<&'a Node> {
        self.members(parent).filter(|n| n.name == name).min_by_key(|n| (n.updated_ms, n.file_id.clone()))
    }

    /// The item at a path; `root` for `/`.
    pub(super) fn find(&self, path: &str) -> Option<String> {
        let mut at = "root".to_owned();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = self.named(&at, name)?.file_id.clone();
        }
        Some(at)
    }

    /// The folder at a path, made with all above it where it is missing.
    pub(super) fn mkdir(&mut self, path: &str) -> String {
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
    pub(super) fn add(&mut self, parent: &str, name: &str, content: Option<Content>) -> String {
        let now = now_ms();
        let node = Node {
            file_id: new_file_id(),
            parent: parent.to_owned(),
            name: name.to_owned(),
            sha1: content.as_ref().and_then(Content::sha1),
            content,
            streams: None,
            created_ms: now,
            updated_ms: now,
            local_created: None,
            local_modified: None,
            trashed: false,
            starred: false,
            punish_flag: 0,
            play_cursor: None,
            uploading: false,
        };
        let id = node.file_id.clone();
        self.nodes.insert(id.clone(), node);
        id
    }

    /// Whether `file_id` is `folder` or lies below it.
    pub(super) fn is_within(&self, file_id: &str, folder: &str) -> bool {
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
    pub(super) fn subtree(&self, file_id: &str) -> Vec<String> {
        self.nodes.keys().filter(|id| self.is_within(id, file_id)).cloned().collect()
    }

    pub(super) fn remove(&mut self, file_id: &str) {
        for id in self.subtree(file_id) {
            self.nodes.remove(&id);
        }
    }
}

/// 40 lower-case hex characters (reference 0.3).
pub(super) fn new_file_id() -> String {
    let mut bytes = [0u8; 20];
    rand::rng().fill_bytes(&mut bytes);
    super::content::hex(&bytes).to_ascii_lowercase()
}

/// 32 upper-case hex characters (reference 0.3).
pub(super) fn new_upload_id() -> String {
    super::content::hex(uuid::Uuid::new_v4().as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "the simulator uses no other module; this is its one reading")]
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A timestamp in the service's form (reference 0.3).
pub(super) fn timestamp(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| format!("{time:.3}")).unwrap_or_default()
}
