//! The commands and their arguments.

/// Prints a line at once; a reader that has gone, such as `head`, is no reason to stop.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let mut out = std::io::stdout().lock();
        writeln!(out, $($words)*).and_then(|()| out.flush()).ok();
    }};
}

mod arguments;
mod check;
// It reads files at places, and knows them by inode.
#[cfg(unix)]
mod copy;
mod demo;
mod export;
mod granted;
mod import;
mod links;
mod log;
mod login;
mod notify;
mod papers;
mod password;
mod reload;
mod run;
mod signals;
mod state;
mod words;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

#[cfg(unix)]
use self::arguments::CopyArguments;
use self::arguments::{ExportArguments, LoginArguments, StateCommand};
use crate::version;

/// A WebDAV server for Aliyundrive's open platform.
///
/// Without a command it serves. Settings come from --config, else from ./alidav.toml,
/// $XDG_CONFIG_HOME/alidav/alidav.toml or /etc/alidav/alidav.toml, and from variables
/// ALIDAV_SECTION__KEY; config.example.toml shows them all.
#[derive(Debug, Parser)]
#[command(version = version::WORDS, about, long_about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The settings' file.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve WebDAV until interrupted (the default).
    Serve,
    /// Serve a simulated drive with sample films, pictures and documents; needs no account.
    Demo {
        /// Where to listen.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Keep the simulated drive in this folder; without it everything is forgotten at the end.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Check settings, token, drives, space, one listing and one link, with the time of each.
    Check {
        /// Only ask a running server whether it is alive, as a container's health check does.
        #[arg(long)]
        live: bool,
    },
    /// Sign in to the drive: shows a QR code to be scanned with the phone, and keeps the tokens.
    Login(LoginArguments),
    /// Write a view of the settings into a local folder, for media servers that read no WebDAV: what differs is
    /// written, what the view has no more is removed. A server may run meanwhile.
    Export(ExportArguments),
    /// Copy files and folders to the drive, from it, or from another WebDAV server to it. What the drive has already is
    /// not sent, what is at the destination is passed over, and nothing is deleted. A server may run meanwhile.
    ///
    /// Ends with 0 if everything is at the destination, 1 if nothing could be done, 2 if arguments or settings are
    /// wrong, 3 if a part failed, 130 if it was stopped; the same command goes on where it was.
    #[cfg(unix)]
    Copy(CopyArguments),
    /// Make another key of signed links: all that were given out open nothing any more.
    RenewLinks,
    /// Move what alidav remembers from one state store to another.
    State {
        #[command(subcommand)]
        command: StateCommand,
    },
    /// Read a password and print the string for the settings' file.
    HashPassword,
    /// Print settings for the storages of AList or OpenList: their backup, or the answer of /api/admin/storage/list.
    Import {
        /// The JSON file; "-" for standard input.
        file: PathBuf,
    },
    /// Run the simulated drive alone, for tests of any client of the drive.
    Simulate {
        /// Where to listen.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
        listen: SocketAddr,
        /// Keep the drive in this folder; without it everything is forgotten at the end.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Begin with an empty drive instead of the samples.
        #[arg(long)]
        empty: bool,
    },
    /// Print the completions of a shell.
    Completions {
        /// The shell they are for.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man {
        /// Write it into this folder instead, with a page for each command.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

impl Command {
    /// Whether `--config`, which every command takes on either side of its name, says anything to it.
    fn reads_settings(&self) -> bool {
        match self {
            Self::Serve
            | Self::Check { .. }
            | Self::Login(_)
            | Self::Export(_)
            | Self::RenewLinks
            | Self::State { .. } => true,
            #[cfg(unix)]
            Self::Copy(_) => true,
            Self::Demo { .. } | Self::HashPassword | Self::Import { .. } | Self::Simulate { .. } => false,
            Self::Completions { .. } | Self::Man { .. } => false,
        }
    }
}

/// Runs the command of the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve);
    if arguments.config.is_some() && !command.reads_settings() {
        let words = "--config: this command reads no settings";
        Arguments::command().error(clap::error::ErrorKind::ArgumentConflict, words).exit();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("alidav: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let config = arguments.config.as_deref();
        match command {
            Command::Serve => run::serve(config).await,
            Command::Demo { listen, dir } => demo::demo(listen, dir).await,
            Command::Check { live } => check::check(config, live).await,
            Command::Login(arguments) => login::login(config, &arguments).await,
            Command::Export(arguments) => export::export(config, &arguments).await,
            #[cfg(unix)]
            Command::Copy(arguments) => copy::copy(config, &arguments).await,
            Command::RenewLinks => links::renew(config).await,
            Command::State { command } => state::run(config, command).await,
            Command::HashPassword => password::hash_password(),
            Command::Import { file } => import::import(&file),
            Command::Simulate { listen, dir, empty } => demo::simulate(listen, dir, !empty).await,
            Command::Completions { shell } => papers::completions(shell, Arguments::command()),
            Command::Man { dir } => papers::manual(Arguments::command(), dir.as_deref()),
        }
    });
    // A blocking task that hangs must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}
