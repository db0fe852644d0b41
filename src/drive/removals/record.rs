//! One removal as it is kept, and its form in the state store.

use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::config::RemoveWay;
use crate::digest::Sha1;
use crate::drive::entry::Entry;
use crate::drive::path::nfc_key;
use crate::state::RemovalRow;
use crate::upstream::Item;

/// Why something is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::drive) enum Reason {
    /// Something newer has taken its place.
    Replaced,
    /// It was made for an upload that came to nothing.
    Upload,
    /// It was made for a copy that came to nothing.
    Copy,
}

/// How the drive is asked whether a change took effect, whose maker does not know or is no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::drive) enum Stage {
    /// The drive has shown nothing of it, so there is nothing to ask.
    Begun,
    /// Content was offered by its hash, of which all has come, and was right, or not. If the drive attached it, it lies in the folder, of
    /// an unknown id.
    Offered { sha1: String, size: u64, whole: bool },
    /// The drive attached content of which not all has come.
    Attached { file_id: String },
    /// An upload of which parts have come and which nobody goes on with.
    Unfinished { file_id: String },
    /// An upload is being committed; the item is to be of this content.
    Committed { file_id: String, sha1: String, size: u64 },
    /// An item is on its way to its new place. Where its folder and its name change, it has its new name in its old
    /// folder in between.
    Moved { file_id: String, from: Spot, task: Option<String> },
    /// The drive is asked for a copy, whose id is known once it has answered.
    Copying { of: Original },
    /// A copy is there, or is being made by a task of the drive, and is then named.
    /// `found`: its id was looked for, since the drive's answer was lost.
    Copied { file_id: String, task: Option<String>, found: bool, of: Original },
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::drive) struct Spot {
    pub(in crate::drive) folder_id: String,
    pub(in crate::drive) name: String,
}

/// What is copied, by which its copy is known before it is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::drive) struct Original {
    pub(in crate::drive) file_id: String,
    pub(in crate::drive) name: String,
    /// Its drive, where that is another than the copy's.
    #[serde(default)]
    pub(in crate::drive) drive_id: Option<String>,
    /// Absent for a folder, and where the drive does not tell it.
    pub(in crate::drive) sha1: Option<String>,
    pub(in crate::drive) folder: bool,
    /// Whether the drive chooses the copy's first name, after the original's.
    pub(in crate::drive) aside: bool,
}

impl Original {
    /// Whether a copy can have that name before it is given one. The drive's own choice is the name with something
    /// behind its stem, as a number in brackets.
    pub(in crate::drive) fn may_name_copy(&self, name: &str) -> bool {
        if !self.aside {
            return name == self.name;
        }
        let (stem, extension) = self.name.rsplit_once('.').unwrap_or((&self.name, ""));
        let rest = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
        rest.is_some_and(|added| added.len() > 1)
    }
}

/// What a replaced item was known by. If it is elsewhere meanwhile, or something else, it is nobody's to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Absent where the name shown is not the drive's.
    pub(super) name: Option<String>,
    pub(super) sha1: Option<String>,
}

impl Known {
    pub(super) fn of(entry: &Entry) -> Self {
        let as_listed = entry.livp.is_none();
        Self {
            name: as_listed.then(|| entry.name.to_string()),
            sha1: entry.sha1.filter(|_| as_listed).map(|sha1| hex(&sha1)),
        }
    }

    pub(super) fn is(&self, item: &Item, folder_id: &str) -> bool {
        let now = Self::of(&Entry::from(item));
        let same = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        item.parent_file_id.as_deref().is_none_or(|parent| parent == folder_id)
            && same(&self.name, &now.name)
            && same(&self.sha1, &now.sha1)
    }
}

/// What the store keeps in one text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Folder and name that the change is about.
    pub(super) folder_id: String,
    pub(super) name: String,
    /// Of a replaced item; absent for what was made on the way.
    pub(super) known: Option<Known>,
    /// Absent where it is decided what is to go.
    pub(super) stage: Option<Stage>,
    /// Ids of what could be taken for what the change has made, and is something else.
    #[serde(default)]
    pub(super) others: Vec<String>,
    /// The item may come into being until then: that it is missing is no last word before.
    #[serde(rename = "until_ms")]
    pub(super) until: Option<UnixMillis>,
    /// The life of the instance that makes the change; 0 where nobody shares the store.
    #[serde(default)]
    pub(super) maker: i64,
    /// Another instance has had its turn in the folder since: what is found there may be its own.
    #[serde(default)]
    pub(super) crossed: bool,
}

/// One item that is to go, or that may have to.
#[derive(Debug, Clone)]
pub(super) struct Removal {
    pub(super) id: i64,
    pub(super) drive_id: String,
    pub(super) file_id: Option<String>,
    pub(super) way: RemoveWay,
    pub(super) reason: Reason,
    pub(super) since: UnixMillis,
    pub(super) tries: u32,
    pub(super) last_error: Option<String>,
    pub(super) facts: Facts,
}

impl Stage {
    /// The id of what the change makes or moves, once it is known.
    pub(super) fn made(&self) -> Option<&str> {
        match self {
            Self::Attached { file_id }
            | Self::Unfinished { file_id }
            | Self::Committed { file_id, .. }
            | Self::Moved { file_id, .. }
            | Self::Copied { file_id, .. } => Some(file_id),
            Self::Begun | Self::Offered { .. } | Self::Copying { .. } => None,
        }
    }

    /// How what the change has made goes if it is to: for good, unless it is not proved to be ours.
    pub(super) fn way(&self) -> RemoveWay {
        match self {
            Self::Copied { found: true, .. } | Self::Copying { .. } | Self::Offered { .. } => RemoveWay::Trash,
            _ => RemoveWay::Delete,
        }
    }

    /// Whether the change is made by who has the turn at its names, so that whoever has it now knows that nobody is at
    /// the change any more, and can ask what became of it.
    pub(super) fn is_made_in_turn(&self) -> bool {
        match self {
            Self::Committed { .. } | Self::Moved { .. } | Self::Copying { .. } | Self::Copied { .. } => true,
            // The upload goes on after its turn, and decides at its end.
            Self::Begun | Self::Offered { .. } | Self::Attached { .. } | Self::Unfinished { .. } => false,
        }
    }

    /// Whether what the change may have made has to be looked for, since the drive alone knows its id.
    pub(super) fn is_sought(&self) -> bool {
        matches!(self, Self::Offered { .. } | Self::Copying { .. })
    }
}

impl Removal {
    pub(super) fn is_due(&self) -> bool {
        self.facts.stage.is_none()
    }

    /// Whether it is about a name.
    pub(super) fn is_at(&self, folder_id: &str, name: &str) -> bool {
        let is = |folder: &str, other: &str| folder == folder_id && nfc_key(other) == nfc_key(name);
        let from = match &self.facts.stage {
            Some(Stage::Moved { from, .. }) => Some(from),
            _ => None,
        };
        is(&self.facts.folder_id, &self.facts.name) || from.is_some_and(|from| is(&from.folder_id, &from.name))
    }

    /// The id of what is to go and surely is.
    pub(super) fn hidden(&self) -> Option<&str> {
        self.file_id.as_deref().filter(|_| self.is_due())
    }

    /// What the change has made is to go, and what it was to replace stays. `until`: if it may yet come into
    /// being.
    pub(super) fn undo(&mut self, made: String, way: RemoveWay, until: Option<UnixMillis>) {
        self.reason = match self.facts.stage {
            Some(Stage::Copying { .. } | Stage::Copied { .. }) => Reason::Copy,
            _ => Reason::Upload,
        };
        (self.file_id, self.way) = (Some(made), way);
        (self.facts.known, self.facts.stage, self.facts.until) = (None, None, until);
    }

    pub(super) fn to_row(&self, account: &str, owner: i64) -> RemovalRow {
        RemovalRow {
            id: self.id,
            account: account.to_owned(),
            drive_id: self.drive_id.clone(),
            file_id: self.file_id.clone(),
            way: match self.way {
                RemoveWay::Trash => "trash",
                RemoveWay::Delete => "delete",
            }
            .to_owned(),
            reason: self.reason.word().to_owned(),
            due: self.is_due(),
            since: self.since,
            tries: self.tries.into(),
            last_error: self.last_error.clone(),
            // Texts and numbers, which can always be written.
            facts: serde_json::to_string(&self.facts).unwrap_or_default(),
            owner,
        }
    }

    /// Absent where a row says what this version does not understand.
    pub(super) fn from_row(row: RemovalRow) -> Option<Self> {
        Some(Self {
            id: row.id,
            drive_id: row.drive_id,
            file_id: row.file_id,
            way: match row.way.as_str() {
                "trash" => RemoveWay::Trash,
                "delete" => RemoveWay::Delete,
                _ => return None,
            },
            reason: [Reason::Replaced, Reason::Upload, Reason::Copy].into_iter().find(|r| r.word() == row.reason)?,
            since: row.since,
            tries: row.tries.try_into().unwrap_or(u32::MAX),
            last_error: row.last_error,
            facts: serde_json::from_str(&row.facts).ok()?,
        })
    }
}

impl Reason {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Upload => "upload",
            Self::Copy => "copy",
        }
    }
}

pub(in crate::drive) fn hex(sha1: &Sha1) -> String {
    sha1.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removal(stage: Option<Stage>) -> Removal {
        Removal {
            id: 3,
            drive_id: "1".into(),
            file_id: Some("old".into()),
            way: RemoveWay::Trash,
            reason: Reason::Replaced,
            since: UnixMillis(5),
            tries: 2,
            last_error: Some("throttled".into()),
            facts: Facts {
                folder_id: "root".into(),
                name: "a".into(),
                known: Some(Known { name: Some("a".into()), sha1: None }),
                stage,
                others: vec!["another".into()],
                until: None,
                maker: 0,
                crossed: false,
            },
        }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let committed = Stage::Committed { file_id: "new".into(), sha1: hex(&[7; 20].into()), size: 9 };
        let from = Spot { folder_id: "f".into(), name: "b".into() };
        let moved = Stage::Moved { file_id: "new".into(), from, task: None };
        let (file_id, task, of) = ("new".into(), Some("t".into()), original("a.txt", true));
        let copied = Stage::Copied { file_id, task, found: false, of };
        for stage in [None, Some(committed), Some(moved), Some(copied)] {
            let before = removal(stage);
            let after = Removal::from_row(before.to_row("main", 0)).unwrap();
            assert_eq!(after.facts, before.facts);
            assert_eq!(after.to_row("main", 0), before.to_row("main", 0));
        }
    }

    fn original(name: &str, aside: bool) -> Original {
        let (file_id, name) = ("source".into(), name.into());
        Original { file_id, name, drive_id: None, sha1: None, folder: false, aside }
    }

    #[test]
    fn a_copy_is_known_by_its_first_name() {
        assert!(original("a.txt", false).may_name_copy("a.txt"));
        assert!(!original("a.txt", false).may_name_copy("a(1).txt"));
        let aside = original("a.txt", true);
        assert!(aside.may_name_copy("a(1).txt") && aside.may_name_copy("a_20260101.txt"));
        assert!(!aside.may_name_copy("a.txt") && !aside.may_name_copy("b(1).txt") && !aside.may_name_copy("a(1).md"));
        assert!(original("a", true).may_name_copy("a(1)") && !original("a", true).may_name_copy("a"));
    }

    #[test]
    fn what_an_older_run_wrote_is_read() {
        let facts = r#"{"folder_id":"root","name":"a","known":null,"stage":null,"until_ms":8}"#;
        let row = RemovalRow { facts: facts.into(), due: true, ..removal(None).to_row("main", 0) };
        assert_eq!(Removal::from_row(row).unwrap().facts.until, Some(UnixMillis(8)));
    }

    #[test]
    fn what_is_undone_spares_what_was_to_be_replaced() {
        let mut removal = removal(Some(Stage::Attached { file_id: "new".into() }));
        assert_eq!(removal.hidden(), None);
        removal.undo("new".into(), RemoveWay::Delete, Some(UnixMillis(8)));
        assert_eq!(removal.hidden(), Some("new"));
        assert_eq!((removal.reason, removal.facts.until), (Reason::Upload, Some(UnixMillis(8))));
    }

    #[test]
    fn an_item_that_somebody_has_taken_elsewhere_is_not_what_was_replaced() {
        let item = Item::test_file("a", UnixMillis(1));
        let known = Known::of(&Entry::from(&item));
        assert!(known.is(&item, "root"));
        assert!(!known.is(&item, "another folder"));
        assert!(!known.is(&Item { name: "a (kept)".into(), ..item.clone() }, "root"));
        assert!(
            !Known { sha1: Some(hex(&[1; 20].into())), ..known }
                .is(&Item { sha1: Some([2; 20].into()), ..item }, "root")
        );
    }
}
