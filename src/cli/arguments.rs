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
