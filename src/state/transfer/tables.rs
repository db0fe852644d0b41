//! What a copy of the store carries: each table with its columns, for a schema of either kind.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
    Bytes,
}

pub(super) type Column = (&'static str, Kind);

/// A table that must survive.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What its rows are read in the order of.
    pub(super) key: &'static [Column],
    pub(super) rest: &'static [Column],
    /// Whether the key is written too; else the new store counts by itself, in the same order.
    pub(super) key_is_written: bool,
    /// Rows that are under way at once.
    pub(super) at_once: usize,
}

use Kind::{Bytes, Flag, Number, Text};

/// Hashes of local files and cut uploads are not among them: only `alidav copy` has some, in a file of its own on the
/// machine that it runs on. Nor is what instances agree by, which is of no meaning without them.
pub(super) const TABLES: [Table; 8] = [
    Table {
        name: "tokens",
        key: &[("account", Text)],
        rest: &[
            ("user_id", Text),
            ("access_token", Text),
            ("refresh_token", Text),
            ("issued_at", Number),
            ("expires_at", Number),
            ("uncertain", Flag),
            ("source_digest", Text),
            ("server", Text),
            ("sent_to", Text),
        ],
        key_is_written: true,
        at_once: 200,
    },
    Table {
        name: "drives",
        key: &[("account", Text)],
        rest: &[
            ("user_id", Text),
            ("name", Text),
            ("default_drive_id", Text),
            ("resource_drive_id", Text),
            ("backup_drive_id", Text),
        ],
        key_is_written: true,
        at_once: 200,
    },
    Table {
        name: "locks",
        key: &[("token", Text)],
        rest: &[
            ("path", Text),
            ("principal", Text),
            ("owner", Text),
            ("timeout_s", Number),
            ("expires_at", Number),
            ("shared", Flag),
            ("deep", Flag),
        ],
        key_is_written: true,
        at_once: 200,
    },
    Table {
        name: "properties",
        key: &[("rowid", Number)],
        rest: &[("file_id", Text), ("namespace", Text), ("name", Text), ("xml", Text)],
        key_is_written: false,
        at_once: 200,
    },
    Table {
        name: "held_files",
        key: &[("drive_id", Text), ("folder_id", Text), ("name", Text)],
        rest: &[("path", Text), ("file_id", Text), ("created_ms", Number), ("content", Bytes)],
        key_is_written: true,
        // Of 8 MiB each at most.
        at_once: 4,
    },
    Table {
        name: "removals",
        key: &[("id", Number)],
        rest: &[
            ("account", Text),
            ("drive_id", Text),
            ("file_id", Text),
            ("way", Text),
            ("reason", Text),
            ("due", Flag),
            ("since_ms", Number),
            ("tries", Number),
            ("last_error", Text),
            ("facts", Text),
            ("owner", Number),
        ],
        key_is_written: true,
        at_once: 200,
    },
    Table {
        name: "sessions",
        key: &[("digest", Bytes)],
        rest: &[("user", Text), ("entry", Bytes), ("created_ms", Number), ("used_ms", Number)],
        key_is_written: true,
        at_once: 200,
    },
    Table { name: "link_key", key: &[("one", Number)], rest: &[("key", Bytes)], key_is_written: true, at_once: 1 },
];

impl Table {
    /// All that is read, the key first.
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        self.key.iter().chain(self.rest).copied()
    }

    /// The beginning of the statement that reads rows.
    pub(super) fn select(&self) -> String {
        format!("SELECT {} FROM {}", list(self.columns()), self.name)
    }

    /// The key, as the statements have it.
    pub(super) fn key(&self) -> String {
        list(self.key.iter().copied())
    }

    /// The columns of a read row that are not written.
    pub(super) fn unwritten(&self) -> usize {
        if self.key_is_written { 0 } else { self.key.len() }
    }

    /// The beginning of the statement that writes rows.
    pub(super) fn insert(&self) -> String {
        format!("INSERT INTO {} ({}) ", self.name, list(self.columns().skip(self.unwritten())))
    }
}

/// Quoted, for `user` is a word of PostgreSQL's.
fn list(columns: impl Iterator<Item = Column>) -> String {
    columns.map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
