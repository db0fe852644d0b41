//! Thumbnails: what is asked for within thirty milliseconds is one call, of a hundred files at most.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::calls;
use crate::drive::error::Error;
use crate::drive::films::file_ref::FileRef;
use crate::upstream::{Address, Client, MAX_BATCH, Picture};

/// How long a request waits for others to go with.
const GATHER: Duration = Duration::from_millis(30);

/// Bytes of all addresses, at most.
const KNOWN: u64 = 16 << 20;

/// What a kept address takes beside its text, about.
const ENTRY: usize = 300;

/// Less of its life is not handed out, or half of a shorter one: a browser needs time to come to it.
const MARGIN: Duration = Duration::from_secs(60);

/// How long it is believed that a file has no picture: one may be made yet.
const NONE_FOR: Duration = Duration::from_secs(60);

/// File and which picture of it.
type Key = (Box<str>, Picture);
/// Where the picture is, if the drive has one.
type ThumbnailResult = Result<Option<Address>, Error>;
/// Drive and which picture: what one call can ask for.
type Group = (String, Picture);
/// A file, and who waits for its picture.
type Waiting = (String, oneshot::Sender<ThumbnailResult>);

/// An address, or that there was none at that time.
#[derive(Clone)]
enum Known {
    At(Address),
    None(Instant),
}

pub(super) struct Thumbnails {
    known: moka::sync::Cache<Key, Known>,
    /// Those who wait to be asked for.
    gathering: Mutex<HashMap<Group, Vec<Waiting>>>,
}

impl Thumbnails {
    pub(super) fn new() -> Self {
        let size = |_: &Key, known: &Known| match known {
            Known::At(address) => u32::try_from(address.url.size() + ENTRY).unwrap_or(u32::MAX),
            Known::None(_) => u32::try_from(ENTRY).unwrap_or(u32::MAX),
        };
        Self {
            known: moka::sync::Cache::builder().max_capacity(KNOWN).weigher(size).build(),
            gathering: Mutex::default(),
        }
    }

    pub(super) async fn get(self: Arc<Self>, file: FileRef, picture: Picture) -> ThumbnailResult {
        match self.known.get(&(file.file_id.as_str().into(), picture)) {
            Some(Known::At(address)) if address.life.left() > MARGIN.min(address.life.whole() / 2) => {
                return Ok(Some(address));
            }
            Some(Known::None(at)) if at.elapsed() < NONE_FOR => return Ok(None),
            _ => {}
        }
        let (sender, told) = oneshot::channel();
        self.join(file, picture, sender);
        told.await.unwrap_or(Err(Error::Stopping))
    }

    /// Puts a request to those that wait. The first has them asked for in a while, the hundredth at once.
    fn join(self: Arc<Self>, file: FileRef, picture: Picture, sender: oneshot::Sender<ThumbnailResult>) {
        let FileRef { client, drive_id, file_id } = file;
        let group = (drive_id, picture);
        let mut gathering = self.gathering.lock();
        let waiting = gathering.entry(group.clone()).or_default();
        waiting.push((file_id, sender));
        let (is_first, is_full) = (waiting.len() == 1, waiting.len() >= MAX_BATCH);
        let full = is_full.then(|| gathering.remove(&group)).flatten();
        drop(gathering);
        if let Some(full) = full {
            calls::spawn(async move { self.ask(&client, group, full).await });
        } else if is_first {
            calls::spawn(async move {
                tokio::time::sleep(GATHER).await;
                let waiting = self.gathering.lock().remove(&group);
                if let Some(waiting) = waiting {
                    self.ask(&client, group, waiting).await;
                }
            });
        }
    }

    async fn ask(&self, client: &Client, (drive_id, picture): Group, waiting: Vec<Waiting>) {
        let mut ids: Vec<String> = waiting.iter().map(|(id, _)| id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let told = match client.thumbnails(&drive_id, &ids, picture).await {
            Ok(told) => told.into_iter().collect::<HashMap<_, _>>(),
            Err(error) => {
                let error = Error::from(error);
                waiting.into_iter().for_each(|(_, sender)| drop(sender.send(Err(error.clone()))));
                return;
            }
        };
        for id in ids {
            let known = match told.get(&id).cloned().flatten() {
                Some(address) => Known::At(address),
                None => Known::None(Instant::now()),
            };
            self.known.insert((id.into(), picture), known);
        }
        for (id, sender) in waiting {
            sender.send(Ok(told.get(&id).cloned().flatten())).ok();
        }
    }
}
