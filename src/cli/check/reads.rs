//! The part of `alidav check` that looks at a mount: a listing, a link, and the first bytes of a file, as alidav itself
//! reads them and as a player does that was redirected.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};

use super::report::Report;
use crate::cli::words::Language;
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
    let (started, tell) = (Instant::now(), report.tell);
    let members = list(tree, path).await;
    let shown = members.as_ref().map(|members| tell.entries(members.len()));
    report.line(&tell.listing(path), started, shown);
    let Ok(members) = members else { return };
    let started = Instant::now();
    match find(tree, path, members).await {
        Ok(Some(file)) => reads(tree, path, &file, report).await,
        Ok(None) => say!("     {}", tell.no_file(MOST_FOLDERS, path)),
        Err(error) => report.line(&tell.a_file(path), started, Err::<String, _>(error)),
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
    let (started, tell) = (Instant::now(), report.tell);
    let link = tree.link(file, MIN_LIFE).await;
    let shown = link.as_ref().map(|_| tell.link_of(&file.entry.name));
    report.line(&tell.link(mount), started, shown);
    let Ok(link) = link else { return };
    let host = link.url.expose().host().unwrap_or_default();
    say!("     {}", tell.host(host));
    say!("     {}", tell.signature(&link.url.signature()));
    say!("     {}", tell.life(link.life.left().as_secs()));
    let range = 0..file.entry.size.unwrap_or_default().min(FIRST_BYTES);
    let started = Instant::now();
    let read = as_alidav(tree, file, range.clone()).await;
    let works = read.is_ok();
    let read = read.map_err(|error| tell.failed_at(&error, host, &of_read(&error, tell)));
    report.line(&tell.read_here(mount), started, read.map(|()| tell.bytes(range.end)));
    let started = Instant::now();
    let read = as_player(tree, file, &link, range.clone()).await.map_err(|error| {
        let remedy = if works { tell.proxy_this() } else { of_transfer(error.kind, tell) };
        tell.failed_at(&error, host, &remedy)
    });
    let shown = read.map(|status| tell.status_and_bytes(status, range.end));
    report.line(&tell.read_redirected(mount), started, shown);
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

fn of_read(error: &drive::Error, tell: Language) -> String {
    match error {
        drive::Error::Data(error) => of_transfer(error.kind, tell),
        drive::Error::NoFreeStream { .. } => of_transfer(DataErrorKind::TooManyStreams, tell),
        drive::Error::Changed { .. } => tell.changed_meanwhile(),
        _ => tell.see_the_log(),
    }
}

fn of_transfer(kind: DataErrorKind, tell: Language) -> String {
    match kind {
        DataErrorKind::TooManyStreams => tell.other_download(),
        DataErrorKind::Expired => tell.clock_is_off(),
        DataErrorKind::Broken | DataErrorKind::Stalled | DataErrorKind::Unavailable => tell.network(),
        DataErrorKind::Throttled => tell.wait(),
        _ => tell.host_refuses(),
    }
}
