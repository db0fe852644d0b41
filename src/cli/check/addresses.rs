//! The part of `alidav check` that tries the addresses which the files of views hold: whether they lead to this server.

use std::time::{Duration, Instant};

use http::{StatusCode, header};

use super::report::Report;
use crate::cli::words::Language;
use crate::clock::UnixSeconds;
use crate::config::Config;
use crate::link::Addresses;
use crate::protocol::request_id::X_REQUEST_ID;
use crate::state::Store;
use crate::upstream::client_tls;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the address that is tried opens.
const LIFE_S: i64 = 300;

/// Prints for each address whether it leads here. Only a server that runs can be reached.
pub(super) async fn views(config: &Config, store: &Store, report: &mut Report) {
    let mut addresses: Vec<&str> =
        config.views.iter().map(|view| view.base_url.as_str().trim_end_matches('/')).collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return;
    }
    if !store.is_served().await.is_ok_and(|served| served) {
        say!("     {}", report.tell.note(&report.tell.views_not_tried()));
        return;
    }
    for base in addresses {
        let started = Instant::now();
        report.line(&report.tell.view_address(base), started, reaches(base, store, report.tell).await);
    }
}

/// Asks for the top of the tree by a sign: a server that knows the key says that it is no file, and makes no call.
async fn reaches(base: &str, store: &Store, tell: Language) -> Result<String, String> {
    let remedy = tell.set_base_url();
    let key = store.link_key().await.map_err(|error| error.to_string())?;
    let address = Addresses::signed(base, key, UnixSeconds::now().plus(LIFE_S)).file("/");
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(client_tls().map_err(|error| error.to_string())?)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build();
    let client = client.map_err(|error| error.to_string())?;
    let answer = client.get(address).send().await.map_err(|error| format!("{}; {remedy}", innermost(error)))?;
    let ours = answer.headers().contains_key(X_REQUEST_ID);
    match answer.status() {
        StatusCode::METHOD_NOT_ALLOWED if ours => Ok(tell.leads_here()),
        // Beside the routes of addresses, WebDAV asks for a password.
        StatusCode::UNAUTHORIZED if ours && !answer.headers().contains_key(header::WWW_AUTHENTICATE) => {
            Err(tell.other_store(&remedy))
        }
        status if status.is_redirection() => {
            let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
            let to = to.split(['?', '#']).next().unwrap_or_default().trim_end_matches("/d/");
            Err(tell.leads_on(to))
        }
        status => Err(tell.answers(&status, &remedy)),
    }
}

/// The cause of a failure, without the address, which has a sign.
fn innermost(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
