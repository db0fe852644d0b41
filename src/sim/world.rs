//! The service's state: users, drives, items, upload sessions, tasks, tokens.

pub(super) mod application;
pub(super) mod content;
pub(super) mod drive;
pub(super) mod film;
pub(super) mod persist;
pub(super) mod sample;
pub(super) mod session;
pub(super) mod tokens;
pub(super) mod user;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use rand::Rng as _;
use serde_json::Value;

use crate::sim::answer::Refusal;
use crate::sim::clock::now_ms;
use crate::sim::levers::fault::Ledger;
use crate::sim::levers::rules::Rules;
use crate::sim::world::application::Application;
use crate::sim::world::drive::{Drive, Node};
use crate::sim::world::session::Upload;
use crate::sim::world::tokens::{SPENT, Tokens};
use crate::sim::world::user::User;

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
    /// Segments that have been transcoded because somebody asked for them.
    pub(super) made: HashSet<String>,
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
            made: HashSet::new(),
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

    /// Exchanges a refresh token.
    pub(super) fn renew(&mut self, token: &str, application: Application) -> Result<Value, Refusal> {
        let renewed = self.tokens.renew(&self.users, token, application, &self.rules);
        if renewed.as_ref().is_err_and(|refusal| refusal.code == SPENT) {
            self.ledger.refuse(|refused| refused.spent_tokens += 1);
        }
        renewed
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
