//! Every way the store can fail, each with the place and the remedy.

mod fault;

pub(super) use self::fault::Fault;

/// Why the store failed. Cheap to clone, since callers that share work share its failure. `place` is the file, or the
/// database's address without a password; `problem` is the engine's or the system's own words.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It cannot be made, opened or used as it is.
    #[error("state store {place}: {problem}; {remedy}")]
    Open {
        /// File or database.
        place: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file is not a database, or is damaged.
    #[error("state store {place}: {problem}; {}", Fault::Damaged.remedy())]
    Damaged {
        /// The file.
        place: String,
        /// The database's words.
        problem: String,
    },
    /// Another process holds the file.
    #[error("state store {place}: {problem}; {}", Fault::Busy.remedy())]
    Locked {
        /// The file.
        place: String,
        /// The database's words.
        problem: String,
    },
    /// Another server has it.
    #[error("state store {place}: another alidav serves from it; end that one, or name another store in `state`")]
    Served {
        /// The file.
        place: String,
    },
    /// Another process renews an account's tokens and does not come to an end.
    #[error("state store {place}: another alidav is renewing the tokens; try again")]
    Renewed {
        /// File or database.
        place: String,
    },
    /// Another instance is at what is wanted, or took this one for dead and has taken it over.
    #[error("state store {place}: another instance of alidav is at it; try again")]
    Leased {
        /// The database.
        place: String,
    },
    /// It was written by a newer version.
    #[error("state store {place}: {problem}; use the version of alidav that wrote it, or another store")]
    Schema {
        /// File or database.
        place: String,
        /// The migration's words.
        problem: String,
    },
    /// The database server is away for now: gone, standing still, starting, or without room for a further connection.
    /// Whether the last write took effect is not known.
    #[error("state store {place}: {problem}; {remedy}")]
    Away {
        /// The database.
        place: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The answer to the last step of a copy was lost.
    #[error("state store {place}: {problem}; all was copied or nothing: copy once more, a store that has it says so")]
    Undecided {
        /// The database that is copied to.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A statement failed later on: the disk is full, or the store became unwritable.
    #[error("state store {place}: {problem}; {remedy}")]
    Statement {
        /// File or database.
        place: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl Error {
    /// Whether the store may answer again by itself, without a change to it or to the settings.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Leased { .. })
    }

    /// Of an operation.
    pub(super) fn statement(place: &str, error: &sqlx::Error) -> Self {
        let (place, problem, fault) = (place.to_owned(), error.to_string(), Fault::of(error));
        let remedy = fault.remedy();
        if fault.is_away() { Self::Away { place, problem, remedy } } else { Self::Statement { place, problem, remedy } }
    }

    /// Of opening the store.
    pub(super) fn refused(place: &str, error: &sqlx::Error) -> Self {
        let (place, problem) = (place.to_owned(), error.to_string());
        match Fault::of(error) {
            Fault::Damaged => Self::Damaged { place, problem },
            Fault::Busy => Self::Locked { place, problem },
            fault if fault.is_away() => Self::Away { place, problem, remedy: fault.remedy() },
            fault => Self::Open { place, problem, remedy: fault.remedy() },
        }
    }
}
