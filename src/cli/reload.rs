//! Settings read again while the server runs: on SIGHUP, and when their file or the certificate changed.
//!
//! What is wrong with the new ones is logged, and the old ones stay in force.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::signals::Signals;
use crate::config::{Config, Loaded, ProcessEnvironment};
use crate::server::Server;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Reads settings again whenever there is reason to; never returns.
pub(super) async fn follow(server: &Server, mut loaded: Loaded, mut hangup: Signals) {
    // What came from the environment alone does not change, but its certificate may.
    let path = loaded.path.clone();
    let mut seen = fingerprint(path.as_deref(), &loaded.config);
    loop {
        let asked = tokio::select! {
            () = hangup.next() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = fingerprint(path.as_deref(), &loaded.config);
        if !asked && now == seen {
            continue;
        }
        seen = now;
        if let Some(taken) = reload(server, path.as_deref()).await {
            loaded = taken;
            // The certificate may be another file by now.
            seen = fingerprint(path.as_deref(), &loaded.config);
        }
    }
}

async fn reload(server: &Server, path: Option<&Path>) -> Option<Loaded> {
    let loaded = match Config::load(path, &ProcessEnvironment) {
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

fn fingerprint(path: Option<&Path>, config: &Config) -> Fingerprint {
    let mut files: Vec<PathBuf> = path.into_iter().map(Path::to_owned).collect();
    files.extend(config.tls.iter().flat_map(|tls| [tls.cert.clone(), tls.key.clone()]));
    let look = |file: &PathBuf| {
        let meta = std::fs::metadata(file).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    };
    files.iter().map(look).collect()
}
