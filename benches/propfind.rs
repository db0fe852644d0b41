//! PROPFIND of a cached folder against dav-server's own handler on a file system in memory: both in one
//! process, in turns, from request to the last byte of the body.

#![expect(clippy::unwrap_used, reason = "a measurement")]

mod folder;

use std::time::{Duration, Instant};

use dav_server::fs::{DavFileSystem as _, OpenOptions};
use dav_server::{DavHandler, davpath::DavPath, memfs::MemFs};
use folder::{alidav, context, length, propfind};

/// Fewer for the largest folder, of which dav-server's takes seconds.
fn rounds(entries: usize) -> usize {
    if entries > 10_000 { 3 } else { 15 }
}

async fn dav_server(entries: usize) -> DavHandler {
    let fs = MemFs::new();
    fs.create_dir(&DavPath::new("/folder/").unwrap()).await.unwrap();
    let options = OpenOptions { write: true, create: true, ..OpenOptions::default() };
    for n in 0..entries {
        let path = DavPath::new(&format!("/folder/file%20number%20{n:06}.mkv")).unwrap();
        fs.open(&path, options.clone()).await.unwrap();
    }
    DavHandler::builder().filesystem(fs).build_handler()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

#[tokio::main]
async fn main() {
    println!(
        "{:>8}  {:>12}  {:>14}  {:>7}  {:>12}  {:>14}",
        "entries", "alidav ms", "dav-server ms", "ratio", "alidav bytes", "dav-srv bytes"
    );
    for entries in [10, 1000, 10_000, 100_000] {
        let (_sim, dav) = alidav(entries).await;
        let other = dav_server(entries).await;
        let context = context();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut our_bytes, mut their_bytes) = (0, 0);
        for round in 0..=rounds(entries) {
            let started = Instant::now();
            let answer = dav.handle(propfind("/folder/"), &context).await;
            assert_eq!(answer.status(), 207);
            our_bytes = length(answer.into_body()).await;
            let our_time = started.elapsed();
            let started = Instant::now();
            let answer = other.handle(propfind("/folder/")).await;
            assert_eq!(answer.status(), 207);
            their_bytes = length(answer.into_body()).await;
            // The first round fills the cache and is not counted.
            if round > 0 {
                ours.push(our_time);
                theirs.push(started.elapsed());
            }
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "{entries:>8}  {ours:>12.3}  {theirs:>14.3}  {:>7.3}  {our_bytes:>12}  {their_bytes:>14}",
            ours / theirs
        );
    }
}
