//! Every way the store can fail.

use std::path::PathBuf;

/// Why the store failed. Cheap to clone, since callers that share work share its failure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The file cannot be made or opened.
    #[error("state store {}: {problem}; check that the folder exists and is writable by this user", .file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// The system's words.
        problem: String,
    },
    /// The file is not a database, or is damaged.
    #[error("state store {}: {problem}; move the file away and sign in again", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The database's words.
        problem: String,
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
    #[error("state store: {0}")]
    Statement(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(error.to_string())
    }
}
