//! Small files without a link: by the address that the listing gave, renewed where that is cheaper than links.
//!
//! Answers for which file is read so (`addresses` knows them, `whole` reads and proves) and for when a folder is listed
//! again because the addresses of its files have expired: once for all who wait, and only if more of its files are asked
//! for than the listing has pages. Whatever fails here leaves the link as the way.

use std::ops::Range;
use std::sync::Arc;

use crate::drive::download::addresses::Found;
use crate::drive::download::identity::ContentId;
use crate::drive::download::shared_reads::SharedReads;
use crate::drive::download::source::FileSource;
use crate::drive::download::stream::ByteStream;
use crate::drive::download::whole::Failure;
use crate::drive::entry::Resource;
use crate::drive::error::Error;
use crate::drive::listing::cache::Freshness;
use crate::drive::listing::resolve::Resolver;
use crate::drive::mount::Mounted;
use crate::drive::mounts::Mounts;
use crate::drive::slots::permit::Reader;
use crate::meters;
use crate::upstream::Address;

/// Least items of a page of a listing that has more (reference 3.2).
const PAGE: usize = 100;

/// Reads small files so; cheap to clone.
#[derive(Clone)]
pub(super) struct SmallFiles {
    pub(super) mounts: Arc<Mounts>,
    pub(super) resolver: Resolver,
    pub(super) reads: Arc<SharedReads>,
}

impl SmallFiles {
    /// Whether the file's bytes can be had by an address that its listing gave.
    pub(super) fn has(&self, file: &Resource) -> bool {
        self.mounts.of(&file.path).is_some_and(|(mount, _)| {
            !file.entry.frozen && !matches!(mount.account.addresses.find(mount.index, &file.entry), Found::None)
        })
    }

    /// The range by the file's listed address; absent where a link has to do. `known` is what an earlier range of the
    /// same answer was of.
    ///
    /// # Errors
    /// What a link would not mend.
    pub(in crate::drive) async fn read(
        &self,
        source: &FileSource,
        file: &Resource,
        range: &Range<u64>,
        reader: Reader,
        known: Option<&ContentId>,
    ) -> Result<Option<ByteStream>, Error> {
        if range.is_empty() || (reader.by_range && source.edges.has(&source.entry, range)) {
            return Ok(None);
        }
        // Once more with a renewed address.
        for _ in 0..2 {
            let Some(address) = self.address(&source.mount, file).await else { return Ok(None) };
            let Some(read) = self.reads.read(source, address, reader) else { return Ok(None) };
            match read.read(range.clone()).await {
                Ok((_, identity)) if known.zip(identity.as_ref()).is_some_and(|(a, b)| !a.same(b)) => return Ok(None),
                Ok((pieces, identity)) => {
                    metrics::counter!(meters::LINKS_SPARED).increment(1);
                    let stream = ByteStream::of_whole(source.clone(), range.clone(), reader, identity, pieces);
                    return Ok(Some(stream));
                }
                Err(Failure::Expired) => {}
                Err(Failure::Useless) => return Ok(None),
                Err(Failure::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The address by which the file can be read now, renewed where that is worth its cost.
    pub(super) async fn address(&self, mount: &Arc<Mounted>, file: &Resource) -> Option<Address> {
        let find = || mount.account.addresses.find(mount.index, &file.entry);
        match find() {
            Found::Living(address) => return Some(address),
            Found::None => return None,
            Found::Expired => self.renew(mount, file).await?,
        }
        match find() {
            Found::Living(address) => Some(address),
            Found::Expired | Found::None => None,
        }
    }

    /// Lists the file's folder again, if that is cheaper than links for all who read its files now.
    async fn renew(&self, mount: &Arc<Mounted>, file: &Resource) -> Option<()> {
        let reads = &self.reads;
        let resolver = &self.resolver;
        let (_, below) = self.mounts.of(&file.path)?;
        let folder = resolver.known_folder(mount, &below.parent()?).await?;
        let (listing, _) = resolver.listings.peek(mount, &folder)?;
        let key = (mount.index, folder);
        if !reads.is_worth(&key, listing.len().div_ceil(PAGE)) {
            return None;
        }
        let list = async { resolver.listings.get(mount, &key.1, Freshness::Refresh).await.map(drop) };
        let renewed = reads.renewed.try_get_with_by_ref(&key, list).await;
        if let Err(error) = &renewed {
            tracing::debug!(%error, folder = %key.1, "addresses could not be renewed");
        }
        renewed.ok()
    }
}
