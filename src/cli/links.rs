//! `alidav renew-links`.

use std::path::Path;
use std::process::ExitCode;

use super::run::load;
use crate::state::Store;

/// Ends all signed links of pages; a server that runs need not be told.
pub(super) async fn renew(path: Option<&Path>) -> ExitCode {
    let loaded = match load(path) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let renewed = async {
        let store = Store::open(&loaded.config.state).await?;
        let renewed = store.renew_link_key().await;
        store.close().await;
        renewed
    };
    match renewed.await {
        Ok(()) => {
            say!("links that were given out before open nothing any more");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("alidav: {error}");
            ExitCode::FAILURE
        }
    }
}
