//! What an engine's error means to a person, by its code.

use std::io;

/// What a person can do something about. The first ones are a file's, the others a server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::state) enum Fault {
    Busy,
    ReadOnly,
    Broken,
    Damaged,
    Full,
    Unopenable,
    Other,
    /// The connection cannot be made, or broke.
    Unreachable,
    /// It is there and does not answer in time.
    Slow,
    Starting,
    TooManyConnections,
    Encryption,
    Password,
    User,
    NoDatabase,
    NoRight,
    Replica,
    ServerFull,
    Foreign,
    OtherOfServer,
}

impl Fault {
    pub(in crate::state) fn of(error: &sqlx::Error) -> Self {
        use sqlx::Error as E;
        match error {
            E::Database(error) => {
                let code = error.code().unwrap_or_default();
                match error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                    Some(_) => Self::of_postgres(&code),
                    None => Self::of_sqlite(&code),
                }
            }
            E::Io(error) if error.kind() == io::ErrorKind::TimedOut => Self::Slow,
            // So sqlx tells that the other side is not who it should be.
            E::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => Self::Encryption,
            E::Io(_) | E::Protocol(_) => Self::Unreachable,
            E::Tls(_) => Self::Encryption,
            E::PoolTimedOut => Self::Slow,
            _ => Self::Other,
        }
    }

    /// By SQLite's result code without its extension.
    fn of_sqlite(code: &str) -> Self {
        match code.parse::<i32>().map(|code| code & 0xff) {
            Ok(5 | 6) => Self::Busy,
            Ok(8) => Self::ReadOnly,
            Ok(10) => Self::Broken,
            Ok(11 | 26) => Self::Damaged,
            Ok(13) => Self::Full,
            Ok(14) => Self::Unopenable,
            _ => Self::Other,
        }
    }

    /// By PostgreSQL's SQLSTATE (its manual, appendix A).
    fn of_postgres(code: &str) -> Self {
        match code {
            "28P01" => Self::Password,
            "28000" => Self::User,
            "3D000" => Self::NoDatabase,
            "42501" => Self::NoRight,
            "25006" => Self::Replica,
            "53100" => Self::ServerFull,
            "53300" => Self::TooManyConnections,
            // Cancelled by statement_timeout, a lock not had in time, a transaction that stood idle.
            "57014" | "55P03" | "25P03" => Self::Slow,
            // The server ends, has crashed or starts, or has ended a session that stood idle.
            "57P01" | "57P02" | "57P03" | "57P05" => Self::Starting,
            // A table or function that is not as migrations have left it.
            "42P07" | "42P01" | "42703" | "42723" | "42710" => Self::Foreign,
            code if code.starts_with("08") => Self::Unreachable,
            _ => Self::OtherOfServer,
        }
    }

    /// Whether it may pass by itself.
    pub(in crate::state) fn is_away(self) -> bool {
        matches!(self, Self::Unreachable | Self::Slow | Self::Starting | Self::TooManyConnections)
    }

    pub(in crate::state) fn remedy(self) -> &'static str {
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
            Self::Unreachable => {
                "check host and port in `state`, and that PostgreSQL runs and takes connections from this machine"
            }
            Self::Slow => "the database server does not answer in time; check its load, its locks, and the way to it",
            Self::Starting => "the database server is ending or starting; it is tried again",
            Self::TooManyConnections => {
                "the database server has no room for a further connection; raise its max_connections, or end others"
            }
            Self::Encryption => {
                "check `sslmode` and `sslrootcert` in `state`, and the server's certificate and its host name"
            }
            Self::Password => {
                "check the user's name and password: in the file that PGPASSFILE names, or in the one that ALIDAV_STATE_FILE names \
                 with the whole value of `state`"
            }
            Self::User => "make the user (`createuser --pwprompt NAME`) and let it in by the server's pg_hba.conf",
            Self::NoDatabase => "make it: `createdb --owner USER --encoding UTF8 --template template0 DATABASE`",
            Self::NoRight => "make the user the database's owner: `ALTER DATABASE name OWNER TO user`",
            Self::Replica => "the server only reads; name the primary in `state`",
            Self::ServerFull => "the database server's disk is full; make room there",
            Self::Foreign => "the database holds other tables than alidav's; give it a database of its own",
            Self::OtherOfServer => "the log of the database server says more",
        }
    }
}
