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
mod demo;
mod export;
mod granted;
mod links;
mod log;
mod login;
mod notify;
mod password;
mod reload;
mod run;
mod signals;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::arguments::{ExportArguments, LoginArguments, Settings};

/// A WebDAV server for Aliyundrive's open platform.
///
/// Without a command it serves. Settings come from --config, else from ./alidav.toml,
/// $XDG_CONFIG_HOME/alidav/alidav.toml or /etc/alidav/alidav.toml, and from variables
/// ALIDAV_SECTION__KEY; config.example.toml shows them all.
#[derive(Debug, Parser)]
#[command(version, about, long_about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve WebDAV until interrupted (the default).
    Serve(Settings),
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
        #[command(flatten)]
        settings: Settings,
        /// Only ask a running server whether it is alive, as a container's health check does.
        #[arg(long)]
        live: bool,
    },
    /// Sign in to the drive: shows a QR code to be scanned with the phone, and keeps the tokens.
    Login {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        arguments: LoginArguments,
    },
    /// Write a [[view]] into a local folder, for media servers that read no WebDAV: what differs is written, what the
    /// view has no more is removed. A server may run meanwhile.
    Export {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        arguments: ExportArguments,
    },
    /// Make another key of signed links: all that were given out open nothing any more.
    RenewLinks(Settings),
    /// Read a password and print the string for the settings' file.
    HashPassword,
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
}

/// Runs the command of the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("alidav: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        match arguments.command.unwrap_or(Command::Serve(arguments.settings)) {
            Command::Serve(settings) => run::serve(settings.config.as_deref()).await,
            Command::Demo { listen, dir } => demo::demo(listen, dir).await,
            Command::Check { settings, live } => check::check(settings.config.as_deref(), live).await,
            Command::Login { settings, arguments } => login::login(&settings, &arguments).await,
            Command::Export { settings, arguments } => export::export(settings.config.as_deref(), &arguments).await,
            Command::RenewLinks(settings) => links::renew(settings.config.as_deref()).await,
            Command::HashPassword => password::hash_password(),
            Command::Simulate { listen, dir, empty } => demo::simulate(listen, dir, !empty).await,
        }
    });
    // A blocking task that hangs must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}
