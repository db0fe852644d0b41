//! Bytes of files: over slots, links, expired links and cuts, from one connection or several.

pub(super) mod addresses;
pub(super) mod edges;
mod few;
pub(super) mod identity;
mod lanes;
mod shared_reads;
mod small;
pub(super) mod source;
pub(super) mod stream;
mod whole;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config;
use crate::drive::account::links::Link;
use crate::drive::download::edges::EdgeCache;
use crate::drive::download::identity::ContentId;
use crate::drive::download::shared_reads::SharedReads;
use crate::drive::download::small::SmallFiles;
use crate::drive::download::source::FileSource;
use crate::drive::download::stream::ByteStream;
use crate::drive::entry::{Entry, Resource};
use crate::drive::error::Error;
use crate::drive::listing::resolve::Resolver;
use crate::drive::mounts::Mounts;
use crate::drive::slots::memory::ByteBudget;
use crate::drive::slots::permit::Reader;
use crate::upstream::DataErrorKind;

/// Reads of files; cheap to clone.
#[derive(Clone)]
pub(super) struct Downloads {
    mounts: Arc<Mounts>,
    budget: Arc<ByteBudget>,
    edges: Arc<EdgeCache>,
    small: SmallFiles,
}

impl Downloads {
    pub(super) fn new(mounts: Arc<Mounts>, resolver: Resolver, settings: &config::Download) -> Self {
        let budget = Arc::new(ByteBudget::new(settings));
        let small = SmallFiles { mounts: mounts.clone(), resolver, reads: Arc::new(SharedReads::new()) };
        Self { mounts, edges: Arc::new(EdgeCache::new(&budget)), budget, small }
    }

    /// The same memory over other mounts.
    pub(super) fn over(&self, mounts: Arc<Mounts>) -> Self {
        let small = SmallFiles { mounts: mounts.clone(), ..self.small.clone() };
        Self { mounts, small, ..self.clone() }
    }

    /// Bytes that all streams hold before their clients want them.
    pub(super) fn memory(&self) -> u64 {
        self.budget.held()
    }

    /// Whether the file's bytes can be had by an address that its listing gave.
    pub(super) fn is_read_by_address(&self, file: &Resource) -> bool {
        self.small.has(file)
    }

    /// A link to a file's content with at least `min_life` left, where its life allows.
    pub(super) async fn link(&self, file: &Resource, min_life: Duration) -> Result<Link, Error> {
        self.source(file)?.link(min_life).await
    }

    /// A further range of what an earlier read of the file was of.
    ///
    /// # Errors
    /// As a read of it; [`Error::Changed`] when the content is not the earlier read's.
    pub(super) async fn read_on(
        &self,
        file: &Resource,
        range: Range<u64>,
        reader: Reader,
        earlier: Option<ContentId>,
    ) -> Result<ByteStream, Error> {
        let source = self.source(file)?;
        match self.small.read(&source, file, &range, reader, earlier.as_ref()).await? {
            Some(stream) => Ok(stream),
            None => ByteStream::open(source, range, reader, earlier).await,
        }
    }

    /// A few bytes that the caller compares himself, in one piece; `may_use_address` unless the listing's has lied.
    ///
    /// # Errors
    /// As a read of it.
    pub(super) async fn few_bytes(
        &self,
        file: &Resource,
        range: Range<u64>,
        may_use_address: bool,
    ) -> Result<Bytes, Error> {
        few::few_bytes(&self.small, &self.source(file)?, file, range, may_use_address).await
    }

    /// The file with its size. Where the listing does not tell it, the link may; else a byte is opened to see.
    ///
    /// # Errors
    /// As a read of it.
    pub(super) async fn sized(&self, file: &Resource, reader: Reader) -> Result<Resource, Error> {
        if file.entry.size.is_some() {
            return Ok(file.clone());
        }
        let told = self.link(file, Duration::ZERO).await?.size.filter(|size| *size > 0);
        let size = match told {
            Some(size) => size,
            None => match self.read_on(file, 0..1, Reader { open_ended: false, ..reader }, None).await {
                Ok(stream) => stream.total().unwrap_or_default(),
                Err(Error::Data(error)) if error.kind == DataErrorKind::Shorter => 0,
                Err(error) => return Err(error),
            },
        };
        Ok(Resource { entry: Arc::new(Entry { size: Some(size), ..(*file.entry).clone() }), ..file.clone() })
    }

    fn source(&self, file: &Resource) -> Result<FileSource, Error> {
        if file.is_folder() {
            return Err(Error::IsAFolder);
        }
        if file.entry.frozen {
            return Err(Error::Frozen);
        }
        let (mount, _) = self.mounts.of(&file.path).ok_or(Error::NotFound)?;
        Ok(FileSource {
            mount: mount.clone(),
            entry: file.entry.clone(),
            budget: self.budget.clone(),
            edges: self.edges.clone(),
            spare: false,
        })
    }
}
