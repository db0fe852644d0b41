//! The bytes of a local file that was hashed, as long as it is the same file.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};

use super::hashes::Stamp;
use crate::cli::copy::rate::Rate;
use crate::drive::{ByteSource, ContentSource, Error};

/// Bytes read at a time.
const PIECE: u64 = 512 << 10;

/// A local file of which is known what it holds.
pub(in crate::cli::copy) struct LocalContent {
    pub(in crate::cli::copy) path: PathBuf,
    pub(in crate::cli::copy) stamp: Stamp,
    pub(in crate::cli::copy) rate: Arc<Rate>,
}

impl ContentSource for LocalContent {
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, Error>> {
        piece(self.path.clone(), self.stamp, range).boxed()
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteSource, Error>> {
        let (path, stamp, rate) = (self.path.clone(), self.stamp, self.rate.clone());
        let pieces = async_stream::try_stream! {
            let mut at = from;
            while at < stamp.size {
                let end = (at + PIECE).min(stamp.size);
                rate.take(end - at).await;
                yield piece(path.clone(), stamp, at..end).await?;
                at = end;
            }
        };
        std::future::ready(Ok(pieces.boxed())).boxed()
    }
}

/// A part of the file, read while it is as it was.
async fn piece(path: PathBuf, stamp: Stamp, range: Range<u64>) -> Result<Bytes, Error> {
    let read = tokio::task::spawn_blocking(move || read(&path, stamp, range)).await;
    read.map_err(|_| Error::Stopping)?
}

fn read(path: &Path, stamp: Stamp, range: Range<u64>) -> Result<Bytes, Error> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::Changed { gone: true },
        io::ErrorKind::UnexpectedEof => Error::Changed { gone: false },
        _ => Error::Source { text: error.to_string().into(), broken: false },
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or_default()];
    file.read_exact_at(&mut bytes, range.start).map_err(failed)?;
    // Looked at afterwards: what was written before it was read shows by now.
    if Stamp::of(&file.metadata().map_err(failed)?) != stamp {
        return Err(Error::Changed { gone: false });
    }
    Ok(bytes.into())
}
