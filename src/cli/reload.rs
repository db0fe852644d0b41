//! Settings read again while the server runs: on SIGHUP, and when their file or the certificate changed.
//!
//! What is wrong with the new ones is logged, and the old ones stay in force.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::config::{Config, Loaded, ProcessEnvironment};
use crate::server::Server;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Reads settings again whenever there is reason to; never returns.
pub(super) async fn follow(server: &Server, mut loaded: Loaded) {
    let Some(path) = loaded.path.clone() else { return std::future::pending().await };
    let mut hangup = Hangup::new();
    let mut seen = fingerprint(&path, &loaded.config);
    loop {
        let asked = tokio::select! {
            () = hangup.next() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = fingerprint(&path, &loaded.config);
        if !asked && now == seen {
            continue;
        }
        seen = now;
        if let Some(taken) = reload(server, &path).await {
            loaded = taken;
            // The certificate may be another file by now.
            seen = fingerprint(&path, &loaded.config);
        }
    }
}

async fn reload(server: &Server, path: &Path) -> Option<Loaded> {
    let loaded = match Config::load(Some(path), &ProcessEnvironment) {
        Ok(loaded) => loaded,
        Err(faults) => {
            for fault in &faults.0 {
                tracing::error!("{fault}");
            }
            tracing::error!("the new settings have faults; the old ones stay in force");
            return None;
        }
    };
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    super::notify::reloading();
    let result = server.reload(&loaded.config).await;
    super::notify::ready();
    match result {
        Ok(waiting) if waiting.is_empty() => tracing::info!("settings read again"),
        Ok(waiting) => {
            tracing::warn!("settings read again; these changes wait for a restart: {}", waiting.join(", "));
        }
        Err(error) => {
            tracing::error!(%error, "the old settings stay in force");
            return None;
        }
    }
    Some(loaded)
}

/// What tells that one of the files is another than before.
type Fingerprint = Vec<Option<(SystemTime, u64)>>;

fn fingerprint(path: &Path, config: &Config) -> Fingerprint {
    let mut files: Vec<PathBuf> = vec![path.to_owned()];
    files.extend(config.tls.iter().flat_map(|tls| [tls.cert.clone(), tls.key.clone()]));
    let look = |file: &PathBuf| {
        let meta = std::fs::metadata(file).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    };
    files.iter().map(look).collect()
}

#[cfg(unix)]
struct Hangup(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Hangup {
    fn new() -> Self {
        Self(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok())
    }

    async fn next(&mut self) {
        let received = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if received.is_none() {
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
struct Hangup;

#[cfg(not(unix))]
impl Hangup {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        std::future::pending().await
    }
}
