//! `alidav serve`: load, listen, follow the settings, wait for the end.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::signals::Signals;
use crate::config::{Config, Loaded, ProcessEnvironment, StateLocation};
use crate::server::Server;
use crate::version;

/// Exit code for settings that are wrong.
const BAD_SETTINGS: u8 = 2;

/// Reads the settings; faults go to standard error, each on its line.
pub(super) fn load(path: Option<&Path>) -> Result<Loaded, ExitCode> {
    Config::load(path, &ProcessEnvironment).map_err(|faults| {
        for fault in &faults.0 {
            eprintln!("alidav: {fault}");
        }
        ExitCode::from(BAD_SETTINGS)
    })
}

pub(super) async fn serve(path: Option<&Path>) -> ExitCode {
    let loaded = match load(path) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let config = &loaded.config;
    let instance = matches!(config.state, StateLocation::Postgres(_)).then_some(&*config.instance);
    super::log::start(&config.log, config.log_format, config.log_time, instance);
    tracing::info!("alidav {}", version::WORDS);
    // Whoever reads that we listen may send a signal at once.
    let (mut ending, hangup) = (Signals::ending(), Signals::hangup());
    match &loaded.path {
        Some(path) => tracing::info!(path = %path.display(), "settings read"),
        None => tracing::info!("no settings' file; settings come from the environment"),
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    match Server::start(&loaded.config).await {
        Ok(server) => {
            announce(&server);
            super::notify::ready();
            tokio::select! {
                () = ending.next() => {}
                () = super::reload::follow(&server, loaded, hangup) => {}
            }
            super::notify::stopping();
            stop(server, &mut ending).await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("alidav: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Lines for scripts: each address once its port is open.
pub(super) fn announce(server: &Server) {
    let mut out = std::io::stdout().lock();
    for url in server.urls() {
        writeln!(out, "listening on {url}").ok();
    }
    out.flush().ok();
}

/// Lets requests end after a first signal; a second one cuts them.
pub(super) async fn stop(server: Server, ending: &mut Signals) {
    tracing::info!("stopping; a second signal cuts what still runs");
    let kill = server.kill_switch();
    tokio::select! {
        () = server.stop() => {}
        () = async { ending.next().await; kill.cancel(); std::future::pending::<()>().await } => {}
    }
}
