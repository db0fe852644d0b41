//! Every way the store can fail, each with the file and the remedy.

use std::path::{Path, PathBuf};

/// Why the store failed. Cheap to clone, since callers that share work share its failure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The file cannot be made or opened.
    #[error("state store {}: {problem}; {remedy}", .file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// The system's words.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file is not a database, or is damaged.
    #[error("state store {}: {problem}; {}", .file.display(), Fault::Damaged.remedy())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The database's words.
        problem: String,
    },
    /// Another process holds the file.
    #[error("state store {}: {problem}; {}", .file.display(), Fault::Busy.remedy())]
    Locked {
        /// The file.
        file: PathBuf,
        /// The database's words.
        problem: String,
    },
    /// Another server has it.
    #[error(
        "state store {}: another alidav serves from it; end that one, or name another file in `state`",
        .file.display()
    )]
    Served {
        /// The file.
        file: PathBuf,
    },
    /// Another process renews an account's tokens and does not come to an end.
    #[error("state store {}: another alidav is renewing the tokens; try again", .file.display())]
    Renewed {
        /// The file.
        file: PathBuf,
    },
    /// The file was written by a newer version.
    #[error("state store {}: {problem}; use the version of alidav that wrote it, or another file", .file.display())]
    Schema {
        /// The file.
        file: PathBuf,
        /// The migration's words.
        problem: String,
    },
    /// A statement failed later on: the disk is full, or the file became unwritable.
    #[error("state store {}: {problem}; {remedy}", .file.display())]
    Statement {
        /// The file.
        file: PathBuf,
        /// The database's words.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl Error {
    pub(super) fn statement(file: &Path, error: &sqlx::Error) -> Self {
        Self::Statement { file: file.to_owned(), problem: error.to_string(), remedy: Fault::of(error).remedy() }
    }
}

/// What a person can do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Busy,
    ReadOnly,
    Broken,
    Damaged,
    Full,
    Unopenable,
    Other,
}

impl Fault {
    /// By SQLite's result code without its extension.
    pub(super) fn of(error: &sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok());
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => Self::Busy,
            Some(8) => Self::ReadOnly,
            Some(10) => Self::Broken,
            Some(11 | 26) => Self::Damaged,
            Some(13) => Self::Full,
            Some(14) => Self::Unopenable,
            _ => Self::Other,
        }
    }

    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Busy => "another program holds the file; end it, or give each program a file of its own",
            Self::ReadOnly => "the file or its folder cannot be written; make them writable by this user",
            Self::Broken => "the disk failed; check it and its free space",
            Self::Damaged => {
                "move the file away, with those of its name ending in -wal and -shm, and run `alidav login`"
            }
            Self::Full => "the disk is full; make room",
            Self::Unopenable => "check that the folder exists and that folder and file are writable by this user",
            Self::Other => "if it stays, move the file away and run `alidav login`",
        }
    }
}
