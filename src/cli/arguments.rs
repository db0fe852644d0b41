//! Arguments that commands look at themselves.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct LoginArguments {
    /// The account's name in the settings; needed only where there are several.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    /// Let another user of the drive take the account over; restart a running server afterwards.
    #[arg(long)]
    pub(super) replace: bool,
    /// Pause between two questions whether the code was scanned, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1500, hide = true)]
    pub(super) poll_ms: u64,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExportArguments {
    /// The view's path in the settings, such as /strm.
    pub(super) view: String,
    /// The folder to write to; made where the one above it is there.
    pub(super) directory: PathBuf,
    /// Keep files that the view has no more.
    #[arg(long)]
    pub(super) keep: bool,
}

#[cfg(unix)]
#[derive(Debug, clap::Args)]
pub(super) struct CopyArguments {
    /// What to copy: local files and folders, drive:/PATH as the settings mount it, or the http(s):// address of a file
    /// or folder on a WebDAV server. A folder keeps its name below the destination; with a slash at its end only what
    /// is in it is copied.
    #[arg(value_name = "SOURCE", required = true, num_args = 1..)]
    pub(super) sources: Vec<std::ffi::OsString>,
    /// The folder to copy into, made where it is missing: drive:/PATH or, from the drive, a local one.
    #[arg(value_name = "DESTINATION", required = true)]
    pub(super) destination: std::ffi::OsString,
    /// Tell what would be copied and change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Leave out what matches, at any depth; with a slash in it the path below the source. May be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
    /// Leave out files that were last changed before: a span back such as 7d or 12h, or a date such as 2024-05-01.
    #[arg(long, value_name = "WHEN")]
    pub(super) newer_than: Option<String>,
    /// Most bytes of content a second, such as 4MiB.
    #[arg(long, value_name = "RATE")]
    pub(super) bwlimit: Option<String>,
    /// Files under way at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(super) transfers: u8,
    /// The user at the WebDAV server; the password is asked for, or taken from the variable WEBDAV_PASSWORD.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// Follow symbolic links of local sources, which are left out otherwise.
    #[arg(long)]
    pub(super) follow_links: bool,
    /// Print a JSON object for each file and one at the end.
    #[arg(long)]
    pub(super) json: bool,
    /// First pause before a file is tried again, in milliseconds; it doubles.
    #[arg(long, value_name = "MS", default_value_t = 1000, hide = true)]
    pub(super) pause_ms: u64,
    /// Longest silence of a WebDAV server that sends a file, in seconds.
    #[arg(long, value_name = "S", default_value_t = 30, hide = true)]
    pub(super) silence_s: u64,
    /// How long a run may take to begin, in seconds.
    #[arg(long, value_name = "S", default_value_t = 60, hide = true)]
    pub(super) begin_s: u64,
    /// How long nothing may go on before the run ends, in seconds.
    #[arg(long, value_name = "S", default_value_t = 1800, hide = true)]
    pub(super) away_s: u64,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum StateCommand {
    /// Copy sign-ins, locks, stored properties, held files, unfinished removals, sessions and the key of links into an
    /// empty store, such as from SQLite to PostgreSQL or back. No alidav may serve from either meanwhile. What is copied
    /// from stays as it is: serve from one of the two only, for a refresh token works once.
    Copy {
        /// A value of `state`, such as sqlite:alidav.db; "settings" for the one of the settings.
        from: String,
        /// Likewise, such as postgres://alidav@db.example/alidav; the password is best left to PGPASSFILE.
        to: String,
    },
}
