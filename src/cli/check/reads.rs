//! The part of `alidav check` that looks at a mount: a listing, a link, and the first bytes of a file, as alidav itself
//! reads them and as a player does that was redirected.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};

use super::report::Report;
use crate::drive::{self, Freshness, Link, Members, Reader, Resource, Tree};
use crate::upstream::{DataError, DataErrorKind};

/// Life asked of the link.
const MIN_LIFE: Duration = Duration::from_secs(60);

/// Bytes read.
const FIRST_BYTES: u64 = 1024;

/// Folders that are looked into for a file; each is a call.
const MOST_FOLDERS: usize = 20;

/// A reader that nobody else is, who wants what the drive has now.
const READER: Reader = Reader { id: 0, open_ended: false, urgent: false, by_range: false };

/// Prints what works of a mount.
pub(super) async fn mount(tree: &Tree, path: &drive::Path, report: &mut Report) {
    let started = Instant::now();
    let members = list(tree, path).await;
    let shown = members.as_ref().map(|members| format!("{} entries", members.len()));
    report.line(&format!("mount {path}, listing"), started, shown);
    let Ok(members) = members else { return };
    let started = Instant::now();
    match find(tree, path, members).await {
        Ok(Some(file)) => reads(tree, path, &file, report).await,
        Ok(None) => {
            say!("     no file to read in the first {MOST_FOLDERS} folders of {path}; link and reads are not tried")
        }
        Err(error) => report.line(&format!("mount {path}, a file to read"), started, Err::<String, _>(error)),
    }
}

async fn list(tree: &Tree, path: &drive::Path) -> Result<Members, drive::Error> {
    let folder = tree.stat(path, Freshness::Cached).await?;
    tree.members(&folder, Freshness::Cached).await
}

/// The largest file of the first folder that has one with content; small ones have ways of their own.
async fn find(tree: &Tree, mount: &drive::Path, members: Members) -> Result<Option<Resource>, drive::Error> {
    let mut folders = VecDeque::from([(mount.clone(), members)]);
    let mut waiting = VecDeque::new();
    for _ in 0..MOST_FOLDERS {
        let Some((path, members)) = folders.pop_front() else { break };
        let readable = |entry: &&drive::Entry| !entry.is_folder() && !entry.frozen && entry.size.is_some_and(|s| s > 0);
        if let Some(file) = members.iter().filter(readable).max_by_key(|entry| entry.size) {
            return tree.stat(&path.join(&file.name), Freshness::Cached).await.map(Some);
        }
        let within = |path: &drive::Path| tree.mount_settings(path).is_some_and(|m| m.path == mount.as_str());
        let below = members.iter().filter(|entry| entry.is_folder()).map(|entry| path.join(&entry.name));
        // Of the folders found, only as many as can be looked into.
        waiting.extend(below.filter(within).take(MOST_FOLDERS));
        if let Some(next) = waiting.pop_front() {
            let members = list(tree, &next).await?;
            folders.push_back((next, members));
        }
    }
    Ok(None)
}

async fn reads(tree: &Tree, mount: &drive::Path, file: &Resource, report: &mut Report) {
    let started = Instant::now();
    let link = tree.link(file, MIN_LIFE).await;
    let shown = link.as_ref().map(|_| format!("of {:?}", file.entry.name));
    report.line(&format!("mount {mount}, link"), started, shown);
    let Ok(link) = link else { return };
    let host = link.url.expose().host().unwrap_or_default();
    say!("     host: {host}");
    say!("     signature: {}", link.url.signature());
    say!("     life: {} s", link.life.left().as_secs());
    let range = 0..file.entry.size.unwrap_or_default().min(FIRST_BYTES);
    let started = Instant::now();
    let read = as_alidav(tree, file, range.clone()).await;
    let works = read.is_ok();
    let read = read.map_err(|error| with_remedy(&error, of_read(&error), host));
    report.line(&format!("mount {mount}, read by alidav"), started, read.map(|()| format!("{} bytes", range.end)));
    let started = Instant::now();
    let read = as_player(tree, file, &link, range.clone()).await.map_err(|error| {
        let remedy = if works {
            "set link_policy = \"proxy\" for this mount: players that are redirected fail here, reads by alidav do not"
        } else {
            of_transfer(error.kind)
        };
        with_remedy(&error, remedy, host)
    });
    let shown = read.map(|status| format!("status {status}, {} bytes", range.end));
    report.line(&format!("mount {mount}, read by a redirected player"), started, shown);
}

/// As every read through alidav: with a second host and new links.
async fn as_alidav(tree: &Tree, file: &Resource, range: Range<u64>) -> Result<(), drive::Error> {
    // It ends after the whole range, or in an error.
    drain(tree.read(file, range, READER).await?).await
}

/// A GET of exactly the address that a redirect hands out; gives the status.
async fn as_player(tree: &Tree, file: &Resource, link: &Link, range: Range<u64>) -> Result<u16, DataError> {
    let account = tree.mount_settings(&file.path).map(|mount| mount.account.clone());
    let client = tree.accounts().find(|client| Some(client.account()) == account.as_deref());
    let Some(client) = client else { return Err(DataError { kind: DataErrorKind::Refused, message: None }) };
    let body = client.data_host().get_at(&link.url, range).await?;
    let status = body.status;
    drain(body).await?;
    Ok(status)
}

async fn drain<T, E>(stream: impl Stream<Item = Result<T, E>>) -> Result<(), E> {
    let mut stream = std::pin::pin!(stream);
    while let Some(piece) = stream.next().await {
        piece?;
    }
    Ok(())
}

fn with_remedy(error: &impl std::fmt::Display, remedy: &str, host: &str) -> String {
    format!("{error} (host {host}); {remedy}")
}

fn of_read(error: &drive::Error) -> &'static str {
    match error {
        drive::Error::Data(error) => of_transfer(error.kind),
        drive::Error::NoFreeStream { .. } => of_transfer(DataErrorKind::TooManyStreams),
        drive::Error::Changed { .. } => "the file was changed meanwhile; run the check again",
        _ => "run the check again; if it stays so, the log of the server says more",
    }
}

fn of_transfer(kind: DataErrorKind) -> &'static str {
    match kind {
        DataErrorKind::TooManyStreams => {
            "another program of this account is downloading: stop it, or lower upstream.max_streams"
        }
        DataErrorKind::Expired => "the link had no time left: compare this machine's clock with the time of day",
        DataErrorKind::Broken | DataErrorKind::Stalled | DataErrorKind::Unavailable => {
            "see that this network reaches the host: DNS, firewall, upstream.outbound_proxy"
        }
        DataErrorKind::Throttled => "wait some minutes and run the check again",
        _ => "the host refuses its own links here: set upstream.steady_data_host = true, or try another network",
    }
}
