//! Content whose hash is known and whose bytes lie elsewhere: put on the drive for a few bytes, or carried.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use alidav::clock::UnixMillis;
use alidav::drive::{
    ByteSource, ContentSource, Delivered, Error, ErrorKind, Expected, Freshness, Means, Path, Tree, UploadOptions,
};
use alidav::sim::{Fault, FaultKind, Options, Simulator};
use alidav::state::Store;
use alidav::upstream::Client;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use crate::harness::{config, noise, rules};

/// A source as the test says.
#[derive(Default)]
struct Source {
    content: Vec<u8>,
    /// Ranges that were read, and offsets from which all was.
    read: Mutex<Vec<Range<u64>>>,
    opened: Mutex<Vec<u64>>,
    /// Where the next streams break off.
    breaks: Mutex<Vec<u64>>,
    /// Done once, after the first read.
    after_read: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Source {
    fn of(content: &[u8]) -> Self {
        Self { content: content.to_vec(), ..Self::default() }
    }
}

impl ContentSource for Source {
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, Error>> {
        self.read.lock().push(range.clone());
        let bytes = self.content[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec();
        if let Some(then) = self.after_read.lock().take() {
            then();
        }
        Box::pin(async move { Ok(bytes.into()) })
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteSource, Error>> {
        self.opened.lock().push(from);
        let rest = &self.content[usize::try_from(from).unwrap()..];
        let mut pieces: Vec<Result<Bytes, Error>> = Vec::new();
        let breaks = self.breaks.lock().pop();
        let end = breaks.map_or(rest.len(), |at| usize::try_from(at - from).unwrap());
        pieces.extend(rest[..end].chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))));
        if breaks.is_some() {
            pieces.push(Err(Error::Source { text: "cut".into(), broken: true }));
        }
        Box::pin(async move { Ok(futures_util::stream::iter(pieces).boxed()) })
    }
}

struct Drive {
    sim: Simulator,
    tree: Tree,
    sent: AtomicU64,
}

impl Drive {
    async fn start() -> Self {
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        let mut config = config(&sim);
        config.upload.part_size = 1 << 20;
        let store = Store::open(&config.state).await.unwrap();
        let client = Client::new(&config.accounts[0], &config, store.clone()).unwrap();
        let tree = Tree::new(&config, HashMap::from([("main".to_owned(), client)]), &store);
        Self { sim, tree, sent: AtomicU64::new(0) }
    }

    /// The folder is looked at before; what that costs is not counted.
    async fn looked_at(&self) {
        let root = self.tree.stat(&Path::root(), Freshness::Cached).await.unwrap();
        self.tree.members(&root, Freshness::Refresh).await.unwrap();
        self.sim.reset_calls();
    }

    async fn deliver(&self, path: &str, source: &Source, options: UploadOptions) -> Result<Delivered, Error> {
        let count = |bytes| {
            self.sent.fetch_add(bytes, Ordering::Relaxed);
        };
        self.tree.deliver(&Path::parse(path).unwrap(), options, source, &count).await
    }

    fn transfers(&self) -> u64 {
        self.sim.calls().get("data PUT").copied().unwrap_or(0)
    }
}

fn known(content: &[u8]) -> UploadOptions {
    UploadOptions {
        size: Some(content.len() as u64),
        sha1: Some(alidav::digest::Sha1::of(content)),
        modified: Some(UnixMillis(1_600_000_000_000)),
        expected: Expected::Anything,
    }
}

#[tokio::test]
async fn what_the_drive_has_costs_two_calls_and_eight_bytes_and_what_is_there_costs_none() {
    let drive = Drive::start().await;
    let content = noise(3_000_000);
    drive.sim.write("/elsewhere.bin", content.clone());
    drive.looked_at().await;
    let source = Source::of(&content);
    let delivered = drive.deliver("/film.mkv", &source, known(&content)).await.unwrap();
    assert_eq!((delivered.means, delivered.placed.replaced), (Means::Attached, None));
    assert_eq!(delivered.placed.entry.modified, UnixMillis(1_600_000_000_000));
    assert_eq!((drive.sim.api_calls(), drive.transfers(), drive.sent.load(Ordering::Relaxed)), (2, 0, 0));
    assert!(source.opened.lock().is_empty() && source.read.lock().iter().all(|range| range.end - range.start <= 8));
    assert_eq!(drive.sim.read("/film.mkv").unwrap(), content);

    drive.sim.reset_calls();
    let again = drive.deliver("/film.mkv", &source, known(&content)).await.unwrap();
    assert_eq!((again.means, drive.sim.api_calls()), (Means::Present, 0));
    assert_eq!(source.read.lock().len(), 1);
    let only_new = UploadOptions { expected: Expected::Nothing, ..known(&content) };
    let refused = drive.deliver("/film.mkv", &source, only_new).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConditionFailed);
}

#[tokio::test]
async fn what_the_drive_lacks_is_carried_once_and_goes_on_where_the_source_broke() {
    let drive = Drive::start().await;
    drive.looked_at().await;
    let content = noise(3_000_000);
    let source = Source { breaks: Mutex::new(vec![2_000_000, 700_000]), ..Source::of(&content) };
    let delivered = drive.deliver("/film.mkv", &source, known(&content)).await.unwrap();
    assert_eq!((delivered.means, drive.transfers()), (Means::Sent, 3));
    assert_eq!(*source.opened.lock(), [0, 700_000, 2_000_000]);
    assert_eq!(drive.sent.load(Ordering::Relaxed), 3_000_000);
    assert_eq!(drive.sim.read("/film.mkv").unwrap(), content);
    // An empty file is no matter of hashes.
    let empty = drive.deliver("/empty", &Source::of(b""), known(b"")).await.unwrap();
    assert_eq!((empty.means, drive.sim.read("/empty").unwrap().len()), (Means::Sent, 0));
}

#[tokio::test]
async fn a_token_that_is_renewed_between_the_proof_and_its_call_leads_to_another_proof() {
    let drive = Drive::start().await;
    let content = noise(900_000);
    drive.sim.write("/elsewhere.bin", content.clone());
    drive.looked_at().await;
    let sim = drive.sim.clone();
    let expires: Box<dyn FnOnce() + Send> = Box::new(move || sim.expire_access_tokens());
    let source = Source { after_read: Mutex::new(Some(expires)), ..Source::of(&content) };
    let delivered = drive.deliver("/film.mkv", &source, known(&content)).await.unwrap();
    assert_eq!((delivered.means, drive.transfers()), (Means::Attached, 0));
    let read = source.read.lock().clone();
    assert!(read.len() == 2 && read[0] != read[1], "{read:?}");
}

#[tokio::test]
async fn a_source_that_lies_leaves_what_was_there() {
    let drive = Drive::start().await;
    let (old, content) = (noise(50_000), noise(2_500_000));
    drive.sim.write("/film.mkv", old.clone());
    drive.looked_at().await;
    let lie = UploadOptions { sha1: Some([7; 20].into()), ..known(&content) };
    let error = drive.deliver("/film.mkv", &Source::of(&content), lie).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OtherContent);
    let longer = UploadOptions { size: Some(2_400_000), ..known(&content) };
    let error = drive.deliver("/film.mkv", &Source::of(&content), longer).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OtherContent);
    let gone = Source { breaks: Mutex::new(vec![100_000; 20]), ..Source::of(&content) };
    let error = drive.deliver("/film.mkv", &gone, known(&content)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert_eq!(drive.sim.tree(), [("/film.mkv".to_owned(), Some(old))]);
}

#[tokio::test]
async fn a_proof_of_other_bytes_and_a_lost_answer_make_no_second_file() {
    let drive = Drive::start().await;
    let content = noise(600_000);
    drive.sim.write("/elsewhere.bin", content.clone());
    drive.looked_at().await;
    drive.sim.fault(Fault::once("openFile/create", FaultKind::CloseAfter));
    let delivered = drive.deliver("/film.mkv", &Source::of(&content), known(&content)).await.unwrap();
    assert_eq!((delivered.means, drive.transfers()), (Means::Attached, 0));
    // The hash is right and its bytes are not: nothing is attached on the word of the hash alone.
    let mut other = content.clone();
    other.iter_mut().for_each(|byte| *byte ^= 1);
    let error = drive.deliver("/other.mkv", &Source::of(&other), known(&content)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OtherContent);
    let names: Vec<String> = drive.sim.tree().into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, ["/elsewhere.bin", "/film.mkv"]);
}

#[tokio::test]
async fn content_without_a_hash_is_carried_and_a_break_is_not_patched() {
    let drive = Drive::start().await;
    drive.looked_at().await;
    let content = noise(1_500_000);
    let unknown = || UploadOptions { sha1: None, ..known(&content) };
    let cut = Source { breaks: Mutex::new(vec![700_000]), ..Source::of(&content) };
    assert_eq!(drive.deliver("/a", &cut, unknown()).await.unwrap_err().kind(), ErrorKind::Source);
    assert!(drive.sim.tree().is_empty());
    assert_eq!(drive.deliver("/a", &Source::of(&content), unknown()).await.unwrap().means, Means::Sent);
    assert_eq!(drive.sim.read("/a").unwrap(), content);
}
